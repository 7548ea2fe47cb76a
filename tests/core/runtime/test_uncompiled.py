"""A stand-in for torch's compiler: nothing imports the real one, until somebody asks for it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from helpers.children import import_path

PROGRAM = """
import sys
import torch
from gait_plugins.core.runtime.uncompiled import without_compiler

def solver():
    weight = torch.nn.Parameter(torch.ones(2))
    made = torch.optim.Adam([weight], lr=0.5)
    weight.grad = torch.ones(2)
    made.step()
    return weight.tolist()

with without_compiler():
    stepped = solver()
    assert "torch._dynamo.utils" not in sys.modules
    with torch.device("meta"):
        assert (torch.ones(2, 1) * torch.ones(3)).shape == (2, 3)
    assert "torch._dynamo.utils" not in sys.modules
assert "torch._dynamo" not in sys.modules
with without_compiler():
    assert torch._dynamo.config.suppress_errors is False  # the real one, for whoever asks
    assert "torch._dynamo.utils" in sys.modules
real = sys.modules["torch._dynamo"]
with without_compiler():
    assert sys.modules["torch._dynamo"] is real
assert solver() == stepped
assert hasattr(torch.optim.Optimizer.add_param_group.__wrapped__, "__dynamo_disable")
"""


@pytest.mark.heavy
def test_solvers_and_outlines_need_no_compiler():
    env = {**os.environ, "PYTHONPATH": import_path()}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
