"""Checkpoints of several kinds, as trainings leave them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from gait_plugins.core.checkpoints.files import save_checkpoint


def trained(width: int) -> tuple[nn.Module, nn.Module, torch.optim.Optimizer]:
    """A network, its losses and its optimiser after two steps."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width), nn.Linear(width, 4))
    losses = nn.ModuleDict({"scale": nn.Linear(4, 4)})
    optimizer = torch.optim.Adam([*model.parameters(), *losses.parameters()], lr=0.01)
    for _ in range(2):
        optimizer.zero_grad()
        losses["scale"](model(torch.randn(8, width))).square().mean().backward()
        optimizer.step()
    return model, losses, optimizer


def large_tensors(path: Path) -> None:
    """Two large tensors and little else."""
    torch.manual_seed(0)
    save_checkpoint(path, {"model": {"a": torch.randn(300, 400), "b": torch.randn(200, 300)}, "iteration": 7})


def of_a_training(path: Path) -> None:
    """Model, losses, optimiser, schedule, configuration."""
    model, losses, optimizer = trained(24)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 4])
    save_checkpoint(
        path,
        {
            "model": model.state_dict(),
            "losses": losses.state_dict(),
            "optimizer": optimizer.state_dict(),
            "scheduler": schedule.state_dict(),
            "iteration": 2,
            "rng": {"seed": 0, "step": 2},
            "config": {"trainer_cfg": {"seed": 0, "sampler": {"batch_size": [8, 4]}}},
            "input_size": (64, 44),
        },
    )


def many_small_tensors(path: Path) -> None:
    """A hundred tensors of a few values: mostly headers."""
    save_checkpoint(path, {"model": {f"layer{n}.bias": torch.arange(3.0) + n for n in range(100)}})


def from_elsewhere(path: Path) -> None:
    """As the second host writes it: no key of ours."""
    model, _, optimizer = trained(16)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "iteration": 2}, path)


def half_precision(path: Path) -> None:
    """A plain state dict of half-precision weights."""
    torch.manual_seed(0)
    torch.save({f"w{n}": torch.randn(40, 50).half() for n in range(8)}, path)


KINDS: dict[str, Callable[[Path], None]] = {
    "large tensors": large_tensors,
    "of a training": of_a_training,
    "many small tensors": many_small_tensors,
    "from elsewhere": from_elsewhere,
    "half precision": half_precision,
}
