"""What ``gait-plugins demo`` trains and tests, without doing it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gait_plugins.cli import demo
from gait_plugins.config import Config


@pytest.mark.parametrize("precision", ["bf16-mixed", "32-true"])
def test_networks_trained_in_16_bits_are_tested_by_fast_copies(
    precision: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    seen: dict[str, Config] = {}
    monkeypatch.setattr(demo, "_picture", lambda config, path: None)
    monkeypatch.setattr(demo, "_contend", lambda config: seen.update({config.model_cfg.name: config}))
    demo.demo(tmp_path, override=[f"trainer_cfg.precision={precision}"])
    rounds = precision == "bf16-mixed"
    # The figures of what has no weights do not depend on the precision of a training.
    wanted = {"GEI": False, "Baseline": rounds, "TrackletGait": rounds}
    assert {name: config.evaluator_cfg.fast for name, config in seen.items()} == wanted
    assert all(config.data["output_dir"] == str(tmp_path) for config in seen.values())


def test_a_setting_that_is_given_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = []
    monkeypatch.setattr(demo, "_picture", lambda config, path: None)
    monkeypatch.setattr(demo, "_contend", lambda config: seen.append(config.evaluator_cfg.fast))
    demo.demo(tmp_path, override=["trainer_cfg.precision=bf16-mixed", "evaluator_cfg.fast=false"])
    assert seen == [False, False, False]
