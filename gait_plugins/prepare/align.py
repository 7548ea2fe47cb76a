"""Alignment of masks: one height, centred on the person, by the rule of prepared gait data sets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import cv2
import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.prepare.grey_values import on_white

EMPTY = 10_000
"""Sum of grey values up to which a mask is taken for empty: 39 white pixels."""

Interpolation = Literal["cubic", "area", "linear"]
INTERPOLATIONS = {"cubic": cv2.INTER_CUBIC, "area": cv2.INTER_AREA, "linear": cv2.INTER_LINEAR}


def align_mask(mask: np.ndarray, size: int = 64, interpolation: Interpolation = "cubic") -> np.ndarray | None:
    """One person's silhouette at full height, centred on the mass.

    The mask is cut to the rows that hold the person and resized to ``size`` rows, keeping the ratio of
    its sides. The column where the cumulated mass passes one half becomes column ``size / 2``; what is
    missing to its left and right is filled with zeros.

    Args:
        mask: uint8 ``[h, w]``, 0 for background and 255 for the person.
        size: height and width of the result, in pixels; even.
        interpolation: how pixels are resampled; "cubic" is OpenGait's.

    Returns:
        uint8 ``[size, size]``; None for a mask that holds no person (:data:`EMPTY`) or one so thin that
        nothing is left of it.
    """
    rows = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F)[:, 0]
    if rows.sum() <= EMPTY:
        return None
    held = np.flatnonzero(rows)
    person = mask[held[0] : held[-1] + 1]
    height, width = person.shape
    # The ratio is rounded before it is multiplied, as the data sets in use have been prepared.
    columns = int(size * (width / height))
    if not columns:
        return None
    person = cv2.resize(person, (columns, size), interpolation=INTERPOLATIONS[interpolation])
    mass = cv2.reduce(person, 0, cv2.REDUCE_SUM, dtype=cv2.CV_64F)[0].cumsum()
    left = int(np.searchsorted(mass, mass[-1] / 2, side="right")) - size // 2
    first, last = max(left, 0), min(left + size, columns)
    aligned = np.zeros((size, size), np.uint8)
    aligned[:, first - left : last - left] = person[:, first:last]
    return aligned


def resize_mask(
    mask: np.ndarray, size: int = 64, interpolation: Interpolation = "cubic"
) -> np.ndarray | None:
    """An image that its data set has aligned already, brought to ``size`` by ``size``.

    Returns:
        uint8 ``[size, size]``, the image itself where it has that size; None where it holds no person.
    """
    if cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_64F).sum() <= EMPTY:
        return None
    if mask.shape == (size, size):
        return mask
    return cv2.resize(mask, (size, size), interpolation=INTERPOLATIONS[interpolation])


def grey_mask(mask: np.ndarray, threshold: int | None = None) -> np.ndarray:
    """A segmenter's mask as uint8 0..255.

    Args:
        mask: ``[h, w]``: booleans, 0 and 1, floats in [0, 1], or integers in 0..255.
        threshold: where given, values above it become 255 and all others 0.

    Raises:
        DataError: another shape or other values.
    """
    if mask.ndim != 2 or 0 in mask.shape or mask.dtype.kind not in "buif":
        raise _no_mask(f"shape {list(mask.shape)} and dtype {mask.dtype}")
    if mask.dtype == np.uint8:
        grey = mask
        if mask.max() == 1:
            grey = mask * np.uint8(255)
    else:
        low, high = mask.min(), mask.max()
        if not (low >= 0 and high <= 255):  # NaN fails both
            raise _no_mask(f"values from {low} to {high}")
        grey = np.rint(mask.astype(np.float32) * (255 if high <= 1 else 1)).astype(np.uint8)
    if threshold is not None:
        return cv2.threshold(grey, threshold, 255, cv2.THRESH_BINARY)[1]
    return grey


def align_masks(
    masks: Iterable[np.ndarray],
    size: int = 64,
    *,
    threshold: int | None = None,
    interpolation: Interpolation = "cubic",
) -> np.ndarray:
    """The masks of one walk, from whatever segments them, as a sequence that models take.

    Args:
        masks: one ``[h, w]`` a frame, of any sizes, as :func:`grey_mask` takes them; one person each.
        size: height and width of the result.
        threshold: binarise the masks first, at this grey value; for soft or noisy masks.
        interpolation: how pixels are resampled.

    Returns:
        uint8 ``[t, size, size]``; frames without a person are left out, so t may be less than the
        number of masks, and 0.

    Raises:
        DataError: something is no mask, or most have a white background.
    """
    frames, seen, white = [], 0, 0
    for mask in masks:
        grey = grey_mask(np.asarray(mask), threshold)
        seen, white = seen + 1, white + on_white(grey)
        frame = align_mask(grey, size, interpolation)
        if frame is not None:
            frames.append(frame)
    if 2 * white > seen:
        raise DataError(
            f"{white} of {seen} masks have a white background, expected the person in white on black",
            hint="pass masks in which the person is white: mask = labels == person, or 255 - mask",
        )
    return np.stack(frames) if frames else np.empty((0, size, size), np.uint8)


def _no_mask(found: str) -> DataError:
    return DataError(
        f"found {found}, expected a mask [h, w]: booleans, 0 and 1, or grey values 0..255",
        hint="pass one channel and one person per frame: mask = labels == person",
    )
