"""A GPU: trainings resume there, and it computes what a CPU does.

Without one these are skipped. ``benchmarks/gpu.py`` runs what is marked so; ``GAIT_TEST_DEVICE=cpu`` tries
the tests themselves.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.tiny_training import equal, final, trained
from helpers.golden_rules import sil
from helpers.model_batches import batch_of, outputs
from torch import Tensor

import gait_plugins
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.metrics import part_distances
from gait_plugins.registry.manager import default_manager

DEVICE: Any = os.environ.get("GAIT_TEST_DEVICE", "cuda")
MIXED = "16-mixed" if DEVICE == "cuda" else "bf16-mixed"
pytestmark = [
    pytest.mark.cuda,
    pytest.mark.skipif(DEVICE == "cuda" and not torch.cuda.is_available(), reason="there is no GPU"),
]
LOSSES = ("TripletLoss", "TripletLoss_HardEx", "CrossEntropyLoss")


@pytest.fixture(autouse=True)
def _exact() -> Iterator[None]:
    """No TF32: it keeps three digits only."""
    kept = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = False, True
    yield
    torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic = kept


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def run(yaml_path: Path, *overrides: str, **options: Any) -> None:
    train(load_config(str(yaml_path), overrides=list(overrides)), RunOptions(device=DEVICE, **options))


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed", MIXED])
def test_resumed_run_ends_as_the_one_never_interrupted(
    tiny: object, tiny_yaml: Path, folder: Path, precision: str
):
    chosen = f"trainer_cfg.precision={precision}"
    run(tiny_yaml, chosen)
    whole = final(folder)
    for step in (4, 6):
        checkpoint_path(folder, "tiny", step).unlink()
    run(tiny_yaml, chosen, resume=True)
    assert equal(trained(final(folder)), trained(whole))
    assert equal(final(folder)["scaler"], whole["scaler"])


def test_workers_and_pinned_memory_change_nothing(tiny: object, tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    whole = final(folder)
    run(tiny_yaml, "data_cfg.num_workers=2", overwrite=True)
    assert equal(trained(final(folder)), trained(whole))


def test_a_checkpoint_made_there_is_scored_on_a_cpu(tiny: object, tiny_yaml: Path, folder: Path):
    run(tiny_yaml, f"trainer_cfg.precision={MIXED}")
    found = {}
    for device in (DEVICE, "cpu"):
        results = score(load_config(str(tiny_yaml)), RunOptions(device=device))
        assert results is not None
        found[device] = results.metrics
    assert found[DEVICE] == found["cpu"]


@pytest.mark.parametrize("name", ["TrackletGait", "Baseline", "DeepGaitV2", "GaitSet", "GaitPart", "GaitGL"])
def test_models_give_what_they_give_on_a_cpu(name: str):
    (component,) = [each for each in default_manager().components("model") if each.name == name]
    cls: Any = component.load()
    torch.manual_seed(0)
    model = gait_plugins.build("model", {"model": component.qualified, **cls.example_config()})
    model.init_parameters()
    frames = sil(2, 8, 64, 44)
    with torch.no_grad():
        expected = outputs(model.eval(), batch_of(frames))
        found = outputs(model.to(DEVICE), batch_of(frames.to(DEVICE)))
    for key, value in expected.items():
        scale = float(value.abs().max())
        torch.testing.assert_close(found[key].cpu(), value, rtol=1e-3, atol=1e-3 * scale)


@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_gradients_are_those_of_a_cpu(name: str):
    loss = gait_plugins.build("loss", {"type": name})
    rng = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat_interleave(3)
    features = torch.randn(12, 8, 4, generator=rng)
    key = "logits" if name == "CrossEntropyLoss" else "embeddings"

    def both(device: str) -> tuple[Tensor, Tensor]:
        given = features.to(device).requires_grad_()
        value, _ = loss.to(device)(**{key: given, "labels": labels.to(device)})
        value.mean().backward()
        assert given.grad is not None
        return value.detach().cpu(), given.grad.cpu()

    for found, expected in zip(both(DEVICE), both("cpu"), strict=True):
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("metric", ["euc", "cos"])
def test_distances_are_those_of_a_cpu(metric: Any):
    rng = np.random.default_rng(0)
    probes, gallery = rng.standard_normal((2, 50, 32, 4)).astype(np.float32)
    found = part_distances(probes, gallery, metric, device=DEVICE)
    np.testing.assert_allclose(found, part_distances(probes, gallery, metric, device="cpu"), rtol=1e-3)
