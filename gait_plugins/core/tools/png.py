"""PNG files written band by band: a picture of any height, of which one band is in memory."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

_SUB = 1
"""The filter of each row: the difference from the pixel to the left."""


def write_png(path: Path, shape: tuple[int, int, int], bands: Iterable[np.ndarray], level: int = 6) -> None:
    """Write a picture.

    Args:
        path: the file.
        shape: height, width and channels: 1 for grey, 3 for colours.
        bands: parts of the picture from the top on, uint8 ``[h, w]`` or ``[h, w, 3]`` in blue, green, red,
            as OpenCV has them.
        level: how long is spent on making it small, 0 to 9.
    """
    height, width, channels = shape
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        _chunk(file, b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2 if channels == 3 else 0, 0, 0, 0))
        packer = zlib.compressobj(level)
        for band in bands:
            _chunk(file, b"IDAT", packer.compress(_filtered(band.reshape(-1, width, channels)[..., ::-1])))
        _chunk(file, b"IDAT", packer.flush())
        _chunk(file, b"IEND", b"")


def _filtered(band: np.ndarray) -> bytes:
    rows, width, channels = band.shape
    lines = np.empty((rows, 1 + width * channels), np.uint8)
    lines[:, 0] = _SUB
    steps = band.copy()
    steps[:, 1:] -= band[:, :-1]
    lines[:, 1:] = steps.reshape(rows, -1)
    return lines.tobytes()


def _chunk(file: BinaryIO, kind: bytes, content: bytes) -> None:
    if content or kind != b"IDAT":
        file.write(struct.pack(">I", len(content)) + kind + content)
        file.write(struct.pack(">I", zlib.crc32(content, zlib.crc32(kind))))
