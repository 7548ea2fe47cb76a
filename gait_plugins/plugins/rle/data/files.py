"""Image files and lists in the formats of the public data sets."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io import images
from gait_plugins.io.folders import require_regular

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")


def read_image(path: str, size: tuple[int, int]) -> np.ndarray:
    """An image file brought to a size, as uint8 ``[1, 3, h, w]`` in RGB; see :func:`read_pixels`."""
    return as_frame(read_pixels(path), size)


def read_pixels(path: str) -> np.ndarray:
    """An image file as uint8 ``[h, w, 3]`` in RGB; gray ones in three channels.

    Raises:
        DataError: it is missing, empty or damaged.
    """
    try:
        image = images.read_image(path, cv2.IMREAD_COLOR)
    except images.UnreadableImage as error:
        raise DataError(
            f"the image cannot be read: {error}", where=path, hint="copy the file again"
        ) from error
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror or error}",
            where=path,
            hint="check that the file exists and that you may read it",
        ) from error
    return np.asarray(image[..., ::-1])


def as_frame(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """An RGB image ``[h, w, 3]`` brought to a size: uint8 ``[1, 3, *size]``."""
    height, width = size
    if image.shape[:2] != size:
        shrinks = image.shape[0] > height and image.shape[1] > width
        how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        image = cv2.resize(np.ascontiguousarray(image), (width, height), interpolation=how)
    return np.ascontiguousarray(image.transpose(2, 0, 1))[None]


def images_in(folder: Path) -> list[Path]:
    """The image files of a folder, by name; none where there is no such folder."""
    if not folder.is_dir():
        return []
    found = (Path(entry.path) for entry in os.scandir(folder) if not entry.name.startswith("."))
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def read_lines(path: Path) -> list[str]:
    """The lines of a list, without empty ones.

    Raises:
        DataError: it is missing or empty.
    """
    try:
        require_regular(path)
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the list cannot be read: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            hint=f"data_cfg.dataset_root is the folder that holds {path.parent.name}; the lists come with the"
            " data set, or with the code of Cross-Modal-Re-ID-baseline",
        ) from error
    if not any(lines):
        raise DataError("the list is empty", where=str(path), hint="copy the file again")
    return [line for line in lines if line]


def read_identities(path: Path) -> list[str]:
    """Identities of a list of numbers between commas, as four digits, sorted.

    Raises:
        DataError: it is missing, or holds something else.
    """
    numbers = ",".join(read_lines(path)).replace(" ", "").strip(",").split(",")
    odd = next((number for number in numbers if not number.isdigit()), None)
    if odd is not None:
        raise DataError(
            f"found {odd[:20]!r}, expected numbers separated by commas",
            where=str(path),
            hint="copy the file again",
        )
    return sorted({f"{int(number):04d}" for number in numbers})


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Images and identities of a list with a path and a number in each line.

    Raises:
        DataError: it is missing, or a line is none.
    """
    pairs = []
    for number, line in enumerate(read_lines(path), 1):
        image, _, label = line.rpartition(" ")
        if not image or not label.isdigit():
            raise DataError(
                f"line {number} is {line!r}, expected a path and an identity",
                where=str(path),
                hint="copy the file again",
            )
        pairs.append((image.strip().replace("\\", "/"), f"{int(label):04d}"))
    return pairs
