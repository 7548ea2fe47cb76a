"""Models without memory for their weights: what a check of a configuration makes of them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import torch
from helpers.children import import_path
from torch import nn

from gait_plugins.config.outline import without_memory

PROGRAM = """
import sys
from gait_plugins.config import load_config
from gait_plugins.core.assembly.components import model_outline

for name in ("trackletgait/gait3d", "swingait/gait3d", "gaitbase/casiab"):
    outline = model_outline(load_config(name))
    assert all(weights.is_meta for weights in outline.parameters()), name
    assert "sympy" not in sys.modules, name
"""


def test_weights_without_memory_keep_their_shapes_and_real_ones_are_drawn() -> None:
    torch.manual_seed(0)
    expected = nn.init.normal_(torch.empty(3, device="cpu"), 5.0, 0.1)
    torch.manual_seed(0)
    with without_memory():
        layer = nn.Linear(2, 3)
        assert nn.init.normal_(layer.weight, std=0.1) is layer.weight
        assert nn.init.normal_(tensor=layer.bias) is layer.bias
        assert layer.weight.normal_() is layer.weight
        drawn = nn.init.normal_(torch.empty(3, device="cpu"), 5.0, 0.1)
    assert layer.weight.is_meta
    assert layer.weight.shape == (3, 2)
    assert torch.equal(drawn, expected)


@pytest.mark.heavy
def test_a_check_of_a_configuration_imports_no_symbolic_mathematics() -> None:
    env = {**os.environ, "PYTHONPATH": import_path()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
