"""Files of safetensors: weights by name and a few texts beside them; ours hold a checksum of all of it.

The format is a header (its length in eight bytes, then JSON: for each name its type, shape, and place) and
the bytes of the tensors. It has no checksum. What is read here must be without gaps, overlaps and rests, and
ours must match the checksum that lies among its texts.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from gait_plugins.io.atomic import whole_file

SUFFIX = ".safetensors"
_LENGTH = struct.Struct("<Q")
_TEXTS = "__metadata__"
_OWN = "gait_plugins."
"""What the names of our texts begin with."""
_SUM = f"{_OWN}sha256"

_TYPES = {
    **{"BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "U16": "uint16", "I32": "int32"},
    **{"U32": "uint32", "I64": "int64", "U64": "uint64", "F16": "float16", "BF16": "bfloat16"},
    **{"F32": "float32", "F64": "float64", "C64": "complex64"},
    **{"F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"},
}
# An older torch lacks some.
_BY_NAME: dict[str, torch.dtype] = {
    name: getattr(torch, type_name) for name, type_name in _TYPES.items() if hasattr(torch, type_name)
}
_NAMES = {dtype: name for name, dtype in _BY_NAME.items()}


class DamagedTensorFile(Exception):
    """The file contradicts itself: the text says how."""


class UnknownType(Exception):
    """A tensor is of a type that cannot be read or written; the text says which."""


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
        UnknownType: a tensor is of a type that this torch does not have.
        OSError: it cannot be read.
    """
    content = memoryview(path.read_bytes())
    try:
        header, start = _header(content)
        texts: dict[str, str] = header.pop(_TEXTS, {})
        weights = _tensors(header, content[start:])
    except (ValueError, KeyError, TypeError, AttributeError, RuntimeError, struct.error) as error:
        raise DamagedTensorFile(f"its header is damaged: {error}") from error
    told = texts.pop(_SUM, None)
    if told is not None and told != _checksum(weights, texts):
        raise DamagedTensorFile("its weights do not match their checksum")
    if told is None and any(name.startswith(_OWN) for name in texts):
        raise DamagedTensorFile("its checksum is missing")
    own = {name.removeprefix(_OWN): text for name, text in texts.items() if name.startswith(_OWN)}
    return TensorFile(weights, own, told is not None)


def write_tensor_file(path: Path, weights: Mapping[str, torch.Tensor], texts: Mapping[str, str]) -> None:
    """Write weights, with texts about them and a checksum; a failure leaves what was there before.

    Equal weights and texts make equal files, whatever their order.

    Args:
        path: the file.
        weights: dense tensors; those that share memory are written one by one.
        texts: what :func:`read_tensor_file` gives back.

    Raises:
        UnknownType: a tensor is of a type that the format does not have.
        OSError: the disk is full or the folder cannot be written.
    """
    told = {"format": "pt", **{f"{_OWN}{name}": text for name, text in texts.items()}}
    told[_SUM] = _checksum(weights, told)
    header: dict[str, Any] = {_TEXTS: dict(sorted(told.items()))}
    # Wide numbers first, so that each begins where its width allows.
    order = sorted(weights, key=lambda key: (-weights[key].dtype.itemsize, key))
    place = 0
    for key in order:
        value = weights[key]
        if value.dtype not in _NAMES:
            raise UnknownType(f"the weight {key} is of type {value.dtype}")
        end = place + value.numel() * value.dtype.itemsize
        header[key] = {
            "dtype": _NAMES[value.dtype],
            "shape": list(value.shape),
            "data_offsets": [place, end],
        }
        place = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _LENGTH.size)
    with whole_file(path) as file:
        file.write(_LENGTH.pack(len(text)) + text)
        for key in order:
            file.write(_bytes(weights[key]))


def shared(weights: Mapping[str, torch.Tensor]) -> list[list[str]]:
    """The names that one piece of memory has, where it has several."""
    names: defaultdict[tuple[int, int, tuple[int, ...]], list[str]] = defaultdict(list)
    for key, value in weights.items():
        if value.numel():
            names[value.data_ptr(), value.numel(), value.stride()].append(key)
    return [found for found in names.values() if len(found) > 1]


def _header(content: memoryview) -> tuple[dict[str, Any], int]:
    """The header, and where the bytes of the tensors begin."""
    (length,) = _LENGTH.unpack_from(content)
    start = _LENGTH.size + length
    if start > len(content):
        raise ValueError(f"it says that it is {length} bytes long, the file has {len(content)}")
    header: Any = json.loads(bytes(content[_LENGTH.size : start]), object_pairs_hook=_once)
    if not isinstance(header, dict) or not all(
        isinstance(text, str) for text in header.get(_TEXTS, {}).values()
    ):
        raise ValueError("it is no mapping of names to tensors")
    return header, start


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("it has a name twice")
    return found


def _tensors(header: Mapping[str, Any], content: memoryview) -> dict[str, torch.Tensor]:
    """The tensors, which lie one after the other to the end of the file."""
    weights, here = {}, 0
    for key, told in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        start, end = told["data_offsets"]
        if told["dtype"] not in _BY_NAME:
            raise UnknownType(f"the weight {key} is of type {told['dtype']}")
        dtype = _BY_NAME[told["dtype"]]
        if any(side < 0 for side in told["shape"]):
            raise ValueError(f"{key} has the shape {told['shape']}")
        if start != here or end - start != math.prod(told["shape"]) * dtype.itemsize or end > len(content):
            raise ValueError(f"{key} does not lie where its shape and type say")
        held = bytearray(content[start:end])
        flat = torch.frombuffer(held, dtype=dtype) if held else torch.empty(0, dtype=dtype)
        weights[key] = flat.reshape(told["shape"])
        here = end
    if here != len(content):
        raise ValueError(f"{len(content) - here} bytes follow the last tensor")
    return {key: weights[key] for key in header}


def _bytes(value: torch.Tensor) -> memoryview:
    flat = value.detach().cpu().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().data


def _checksum(weights: Mapping[str, torch.Tensor], texts: Mapping[str, str]) -> str:
    """Of names, types, shapes, bytes and texts, in the order of the names, which files do not keep."""
    digest = hashlib.sha256(json.dumps(sorted(texts.items())).encode())
    for key in sorted(weights):
        value = weights[key]
        digest.update(json.dumps([key, str(value.dtype), list(value.shape)]).encode())
        digest.update(_bytes(value))
    return digest.hexdigest()
