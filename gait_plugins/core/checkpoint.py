"""Checkpoints: OpenGait's names and keys, written whole or not at all, read without running code."""

from __future__ import annotations

import logging
import pickle
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gait_plugins.core.atomic import whole_file
from gait_plugins.errors import CheckpointError

FORMAT = 1
"""Raised when an older version could no longer read what this one writes."""

_KINDS = {dict: "a mapping", int: "a number"}
_PARTS: dict[str, type] = {
    **dict.fromkeys(
        ("model", "losses", "optimizer", "scheduler", "scaler", "rng", "config", "plugins"), dict
    ),
    "iteration": int,
}

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
            f"the checkpoint could not be written: {_disk_error(error)}",
            where=str(path),
            hint="free some space and go on with --resume; earlier checkpoints are intact",
        ) from error


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint, ours or OpenGait's; only tensors and plain data are admitted.

    Raises:
        CheckpointError: missing, truncated, with code in it, of a future format, or no checkpoint.
    """
    if not path.is_file():
        what = "this is a folder, expected a file" if path.is_dir() else "there is no such checkpoint"
        raise CheckpointError(what, where=str(path), hint=_neighbours(path))
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may raise anything
        raise _unreadable(path, error) from error
    return _checked(loaded, path)


def _unreadable(path: Path, error: Exception) -> CheckpointError:
    asked = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
    if asked:
        return CheckpointError(
            f"the file asks for {asked[1]}, which may run code; only tensors and plain data are admitted",
            where=str(path),
            hint="save its state dict alone, where you trust the file",
        )
    # torch's words go on with advice that does not hold here.
    reason = (
        f"{type(error).__name__}: {str(error).splitlines()[0].split('. ')[0]}" if str(error) else "it ends"
    )
    return CheckpointError(
        f"the file is truncated or no checkpoint ({path.stat().st_size} bytes): {reason}",
        where=str(path),
        hint=_neighbours(path),
    )


def _disk_error(error: BaseException) -> BaseException:
    """What the disk said, where torch's writer has covered it up."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, OSError):
        reason = reason.__context__
    return reason or error


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
    loaded = {name: part for name, part in loaded.items() if part is not None}
    for name, kind in _PARTS.items():
        if not isinstance(loaded.get(name, kind()), kind):
            raise CheckpointError(
                f"its {name!r} is {loaded[name]!r:.80}, expected {_KINDS[kind]}", where=str(path)
            )
    weights = loaded["model"]
    size = loaded.get("input_size")
    if not all(isinstance(key, str) for key in weights) or not _is_size(size):
        raise CheckpointError(
            f"its weights have no names, or its 'input_size' {size!r} is no height and width", where=str(path)
        )
    loaded["model"] = {key.removeprefix("module."): value for key, value in weights.items()}
    return loaded


def _is_size(size: Any) -> bool:
    pair = isinstance(size, tuple | list) and len(size) == 2
    return size is None or (pair and all(isinstance(side, int) for side in size))


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
    folder = path if path.is_dir() else path.parent
    others = sorted(p.name for p in folder.glob("*.pt") if p != path) if folder.is_dir() else []
    return f"the folder holds {', '.join(others[-5:])}" if others else "the folder holds no other checkpoint"


def compare_plugins(saved: Mapping[str, Any], current: Mapping[str, Any], where: str) -> None:
    """Report components that come from another package or version than when the checkpoint was written."""
    for key in sorted(set(saved) & set(current)):
        if saved[key] != current[key]:
            then, now = _origin(saved[key]), _origin(current[key])
            log.warning("%s: %s was %s when it was written and is %s now", where, key, then, now)


def _origin(provenance: Any) -> str:
    if not isinstance(provenance, dict):
        return repr(provenance)
    return f"{provenance.get('distribution')} {provenance.get('version')} ({provenance.get('target')})"
