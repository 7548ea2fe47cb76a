"""What a training that goes on is computed in, by the settings of then and now and by what is recorded."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from gait_plugins.config import load_config
from gait_plugins.core.recipes.history import changes_of
from gait_plugins.core.runs.kept_precision import kept_precision, precision_then

pytestmark = pytest.mark.usefixtures("tiny")

BF16, FLOAT16, FLOAT32 = "bf16-mixed", "16-mixed", "32-true"


def settings(precision: str | None, float16: bool = True) -> dict[str, Any]:
    return {"trainer_cfg": {"precision": precision, "enable_float16": float16}}


@pytest.mark.parametrize(
    ("then", "device", "recorded", "expected"),
    [
        (settings("auto"), "cpu", BF16, BF16),
        (settings("auto"), "cpu", None, FLOAT32),
        ({}, "cpu", None, FLOAT32),
        ({"trainer_cfg": {}}, "cuda", None, FLOAT16),
        (settings(None), "cuda", None, FLOAT16),
        (settings(None, False), "cuda", None, FLOAT32),
        (settings(BF16), "cpu", None, BF16),
        (settings("auto"), "cpu", "nonsense", FLOAT32),
        (settings("auto"), "cpu", ["a", "list"], FLOAT32),
    ],
)
def test_what_is_not_recorded_follows_from_the_settings(
    then: dict[str, Any], device: str, recorded: object, expected: str
) -> None:
    assert precision_then(then, device, recorded) == expected


@pytest.mark.parametrize(
    ("then", "now", "device", "recorded", "expected"),
    [
        (settings("auto"), ("auto", True), "cpu", BF16, BF16),
        (settings("auto"), ("auto", True), "cuda", BF16, BF16),
        (settings("auto"), ("auto", True), "cuda", FLOAT32, FLOAT32),
        (settings("auto"), ("auto", True), "cuda", FLOAT16, FLOAT16),
        (settings("auto"), ("auto", True), "cpu", FLOAT16, None),  # it cannot
        (settings(None), ("auto", True), "cpu", FLOAT32, FLOAT32),
        (settings(None, False), ("auto", True), "cpu", None, FLOAT32),  # by a version without auto
        (settings(None, True), ("auto", False), "cuda", None, None),
        (settings(BF16), ("auto", True), "cpu", BF16, None),
        (settings("auto"), ("auto", False), "cpu", BF16, None),
        (settings("auto"), (FLOAT32, True), "cpu", BF16, None),
        (settings("auto"), (BF16, True), "cpu", BF16, None),
    ],
)
def test_auto_keeps_what_it_began_in(
    then: dict[str, Any],
    now: tuple[str, bool],
    device: str,
    recorded: str | None,
    expected: str | None,
    tiny_yaml: Path,
) -> None:
    written = [f"trainer_cfg.precision={now[0]}", f"trainer_cfg.enable_float16={now[1]}"]
    assert kept_precision(then, load_config(str(tiny_yaml), written), device, recorded) == expected


@pytest.mark.parametrize(
    ("written", "changed"), [([], []), (["trainer_cfg.precision=32-true"], ["trainer_cfg.precision"])]
)
def test_a_stage_of_a_recipe_is_what_its_folder_says(
    tiny_yaml: Path, tmp_path: Path, written: list[str], changed: list[str]
) -> None:
    """It began on a processor with bfloat16; this one has none."""
    free = "trainer_cfg.enable_float16=true"
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(load_config(str(tiny_yaml), [free]).data))
    (tmp_path / "environment.json").write_text(json.dumps({"precision": BF16}))
    stage: Any = SimpleNamespace(folder=tmp_path)
    found = changes_of(stage, load_config(str(tiny_yaml), [free, *written]), "cpu", {})
    assert [change.name for change in found] == changed
