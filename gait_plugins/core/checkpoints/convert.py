"""Conversion of the weights of any file into a file of safetensors or of torch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from gait_plugins.core.checkpoints.files import (
    FORMAT,
    read_checkpoint,
    save_checkpoint,
)
from gait_plugins.core.checkpoints.found import Found
from gait_plugins.core.weights.lookup import located
from gait_plugins.errors import CheckpointError
from gait_plugins.io.atomic import file_sha256
from gait_plugins.io.weights.part_of_file import split_part
from gait_plugins.io.weights.tensor_file import SUFFIX, UnknownType, shared, write_tensor_file
from gait_plugins.version import __version__

OTHERS = (".pt", ".pth", ".ckpt", ".bin")
"""Endings of files that torch writes."""
_TOLD = ("iteration", "config", "plugins", "input_size")
"""What is kept beside the weights: it says what they are of."""


@dataclass(frozen=True)
class Converted:
    """What was written, and what was not."""

    path: str
    weights: int
    found: str
    """Where the weights were found in the file."""
    kept: tuple[str, ...]
    """Other parts that were taken along."""
    left: tuple[str, ...]
    """Parts, and values that are no tensors, that were left out."""
    tied: tuple[tuple[str, ...], ...]
    """Names that one tensor has, of which each was written by itself."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def convert(source: Path, target: Path, *, like: Mapping[str, Any] | None = None) -> Converted:
    """Write the weights of a file to a file of the kind that its name says.

    Args:
        source: any file that :func:`read_checkpoint` takes.
        target: ``.safetensors``, or ``.pt``, ``.pth``, ``.ckpt`` or ``.bin`` for torch.
        like: weights by the names that are wanted; see :func:`read_checkpoint`.

    Raises:
        CheckpointError: the one cannot be read or the other not be written, or its name says no kind.
    """
    source = located(source)
    check_target(source, target)
    checkpoint, found = read_checkpoint(source, like=like)
    weights = {k: v for k, v in checkpoint["model"].items() if isinstance(v, torch.Tensor)}
    strange = [k for k, v in weights.items() if v.layout != torch.strided or v.is_quantized or v.is_meta]
    if strange:
        raise CheckpointError(
            f"the weight {strange[0]} is quantised, sparse or without values: only dense ones are written",
            where=str(source),
        )
    kept = {name: checkpoint[name] for name in _TOLD if name in checkpoint}
    write_weights(target, weights, kept, _origin(source, found))
    left = [name for name in checkpoint if name not in (*kept, "model", "format")]
    return Converted(
        path=str(target),
        weights=len(weights),
        found=found.title,
        kept=tuple(kept),
        left=(*left, *(key for key in checkpoint["model"] if key not in weights)),
        tied=tuple(map(tuple, shared(weights))),
    )


def check_target(source: Path, target: Path) -> None:
    """See that a file may be written under a name.

    Raises:
        CheckpointError: the name says no kind of file, or is that of a folder or of the source.
    """
    if target.suffix not in (SUFFIX, *OTHERS):
        raise CheckpointError(
            f"the name ends in {target.suffix!r}, expected {SUFFIX} or {', '.join(OTHERS)}",
            where=str(target),
            hint="the ending decides about the format",
        )
    if target.is_dir():
        raise CheckpointError("this is a folder, expected a file to write", where=str(target))
    if target.exists() and target.samefile(split_part(located(source))[0]):
        raise CheckpointError(
            "source and target are one file", where=str(target), hint="give another name to write to"
        )


def write_weights(
    target: Path, weights: Mapping[str, Any], kept: Mapping[str, Any], origin: Mapping[str, str]
) -> None:
    """Write weights to a file of the kind that its name says.

    Args:
        target: see :func:`check_target`.
        weights: dense tensors.
        kept: plain data beside them: configuration, iteration and the like.
        origin: texts that say where they are from.

    Raises:
        CheckpointError: it cannot be written.
    """
    if target.suffix != SUFFIX:
        save_checkpoint(target, {"model": dict(weights), **kept, "converted_from": dict(origin)})
        return
    texts = {name: json.dumps(value, default=str) for name, value in kept.items()}
    if "config" in texts:
        texts["config_sha256"] = hashlib.sha256(texts["config"].encode()).hexdigest()
    origins = {f"source_{name}": text for name, text in origin.items()}
    about = {"format": str(FORMAT), "version": __version__, **texts, **origins}
    try:
        write_tensor_file(target, weights, about)
    except UnknownType as error:
        raise CheckpointError(str(error), where=str(target), hint="write it to a .pt file") from error
    except OSError as error:
        raise CheckpointError(
            f"the file could not be written: {error}", where=str(target), hint="free some disk space"
        ) from error


def _origin(source: Path, found: Found) -> dict[str, str]:
    file, _ = split_part(source)
    return {"file": file.name, "sha256": file_sha256(file), "weights": found.title}
