"""Files of safetensors: weights by name and a few texts beside them; ours hold a checksum of all of it."""

from __future__ import annotations

import hashlib
import json
import struct
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gait_plugins.io.atomic import whole_file

SUFFIX = ".safetensors"
_LENGTH = struct.Struct("<Q")
_OWN = "gait_plugins."
"""What the names of our texts begin with."""
_SUM = f"{_OWN}sha256"


class DamagedTensorFile(Exception):
    """The file contradicts itself: the text says how."""


class TensorFile(NamedTuple):
    """What a file of safetensors holds."""

    weights: dict[str, torch.Tensor]
    texts: dict[str, str]
    """What was written about them, by our names without their beginning; empty for files of others."""
    verified: bool
    """True where the file has a checksum, which it matches."""


def is_tensor_file(path: Path) -> bool:
    """Whether a file begins as one of safetensors does: the length of a header, then the header."""
    with path.open("rb") as file:
        first = file.read(_LENGTH.size + 1)
    if len(first) <= _LENGTH.size or first[-1:] != b"{":
        return False
    return bool(_LENGTH.unpack(first[:-1])[0] <= path.stat().st_size or path.suffix == SUFFIX)


def read_tensor_file(path: Path) -> TensorFile:
    """Read a file, and see that it is as it was written where it says how that was.

    Raises:
        DamagedTensorFile: it is not, or is none of safetensors.
        OSError: it cannot be read.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load

    content = path.read_bytes()
    try:
        weights = load(content)
        texts = _texts(content)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise DamagedTensorFile(f"{type(error).__name__}: {str(error).splitlines()[0]}") from error
    told = texts.pop(_SUM, None)
    if told is not None and told != _checksum(weights, texts):
        raise DamagedTensorFile("its weights do not match their checksum")
    own = {name.removeprefix(_OWN): text for name, text in texts.items() if name.startswith(_OWN)}
    return TensorFile(weights, own, told is not None)


def write_tensor_file(path: Path, weights: Mapping[str, torch.Tensor], texts: Mapping[str, str]) -> None:
    """Write weights, with texts about them and a checksum; a failure leaves what was there before.

    Args:
        path: the file.
        weights: dense tensors; those that share memory are written one by one.
        texts: what :func:`read_tensor_file` gives back.

    Raises:
        OSError: the disk is full or the folder cannot be written.
    """
    from safetensors.torch import save

    told = {"format": "pt", **{f"{_OWN}{name}": text for name, text in texts.items()}}
    alone = {
        key: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for key, value in weights.items()
    }
    content = save(alone, {**told, _SUM: _checksum(alone, told)})
    with whole_file(path) as file:
        file.write(content)


def shared(weights: Mapping[str, torch.Tensor]) -> list[list[str]]:
    """The names that one piece of memory has, where it has several."""
    names: defaultdict[tuple[int, int, tuple[int, ...]], list[str]] = defaultdict(list)
    for key, value in weights.items():
        if value.numel():
            names[value.data_ptr(), value.numel(), value.stride()].append(key)
    return [found for found in names.values() if len(found) > 1]


def _texts(content: bytes) -> dict[str, str]:
    (length,) = _LENGTH.unpack_from(content)
    header: Any = json.loads(content[_LENGTH.size : _LENGTH.size + length])
    texts: dict[str, str] = header.get("__metadata__") or {}
    return dict(texts)


def _checksum(weights: Mapping[str, torch.Tensor], texts: Mapping[str, str]) -> str:
    """Of names, types, shapes and bytes, in the order of the names: the file has an order of its own."""
    digest = hashlib.sha256(json.dumps(sorted(texts.items())).encode())
    for key in sorted(weights):
        value = weights[key]
        digest.update(json.dumps([key, str(value.dtype), list(value.shape)]).encode())
        digest.update(value.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
