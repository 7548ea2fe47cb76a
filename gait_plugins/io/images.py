"""Image files: decoded to arrays; damaged ones, special files and sizes beyond reason are told apart."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.io.folders import is_special

MOST_PIXELS = 1 << 26
"""Of an image that is decoded, 8192 x 8192: far beyond any frame, and a quarter of a gigabyte in colour."""
_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_SIZE = slice(16, 24)


class UnreadableImage(Exception):
    """Why a file is no image that can be used, in words."""


def read_image(path: str | os.PathLike[str], flags: int = cv2.IMREAD_GRAYSCALE) -> np.ndarray:
    """The pixels of an image file, uint8 ``[h, w]`` or as ``flags`` of ``cv2.imdecode`` ask for.

    Raises:
        UnreadableImage: the file is special (a pipe, socket or device), no image, damaged or far too large.
        OSError: the file cannot be read.
    """
    return decoded(image_bytes(path), flags)


def image_bytes(path: str | os.PathLike[str]) -> np.ndarray:
    """An image file's bytes, uint8 ``[n]``, not decoded yet.

    Raises:
        UnreadableImage: the file is special or empty, or its header declares a size beyond reason.
        OSError: the file cannot be read.
    """
    if is_special(path):
        raise UnreadableImage("not a regular file: a pipe, socket or device")
    # Not cv2.imread: on Windows it finds no path that holds other letters than English ones.
    content = np.fromfile(Path(path), np.uint8)
    if not len(content):
        raise UnreadableImage("empty")
    _check_png(content[:32].tobytes())
    return content


def decoded(content: np.ndarray, flags: int = cv2.IMREAD_GRAYSCALE) -> np.ndarray:
    """The pixels of an image file's bytes, by OpenCV; see :func:`read_image`."""
    try:
        image = cv2.imdecode(content, flags)
    except cv2.error as error:  # OpenCV refuses sizes beyond its own limit in this way
        raise UnreadableImage(f"refused by OpenCV: {error.err or 'its size is beyond the limit'}") from error
    if image is None:
        raise UnreadableImage(f"not an image, or a damaged one ({len(content)} bytes)")
    check_size(image.shape[1], image.shape[0])
    return np.asarray(image)


def check_size(width: int, height: int) -> None:
    """Refuse an image by the size that it has, or that its header declares."""
    if width * height > MOST_PIXELS:
        raise UnreadableImage(f"{width}x{height} pixels, beyond any frame")


def _check_png(head: bytes) -> None:
    """Refuse a PNG by the size that its header declares, before memory is taken for it."""
    if not head.startswith(_PNG) or len(head) < _PNG_SIZE.stop:
        return
    width, height = struct.unpack(">II", head[_PNG_SIZE])
    if width * height > MOST_PIXELS:
        raise UnreadableImage(f"its header declares {width}x{height} pixels, beyond any frame")
