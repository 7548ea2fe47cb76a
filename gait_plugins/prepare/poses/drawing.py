"""Drawing of limbs and joints as soft images: Gaussians whose height is the confidence."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

LIMBS = np.array(
    [
        *((0, 1), (0, 2), (1, 3), (2, 4), (0, 5), (5, 7), (7, 9), (0, 6), (6, 8), (8, 10)),
        *((5, 11), (11, 13), (13, 15), (6, 12), (12, 14), (14, 16), (11, 12)),
    ]
)
"""Pairs of COCO's 17 joints. There is no line between the shoulders."""
LEAST = 1e-3
"""Confidence below which nothing is drawn."""
REACH = 3.0
"""Sigmas that a joint or a limb is drawn around."""
_FAR = np.float32(1e4)
_TOGETHER = 32
"""Frames that are drawn at a time: few calls, and tables that the processor's cache holds."""


def drawn_joints(places: np.ndarray, sure: np.ndarray, sigma: float, side: int) -> np.ndarray:
    """Joints of each frame, the strongest at every pixel.

    Args:
        places: x and y on the canvas, float ``[t, v, 2]``.
        sure: confidence, float ``[t, v]``.
        sigma: spread of a joint in pixels.
        side: height and width of the canvas.

    Returns:
        float32 ``[t, side, side]``.
    """
    canvas = np.zeros((len(places), side, side), np.float32)
    scratch = np.empty(min(len(places), _TOGETHER) * side * side, np.float32)
    for frames in _parts(len(places)):
        joints = places[frames].swapaxes(0, 1)
        spans = _Spans.around(joints, joints, sure[frames].T, sigma, side)
        bells = _offsets(joints, side)
        bells *= bells
        bells *= np.float32(-1 / (2 * sigma**2))
        np.exp(bells, out=bells)
        bells[:, :, 0] *= sure[frames].T[..., None].astype(np.float32)
        np.copyto(bells, 0, where=spans.outside(side))
        for joint, (x, y) in spans.windows():
            across, down = bells[joint, :, 0, None, x], bells[joint, :, 1, y, None]
            window = canvas[frames, y, x]
            np.maximum(window, np.multiply(down, across, out=_room(window.shape, scratch)), out=window)
    return canvas


def drawn_limbs(places: np.ndarray, sure: np.ndarray, sigma: float, side: int) -> np.ndarray:
    """Limbs of each frame, the strongest at every pixel; as strong as the weaker of their two joints.

    Args:
        places, sure, sigma, side: as of :func:`drawn_joints`, of COCO's 17 joints.

    Returns:
        float32 ``[t, side, side]``.
    """
    # The least of: squared distance, in units of sqrt(2) sigma, less the logarithm of the strength.
    canvas = np.full((len(places), side, side), _FAR, np.float32)
    scratch = np.empty((3, min(len(places), _TOGETHER) * side * side), np.float32)
    for frames in _parts(len(places)):
        _limbs(canvas[frames], places[frames], sure[frames], sigma, scratch)
        np.negative(canvas[frames], out=canvas[frames])
        np.exp(canvas[frames], out=canvas[frames])
    return canvas


class _Spans(NamedTuple):
    """Pixels from ``first`` up to, but without, ``end``, of several marks in several frames.

    Both are int64 ``[marks, f, 2]``, columns and rows; ``seen`` is ``[marks, f]``: what is drawn at all.
    """

    first: np.ndarray
    end: np.ndarray
    seen: np.ndarray

    @classmethod
    def around(cls, low: np.ndarray, high: np.ndarray, sure: np.ndarray, sigma: float, side: int) -> _Spans:
        """What lies within reach of marks from ``low`` to ``high``, ``[marks, f, 2]``, on the canvas."""
        first = np.trunc(low - REACH * sigma).clip(0, side).astype(np.intp)
        end = (np.trunc(high + REACH * sigma) + 1).clip(0, side).astype(np.intp)
        return cls(first, end, (sure >= LEAST) & (end > first).all(-1))

    def outside(self, side: int) -> np.ndarray:
        """The columns and rows that a mark is not drawn on, ``[marks, f, 2, side]``."""
        first, end = (edge[..., None].astype(np.int16) for edge in (self.first, self.end))
        pixels = np.arange(side, dtype=np.int16)
        beyond = pixels < first
        beyond |= pixels >= end
        beyond[~self.seen] = True
        return beyond

    def windows(self) -> Iterator[tuple[int, tuple[slice, slice]]]:
        """Marks that are seen in any frame, with the columns and rows that hold them in all frames."""
        seen = self.seen[..., None]
        first = np.where(seen, self.first, np.iinfo(np.intp).max).min(1).tolist()
        end = np.where(seen, self.end, 0).max(1).tolist()
        for mark in np.flatnonzero(self.seen.any(1)).tolist():
            (left, top), (right, bottom) = first[mark], end[mark]
            yield mark, (slice(left, right), slice(top, bottom))


def _parts(total: int) -> list[slice]:
    return [slice(first, min(first + _TOGETHER, total)) for first in range(0, total, _TOGETHER)]


def _limbs(
    canvas: np.ndarray, places: np.ndarray, sure: np.ndarray, sigma: float, scratch: np.ndarray
) -> None:
    """Lower ``[f, side, side]`` to the nearest limb; ``scratch`` is room for three such tables."""
    start, end, strength = _ends(places, sure)
    side, unit = canvas.shape[-1], 1 / (np.sqrt(2) * sigma)
    spans = _Spans.around(np.minimum(start, end), np.maximum(start, end), strength, sigma, side)
    length = np.sqrt(((end - start) ** 2).sum(-1)) * unit
    ahead = (end - start) * unit / np.maximum(length, 1e-12)[..., None]
    ahead[length == 0] = 1, 0
    offsets = _offsets((start + end) / 2, side)
    # From the limb's line, and along it from its middle: each the sum of a part for columns, one for rows.
    ahead *= unit
    along = offsets * ahead[..., None].astype(np.float32)
    across = np.stack([-ahead[..., 1], ahead[..., 0]], -1)
    beside = np.multiply(offsets, across[..., None].astype(np.float32), out=offsets)
    np.copyto(beside, _FAR, where=spans.outside(side))
    half = (length / 2).astype(np.float32)[..., None, None]
    weakness = -np.log(np.maximum(strength, LEAST)).astype(np.float32)[..., None, None]
    for limb, (x, y) in spans.windows():
        distance = _table(beside[limb], x, y, scratch[0])
        distance *= distance
        beyond = _table(along[limb], x, y, scratch[1])
        on_limb = _room(beyond.shape, scratch[2])
        np.clip(beyond, -half[limb], half[limb], out=on_limb)
        beyond -= on_limb
        beyond *= beyond
        distance += beyond
        distance += weakness[limb]
        window = canvas[:, y, x]
        np.minimum(window, distance, out=window)


def _ends(places: np.ndarray, sure: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Start, end ``[limbs, f, 2]`` and strength ``[limbs, f]`` of the limbs of ``[f, v, 2]``."""
    start, end = (places[:, LIMBS[:, side]].swapaxes(0, 1) for side in (0, 1))
    first, second = (sure[:, LIMBS[:, side]].T for side in (0, 1))
    strength = np.minimum(first, second)
    # A limb of less than a pixel is its first joint, as strong as that is.
    dot = ((start - end) ** 2).sum(-1) < 1
    return start, np.where(dot[..., None], start, end), np.where(dot & (strength >= LEAST), first, strength)


def _offsets(places: np.ndarray, side: int) -> np.ndarray:
    """Columns and rows from places ``[marks, f, 2]``, float32 ``[marks, f, 2, side]``."""
    return np.asarray(np.arange(side, dtype=np.float32) - places[..., None].astype(np.float32))


def _table(parts: np.ndarray, x: slice, y: slice, scratch: np.ndarray) -> np.ndarray:
    """Sums of the columns and rows of ``[f, 2, side]``: float32 ``[f, rows, columns]``, in the room given."""
    across, down = parts[:, 0, None, x], parts[:, 1, y, None]
    room = _room((len(parts), down.shape[1], across.shape[2]), scratch)
    np.add(across, down, out=room)
    return room


def _room(shape: tuple[int, ...], scratch: np.ndarray) -> np.ndarray:
    return scratch[: math.prod(shape)].reshape(shape)
