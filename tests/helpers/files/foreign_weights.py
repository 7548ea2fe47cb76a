"""Files of weights as other tools lay them out, for any network."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Weights = Mapping[str, Tensor]


class HyperParameters(dict):  # type: ignore[type-arg]
    """A mapping with a class of its own, as tools keep their settings in."""


class Loads:
    """Says so where it is made of a file: nothing of a file may be."""

    made = 0

    def __init__(self) -> None:
        self.value = 1

    def __setstate__(self, state: object) -> None:
        type(self).made += 1


def prefixed(weights: Weights, *prefixes: str) -> dict[str, Tensor]:
    """The weights under each of the prefixes; every further one holds other numbers."""
    return {f"{p}{k}": v + n for n, p in enumerate(prefixes) for k, v in weights.items()}


def other(weights: Weights) -> dict[str, Tensor]:
    """Weights of other numbers."""
    return prefixed(weights, "", "other.") and {key: value + 1 for key, value in weights.items()}


def lightning(weights: Weights) -> dict[str, Any]:
    """A module that holds the network and a criterion; settings of a class of their own."""
    return {
        "epoch": 1,
        "global_step": 2,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": {**prefixed(weights, "model."), "criterion.weight": torch.ones(3, 3)},
        "loops": {"fit_loop": {"state_dict": {}}},
        "callbacks": {"Best": {"best_model_score": torch.tensor(0.5)}},
        "optimizer_states": [{"state": {0: {"momentum_buffer": torch.ones(2)}}, "param_groups": []}],
        "lr_schedulers": [],
        "hyper_parameters": HyperParameters(lr=0.1, args=argparse.Namespace(root=PurePosixPath("x"))),
    }


def timm(weights: Weights) -> dict[str, Any]:
    """Weights and averaged ones, with the parsed command line."""
    return {
        "epoch": 0,
        "arch": "tiny",
        "state_dict": dict(weights),
        "optimizer": {"state": {}, "param_groups": []},
        "version": 2,
        "args": argparse.Namespace(model="tiny"),
        "state_dict_ema": other(weights),
        "metric": np.float64(0.5),
    }


def mmengine(weights: Weights) -> dict[str, Any]:
    """A network in a module, and a second set behind a further wrapper."""
    return {
        "meta": {"epoch": 1, "mmengine_version": "0.10.7", "hook_msgs": {}},
        "state_dict": prefixed(weights, "net."),
        "message_hub": {"log_scalars": {"train/loss": Loads()}},
        "ema_state_dict": {"steps": torch.tensor(4), **prefixed(other(weights), "module.net.")},
    }


def averaged(weights: Weights) -> dict[str, Any]:
    """As ``AveragedModel`` has it, beside the network that was averaged."""
    count = dict(AveragedModel(nn.Linear(1, 1)).state_dict())["n_averaged"]
    return {"swa_model": {"n_averaged": count, **prefixed(other(weights), "module.")}, "net": dict(weights)}


LAYOUTS: dict[str, Callable[[Weights], dict[str, Any]]] = {
    "plain": dict,
    "lightning": lightning,
    "timm": timm,
    "mmengine": mmengine,
    "averaged": averaged,
    "a name under model": lambda w: {"model": "tiny", "net": dict(w), "epoch": 3},
    "nothing under model": lambda w: {"model": {}, "state_dict": dict(w)},
    "model_state": lambda w: {
        "model_state": dict(w),
        "optimizer_state": {"state": {0: {"m": torch.ones(2)}}},
    },
    "compiled and parallel": lambda w: {"network": prefixed(w, "_orig_mod.module.")},
    "compiled and parallel in part": lambda w: {
        "model": {f"module.{'_orig_mod.' * (n % 2)}{k}": v for n, (k, v) in enumerate(w.items())}
    },
    "parts compiled": lambda w: {k.replace(".", "._orig_mod.", 1): v for k, v in w.items()},
    "sharded": lambda w: {"module": prefixed(w, "_forward_module.")},
    "student and teacher": lambda w: {
        "teacher": prefixed(other(w), "backbone."),
        "student": prefixed(w, "backbone."),
    },
    "student and teacher in one": lambda w: {"state_dict": prefixed(w, "student.", "teacher.")},
    "numpy figures": lambda w: {
        "state_dict": prefixed(w, "module."),
        "best": np.float64(0.5),
        "hist": np.ones(3),
    },
    "other things under our keys": lambda w: {
        "model": dict(w),
        "config": "a.yaml",
        "data": "x",
        "scheduler": [{"last_epoch": 3}],
    },
    "other things beside the weights": lambda w: {
        "net": dict(w),
        "iteration": "last",
        "optimizer": [1],
        "scheduler": "cosine",
        "input_size": "64x44",
        "machine": "m",
    },
    "part by part": lambda w: {
        part: {k.partition(".")[2]: v for k, v in w.items() if k.startswith(f"{part}.")}
        for part in dict.fromkeys(k.partition(".")[0] for k in w)
    },
}
"""Kind of file -> what it holds, for a network's weights."""


def write(path: Path, content: Any, *, legacy: bool = False) -> Path:
    """A file of ``torch.save``."""
    torch.save(content, path, _use_new_zipfile_serialization=not legacy)
    return path
