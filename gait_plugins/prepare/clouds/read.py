"""Reading of point clouds: files of one cloud (.pcd, .bin, .npy, text), and of a whole sequence."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.folders import suffix
from gait_plugins.io.ragged import Ragged
from gait_plugins.io.sequence_file import read_any

SINGLE = (".pcd", ".bin", ".txt", ".xyz", ".csv")
"""Endings of files that hold one cloud."""
ARRAYS = (".pkl", ".npz", ".npy")
"""Endings of files that hold one cloud, or those of all frames."""
SUFFIXES = (*SINGLE, *ARRAYS)
FARTHEST = 1e5
"""Metres that no scanner reaches."""
_TYPES = {"F": "f", "I": "i", "U": "u"}


class UnreadableCloud(Exception):
    """A file holds no point cloud; says what it is, or what is wrong with it."""


def clouds_of(path: Path) -> list[np.ndarray]:
    """The clouds of a file, each float64 ``[m, 3]``: x, y, z; points that are no numbers are left out.

    Raises:
        UnreadableCloud: it holds something else, or cannot be read.
    """
    kind = suffix(path.name)
    try:
        if kind in ARRAYS:
            return [_points(cloud) for cloud in _of_arrays(path)]
        content = path.read_bytes()
    except DataError as error:
        raise UnreadableCloud(error.message) from error
    except OSError as error:
        raise UnreadableCloud(error.strerror or str(error)) from error
    if kind == ".pcd":
        return [_points(_of_pcd(content))]
    return [_points(_of_bin(content) if kind == ".bin" else _of_text(content))]


def _of_arrays(path: Path) -> list[np.ndarray]:
    found = read_any(path)
    if isinstance(found, Ragged):
        return list(found)
    return [found] if found.ndim == 2 else list(found)


def _of_bin(content: bytes) -> np.ndarray:
    """x, y, z and the reflection, float32, point after point."""
    if len(content) % 16:
        raise UnreadableCloud(
            f"{len(content)} bytes, expected a multiple of 16: x, y, z and the reflection as float32"
        )
    return np.frombuffer(content, "<f4").reshape(-1, 4)


def _of_text(content: bytes) -> np.ndarray:
    """A point a line, numbers with blanks or commas between them; # begins a remark."""
    try:
        text = content.decode().replace(",", " ").replace(";", " ")
        return np.loadtxt(io.StringIO(text), ndmin=2)
    except (ValueError, UnicodeDecodeError) as error:
        raise UnreadableCloud(f"no rows of numbers: {error}") from error


def _of_pcd(content: bytes) -> np.ndarray:
    """PCD as the Point Cloud Library writes it, text or binary."""
    header, body = _pcd_header(content)
    try:
        names, kinds = header["FIELDS"], header["TYPE"]
        sizes, points = [int(size) for size in header["SIZE"]], int(header["POINTS"][0])
        counts = [int(count) for count in header.get("COUNT", ["1"] * len(names))]
        places = {name: sum(counts[:i]) for i, name in enumerate(names)}
        wanted = [places[axis] for axis in "xyz"]
        data = header["DATA"][0]
        if data == "ascii":
            rows = np.loadtxt(io.StringIO(body.decode()), ndmin=2)
            return rows[:points, wanted] if points else np.zeros((0, 3))
        if data == "binary":
            fields = [
                (name or f"_{i}", f"<{_TYPES[kind]}{size}", (count,))
                for i, (name, kind, size, count) in enumerate(zip(names, kinds, sizes, counts, strict=True))
            ]
            table = np.frombuffer(body, np.dtype(fields), points)
            return np.concatenate([table[axis][:, :1].astype(np.float64) for axis in "xyz"], 1)
    except (KeyError, ValueError, IndexError, UnicodeDecodeError, TypeError) as error:
        raise UnreadableCloud(f"a .pcd file whose header and points do not fit: {error}") from error
    raise UnreadableCloud(f"a .pcd file with {data} points, which this package does not read")


def _pcd_header(content: bytes) -> tuple[dict[str, list[str]], bytes]:
    header: dict[str, list[str]] = {}
    place = 0
    while "DATA" not in header:
        end = content.find(b"\n", place)
        if end < 0 or place > 1 << 16:
            raise UnreadableCloud("no .pcd file: its header does not end with DATA")
        words = content[place:end].decode("latin-1").split()
        place = end + 1
        if words and not words[0].startswith("#"):
            header[words[0].upper()] = words[1:] or [""]
    return header, content[place:]


def _points(cloud: np.ndarray) -> np.ndarray:
    if cloud.ndim != 2 or cloud.shape[1] < 3 or cloud.dtype.kind not in "fiu":
        raise UnreadableCloud(f"an array {list(cloud.shape)} of {cloud.dtype}, expected points [m, 3]")
    points = np.asarray(cloud[:, :3], np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(points[(np.abs(points) < FARTHEST).all(1)])
