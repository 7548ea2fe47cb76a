"""Trainings of the tiny configuration, and comparing what they end with."""

from __future__ import annotations

from pathlib import Path

import torch

from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train


def run(yaml_path: Path, *overrides: str, **options: object):
    config = load_config(str(yaml_path), overrides=list(overrides))
    return train(config, RunOptions(device="cpu", **options))  # type: ignore[arg-type]


def final(folder: Path, step: int = 6) -> dict:
    return load_checkpoint(checkpoint_path(folder, "tiny", step))


def equal(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and torch.equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b, strict=True))  # type: ignore[arg-type]
    return a == b


def trained(state: dict) -> dict:
    return {key: state[key] for key in ("model", "losses", "optimizer", "scheduler", "iteration")}
