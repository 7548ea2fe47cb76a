"""A run for reports: silhouettes that are averaged, which nothing has to learn, and the log of a training."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from helpers.components.report_runs import write_log

import gait_plugins

FEW = ("data_cfg.train=2", "data_cfg.test=4", "data_cfg.num_workers=0")


@pytest.fixture(scope="module")
def tested(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run folder that was tested, and not changed by any test; its report keeps the embeddings."""
    output = tmp_path_factory.mktemp("runs")
    gait_plugins.test("walkers/gei", (f"output_dir={output}", *FEW), device="cpu")
    (folder,) = output.glob("*/*/demo")
    write_log(folder)
    gait_plugins.report(folder, out=output / "first.html", device="cpu", projection="pca")
    return folder


@pytest.fixture
def run(tested: Path, tmp_path: Path) -> Path:
    """A copy of it, to be changed."""
    return Path(shutil.copytree(tested, tmp_path / "GEI" / "demo"))
