"""Kinds of files that hold no weights as PyTorch saves them, known by their first bytes and members."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from gait_plugins.io.archive import Archive, DamagedArchive, is_archive

FILES = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".tar")
"""How files of weights are called."""

_BEGINNING = 512
_TAR = 257
"""Where a tar archive says that it is one."""


class Kind(NamedTuple):
    """What a file is, where it is no file of weights."""

    title: str
    """``an ONNX model``."""
    hint: str


_TORCH = "give the file that torch.save or safetensors wrote"
_SCRIPT = Kind(
    "a TorchScript archive (torch.jit.save): a program with its weights",
    "if you trust it, save its weights alone: python -c \"import torch; torch.save(torch.jit.load('FILE', "
    "map_location='cpu').state_dict(), 'WEIGHTS.pt')\"",
)
_PROGRAM = Kind(
    "an exported program (torch.export.save) with its weights",
    "if you trust it, save its weights alone: python -c \"import torch; torch.save(torch.export.load('FILE')"
    ".state_dict, 'WEIGHTS.pt')\"",
)
_BEGINS = (
    (b"\x89HDF\r\n\x1a\n", Kind("an HDF5 file, as Keras and TensorFlow write it", _TORCH)),
    (b"\x93NUMPY", Kind("a numpy array (.npy)", _TORCH)),
    (b"GGUF", Kind("a GGUF file", _TORCH)),
    (b"\x1f\x8b", Kind("packed by gzip", "unpack it first: gunzip FILE, or tar xzf FILE")),
    (b"\xfd7zXZ", Kind("packed by xz", "unpack it first: xz -d FILE, or tar xJf FILE")),
    (b"BZh", Kind("packed by bzip2", "unpack it first: bunzip2 FILE, or tar xjf FILE")),
    (b"7z\xbc\xaf\x27\x1c", Kind("a 7z archive", "unpack it first")),
    (b"Rar!", Kind("a RAR archive", "unpack it first")),
    (b"\x28\xb5\x2f\xfd", Kind("packed by zstd", "unpack it first: zstd -d FILE")),
    (
        b"version https://git-lfs",
        Kind("a pointer of Git LFS: the file itself was not downloaded", "download it: git lfs pull"),
    ),
)
_PAGE = Kind(
    "a web page, not the file that was to be downloaded",
    "open the address in a browser and download the file itself",
)
_INDEX = Kind(
    "the index of weights that lie in several files",
    "join the files that it names: load each one, put their mappings into one, and save that by torch.save",
)
PICKLE = Kind(
    "a pickle that torch.save has not written",
    "load it where it was made, and save its weights as tensors by torch.save",
)
_ONNX = Kind("an ONNX model", "give the checkpoint that it was exported from")


def other_kind(path: Path) -> Kind | None:
    """What a file is, where that is known and it is no file of weights; None else.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        first = file.read(_BEGINNING)
    if is_archive(path):
        return _archive(path)
    for mark, kind in _BEGINS:
        if first.startswith(mark):
            return kind
    text = first.lstrip().lower()
    if text.startswith((b"<!doctype html", b"<html")):
        return _PAGE
    if text.startswith(b"{") and b'"weight_map"' in path.read_bytes():
        return _INDEX
    if first[4:8] == b"TFL3":
        return Kind("a TensorFlow Lite model", _TORCH)
    if first[_TAR : _TAR + 5] == b"ustar":
        return Kind("a tar archive", "unpack it first: tar xf FILE")
    return _ONNX if _is_onnx(path, first) else None


def folder_kind(path: Path) -> Kind | None:
    """What a folder is that some tool writes in place of a file; None where that is not known."""
    if (path / ".metadata").is_file():
        return Kind(
            "a distributed checkpoint (torch.distributed.checkpoint), a folder with a file for each process",
            f"make one file of it: python -m torch.distributed.checkpoint.format_utils dcp_to_torch {path} "
            "WEIGHTS.pt",
        )
    if (path / "saved_model.pb").is_file():
        return Kind("a SavedModel of TensorFlow", _TORCH)
    return None


def _archive(path: Path) -> Kind | None:
    try:
        with path.open("rb") as file:
            names = list(Archive(file).members)
    except DamagedArchive:
        return None  # whoever reads it will say so
    inner = {name.rpartition("/")[2] for name in names}
    if "constants.pkl" in inner and "data.pkl" in inner:
        return _SCRIPT
    if "data.pkl" in inner:
        return None
    if names and all(name.endswith(".npy") for name in names):
        arrays = _some(name.removesuffix(".npy") for name in names)
        return Kind(f"a numpy archive (.npz) of {len(names)} arrays: {arrays}", _TORCH)
    if "archive_format" in inner or "serialized_exported_program.json" in inner:
        return _PROGRAM
    if "model.weights.h5" in inner:
        return Kind("a model of Keras", _TORCH)
    return Kind(f"a zip archive of {len(names)} files: {_some(names)}", f"unpack it first, or {_TORCH}")


def _is_onnx(path: Path, first: bytes) -> bool:
    # Field 1, a small version; then a field with a length: the producer, or a text beside it.
    begins = len(first) > 4 and first[0] == 0x08 and first[1] < 0x20 and first[2] in (0x12, 0x1A, 0x22, 0x3A)
    return begins and (path.suffix == ".onnx" or b"pytorch" in first[:16] or b"onnx" in first[:64].lower())


def _some(names: Iterable[str], most: int = 4) -> str:
    listed = list(names)
    return ", ".join(listed[:most]) + ", ..." * (len(listed) > most)
