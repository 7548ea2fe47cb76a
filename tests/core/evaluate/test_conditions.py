"""Test conditions: the same sequences scored once more under further transforms."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gait_plugins.api import EmbeddingSet, Results
from gait_plugins.config import load_config
from gait_plugins.core.assembly.checks import describe_streams
from gait_plugins.core.assembly.components import build_dataset, model_outline
from gait_plugins.core.evaluate.conditions import Then, with_conditions
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import GaitPluginsError

CPU = RunOptions(device="cpu")
SMALL = [
    "data_cfg.train=2",
    "data_cfg.test=4",
    "data_cfg.frames=6",
    "data_cfg.views=['000', '090']",
    "data_cfg.num_workers=0",
]


def scored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditions: str, *more: str) -> Results:
    """GEIs of a few walkers, scored as they are and under conditions."""
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    overrides = [*SMALL, f"output_dir={tmp_path}", f"evaluator_cfg.conditions={conditions}", *more]
    found = score(load_config("walkers/gei", overrides), RunOptions(device="cpu"))
    assert found is not None
    return found


NOTHING = "{same: {type: FixedOcclusion, kind: none, portion: 0}}"
HIDDEN = "{hidden: {type: FixedOcclusion, kind: top, portion: 0.5}}"


@pytest.mark.parametrize("who", ["probes", "all"])
def test_a_condition_that_changes_nothing_has_the_same_figures(
    who: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = scored(tmp_path, monkeypatch, NOTHING, f"evaluator_cfg.conditions_on={who}")
    own = {name: value for name, value in found.metrics.items() if ": " not in name}
    assert found.metrics == own | {f"same: {name}": value for name, value in own.items()}
    rows = found.tables[-1].rows
    assert [row[0] for row in rows] == ["as they are", "same"]
    assert rows[0][1:] == rows[1][1:]
    assert found.details["conditions"]["metrics"]["same"] == own


@pytest.mark.parametrize("who", ["probes", "all"])
def test_under_a_condition_a_sequence_draws_what_it_draws_without(
    who: str, tiny_yaml: Path, scored_sets: list[EmbeddingSet]
) -> None:
    train(load_config(tiny_yaml), CPU)
    overrides = [
        "evaluator_cfg.sampler.frames=2",
        "evaluator_cfg.conditions={same: [null], moved: {type: Shift}}",
        f"evaluator_cfg.conditions_on={who}",
    ]
    for size in (20, 3):
        score(load_config(tiny_yaml, [*overrides, f"evaluator_cfg.sampler.batch_size={size}"]), CPU)
    plain, same, moved, *others = scored_sets
    np.testing.assert_array_equal(same.embeddings, plain.embeddings)
    assert np.abs(moved.embeddings - plain.embeddings).max() > 1e-4
    for condition in (same, moved):
        assert (condition.gallery_embeddings is plain.embeddings) == (who == "probes")
        assert (condition.gallery_embeddings is None) == (who == "all")
    for one, other in zip((plain, same, moved), others, strict=True):
        np.testing.assert_allclose(one.embeddings, other.embeddings, atol=1e-6)


def test_probes_are_changed_before_a_gallery_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = scored(tmp_path, monkeypatch, HIDDEN).metrics
    everyone = scored(tmp_path, monkeypatch, HIDDEN, "evaluator_cfg.conditions_on=all").metrics
    plain = scored(tmp_path, monkeypatch, "{}").metrics
    assert {name: value for name, value in probes.items() if ": " not in name} == plain

    hidden = [name for name in probes if name.startswith("hidden: ")]
    assert [probes[name] for name in hidden] != [everyone[name] for name in hidden]


@pytest.mark.parametrize(
    ("conditions", "words"),
    [
        ("{x: {type: FixedOcclusion, kind: left, portion: 0.1}}", "left"),
        ("{x: {type: NoSuchThing}}", "NoSuchThing"),
        ("{x: {type: FixedOcclusion, kind: top, portion: 0.1, size: 3}}", "size"),
        ("[1]", "expected a mapping"),
        ("{x: [null, null]}", "2 transforms, the test has 1 input sources"),
    ],
)
def test_what_cannot_be_a_condition_is_refused(
    conditions: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(GaitPluginsError, match=words):
        scored(tmp_path, monkeypatch, conditions)


def test_conditions_are_kept_as_plain_data_and_named_in_the_provenance() -> None:
    config = load_config("walkers/gei", [f"evaluator_cfg.conditions={HIDDEN}"])
    kept = config.data["evaluator_cfg"]["conditions"]
    assert kept == {"hidden": [{"type": "FixedOcclusion", "kind": "top", "portion": 0.5}]}
    assert "FixedOcclusion" in [component.name for component in config.components()]


def test_figures_that_a_condition_lacks_are_left_open() -> None:
    def results(**metrics: float) -> Results:
        return Results("p", "d", metrics, probes=1, gallery=1)

    both = with_conditions(results(a=1.0, b=2.0), {"dark": results(a=0.5)}, "probes")
    assert both.tables[-1].rows[1] == ("dark", "0.50", "-")
    assert with_conditions(results(a=1.0), {}, "probes").tables == ()


class Plus:
    """Adds a number and tells it."""

    def __init__(self, number: int) -> None:
        self.number, self.divisor = number, 2.0

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return sequence + self.number

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, dict[str, Any]]:
        return self(sequence, rng), {"last": self.number, f"own {self.number}": 1}


def test_one_transform_after_the_other() -> None:
    both: Any = Then(Plus(1), Plus(2))  # type: ignore[arg-type]
    frames, targets = both.with_targets(np.zeros(1), np.random.default_rng(0))
    assert frames == 3
    assert targets == {"last": 2, "own 1": 1, "own 2": 1}
    assert both.divisor == 4


@pytest.mark.parametrize(
    ("conditions", "said"),
    [
        ("{two: [null, null]}", "has 2 transforms, the test has 1 input sources"),
        ("{joints: {keypoints: null}}", "for the stream 'keypoints', but the inputs are silhouettes"),
    ],
)
def test_conditions_for_other_streams_are_told_by_config_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditions: str, said: str
) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path))
    config = load_config("walkers/gei", [*SMALL, f"evaluator_cfg.conditions={conditions}"])
    dataset = build_dataset(config)
    with pytest.raises(GaitPluginsError, match=said):
        describe_streams(config, dataset, model_outline(config))
