"""Folders of pictures as films: photographs as they are, and labels of people as colours that keep them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.folders import by_numbers, is_hidden, suffix
from gait_plugins.io.images import UnreadableImage
from gait_plugins.io.pictures import Picture, read_pictures
from gait_plugins.io.sequence_file import IMAGE_SUFFIXES

_MOST_LABELS = 1 << 24


def picture_paths(folder: Path) -> list[Path]:
    """The pictures of a folder, in the order of the numbers in their names.

    Raises:
        DataError: there is none.
    """
    names = [entry.name for entry in folder.iterdir() if not is_hidden(entry.name)]
    found = sorted((name for name in names if suffix(name) in IMAGE_SUFFIXES), key=by_numbers)
    if not found:
        raise DataError(
            f"the folder holds no pictures ({len(names)} other entries), expected the frames of one film: "
            f"{', '.join(IMAGE_SUFFIXES)}",
            where=str(folder),
            hint="give the film itself, or the folder that its frames lie in",
        )
    return [folder / name for name in found]


def picture_frames(paths: Sequence[Path]) -> Iterator[np.ndarray]:
    """The pictures as frames, uint8 ``[h, w, 3]`` blue, green, red; of a file with pages, each page.

    Whole numbers beyond 255, labels of many people, become colours of the same number: red is its highest
    byte. Colours of a palette are taken as they are.

    Raises:
        DataError: a file cannot be read.
    """
    for path in paths:
        try:
            for picture in read_pictures(path):
                yield _pixels(picture, path)
        except (OSError, UnreadableImage) as error:
            raise DataError(
                f"a frame cannot be read: {error}",
                where=str(path),
                hint="copy the picture again, or delete it to leave the frame out",
            ) from error


def _pixels(picture: Picture, path: Path) -> np.ndarray:
    values = picture.values
    if picture.palette is not None:
        values = picture.palette[values]
    if values.ndim == 3:
        return np.ascontiguousarray(values[..., ::-1])
    if values.dtype in (np.uint8, np.bool_):
        return np.asarray(cv2.cvtColor(values.astype(np.uint8), cv2.COLOR_GRAY2BGR))
    low, high = float(values.min()), float(values.max())
    if not (low >= 0 and high < _MOST_LABELS) or (values.dtype.kind == "f" and np.any(values % 1)):
        raise DataError(
            f"the picture holds {values.dtype} values from {low:g} to {high:g}, expected labels: whole "
            "numbers below 16,777,216",
            where=str(path),
            hint="save masks as 8-bit pictures, 255 where the person is",
        )
    codes = values.astype(np.uint32)
    return np.stack([codes & 255, codes >> 8 & 255, codes >> 16], axis=-1).astype(np.uint8)
