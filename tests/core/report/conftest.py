"""A run for reports: silhouettes that are averaged, which nothing has to learn, and the log of a training."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

import gait_plugins

FEW = ("data_cfg.train=2", "data_cfg.test=4", "data_cfg.num_workers=0")


def write_log(folder: Path, steps: int = 6, total: int = 6) -> None:
    """A log as a training writes it, killed once and resumed from step 2."""
    lines = [{"type": "run_begin", "time": 1.0, "phase": "train", "first_step": 0, "total_steps": total}]
    steps_of = [*((each, 9.0) for each in range(1, 5)), (None, 0.0)]
    steps_of += [(each, 3.0 / each) for each in range(3, steps + 1)]
    for step, loss in steps_of:
        if step is None:
            lines.append({**lines[0], "first_step": 2})
        else:
            figures = {"scalar/loss": loss, "scalar/learning_rate": 0.1, "scalar/odd/<figure>": None}
            lines.append({"type": "step", "time": 1.0 + step, "step": step, "metrics": figures})
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "log.jsonl").write_text(text + '{"type": "step", "time": 9', encoding="utf-8")


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
