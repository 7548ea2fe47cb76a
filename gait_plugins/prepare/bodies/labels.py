"""Labels of body parts, aligned as silhouettes are."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.io.pictures import Picture
from gait_plugins.prepare.align import EMPTY, centred

LABELS = 11
"""Largest label of Gait3D-Parsing."""
FEWEST = EMPTY // 255 + 1
"""Pixels with a label that a person has at least."""


def align_labels(labels: np.ndarray, size: int = 64) -> np.ndarray | None:
    """One person's labels at full height, centred on the mass of all of them.

    The rule is that of :func:`~gait_plugins.prepare.align.align_mask`, but a pixel takes the label of the
    nearest one: labels are never mixed.

    Args:
        labels: uint8 ``[h, w]``, 0 for the background.
        size: height and width of the result, in pixels; even.

    Returns:
        uint8 ``[size, size]``; None for labels that hold no person (fewer than :data:`FEWEST` pixels) or one
        so thin that nothing is left of it.
    """
    body = labels > 0
    if int(body.sum()) < FEWEST:
        return None
    held = np.flatnonzero(body.any(1))
    person = labels[held[0] : held[-1] + 1]
    height, width = person.shape
    # The ratio is rounded before it is multiplied, as for silhouettes.
    columns = int(size * (width / height))
    if not columns:
        return None
    person = cv2.resize(person, (columns, size), interpolation=cv2.INTER_NEAREST)
    return centred(person, (person > 0).sum(0)) if person.any() else None


def resize_labels(labels: np.ndarray, size: int = 64) -> np.ndarray | None:
    """Labels that their data set has aligned already, brought to ``size`` by ``size``.

    Returns:
        uint8 ``[size, size]``; None where they hold no person.
    """
    if int((labels > 0).sum()) < FEWEST:
        return None
    return np.asarray(cv2.resize(labels, (size, size), interpolation=cv2.INTER_NEAREST))


def labels_of(picture: Picture) -> np.ndarray | None:
    """The labels of a picture, uint8 ``[h, w]``: grey values, or indices of a palette; None: it has none."""
    values = picture.values
    if picture.lossy or values.ndim != 2 or values.dtype.kind not in "bui" or values.max(initial=0) > LABELS:
        return None
    return values.astype(np.uint8)
