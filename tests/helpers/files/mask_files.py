"""Raw masks on disk, as cameras and segmenters leave them."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import cv2
import numpy as np


def mask(number: int = 0, height: int = 120, width: int = 160, value: int = 255) -> np.ndarray:
    """A person of ellipses, elsewhere in each frame."""
    picture = np.zeros((height, width), np.uint8)
    x = width // 2 + (7 * number) % 31 - 15
    cv2.ellipse(picture, (x, height // 2), (9 + number % 5, height // 3), 0, 0, 360, value, -1)
    cv2.circle(picture, (x + 4, height // 6), 9, value, -1)
    return picture


def write_mask(path: Path, picture: np.ndarray) -> Path:
    """Write an image, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, picture)[1].tobytes())
    return path


def walk(folder: Path, frames: int = 16, suffix: str = ".png") -> Path:
    """The images of one walk."""
    for number in range(frames):
        write_mask(folder / f"{number:03d}{suffix}", mask(number))
    return folder


def video(path: Path, frames: int = 16) -> Path:
    """The same walk as a film."""
    path.parent.mkdir(parents=True, exist_ok=True)
    film = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (160, 120))
    for number in range(frames):
        film.write(cv2.cvtColor(mask(number), cv2.COLOR_GRAY2BGR))
    film.release()
    return path


def hollow_png(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header declares a size, and that has no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
