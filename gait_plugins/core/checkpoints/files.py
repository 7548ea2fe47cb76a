"""Checkpoint files: write, read, validate. They have OpenGait's names and keys, and run no code."""

from __future__ import annotations

import errno
import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from gait_plugins.core.checkpoints.compare import (
    LoadReport,
    check_types,
    compare_weights,
    first_of,
    not_finite,
    other_types,
)
from gait_plugins.core.checkpoints.found import Found, bare_names, find_weights, holdings
from gait_plugins.core.checkpoints.frames import check_frame_record
from gait_plugins.core.checkpoints.reading import IN_PIECES, Content, read_content
from gait_plugins.core.weights.lookup import located
from gait_plugins.errors import CheckpointError
from gait_plugins.io.atomic import whole_file
from gait_plugins.io.weights.part_of_file import split_part
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

_OURS = ("config", "plugins", "data", "machine", "rng", "losses", "scaler", "input_size")
"""Parts that mean something else in files of other tools."""
_MAPPINGS = ("data", "machine", "rng", "losses", "scaler")

_GENUINE = "a training writes its checkpoints to the folder checkpoints/ of its run folder"

_WHOLE = (
    "its tensors lie in pieces, one for each process: save the whole state dict where it was trained "
    "(torch.distributed.checkpoint.state_dict.get_model_state_dict with full_state_dict=True)"
)
_PLAIN = "give a checkpoint of a training, or a plain state dict of tensors"

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


def load_checkpoint(
    path: Path, otherwise: str = _GENUINE, *, like: Mapping[str, Any] | None = None
) -> Checkpoint:
    """Read a checkpoint, ours, OpenGait's or another tool's; no code is run. See :func:`read_checkpoint`."""
    checkpoint, found = read_checkpoint(path, otherwise, like=like)
    _tell(found, path)
    return checkpoint


def read_checkpoint(
    path: Path, otherwise: str = _GENUINE, *, like: Mapping[str, Any] | None = None
) -> tuple[Checkpoint, Found]:
    """Read a checkpoint and say where its weights were found.

    The file is verified by its own checksums first, where it has some.

    Args:
        path: the file, or the name of a published checkpoint; ``FILE#PART`` names the weights under one of
            its keys.
        otherwise: the hint where the file cannot be read and its folder holds no other checkpoint.
        like: weights by the names that are wanted, of which only the shapes count: of several sets of
            weights, and of several prefixes, those are taken that fit best. None: the likeliest.

    Returns:
        The checkpoint, its weights under ``model``, and what was found where.

    Raises:
        CheckpointError: the file is missing, damaged, holds code, has a future format, or no weights; or it
            is published and not fetched.
    """
    path = located(path)
    file, part = split_part(path)
    content = read_content(file, otherwise)
    if not isinstance(content.value, dict):
        raise CheckpointError(
            f"a checkpoint must be a mapping, found {type(content.value).__name__}",
            where=str(path),
            hint=_GENUINE,
        )
    try:
        found = _found(content, like, part)
    except CheckpointError as error:
        error.where = error.where or str(path)
        raise
    loaded = {"model": found.weights} if content.classes else _with_model(content.value, found)
    return _checked(loaded, path), found


def _found(content: Content, like: Mapping[str, Any] | None, part: str | None) -> Found:
    value = content.value
    own = value.get("model")
    if part is None and isinstance(own, dict):
        if _has_nameless(own):
            return Found(("model",), own)
        # A training of ours says what it trained; a converted file of another tool does not.
        if "format" in value and ("config" in value or not own):
            return Found(("model",), bare_names(own))
    found = find_weights(value, like, part)
    if found is None:
        pieces = any(name.endswith(kind) for name in content.classes for kind in IN_PIECES)
        raise CheckpointError(
            f"the file holds no tensors under 'model' or any other key: {holdings(value)}",
            hint=_WHOLE if pieces else _PLAIN,
        )
    return found


def _has_nameless(weights: Mapping[Any, Any]) -> bool:
    return not all(isinstance(key, str) for key in weights)


def _tell(found: Found, path: Path) -> None:
    """Say where the weights were found, where that is not plain."""
    if found.keys not in ((), ("model",)) or found.prefix or found.others:
        log.info("%s: the weights are taken from %s", path, found.title)
    if found.left:
        log.info("%s: %d other weights are left out: %s", path, len(found.left), first_of(found.left))
    if found.note:
        log.info("%s: %s", path, found.note)
    if found.alike:
        choices = " or ".join(f"{path}#{name}" for name in found.alike[:3])
        log.info("%s: other weights in it fit as well; to take them: %s", path, choices)


@contextmanager
def _with_checksums() -> Iterator[None]:
    """Let torch write checksums, whatever the process has chosen."""
    options = torch.serialization
    chosen = options.get_crc32_options()
    options.set_crc32_options(True)
    try:
        yield
    finally:
        options.set_crc32_options(chosen)


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


def _checked(loaded: Checkpoint, path: Path) -> Checkpoint:
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
    nameless = [key for key in loaded["model"] if not isinstance(key, str)]
    if nameless:
        raise CheckpointError(f"the weights must have names, found the key {nameless[0]!r}", where=str(path))
    check_frame_record(loaded, path)
    return loaded


def _with_model(content: Checkpoint, found: Found) -> Checkpoint:
    """The checkpoint with its weights under ``model``, whatever key they were saved under."""
    if not found.keys:
        return {"model": found.weights}
    if found.keys != ("model",):
        rest = {name: part for name, part in content.items() if name not in (*_OURS, found.part)}
        content = {name: part for name, part in rest.items() if isinstance(part, _PARTS.get(name, object))}
    elif "format" not in content:
        content = {name: part for name, part in content.items() if not _is_anothers(name, part)}
    return {**content, "model": found.weights}


def _is_anothers(name: str, part: Any) -> bool:
    """Whether a part of a file with OpenGait's keys means something else in it than in ours."""
    if name == "config":
        return not (isinstance(part, dict) and "model_cfg" in part)
    kept_apart = isinstance(part, list) and name in ("optimizer", "scheduler")  # one for each optimiser
    return kept_apart or (name in _MAPPINGS and not isinstance(part, dict))


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
    take_weights(model, {key: weights[key] for key in report.fitting}, where)
    return report


def take_weights(model: nn.Module, weights: Mapping[str, Any], where: str) -> None:
    """Load weights that fit, each as the type of number that the model has it in.

    Args:
        model: what they are loaded into.
        weights: by the model's keys.
        where: the file, for messages.

    Raises:
        CheckpointError: some are NaN or infinite, or are no floating-point numbers where the model has such.
    """
    own = model.state_dict()
    check_types(own, weights, where)
    check_finite(model, weights, where)
    for (then, now), keys in other_types(own, weights).items():
        log.info("%s: %d weights are %s in the file and are taken as %s", where, len(keys), then, now)
    model.load_state_dict(weights, strict=False)


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
