"""Checkpoints: OpenGait's names and keys, written whole or not at all, read without running code."""

from __future__ import annotations

import logging
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gait_plugins.core.atomic import whole_file
from gait_plugins.errors import CheckpointError

FORMAT = 1
"""Raised when an older version could no longer read what this one writes."""

log = logging.getLogger("gait_plugins")

Checkpoint = dict[str, Any]


def checkpoint_path(folder: Path, save_name: str, iteration: int) -> Path:
    """Where the checkpoint of an iteration lies in a run folder."""
    return folder / "checkpoints" / f"{save_name}-{iteration:0>5}.pt"


def saved_iterations(folder: Path, save_name: str) -> list[int]:
    """Iterations that a run folder holds a complete checkpoint of, ascending."""
    pattern = re.compile(rf"{re.escape(save_name)}-(\d+)\.pt")
    found = (pattern.fullmatch(path.name) for path in (folder / "checkpoints").glob("*.pt"))
    return sorted(int(match[1]) for match in found if match)


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write a checkpoint; a failure leaves what was there before.

    Raises:
        CheckpointError: the disk is full or the folder cannot be written.
    """
    try:
        with whole_file(path) as file:
            torch.save({**checkpoint, "format": FORMAT}, file)
    # torch's writer reports a failed write as RuntimeError, the file itself as OSError.
    except (OSError, RuntimeError) as error:
        raise CheckpointError(
            f"the checkpoint could not be written: {error}",
            where=str(path),
            hint="free some space and go on with --resume; earlier checkpoints are intact",
        ) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, ours or OpenGait's; only tensors and plain data are admitted.

    Raises:
        CheckpointError: missing, truncated, with code in it, of a future format, or no checkpoint.
    """
    if not path.is_file():
        raise CheckpointError("there is no such checkpoint", where=str(path), hint=_neighbours(path))
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        reason = str(error).splitlines()[0]
        raise CheckpointError(
            f"the file is not a checkpoint of tensors and plain data: {reason}",
            where=str(path),
            hint="a checkpoint that needs arbitrary code to load is refused; save its state dict alone",
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(
            f"the file cannot be read, it is truncated or no checkpoint: {error}",
            where=str(path),
            hint=_neighbours(path),
        ) from error
    return _checked(loaded, path)


def _checked(content: Any, path: Path) -> Checkpoint:
    if not isinstance(content, dict):
        raise CheckpointError(f"expected a mapping, found {type(content).__name__}", where=str(path))
    loaded: Checkpoint = content
    if "model" not in loaded and loaded and all(isinstance(v, torch.Tensor) for v in loaded.values()):
        loaded = {"model": loaded}
    if "model" not in loaded:
        raise CheckpointError(
            f"there is no 'model' in it, only {sorted(map(str, loaded))[:8]}", where=str(path)
        )
    version = loaded.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise CheckpointError(
            f"it has checkpoint format {version!r}, this version reads up to {FORMAT}",
            where=str(path),
            hint="update gait-plugins-trackletgait",
        )
    weights = loaded["model"]
    if not isinstance(weights, dict):
        raise CheckpointError(
            f"its 'model' is a {type(weights).__name__}, expected a state dict", where=str(path)
        )
    loaded["model"] = {key.removeprefix("module."): value for key, value in weights.items()}
    return loaded


def restore_model(model: nn.Module, weights: Mapping[str, torch.Tensor], *, strict: bool, where: str) -> None:
    """Load weights; a mismatch is reported in groups.

    Args:
        model: what the weights are loaded into.
        weights: its state dict.
        strict: every key must be there and fit; else what fits is loaded and the rest is logged.
        where: the file, for messages.

    Raises:
        CheckpointError: strict, and something does not match; or nothing fits at all.
    """
    own = model.state_dict()
    common = [k for k in weights if k in own]
    fitting = fitting_weights(model, weights)
    groups = {
        "missing in the file": [k for k in own if k not in weights],
        "unknown to the model": [k for k in weights if k not in own],
        "of another shape": [
            f"{k} (file {_shape(weights[k])}, model {_shape(own[k])})" for k in common if k not in fitting
        ],
    }
    report = "\n".join(f"  {_counted(keys)} {title}" for title, keys in groups.items() if keys)
    if report and (strict or not fitting):
        raise CheckpointError(
            f"the weights do not fit {type(model).__name__}: {len(fitting)} of {len(own)} match\n{report}",
            where=where,
            hint=_advice(groups),
        )
    if report:
        log.warning("%s: %d of %d weights loaded\n%s", where, len(fitting), len(own), report)
    model.load_state_dict(fitting, strict=False)


def fitting_weights(model: nn.Module, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the weights that the model has a place of the same shape for."""
    own = model.state_dict()
    return {k: v for k, v in weights.items() if k in own and _shape(v) == _shape(own[k])}


def _shape(value: Any) -> list[int] | None:
    # What a module keeps by get_extra_state is no tensor: it fits whatever it holds.
    return list(value.shape) if isinstance(value, torch.Tensor) else None


def _advice(groups: Mapping[str, list[str]]) -> str:
    others = groups["of another shape"]
    if others and not groups["missing in the file"] and not groups["unknown to the model"]:
        return (
            "the file is of the same model with other sizes, as a rule another number of identities: "
            "set the model's class_num to the file's, or load what fits with restore_ckpt_strict=false"
        )
    return "the file is of another model; restore_ckpt_strict=false loads what fits"


def _counted(keys: list[str], shown: int = 4) -> str:
    more = f", ... ({len(keys)} in all)" if len(keys) > shown else ""
    return ", ".join(keys[:shown]) + more


def _neighbours(path: Path) -> str:
    others = sorted(p.name for p in path.parent.glob("*.pt") if p != path) if path.parent.is_dir() else []
    return f"the folder holds {', '.join(others[-5:])}" if others else "the folder holds no other checkpoint"


def compare_plugins(saved: Mapping[str, Any], current: Mapping[str, Any], where: str) -> None:
    """Report components that come from another package or version than when the checkpoint was written."""
    for key in sorted(set(saved) & set(current)):
        if saved[key] != current[key]:
            then, now = _origin(saved[key]), _origin(current[key])
            log.warning("%s: %s was %s when it was written and is %s now", where, key, then, now)


def _origin(provenance: Mapping[str, str]) -> str:
    return f"{provenance.get('distribution')} {provenance.get('version')} ({provenance.get('target')})"
