"""Alignment of masks: one height, centred on the person, by the rule of prepared gait data sets."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sized
from typing import Literal

import cv2
import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.pictures import Picture
from gait_plugins.prepare.grey_values import on_white
from gait_plugins.prepare.masks.bodies import beside
from gait_plugins.prepare.masks.forms import SEVERAL, SOFT_LABELS, Choices, Form, form_of
from gait_plugins.prepare.masks.streams import sampled

log = logging.getLogger("gait_plugins")

EMPTY = 10_000
"""Sum of grey values up to which a mask is taken for empty: 39 white pixels."""

_ONE_EACH = "pass one channel and one person per frame: mask = labels == person"

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
    rows = cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[:, 0]
    if rows.sum(dtype=np.int64) <= EMPTY:
        return None
    held = np.flatnonzero(rows)
    person = mask[held[0] : held[-1] + 1]
    height, width = person.shape
    # The ratio is rounded before it is multiplied, as the data sets in use have been prepared.
    columns = int(size * (width / height))
    if not columns:
        return None
    person = cv2.resize(person, (columns, size), interpolation=INTERPOLATIONS[interpolation])
    return centred(person, cv2.reduce(person, 0, cv2.REDUCE_SUM, dtype=cv2.CV_32S)[0])


def centred(person: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """A square around the column in which the cumulated mass passes one half.

    Args:
        person: ``[size, columns]``.
        mass: of each column.

    Returns:
        ``[size, size]``; what lies outside is 0.
    """
    size, columns = person.shape
    passed = mass.cumsum(dtype=np.int64)
    left = int(np.searchsorted(passed, passed[-1] / 2, side="right")) - size // 2
    first, last = max(left, 0), min(left + size, columns)
    aligned = np.zeros((size, size), person.dtype)
    aligned[:, first - left : last - left] = person[:, first:last]
    return aligned


def resize_mask(
    mask: np.ndarray, size: int = 64, interpolation: Interpolation = "cubic"
) -> np.ndarray | None:
    """An image that its data set has aligned already, brought to ``size`` by ``size``.

    Returns:
        uint8 ``[size, size]``, the image itself where it has that size; None where it holds no person.
    """
    if cv2.reduce(mask, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).sum(dtype=np.int64) <= EMPTY:
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
    label: int | None = None,
) -> np.ndarray:
    """The masks of one walk, from whatever segments them, as a sequence that models take.

    Some of the masks are looked at first, to tell what all of them are: clean ones are taken as they are,
    confidence is cut half-way between ground and person, shadows (127 beside 255) are cut off, and a single
    label is taken for the person. Of a generator, up to 32 MiB of masks are held for this.

    Args:
        masks: one ``[h, w]`` a frame, of any sizes: booleans, 0 and 1, grey values 0..255, confidence as
            floats in [0, 1], or whole numbers that label people.
        size: height and width of the result.
        threshold: binarise the masks at this grey value, whatever they are.
        interpolation: how pixels are resampled.
        label: the number that is the person, of masks with labels.

    Returns:
        uint8 ``[t, size, size]``; frames without a person are left out, so t may be less than the
        number of masks, and 0.

    Raises:
        DataError: something is no mask, or the masks hold several labels and none is chosen, or most have a
            white background or show two people.
    """
    sample, pictures = sampled(map(_picture, masks), isinstance(masks, Sized))
    form = form_of(sample, Choices(threshold=threshold, label=label))
    if form.refused:
        raise _refused(form)
    if form.kind:
        log.info("masks: %s (%s)", form.kind, form.detail)
    frames, seen, white, two = [], 0, 0, 0
    for picture in pictures:
        grey = form.grey(picture)
        seen, white = seen + 1, white + (form.channel == "values" and on_white(grey))
        cut = form.cut(grey)
        two += beside(cut)[0]
        frame = align_mask(cut, size, interpolation)
        if frame is not None:
            frames.append(frame)
    _check_most(seen, white, two)
    if label is not None and not frames and label not in form.labels:
        raise DataError(f"label {label} is in none of the masks looked at ({form.detail})", hint=_ONE_EACH)
    return np.stack(frames) if frames else np.empty((0, size, size), np.uint8)


def _picture(mask: np.ndarray) -> Picture:
    mask = np.asarray(mask)
    if mask.ndim != 2 or 0 in mask.shape or mask.dtype.kind not in "buif":
        raise _no_mask(f"shape {list(mask.shape)} and dtype {mask.dtype}")
    if mask.dtype == np.bool_:
        return Picture(mask.astype(np.uint8))
    if mask.dtype.kind != "u":
        low, high = mask.min(), mask.max()
        if not (low >= 0 and high < np.inf):  # NaN fails both
            raise _no_mask(f"values from {low} to {high}")
    return Picture(mask)


def _refused(form: Form) -> DataError:
    if form.kind in (SEVERAL, SOFT_LABELS):
        return DataError(
            f"the masks hold several labels ({form.detail}), expected one person",
            hint=f"choose the person: align_masks(masks, label={form.labels[0]}), once for each",
        )
    return _no_mask(form.detail or "pictures rather than masks")


def _check_most(seen: int, white: int, two: int) -> None:
    if 2 * white > seen:
        raise DataError(
            f"{white} of {seen} masks have a white background, expected the person in white on black",
            hint="pass masks in which the person is white: mask = labels == person, or 255 - mask",
        )
    if 2 * two > seen:
        raise DataError(f"{two} of {seen} masks show two people, expected one", hint=_ONE_EACH)


def _no_mask(found: str) -> DataError:
    return DataError(
        f"found {found}, expected a mask [h, w]: booleans, 0 and 1, or grey values 0..255",
        hint=_ONE_EACH,
    )
