"""A training of two views of a walk's joints, on walkers: the published one of GaitGraph1, small."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

STEPS = 12
CLIP = 10
"""Frames of a view."""
SETTINGS: dict[str, Any] = {
    "data_cfg": {
        "type": "walkers",
        "dataset_name": "walkers",
        "test_dataset_name": "CASIA-B",
        "num_workers": 0,
        "train": 4,
        "test": 2,
        "frames": 16,
        "views": ["054", "090"],
        "streams": ["keypoints"],
    },
    "model_cfg": {
        "model": "GaitGraph1",
        "joint_format": "coco",
        "input_branch": [3, 8, 8],
        "main_stream": [8, 16, 16],
        "reduction": 2,
        "num_class": 8,
    },
    "loss_cfg": {"type": "SupConLoss_Re", "temperature": 0.01, "log_prefix": "SupConLoss"},
    "optimizer_cfg": {"solver": "Adam", "lr": 0.01, "weight_decay": 1e-5},
    "scheduler_cfg": {"scheduler": "OneCycleLR", "max_lr": 0.01, "total_steps": STEPS, "three_phase": True},
    "trainer_cfg": {
        "save_name": "views",
        "total_iter": STEPS,
        "save_iter": 2,
        "log_iter": 4,
        "with_test": False,
        "enable_float16": False,
        "sampler": {
            "type": "CommonSampler",
            "batch_size": 8,
            "sample_type": "fixed_ordered",
            "frames_num_fixed": 14,
            "frames_skip_num": 0,
        },
        "transform": [
            {
                "type": "TwoView",
                "trf_cfg": [
                    {"type": "NormalizeEmpty"},
                    {"type": "MirrorPoses", "prob": 0.5},
                    {"type": "FlipSequence", "probability": 0.5},
                    {"type": "RandomSelectSequence", "sequence_length": CLIP},
                    {"type": "PointNoise", "std": 0.05},
                    {"type": "JointNoise", "std": 0.2},
                    {"type": "GaitGraph1Input"},
                ],
            }
        ],
    },
    "evaluator_cfg": {
        "restore_hint": STEPS,
        "eval_func": "evaluate_indoor_dataset",
        "enable_float16": False,
        "sampler": {
            "type": "InferenceSampler",
            "batch_size": 4,
            "sample_type": "fixed_ordered",
            "frames_num_fixed": 14,
            "frames_skip_num": 0,
        },
        "transform": [
            {
                "type": "Compose",
                "trf_cfg": [
                    {"type": "RandomSelectSequence", "sequence_length": CLIP},
                    {"type": "GaitGraph1Input"},
                ],
            }
        ],
    },
}


def configured(folder: Path, *overrides: str) -> Any:
    """The configuration, with its runs below the folder."""
    path = folder.parent / "two_views.yaml"
    path.write_text(yaml.safe_dump(SETTINGS))
    return load_config(str(path), overrides=[f"output_dir={folder}", *overrides])


def run(folder: Path, *overrides: str, resume: bool = False) -> dict[str, Any]:
    """Train; returns the last checkpoint."""
    config = configured(folder, *overrides)
    train(config, RunOptions(device="cpu", resume=resume))
    return checkpoint(folder, config.trainer_cfg.total_iter)


def checkpoint(folder: Path, step: int) -> dict[str, Any]:
    """The checkpoint of a step."""
    own = folder / "walkers" / "GaitGraph1" / "views"
    found: dict[str, Any] = load_checkpoint(checkpoint_path(own, "views", step))
    return found
