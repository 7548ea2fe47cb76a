"""Overrides as scripts give them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import gait_plugins
from gait_plugins.errors import ConfigError


def test_a_mapping_and_texts_mean_the_same(tiny: object, tiny_yaml: Path):
    texts = gait_plugins.load_config(tiny_yaml, ["trainer_cfg.total_iter=3", "trainer_cfg.seed=5"])
    mapping = gait_plugins.load_config(
        tiny_yaml, {"trainer_cfg.total_iter": 3, "trainer_cfg.seed": np.int64(5)}
    )
    assert texts.data == mapping.data
    assert mapping.trainer_cfg.total_iter == 3


def test_what_no_yaml_can_hold_is_refused(tiny: object, tiny_yaml: Path):
    with pytest.raises(ConfigError, match="cannot be written as YAML"):
        gait_plugins.load_config(tiny_yaml, {"trainer_cfg.seed": object()})
