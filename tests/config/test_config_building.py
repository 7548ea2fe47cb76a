"""Components from YAML mappings: nested ones, values of all types, and refusals."""

from __future__ import annotations

import contextlib
import pickle
import subprocess
import sys
from typing import Any

import pytest
from helpers.components.config_fakes import Chain, Cut, Schedule, Trunk
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import gait_plugins
from gait_plugins.config import build, component_spec
from gait_plugins.errors import ConfigError, UnknownComponent

pytestmark = pytest.mark.usefixtures("fakes")

HEAD = {"parts": 4, "classes": 3}
TRUNK = {"type": "Trunk", "widths": [1, 2]}


def test_nested_components_are_built_from_the_inside_out() -> None:
    model = gait_plugins.build(
        "model",
        {
            "model": "acme-gait/Walker",
            "backbone_cfg": TRUNK,
            "Head": HEAD,
            "schedule": {"start": 2},
            "second": [TRUNK, {"type": "Trunk"}],
        },
    )
    assert model.trunk.widths == (1, 2)
    assert model.head == HEAD
    assert model.schedule == Schedule(start=2)
    assert [trunk.widths for trunk in model.extras] == [(1, 2), (8, 16)]


def test_one_of_several_shapes_is_chosen_by_the_value() -> None:
    options = {"model": "Walker", "backbone_cfg": TRUNK, "Head": HEAD}
    assert isinstance(build("model", {**options, "second": TRUNK}).extras, Trunk)
    assert build("model", {**options, "second": None}).extras is None
    with pytest.raises(ConfigError, match=r"second.0.wdths: Trunk .* has no option"):
        build("model", {**options, "second": [{"type": "Trunk", "wdths": 3}]})


def test_instances_are_taken_as_they_are() -> None:
    trunk, cut = Trunk(), Cut()
    assert (
        build("model", {"model": "Walker", "backbone_cfg": TRUNK, "Head": HEAD, "extras": trunk}).extras
        is trunk
    )
    assert build("transform", {"type": "Chain", "trf_cfg": [cut]}).parts == [cut]


def test_two_builds_share_nothing() -> None:
    spec = component_spec("transform", {"type": "Anything", "a": [1, {"b": 2}], "c": "d"})
    first, second = spec.build(), spec.build(c="e")
    first.options["a"][1]["b"] = 99
    assert second.options == {"a": [1, {"b": 2}], "c": "e"}
    assert spec.options == {"a": [1, {"b": 2}], "c": "d"}


def test_specs_travel_to_other_processes() -> None:
    spec = component_spec("transform", {"type": "Chain", "trf_cfg": [{"type": "Cut", "prob": 0.5}]})
    copy = pickle.loads(pickle.dumps(spec))
    assert copy == spec
    chain = copy.build()
    assert isinstance(chain, Chain)
    assert chain.parts[0].prob == 0.5
    assert [s.name for s in spec.walk()] == ["Chain", "Cut"]


def test_arguments_without_a_type_take_anything() -> None:
    assert build("transform", {"type": "Bare", "untyped": {"a": [1]}}).untyped == {"a": [1]}
    with pytest.raises(ConfigError, match="needs the option 'untyped'"):
        build("transform", {"type": "Bare"})


@pytest.mark.parametrize(("written", "value"), [(1, 1.0), ("1e-3", 1e-3), ("0.5", 0.5), (0.25, 0.25)])
def test_numbers_are_floats_where_floats_are_wanted(written: Any, value: float) -> None:
    margin = build("loss", {"type": "Margin", "margin": written}).margin
    assert margin == value
    assert isinstance(margin, float)


@pytest.mark.parametrize("written", [True, "8", 8.5, "many", None, [8]])
def test_counts_are_whole_numbers(written: Any) -> None:
    with pytest.raises(ConfigError, match="batch_size: expected int, got"):
        build("batch_sampler", {"type": "InOrder", "batch_size": written})


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
        max_leaves=6,
    )
)
def test_whatever_is_written_is_taken_or_refused_in_words(value: Any) -> None:
    for kind, cfg in (
        ("loss", {"type": "Margin", "margin": value}),
        ("transform", {"type": "Chain", "trf_cfg": value}),
        (
            "model",
            {"model": "Walker", "backbone_cfg": value, "Head": value, "schedule": value, "second": value},
        ),
        ("frame_sampler", {"method": "frames", "sample_type": value}),
        ("protocol", value),
    ):
        with contextlib.suppress(ConfigError, UnknownComponent):
            component_spec(kind, cfg)


def test_a_constructors_refusal_names_the_component() -> None:
    with pytest.raises(
        ConfigError, match=r"'Cut' of acme-gait 1.2 refuses its options: prob is a probability"
    ):
        build("transform", {"type": "Cut", "prob": 2})


def test_unknown_names_keep_their_own_error() -> None:
    with pytest.raises(UnknownComponent, match="did you mean 'Margin'"):
        build("loss", {"type": "Margn"})
    with pytest.raises(UnknownComponent, match=r"unknown component kind 'los'[^$]*mean 'loss'"):
        build("los", {"type": "Margin"})
    with pytest.raises(ConfigError, match="must name a loss, but the key is missing"):
        build("loss", {})


def test_the_configuration_room_is_light_until_a_component_is_asked_for() -> None:
    code = "import sys, gait_plugins.config, gait_plugins.cli.config; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
