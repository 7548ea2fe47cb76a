"""Configurations of poses and maps: published settings, and each trains and is tested on the walkers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.pose_configs import POSES, STEPS, Shipped, small_form

from gait_plugins.config import load_config, shipped
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

FOLDERS = ("gaitgraph1/", "gaitgraph2/", "gaittr/", "msgg/", "multigaitpp/", "sconet/", "skeletongait")
every = pytest.mark.parametrize("each", POSES, ids=[each.name for each in POSES])


def trained_and_tested(source: str, each: Shipped, folder: Path, *more: str) -> None:
    """Train it, and see that a checkpoint and results are there."""
    config = small_form(source, each, folder, *more)
    train(config, RunOptions(device="cpu"))
    assert list((folder / "output").rglob(f"*-{STEPS:05d}.pt")) or list((folder / "output").rglob("*.pt"))
    assert [path for path in (folder / "output").rglob("*") if path.suffix in (".json", ".csv")]


def test_there_is_a_configuration_for_every_published_file() -> None:
    assert [each.name for each in POSES] == [name for name in shipped() if name.startswith(FOLDERS)]
    assert len(POSES) == 34


@every
def test_a_configuration_trains_and_is_tested(each: Shipped, tmp_path: Path) -> None:
    trained_and_tested(each.name, each, tmp_path)
