"""Occlusions of silhouette sequences: rows cut away or blackened, blocks that drift across."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

Kind = Literal["none", "top", "bottom", "middle", "moving", "pole"]

OEM_KINDS: tuple[Kind, ...] = ("none", "bottom", "top")
"""What the published module tells apart, in the order of its classes."""
SPEEDS = (0.5, 2.0)
"""Pixels that a drifting block moves from frame to frame."""


def hide_top(sequence: np.ndarray, portion: float) -> np.ndarray:
    """Cut the top away and stretch what is left to the old height."""
    height = sequence.shape[-2]
    return stretched(sequence[..., _rows(portion * height, height) :, :], sequence)


def hide_bottom(sequence: np.ndarray, portion: float) -> np.ndarray:
    """Cut the bottom away and stretch what is left to the old height."""
    height = sequence.shape[-2]
    return stretched(sequence[..., : max(1, int((1 - portion) * height)), :], sequence)


def hide_middle(sequence: np.ndarray, portion: float) -> np.ndarray:
    """Blacken the rows around the middle; nothing is stretched."""
    height = sequence.shape[-2]
    found = sequence.copy()
    found[..., int((1 - portion) * height / 2) : int((1 + portion) * height / 2), :] = 0
    return found


def hide_block(
    sequence: np.ndarray, width: float, height: float, speed: float, start: float = 0.0
) -> np.ndarray:
    """Blacken a block at the bottom that drifts to the right and comes in again from the left.

    Args:
        sequence: ``[t, h, w]`` or ``[t, c, h, w]``.
        width: share of the frame's width.
        height: share of the frame's height; 1 makes a pole.
        speed: pixels from frame to frame.
        start: pixels from the left edge at the first frame.
    """
    rows, columns = sequence.shape[-2:]
    left = (start + speed * np.arange(len(sequence))).astype(np.int64)
    behind = (np.arange(columns) - left[:, None]) % columns
    hidden = np.zeros((len(sequence), rows, columns), bool)
    hidden[:, rows - int(height * rows) :] = (behind < int(width * columns))[:, None]
    if sequence.ndim == 4:
        hidden = hidden[:, None]
    return np.where(hidden, sequence.dtype.type(0), sequence)


def _hide_drifting(sequence: np.ndarray, portion: float, rng: np.random.Generator) -> np.ndarray:
    side = float(np.sqrt(portion))  # the published blocks are about as high, in shares, as they are wide
    return hide_block(sequence, side, side, rng.uniform(*SPEEDS), rng.uniform(0, sequence.shape[-1]))


def _hide_pole(sequence: np.ndarray, portion: float, rng: np.random.Generator) -> np.ndarray:
    return hide_block(sequence, portion, 1, rng.uniform(*SPEEDS), rng.uniform(0, sequence.shape[-1]))


KINDS: dict[Kind, Callable[[np.ndarray, float, np.random.Generator], np.ndarray]] = {
    "none": lambda sequence, portion, rng: sequence,
    "top": lambda sequence, portion, rng: hide_top(sequence, portion),
    "bottom": lambda sequence, portion, rng: hide_bottom(sequence, portion),
    "middle": lambda sequence, portion, rng: hide_middle(sequence, portion),
    "moving": _hide_drifting,
    "pole": _hide_pole,
}
"""Kind -> what hides a portion of the frame (of its height, or of its area) in that way."""


def stretched(
    part: np.ndarray, whole: np.ndarray, height: int | None = None, width: int | None = None
) -> np.ndarray:
    """A part of a sequence, resized bilinearly to the whole's size and made binary again at half.

    Args:
        part: frames ``[t, ..., h', w']``.
        whole: the sequence that it comes from; where it has colours, they stay as they are interpolated.
        height, width: another size.
    """
    height, width = height or whole.shape[-2], width or whole.shape[-1]
    if part.shape[-2:] == (height, width):
        return part.copy()
    highest = part.max(initial=0)
    blend = _resampled(_resampled(part, height, -2), width, -1)
    if whole.ndim == 4 and whole.shape[1] > 1:
        return (np.rint(blend) if whole.dtype == np.uint8 else blend).astype(whole.dtype)
    return np.asarray(np.where(blend > 0.5 * highest, highest, 0)).astype(whole.dtype)


def _resampled(frames: np.ndarray, size: int, axis: int) -> np.ndarray:
    """Bilinear interpolation along one axis, pixel centres aligned as OpenCV has them."""
    old = frames.shape[axis]
    if old == size:
        return frames
    places = np.clip((np.arange(size) + 0.5) * (old / size) - 0.5, 0, old - 1)
    low = places.astype(np.int64)
    high = np.minimum(low + 1, old - 1)
    shape = (size, 1) if axis == -2 else (size,)
    share = (places - low).reshape(shape)
    first, second = frames.take(low, axis), frames.take(high, axis)
    return np.asarray(first * (1 - share) + second * share)


def _rows(count: float, height: int) -> int:
    return min(height - 1, int(count))
