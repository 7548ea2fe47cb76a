"""What OpenGait's files leave to their data is named: labels, where frames are cut as labels."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from gait_plugins.plugins.bodies.config_compat import name_parsing

CUT = {"type": "BaseParsingCuttingTransform"}
PARSING = {"parsing": {"type": "Parsing"}}


def named(model: str, transform: Any, data: Any = None, test: Any = "same") -> dict[str, Any]:
    """A configuration after the hook."""
    config = {
        "model_cfg": {"model": model},
        "data_cfg": dict(data or {}),
        "trainer_cfg": {"transform": copy.deepcopy(transform)},
        "evaluator_cfg": {"transform": copy.deepcopy(transform if test == "same" else test)},
    }
    name_parsing(config)
    return config


@pytest.mark.parametrize("model", ["Baseline", "GaitSet", "GLN", "gait-plugins-trackletgait/GaitPart"])
@pytest.mark.parametrize("transform", [CUT, [CUT], [{"type": "Compose", "trf_cfg": [CUT, {"type": "X"}]}]])
def test_a_model_of_any_picture_finds_labels_declared(model: str, transform: Any) -> None:
    assert named(model, transform)["data_cfg"] == {"streams": PARSING}


@pytest.mark.parametrize(
    ("model", "transform", "data"),
    [
        ("Baseline", [{"type": "BaseSilCuttingTransform"}], {}),
        ("Baseline", [{**CUT, "published": True}], {}),  # which admits silhouettes
        ("Baseline", [CUT, {"type": "NoOperation"}], {}),  # two inputs: who knows which
        ("Baseline", {"labels": CUT, "other": None}, {"streams": {"labels": {"type": "Parsing"}}}),
        ("Baseline", [CUT], {"streams": {"mine": {"type": "Parsing"}}}),
        ("Baseline", [CUT], {"type": "walkers"}),
        ("DeepGaitV2", [CUT], {}),
        ("opengait/Baseline", [CUT], {}),
    ],
)
def test_all_else_stays_as_it_is(model: str, transform: Any, data: dict[str, Any]) -> None:
    assert named(model, transform, data)["data_cfg"] == data


def test_smplgait_takes_labels_where_they_are_cut() -> None:
    both = [CUT, {"type": "NoOperation"}]
    assert named("SMPLGait", both)["model_cfg"]["pictures"] == "parsing"
    assert "pictures" not in named("SMPLGait", [{"type": "BaseSilCuttingTransform"}, None])["model_cfg"]
    assert "streams" not in named("SMPLGait", both)["data_cfg"]


def test_sections_of_another_form_are_left_to_the_checks() -> None:
    config: dict[str, Any] = {"model_cfg": None, "trainer_cfg": {"transform": [CUT]}, "evaluator_cfg": []}
    name_parsing(config)
    assert config == {"model_cfg": None, "trainer_cfg": {"transform": [CUT]}, "evaluator_cfg": []}
