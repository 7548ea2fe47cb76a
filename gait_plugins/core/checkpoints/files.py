"""Checkpoint files: write, read, validate. They have OpenGait's names and keys, and run no code."""

from __future__ import annotations

import errno
import logging
import pickle
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gait_plugins.core.checkpoints.compare import LoadReport, compare_weights, not_finite
from gait_plugins.errors import CheckpointError
from gait_plugins.io.archive import DamagedArchive, is_archive, verify
from gait_plugins.io.atomic import whole_file
from gait_plugins.io.folders import SPECIAL, is_special
from gait_plugins.registry.components import same_origin

FORMAT = 1
"""Raised when an older version could no longer read what this one writes."""

BEST = "best.pt"
"""The checkpoint with the best figure, a copy of the numbered one."""

_KINDS = {dict: "a mapping", int: "a number"}
_PARTS: dict[str, type] = {
    **dict.fromkeys(
        (
            "model",
            "losses",
            "optimizer",
            "scheduler",
            "scaler",
            "rng",
            "config",
            "plugins",
            "data",
            "machine",
        ),
        dict,
    ),
    "iteration": int,
}

_OTHER_NAMES = ("state_dict", "model_state_dict")
_WRAPPERS = ("module.", "_orig_mod.")
"""What data-parallel training and torch.compile put before every key."""

_GENUINE = "a training writes its checkpoints to the folder checkpoints/ of its run folder"

_BEGINNINGS = (b"PK", b"\x80")
"""The first bytes of files of ``torch.save``, since and before version 1.6."""
_BEGINNING = 512

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
        with whole_file(path) as file, _with_checksums():
            torch.save({**checkpoint, "format": FORMAT}, file)
    # torch's writer reports a failed write as RuntimeError, the file itself as OSError.
    except (OSError, RuntimeError) as error:
        reason = _disk_error(error)
        raise CheckpointError(
            f"the checkpoint could not be written: {getattr(reason, 'strerror', None) or reason}",
            where=str(path),
            hint=f"{_mending(reason)} and continue with --resume; earlier checkpoints are intact",
        ) from error


def load_checkpoint(path: Path, otherwise: str = _GENUINE) -> Checkpoint:
    """Read a checkpoint, ours or OpenGait's; only tensors and plain data are admitted.

    The file is verified by its own checksums first; those from before PyTorch 1.6 hold none.

    Args:
        path: the file.
        otherwise: the hint where the file cannot be read and its folder holds no other checkpoint.

    Raises:
        CheckpointError: the file is missing, damaged, holds code, has a future format, or is not a
            checkpoint.
    """
    if not path.is_file():
        what = "this is a folder, expected a file" if path.is_dir() else "there is no such checkpoint"
        what = SPECIAL if is_special(path) else what
        raise CheckpointError(what, where=str(path), hint=_neighbours(path) or otherwise)
    try:
        _verify(path)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file may raise anything
        raise _unreadable(path, error, otherwise) from error
    return _checked(loaded, path)


def _verify(path: Path) -> None:
    # torch compares no checksum, and would take what it finds.
    if is_archive(path) and not verify(path).has_checksums:
        log.warning(
            "%s was written without checksums (torch.serialization.set_crc32_options): "
            "whether it is damaged cannot be seen",
            path,
        )


@contextmanager
def _with_checksums() -> Iterator[None]:
    """Let torch write checksums, whatever the process has chosen; before 2.6 it always did."""
    options = torch.serialization
    if not hasattr(options, "set_crc32_options"):
        yield
        return
    chosen = options.get_crc32_options()
    options.set_crc32_options(True)
    try:
        yield
    finally:
        options.set_crc32_options(chosen)


def _unreadable(path: Path, error: Exception, otherwise: str) -> CheckpointError:
    asked = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
    if asked:
        return CheckpointError(
            f"the file imports {asked[1]}, which may run code; only tensors and plain data are accepted",
            where=str(path),
            hint="if you trust the file, load it elsewhere and save its state dict alone",
        )
    kind, found, hint = "not a checkpoint", _seen(path, error), _neighbours(path) or otherwise
    if isinstance(error, DamagedArchive):
        others = _neighbours(path)
        kind, found = "damaged", str(error)
        hint = f"copy the file again, or use another checkpoint{f'; {others}' if others else ''}"
    return CheckpointError(
        f"the file is truncated or {kind} ({path.stat().st_size} bytes): {found}", where=str(path), hint=hint
    )


def _seen(path: Path, error: Exception) -> str:
    """What is wrong with a file, by its first bytes or else by what the reader said."""
    with path.open("rb") as file:
        first = file.read(_BEGINNING)
    if not first:
        return "the file is empty"
    if not first.startswith(_BEGINNINGS):
        is_text = first.isascii() and b"\0" not in first
        return "the file is text" if is_text else "the first bytes are not those of a PyTorch file"
    # torch's words go on with advice that does not hold here.
    said = str(error).splitlines()[0].split(". ")[0] if str(error) else ""
    return f"{type(error).__name__}: {said}" if said else "the file ends too early"


def _disk_error(error: BaseException) -> BaseException:
    """What the disk said, where torch's writer has covered it up."""
    reason: BaseException | None = error
    while reason is not None and not isinstance(reason, OSError):
        reason = reason.__context__
    return reason or error


def _mending(reason: BaseException) -> str:
    """What to do about a file that cannot be written."""
    known = {
        errno.EACCES: "make the folder writable",
        errno.EPERM: "make the folder writable",
        errno.EROFS: "make the file system writable",
    }
    return known.get(getattr(reason, "errno", None) or 0, "free some disk space")


def _checked(content: Any, path: Path) -> Checkpoint:
    if not isinstance(content, dict):
        raise CheckpointError(
            f"a checkpoint must be a mapping, found {type(content).__name__}",
            where=str(path),
            hint=_GENUINE,
        )
    loaded = _with_model(content)
    if "model" not in loaded:
        raise CheckpointError(
            f"the key 'model' is missing, found only {sorted(map(str, loaded))[:8]}",
            where=str(path),
            hint="give a checkpoint of a training, or a plain state dict of tensors",
        )
    version = loaded.get("format", FORMAT)
    if not isinstance(version, int) or version > FORMAT:
        raise CheckpointError(
            f"the checkpoint has format {version!r}, this version reads up to {FORMAT}",
            where=str(path),
            hint="update gait-plugins-trackletgait",
        )
    loaded = {name: part for name, part in loaded.items() if part is not None}
    for name, kind in _PARTS.items():
        if not isinstance(loaded.get(name, kind()), kind):
            raise CheckpointError(
                f"the checkpoint's {name!r} is {loaded[name]!r:.80}, expected {_KINDS[kind]}", where=str(path)
            )
    weights = loaded["model"]
    nameless = [key for key in weights if not isinstance(key, str)]
    if nameless:
        raise CheckpointError(f"the weights must have names, found the key {nameless[0]!r}", where=str(path))
    if not _is_size(loaded.get("input_size")):
        raise CheckpointError(
            f"the checkpoint's 'input_size' is {loaded['input_size']!r}, expected height and width",
            where=str(path),
        )
    if not _is_streams(loaded.get("streams")):
        raise CheckpointError(
            f"the checkpoint's 'streams' is {loaded['streams']!r:.80}, expected the shape of a frame by the "
            "name of each stream",
            where=str(path),
        )
    loaded["model"] = _bare_names(weights)
    return loaded


def _with_model(content: Checkpoint) -> Checkpoint:
    """The checkpoint with its weights under ``model``, whatever key they were saved under."""
    if "model" in content or not content:
        return content
    if all(isinstance(value, torch.Tensor) for value in content.values()):
        return {"model": content}
    for name in _OTHER_NAMES:
        if isinstance(content.get(name), dict):
            return {"model": content[name], **content}
    return content


def _bare_names(weights: Mapping[str, Any]) -> dict[str, Any]:
    # Only what all keys begin with is a wrapper's: a part of a network may bear such a name too.
    for wrapper in _WRAPPERS:
        if weights and all(key.startswith(wrapper) for key in weights):
            return _bare_names({key.removeprefix(wrapper): value for key, value in weights.items()})
    return dict(weights)


def trained_frames(checkpoint: Checkpoint) -> tuple[int, int] | dict[str, list[int | None]] | None:
    """The frames that the weights were trained on: height and width, or a shape for each stream."""
    streams, size = checkpoint.get("streams"), checkpoint.get("input_size")
    if isinstance(streams, dict):
        return {str(name): list(shape) for name, shape in streams.items()}
    return None if size is None else (int(size[0]), int(size[1]))


def _is_streams(streams: Any) -> bool:
    return streams is None or (
        isinstance(streams, dict)
        and all(
            isinstance(name, str)
            and isinstance(shape, list | tuple)
            and all(axis is None or isinstance(axis, int) for axis in shape)
            for name, shape in streams.items()
        )
    )


def _is_size(size: Any) -> bool:
    pair = isinstance(size, tuple | list) and len(size) == 2
    return size is None or (pair and all(isinstance(side, int) for side in size))


def restore_model(
    model: nn.Module, weights: Mapping[str, Any], *, strict: bool, where: str, drop_head: bool = False
) -> LoadReport:
    """Load weights; a mismatch is reported in groups.

    Args:
        model: what the weights are loaded into.
        weights: its state dict.
        strict: every key must be there and fit; else what fits is loaded and the rest is logged.
        where: the file, for messages.
        drop_head: leave out the weights of a classifier for another number of identities; the model
            keeps its own.

    Returns:
        What was found to fit, the dropped head left out of account.

    Raises:
        CheckpointError: strict, and something does not match; or nothing fits at all; or weights are NaN
            or infinite.
    """
    report = compare_weights(model, weights)
    if drop_head:
        _tell_of_head(report, where)
        report = report.without_head()
    found = "\n".join(f"  {line}" for line in report.lines())
    if found and (strict or not report.fitting):
        raise CheckpointError(
            f"the weights do not fit {report.model}: {len(report.fitting)} of {report.own} match\n{found}",
            where=where,
            hint=report.advice(),
        )
    if found:
        log.warning("%s: %d of %d weights loaded\n%s", where, len(report.fitting), report.own, found)
    check_finite(model, {key: weights[key] for key in report.fitting}, where)
    model.load_state_dict({key: weights[key] for key in report.fitting}, strict=False)
    return report


def check_finite(model: nn.Module, weights: Mapping[str, Any], where: str) -> None:
    """See that the weights which a model is to take are numbers: what it computes would be none.

    Args:
        model: what it has itself may be infinite, as masks are.
        weights: by the model's keys.
        where: the file, for messages.

    Raises:
        CheckpointError: some are NaN or infinite.
    """
    suspects = not_finite(weights)
    own = model.state_dict() if suspects else {}
    broken = [key for key in suspects if not not_finite({key: own.get(key)})]
    if broken:
        examples = f"{', '.join(broken[:4])}{', ...' * (len(broken) > 4)}"
        raise CheckpointError(
            f"{len(broken)} weights are NaN or infinite: {examples}",
            where=where,
            hint="take an earlier checkpoint; gait-plugins checkpoint show FILE lists them",
        )


def _tell_of_head(report: LoadReport, where: str) -> None:
    if report.head is None:
        log.warning("%s: no head dropped: the file has none for another number of identities", where)
        return
    keys, file, own = report.head
    log.info(
        "%s: the head for %d identities is dropped, the head for %d identities starts anew: %s",
        where,
        file,
        own,
        ", ".join(keys),
    )


def fitting_weights(model: nn.Module, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the weights that the model has a place of the same shape for."""
    return {key: weights[key] for key in compare_weights(model, weights).fitting}


def _neighbours(path: Path) -> str | None:
    folder = path if path.is_dir() else path.parent
    others = sorted(p.name for p in folder.glob("*.pt") if p != path) if folder.is_dir() else []
    return f"the folder holds {', '.join(others[-5:])}" if others else None


def compare_plugins(saved: Mapping[str, Any], current: Mapping[str, Any], where: str) -> None:
    """Report components that come from another package or version than when the checkpoint was written."""
    for key in sorted(set(saved) & set(current)):
        if not same_origin(saved[key], current[key]):
            then, now = _origin(saved[key]), _origin(current[key])
            log.warning("%s: %s was %s when the checkpoint was written and is %s now", where, key, then, now)


def _origin(provenance: Any) -> str:
    if not isinstance(provenance, dict):
        return repr(provenance)
    made_of = f", {provenance['source']}" if provenance.get("source") else ""
    return (
        f"{provenance.get('distribution')} {provenance.get('version')} ({provenance.get('target')}{made_of})"
    )
