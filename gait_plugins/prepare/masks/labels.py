"""Labels of masks: whole numbers, indices of a palette or colours, one for each person or thing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

from gait_plugins.errors import ConfigError
from gait_plugins.io.pictures import Picture

CLEAR = -1
"""Label of transparent pixels."""
MOST = 200
"""Different labels up to which a picture is taken for one of labels."""
SEEN = 40
"""Pixels that a label has at least: fewer are an empty mask."""
_CORE = 0.25
"""Share of a label's pixels that have equal neighbours all around, at least; of soft edges, none have."""
_SHARP = 0.995
_EDGES = 0.05
_LEAST = 0.02
_SAMPLED = 100_000


class Labels(NamedTuple):
    """The labels of a sequence, as a sample of its pictures shows them."""

    background: int
    found: tuple[int, ...]
    """Labels of considerable areas other than the background, the smallest first."""
    sharp: bool
    """Nearly every pixel belongs to such an area: no soft edges, no noise."""


class Areas(NamedTuple):
    """How often each of the first 256 values occurs."""

    all: np.ndarray
    inside: np.ndarray
    """Only the pixels whose neighbours have the same value."""
    border: np.ndarray
    """Only the pixels of the outer edge."""


def label_of(text: str) -> int:
    """A label as it is given on the command line: ``2``, or a colour ``#ff0000``.

    Raises:
        ConfigError: it is neither.
    """
    if re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        return int(text[1:], 16)
    if re.fullmatch(r"[0-9]{1,9}", text):
        return int(text)
    raise ConfigError(
        f"--label {text}: expected a number or a colour",
        where="data prepare",
        hint="give the label's number (--label 2), or its colour where colours are labels: --label '#ff0000'",
    )


def label_name(label: int, coloured: bool) -> str:
    """A label as :func:`label_of` takes it."""
    return f"#{label:06x}" if coloured else str(label)


def codes(picture: Picture, with_palette: bool = True) -> np.ndarray:
    """The label of every pixel, whole numbers ``[h, w]``; :data:`CLEAR` where it is transparent."""
    values = picture.values
    if values.ndim == 3:
        red, green, blue = (values[..., channel].astype(np.int32) for channel in range(3))
        values = red << 16 | green << 8 | blue
    elif picture.palette is not None and not with_palette:
        values = greys_of_palette(picture)
    if picture.alpha is not None and picture.alpha.min() < 128 <= picture.alpha.max():
        values = np.where(picture.alpha < 128, CLEAR, values.astype(np.int32))
    return values


def greys_of_palette(picture: Picture) -> np.ndarray:
    """The grey value of every pixel's colour, uint8 ``[h, w]``."""
    assert picture.palette is not None
    greys = cv2.cvtColor(picture.palette[None], cv2.COLOR_RGB2GRAY)[0]
    return np.asarray(cv2.LUT(picture.values, greys))


def find_labels(pictures: Sequence[np.ndarray], black: int = 0) -> Labels | None:
    """The labels of a sequence, from the codes of some of its pictures.

    Args:
        pictures: whole numbers ``[h, w]`` each.
        black: the label that is the background wherever it occurs; else the commonest of the edges is.

    Returns:
        None where there are more than :data:`MOST` different values: no labels.
    """
    known = _known(pictures)
    if known is None:
        return None
    places = [np.searchsorted(known, codes).clip(0, len(known) - 1) for codes in pictures]
    images = [
        np.where(known[place] == codes, place, 255).astype(np.uint8)
        for place, codes in zip(places, pictures, strict=True)
    ]
    areas = areas_of(images)
    background = CLEAR if CLEAR in known else black
    ground = int(np.flatnonzero(known == background)[0]) if background in known else None
    labels = labels_of(areas, ground)
    return Labels(
        int(known[labels.background]), tuple(int(known[label]) for label in labels.found), labels.sharp
    )


def areas_of(images: Sequence[np.ndarray]) -> Areas:
    """Counts over uint8 images ``[h, w]``."""
    counts = np.zeros((3, 256))
    square = np.ones((3, 3), np.uint8)
    for image in images:
        even = cv2.compare(cv2.erode(image, square), cv2.dilate(image, square), cv2.CMP_EQ)
        edge = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
        counts[0] += cv2.calcHist([image], [0], None, [256], [0, 256]).ravel()
        counts[1] += cv2.calcHist([image], [0], even, [256], [0, 256]).ravel()
        counts[2] += np.bincount(edge, minlength=256)
    return Areas(*counts)


def labels_of(areas: Areas, background: int | None = 0) -> Labels:
    """The values that fill areas, and whether nearly all pixels have one of them."""
    filled = (areas.inside >= _CORE * areas.all) & (areas.inside > 0)
    if background is None or not areas.all[background]:
        background = int(areas.border.argmax())
    filled[background] = False
    sizes = np.where(filled, areas.all, 0)
    large = (sizes >= SEEN) & (sizes >= _LEAST * sizes.max())
    other = areas.all.sum() - areas.all[background] - sizes.sum()
    sharp = other <= (1 - _SHARP) * areas.all.sum() and other <= _EDGES * max(sizes.sum(), 1)
    return Labels(background, tuple(int(value) for value in np.flatnonzero(large)), bool(sharp))


def _known(pictures: Sequence[np.ndarray]) -> np.ndarray | None:
    seen = []
    for picture in pictures:
        step = 1 + int((picture.size / _SAMPLED) ** 0.5)
        seen.append(np.unique(picture[::step, ::step]))
    known = np.unique(np.concatenate(seen))
    return known if len(known) <= MOST else None
