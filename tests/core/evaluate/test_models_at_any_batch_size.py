"""Neither the batch size of a test nor the number of processes changes what a sequence is embedded with."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from helpers.places import PROGRAMS
from helpers.programs.embed_every_model import BATCH_SIZES, build_example, embedded, one_by_one

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.core.runtime.devices import make_fabric
from gait_plugins.registry.components import Component
from gait_plugins.registry.manager import default_manager

MODELS = default_manager().components("model")
"""All that are registered: a new one is swept without a word here."""
every_model = pytest.mark.parametrize("component", [pytest.param(c, id=c.name) for c in MODELS])


@cache
def reference(component: Component) -> np.ndarray:
    return one_by_one(build_example(component))


def assert_same(found: np.ndarray, component: Component) -> None:
    expected = reference(component)
    reach = float(np.abs(expected).max())
    assert np.abs(expected[0] - expected[-1]).max() > 0.01 * reach, "all walks look alike"
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * reach)


@every_model
def test_a_test_batch_of_any_size(component: Component) -> None:
    fabric, model = make_fabric("cpu"), build_example(component)
    for size in BATCH_SIZES:
        assert_same(embedded(fabric, model, size), component)


@pytest.fixture(scope="module")
def of_two_processes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    target = tmp_path_factory.mktemp("embedded") / "all.npz"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*torchrun, str(PROGRAMS / "embed_every_model.py"), str(target)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    with np.load(target) as arrays:
        return dict(arrays)


@pytest.mark.heavy
@every_model
def test_two_processes(component: Component, of_two_processes: dict[str, Any]) -> None:
    for size in BATCH_SIZES:
        assert_same(of_two_processes[f"{component.qualified} {size}"], component)


@pytest.mark.heavy
def test_two_processes_embed_every_model_at_every_size(of_two_processes: dict[str, Any]) -> None:
    assert len(MODELS) > 10
    assert BATCH_SIZES == (1, 4, 16)
    assert of_two_processes.pop("processes") == 2
    assert set(of_two_processes) == {f"{c.qualified} {size}" for c in MODELS for size in BATCH_SIZES}


class Leaking(GaitModel):
    """Each sequence begins with the last frame of the one before it in the pack."""

    def forward(self, batch: GaitBatch) -> ModelOutput:
        frames = batch.inputs[0].roll(1, 1)
        lengths = [frames.shape[1]] if batch.seq_lens is None else batch.seq_lens[0].tolist()
        rows = torch.cat([clip[:, :1].mean(3) for clip in frames.split(lengths, 1)])
        return self.outputs(rows.transpose(1, 2), batch)


def test_a_model_that_leaks_would_be_seen() -> None:
    fabric, expected = make_fabric("cpu"), one_by_one(Leaking())
    np.testing.assert_array_equal(embedded(fabric, Leaking(), 1), expected)
    for size in BATCH_SIZES[1:]:
        assert np.abs(embedded(fabric, Leaking(), size) - expected).max() > 0.1
