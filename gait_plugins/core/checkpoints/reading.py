"""Reading of a file of weights, whoever wrote it: verified where it has checksums, and no code is run."""

from __future__ import annotations

import json
import logging
import pickle
import re
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gait_plugins.core.checkpoints.kinds import FILES, PICKLE, Kind, folder_kind, other_kind
from gait_plugins.core.checkpoints.stand_ins import (
    OtherPickle,
    Unreadable,
    Unsafe,
    WithStandIns,
    read_with_stand_ins,
)
from gait_plugins.core.weights.lookup import nearest_names
from gait_plugins.errors import CheckpointError
from gait_plugins.io.archive import DamagedArchive, is_archive, verify
from gait_plugins.io.folders import SPECIAL, is_special
from gait_plugins.io.remote.address import address_meant
from gait_plugins.io.weights.tensor_file import (
    DamagedTensorFile,
    UnknownType,
    is_tensor_file,
    read_tensor_file,
)

_BEGINNINGS = (b"PK", b"\x80")
"""The first bytes of files of ``torch.save``, since and before version 1.6."""
_BEGINNING = 512
IN_PIECES = ("DTensor", "ShardedTensor")
"""Classes of tensors of which each process holds a piece."""

log = logging.getLogger("gait_plugins")


class Content(NamedTuple):
    """What was read of a file."""

    value: Any
    classes: tuple[str, ...] = ()
    """Names of classes whose objects were not read."""


def read_content(path: Path, otherwise: str) -> Content:
    """What a file holds: tensors and plain data.

    Args:
        path: a file of ``torch.save`` or of safetensors.
        otherwise: the hint where the file cannot be read and its folder holds no other checkpoint.

    Raises:
        CheckpointError: the file is missing, damaged, holds code, or is of another kind.
    """
    if not path.is_file():
        raise _no_file(path, otherwise)
    try:
        if is_tensor_file(path):
            return _tensors(path)
        _verify(path)
        kind = other_kind(path)
        if kind is not None:
            raise _of_another_kind(kind, path)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            warnings.filterwarnings("ignore", message="Validating sparse tensor")  # torch 2.15
            return Content(torch.load(path, map_location="cpu", weights_only=True))
    except CheckpointError:
        raise
    except pickle.UnpicklingError as error:
        refusal = _unreadable(path, error, otherwise)
        return _foreign(path, refusal)
    except UnknownType as error:
        raise CheckpointError(
            str(error), where=str(path), hint="save the weights as float32 where they were made"
        ) from error
    except Exception as error:  # a damaged file may raise anything
        if "Invalid magic number" in str(error):
            raise _of_another_kind(PICKLE, path) from error
        raise _unreadable(path, error, otherwise) from error


def _tensors(path: Path) -> Content:
    """The content of a file of safetensors, as our other files have it."""
    found = read_tensor_file(path)
    if not found.texts:
        return Content(found.weights)
    told: dict[str, Any] = {"format": int(found.texts.get("format", 0))}
    for name in ("iteration", "config", "plugins", "input_size"):
        if name in found.texts:
            told[name] = json.loads(found.texts[name])
    return Content({"model": found.weights, **told})


def _foreign(path: Path, refusal: CheckpointError) -> Content:
    """The content of a file with classes of other packages; ours have none."""
    try:
        found = read_with_stand_ins(path)
    except Unsafe as error:
        raise _runs_code(str(error), path) from error
    except OtherPickle as error:
        raise _of_another_kind(PICKLE, path) from error
    except Unreadable as error:
        raise refusal from error
    if isinstance(found.content, dict) and "format" in found.content and found.classes:
        raise refusal  # ours
    _tell_of_classes(found, path)
    return Content(found.content, found.classes)


def _tell_of_classes(found: WithStandIns, path: Path) -> None:
    if found.classes:
        log.info(
            "%s names foreign classes and functions; nothing of them was imported or run: %s",
            path,
            f"{', '.join(found.classes[:4])}{', ...' * (len(found.classes) > 4)}",
        )


def _no_file(path: Path, otherwise: str) -> CheckpointError:
    address = address_meant(path)
    if address is not None:
        told = f"{address} is an address: weights are read from this machine's files alone"
        return CheckpointError(told, hint="copy the file here, and give its path")
    if not path.is_dir():
        return CheckpointError(
            SPECIAL if is_special(path) else "there is no such checkpoint",
            where=str(path),
            hint="; ".join(filter(None, (neighbours(path), _meant(path) or otherwise))),
        )
    kind = folder_kind(path)
    if kind is not None:
        return CheckpointError(f"this is {kind.title}, expected a file", where=str(path), hint=kind.hint)
    return CheckpointError(
        "this is a folder, expected a file", where=str(path), hint=neighbours(path) or otherwise
    )


def _meant(path: Path) -> str:
    """The published checkpoints that a misspelt name may stand for; empty where it is none."""
    found = nearest_names(path.as_posix())
    return found if "did you mean" in found else ""


def _of_another_kind(kind: Kind, path: Path) -> CheckpointError:
    return CheckpointError(
        f"the file is {kind.title}; weights are read from files of torch.save and safetensors",
        where=str(path),
        hint=kind.hint.replace("FILE", str(path)),
    )


def _verify(path: Path) -> None:
    # torch compares no checksum, and would take what it finds.
    if is_archive(path) and not verify(path).has_checksums:
        log.warning(
            "%s was written without checksums (torch.serialization.set_crc32_options): "
            "whether it is damaged cannot be seen",
            path,
        )


def _runs_code(name: str, path: Path) -> CheckpointError:
    return CheckpointError(
        f"the file imports {name}, which may run code; only tensors and plain data are accepted",
        where=str(path),
        hint="if you trust the file, load it elsewhere and save its state dict alone: "
        "torch.save(CHECKPOINT['state_dict'], 'WEIGHTS.pt')",
    )


def _unreadable(path: Path, error: Exception, otherwise: str) -> CheckpointError:
    asked = re.search(r"GLOBAL (\S+)", str(error)) if isinstance(error, pickle.UnpicklingError) else None
    if asked:
        return _runs_code(asked[1], path)
    kind, found, hint = "not a checkpoint", _seen(path, error), neighbours(path) or otherwise
    if isinstance(error, DamagedArchive | DamagedTensorFile):
        others = neighbours(path)
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


def neighbours(path: Path) -> str | None:
    """The files of weights in the folder of a file, or in a folder, in words; None where there are none."""
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        return None
    others = sorted(p.name for p in folder.iterdir() if p != path and p.suffix in FILES and p.is_file())
    return f"the folder holds {', '.join(others[-5:])}" if others else None
