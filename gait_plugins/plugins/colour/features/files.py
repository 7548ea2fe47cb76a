"""Files of DINOv2's weights: read without running code, checked by SHA-256, taken wholly or not at all."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from gait_plugins.errors import CheckpointError
from gait_plugins.io.archive import DamagedArchive, is_archive, verify
from gait_plugins.io.atomic import file_sha256
from gait_plugins.io.weights.tensor_file import (
    DamagedTensorFile,
    UnknownType,
    is_tensor_file,
    read_tensor_file,
)
from gait_plugins.plugins.colour.features.key_names import UNUSED, for_transformers, listed, recognised

IN_FOLDER = ("model.safetensors", "pytorch_model.bin")
"""What transformers writes, the first that is there."""
_NUMBERS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""What weights may be of; whole numbers are those of a quantised network, whose scales lie elsewhere."""
_OTHER = "expected a file of DINOv2 by Meta or timm, or a file or folder of transformers' Dinov2Model"


class Taken(NamedTuple):
    """Weights that were taken from a file."""

    file: str
    sha256: str
    weights: Mapping[str, Tensor]
    """By the names of the network."""
    number: int
    told: str
    """What was taken, in a line."""

    def without_weights(self) -> Taken:
        """The record alone."""
        return self._replace(weights={})

    def record(self) -> dict[str, Any]:
        """Plain data for checkpoints."""
        return {"file": self.file, "sha256": self.sha256, "taken": self.number}


def read_weights(
    path: str, sha256: str | None, own: Mapping[str, Tensor], fused: bool, heads: int
) -> Taken | None:
    """The weights of a file or folder for a network; None where nothing is there.

    Args:
        path: a file, or a folder of transformers.
        sha256: expected, of the file.
        own: the network's weights, by its names.
        fused: these are Meta's names; else transformers'.
        heads: of the network's attention.

    Raises:
        CheckpointError: the file is another one than expected, cannot be read, or its weights do not fit.
    """
    try:
        given = Path(path).expanduser()
    except RuntimeError:  # ~NAME of nobody
        given = Path(path)
    if not given.exists():
        return None
    file = _file_in(given, heads)
    digest = file_sha256(file)
    if sha256 is not None and digest != sha256.lower():
        raise CheckpointError(
            f"the file has the sha256 {digest}, expected {sha256}",
            where=str(file),
            hint="get the file again, or name the sum of the file that is meant",
        )
    found = recognised(_read(file))
    if found is None:
        raise CheckpointError("the file holds no weights of DINOv2", where=str(file), hint=_OTHER)
    weights = dict(found.weights) if fused else for_transformers(found.weights)
    unused = UNUSED if fused else f"embeddings.{UNUSED}"
    lacks = unused not in weights
    weights.setdefault(unused, torch.zeros_like(own[unused]))
    _check_fit(weights, own, file)
    notes = [f"without {UNUSED}, which features do not need"] if lacks else []
    notes += [f"{len(found.left)} weights of other parts are left out: {listed(found.left)}"] * bool(
        found.left
    )
    number = len(own) - lacks
    told = f"all {number} weights <- {file} (sha256 {digest[:12]}), by {found.whose} names" + "".join(
        f"; {note}" for note in notes
    )
    return Taken(str(path), digest, weights, number, told)


def _file_in(path: Path, heads: int) -> Path:
    """The file of weights; of a folder, after a look at its configuration."""
    if not path.is_dir():
        return path
    file = next((path / name for name in IN_FOLDER if (path / name).is_file()), None)
    if file is None:
        raise CheckpointError(
            f"the folder holds neither of {', '.join(IN_FOLDER)}",
            where=str(path),
            hint="a folder that was cloned without git lfs holds no weights: git lfs pull",
        )
    try:
        said = json.loads((path / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        said = {}
    number = said.get("num_attention_heads", heads) if isinstance(said, dict) else heads
    if number != heads:  # shapes do not tell
        raise CheckpointError(
            f"the network of the folder has {number} heads, the one here has {heads}",
            where=str(path / "config.json"),
            hint=f"set heads: {number}",
        )
    return file


def _check_fit(weights: Mapping[str, Tensor], own: Mapping[str, Tensor], file: Path) -> None:
    missing = [key for key in own if key not in weights]
    extra = [key for key in weights if key not in own]
    shapes = [
        f"{key} {list(weights[key].shape)} for {list(own[key].shape)}"
        for key in own
        if key in weights and weights[key].shape != own[key].shape
    ]
    usable = {key: weight for key, weight in weights.items() if _is_usable(weight)}
    strange = [f"{key} ({_kind(weight)})" for key, weight in weights.items() if key not in usable]
    broken = [key for key, weight in usable.items() if not torch.isfinite(weight).all()]
    reasons = [
        f"{len(keys)} {what}: {listed(keys)}"
        for what, keys in (
            ("missing", missing),
            ("unknown", extra),
            ("of another shape", shapes),
            ("without numbers of floating point", strange),
            ("NaN or infinite", broken),
        )
        if keys
    ]
    if reasons:
        raise CheckpointError(
            f"the weights do not fit the network, and none are taken: {'; '.join(reasons)}",
            where=str(file),
            hint="set channels, depth, patch and image_size as the file has them; networks with registers or "
            "SwiGLU layers are not supported",
        )


def _is_usable(weight: Tensor) -> bool:
    return weight.dtype in _NUMBERS and weight.layout == torch.strided and not weight.is_meta


def _kind(weight: Tensor) -> str:
    found = (weight.dtype, *([weight.layout] * (weight.layout != torch.strided)), *["meta"] * weight.is_meta)
    return " ".join(str(each).removeprefix("torch.") for each in found)


def _read(file: Path) -> dict[str, Tensor]:
    """All tensors of a file by their keys."""
    try:
        if is_tensor_file(file):
            return read_tensor_file(file).weights
        if is_archive(file):
            verify(file)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Detected pickle protocol")
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise _unreadable(file, error) from error
    except (DamagedArchive, DamagedTensorFile, UnknownType, pickle.UnpicklingError) as error:
        raise _unreadable(file, error) from error
    for key in ("model", "state_dict"):
        if isinstance(loaded, dict) and isinstance(loaded.get(key), dict):
            loaded = loaded[key]
    if not isinstance(loaded, dict):
        raise _unreadable(file, TypeError(f"it holds {type(loaded).__name__}"))
    return {key: value for key, value in loaded.items() if isinstance(key, str) and isinstance(value, Tensor)}


def _unreadable(file: Path, error: Exception) -> CheckpointError:
    said = (str(error).splitlines() or [type(error).__name__])[0]
    return CheckpointError(
        f"the file cannot be read: {said[:160]}",
        where=str(file),
        hint=f"{_OTHER}; a text of some lines in its place is a pointer: git lfs pull",
    )
