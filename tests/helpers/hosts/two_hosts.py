"""One configuration for both hosts, and somebody who listens to the hooks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

import gait_plugins
from gait_plugins import EmbeddingSet, Results, Run, hookimpl
from gait_plugins.config import load_config
from helpers.hosts.upstream_host import write_data
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches.patch import Host
from upstream_patches.run.program import RunOptions, run

OURS = "gait-plugins-trackletgait"


CUT = [{"type": f"{OURS}/BaseSilCuttingTransform"}]


def settings(tmp_path: Path) -> dict[str, Any]:
    """One configuration of the tiny plugin's components for both hosts."""
    weights = tmp_path / "start.pt"
    torch.manual_seed(0)
    model = gait_plugins.build("model", {"model": "TinyModel"})
    torch.save({"model": model.state_dict(), "iteration": 0}, weights)
    return {
        "data_cfg": {"dataset_name": "CASIA-B", "num_workers": 0, **write_data(tmp_path / "data")},
        "model_cfg": {"model": "TinyModel", "dropout": 0.0},
        "loss_cfg": [
            {"type": "Contrast", "log_prefix": "contrast"},
            {"type": "Softmax", "log_prefix": "softmax", "loss_term_weight": 0.5},
        ],
        "optimizer_cfg": {"solver": "SGD", "lr": 0.01, "momentum": 0.9},
        "scheduler_cfg": {"scheduler": "MultiStepLR", "milestones": [3], "gamma": 0.5},
        "trainer_cfg": {
            "save_name": "both",
            "total_iter": 6,
            "save_iter": 3,
            "log_iter": 1,
            "enable_float16": False,
            "restore_hint": str(weights),
            "optimizer_reset": True,
            "scheduler_reset": True,
            "sampler": {"type": "Draw", "batch_size": 8, "method": "FirstFrames", "frames": 4},
            "transform": CUT,
        },
        "evaluator_cfg": {
            "save_name": "both",
            "restore_hint": 6,
            "eval_func": "Nearest",
            "sampler": {"type": "InOrder", "batch_size": 3, "method": "FirstFrames"},
            "transform": CUT,
        },
    }


def write(tmp_path: Path, config: dict[str, Any]) -> Path:
    path = tmp_path / "both.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def in_host(checkout: Checkout, config: Path, phase: str = "train", *overrides: str) -> Host:
    options = RunOptions(device="cpu", overrides=overrides)
    return run(checkout, ["--cfgs", str(config), "--phase", phase], options)


def in_core(tmp_path: Path, config: Path, *overrides: str) -> Any:
    return load_config(config, overrides=[f"output_dir={tmp_path / 'core'}", *overrides])


def same(one: EmbeddingSet, other: EmbeddingSet) -> None:
    np.testing.assert_allclose(one.embeddings, other.embeddings, atol=1e-5)
    for name in ("labels", "types", "views"):
        assert list(getattr(one, name)) == list(getattr(other, name))


class Listener:
    """Everything that the hooks say, in order."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.runs: list[Run] = []

    @hookimpl
    def gait_run_begin(self, run: Run) -> None:
        self.runs.append(run)
        self.heard.append(("begin", run.phase))

    @hookimpl
    def gait_step_end(self, step: int, metrics: dict[str, Any]) -> None:
        self.heard.append(("step", step, dict(metrics)))

    @hookimpl
    def gait_checkpoint_saved(self, path: Path, step: int) -> None:
        self.heard.append(("saved", step, path, path.is_file()))

    @hookimpl
    def gait_evaluated(self, step: int, results: Results) -> None:
        self.heard.append(("evaluated", step, results))

    @hookimpl
    def gait_run_end(self, error: BaseException | None) -> None:
        self.heard.append(("end", error))

    def of(self, kind: str) -> list[Any]:
        return [event for event in self.heard if event[0] == kind]
