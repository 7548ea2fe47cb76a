"""A training of LidarGait++ on clouds of unequal sizes, on walkers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

STEPS = 8
AUGMENTED = {"flip_prob": 0.5, "shift_prob": 0.5, "jit_prob": 0.5, "scale_prob": 0.5, "drop_prob": 0.5}
SETTINGS: dict[str, Any] = {
    "data_cfg": {
        "type": "walkers",
        "dataset_name": "walkers",
        "test_dataset_name": "CASIA-B",
        "num_workers": 0,
        "train": 4,
        "test": 2,
        "frames": 10,
        "views": ["054", "090"],
        "streams": ["points"],
    },
    "model_cfg": {
        "model": "LidarGaitPlusPlus",
        "channel": 2,
        "npoints": [24, 16, 8],
        "nsample": 6,
        "sampling": "knn",
        "scale": [1, 2],
        "SeparateFCs": {"parts_num": 3, "in_channels": 8, "out_channels": 6},
        "SeparateBNNecks": {"parts_num": 3, "in_channels": 6, "class_num": 4},
    },
    "loss_cfg": [
        {"type": "TripletLoss", "log_prefix": "triplet", "margin": 0.2},
        {"type": "CrossEntropyLoss", "log_prefix": "softmax", "scale": 16},
    ],
    "optimizer_cfg": {"solver": "SGD", "lr": 0.05},
    "scheduler_cfg": {"scheduler": "CosineAnnealingLR", "T_max": STEPS, "eta_min": 0.0001},
    "trainer_cfg": {
        "save_name": "clouds",
        "total_iter": STEPS,
        "save_iter": 2,
        "log_iter": 4,
        "with_test": False,
        "enable_float16": False,
        "sampler": {
            "type": "TripletSampler",
            "batch_size": [3, 2],
            "sample_type": "fixed_unordered",
            "frames_num_fixed": 2,
        },
        "transform": [{"type": "PointCloudsTransform", "scale_aware": True, **AUGMENTED}],
    },
    "evaluator_cfg": {
        "restore_hint": STEPS,
        "eval_func": "evaluate_indoor_dataset",
        "enable_float16": False,
        "sampler": {"type": "InferenceSampler", "batch_size": 4, "sample_type": "all_ordered"},
        "transform": [{"type": "PointCloudsTransform", "scale_aware": True}],
    },
}


def configured(folder: Path, *overrides: str) -> Any:
    """The configuration, with its runs below the folder."""
    path = folder.parent / "clouds.yaml"
    path.write_text(yaml.safe_dump(SETTINGS))
    return load_config(str(path), overrides=[f"output_dir={folder}", *overrides])


def run(folder: Path, *overrides: str, resume: bool = False) -> dict[str, Any]:
    """Train; returns the last checkpoint."""
    config = configured(folder, *overrides)
    train(config, RunOptions(device="cpu", resume=resume))
    return checkpoint(folder, config.trainer_cfg.total_iter)


def checkpoint(folder: Path, step: int) -> dict[str, Any]:
    """The checkpoint of a step."""
    own = folder / "walkers" / "LidarGaitPlusPlus" / "clouds"
    found: dict[str, Any] = load_checkpoint(checkpoint_path(own, "clouds", step))
    return found
