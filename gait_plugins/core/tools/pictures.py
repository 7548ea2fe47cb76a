"""Pictures of the frames of any stream: maps, joints, clouds and numbers, by the shape of a frame."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.api import Ragged
from gait_plugins.io.ragged import Frames

HEIGHT = 64
"""Pixels that every frame of another size is brought to, for a sheet of several streams."""
_DOT = (255, 255, 255)
_HUES = np.zeros((1, 32, 3), np.uint8)
_HUES[0, 1:] = [(number * 67 % 180, 150, 255 - number * 3) for number in range(31)]
_LABELS = cv2.cvtColor(_HUES, cv2.COLOR_HSV2BGR)[0]
"""A colour for each label of a map of labels; 0 is black."""


def pictures(frames: Frames) -> np.ndarray:
    """Frames as pictures, white on black as silhouettes are.

    Maps ``[h, w]`` and ``[1, h, w]`` are grey, or coloured where they hold labels; those of three channels
    are coloured, and of any other number the first one is shown. Rows of coordinates are dots: joints
    ``[n, 2 or 3]`` by x and y downwards, points of a cloud ``[m, 3 or more]`` by y and z upwards, those of
    ``[m, 2]`` by x and y downwards. Numbers ``[n]`` are columns, ``[m]`` too. Of maps ``[m, h, w]`` each
    pixel is the largest of all.

    Args:
        frames: ``[t, ...]`` or ragged.

    Returns:
        uint8 ``[t, h, w]`` or ``[t, h, w, 3]`` (blue, green, red).
    """
    if isinstance(frames, Ragged):
        return _ragged(frames)
    if frames.ndim == 4 and frames.shape[1] == 3:
        return np.ascontiguousarray(_grey(frames).transpose(0, 2, 3, 1)[..., ::-1])
    if frames.ndim == 4:
        return _grey(frames[:, 0])
    if frames.ndim == 3 and frames.shape[2] in (2, 3) and frames.dtype.kind == "f":
        found = frames[..., 2] > 0 if frames.shape[2] == 3 else np.ones(frames.shape[:2], bool)
        return _dots([frame[seen, :2] for frame, seen in zip(frames, found, strict=True)])
    if frames.ndim == 3 and frames.dtype.kind in "iu" and 1 < frames.max(initial=0) < len(_LABELS):
        return np.asarray(_LABELS[frames])
    if frames.ndim == 3:
        return _grey(frames)
    return _columns(frames.reshape(len(frames), -1))


def _ragged(frames: Ragged) -> np.ndarray:
    shape = frames.values.shape[1:]
    if len(shape) >= 2:
        blank = np.zeros(shape, frames.dtype)
        return pictures(np.stack([frame.max(0) if len(frame) else blank for frame in frames]))
    if len(shape) == 1 and shape[0] >= 3:
        return _dots([frame[:, 1:3] * [1, -1] for frame in frames])
    if shape == (2,):
        return _dots(list(frames))
    rows = [frame[:, 0] if shape else frame for frame in frames]
    # A frame of fewer numbers than the longest one leaves the rest of its picture black.
    wide = np.full((len(rows), max(1, *map(len, rows))), np.nan)
    for place, row in zip(wide, rows, strict=True):
        place[: len(row)] = row
    return _columns(wide)


def at_height(shown: np.ndarray, height: int = HEIGHT) -> np.ndarray:
    """Pictures ``[t, h, w]`` or ``[t, h, w, 3]`` of that height."""
    if shown.shape[1] == height:
        return shown
    width = max(1, round(shown.shape[2] * height / shown.shape[1]))
    return np.stack([cv2.resize(each, (width, height), interpolation=cv2.INTER_AREA) for each in shown])


def _grey(frames: np.ndarray) -> np.ndarray:
    if frames.dtype == np.uint8 and frames.max(initial=0) > 64:
        return frames
    if frames.dtype.kind == "f" and frames.min(initial=0) >= 0 and frames.max(initial=0) <= 1:
        return np.asarray((frames * 255).astype(np.uint8))
    # Nothing is black; what there is goes from dark to white.
    held = frames[frames != 0]
    low, high = (float(held.min()), float(held.max())) if held.size else (0.0, 0.0)
    scaled = 40 + (frames.astype(np.float32) - low) * (215 / max(high - low, 1e-6))
    return np.asarray(np.where(frames != 0, scaled, 0).astype(np.uint8))


def _dots(frames: list[np.ndarray]) -> np.ndarray:
    """Dots on one scale for all frames, each around its own middle."""
    middles = [(f.max(0) + f.min(0)) / 2 if len(f) else np.zeros(2) for f in frames]
    reach = max(
        (float(np.abs(f - m).max()) for f, m in zip(frames, middles, strict=True) if len(f)), default=1
    )
    shown = np.zeros((len(frames), HEIGHT, HEIGHT), np.uint8)
    for picture, frame, middle in zip(shown, frames, middles, strict=True):
        places = ((frame - middle) / max(reach, 1e-6) * (HEIGHT / 2 - 3) + HEIGHT / 2).astype(int)
        for x, y in places:
            cv2.circle(picture, (int(x), int(y)), 1, _DOT, -1)
    return shown


def _columns(frames: np.ndarray) -> np.ndarray:
    """Numbers ``[t, n]`` as columns; NaN is none."""
    known = frames[np.isfinite(frames)]
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    wide = max(1, HEIGHT // max(1, frames.shape[1]))
    shown = np.zeros((len(frames), HEIGHT, wide * max(1, frames.shape[1])), np.uint8)
    for picture, numbers in zip(shown, frames, strict=True):
        for number in np.flatnonzero(np.isfinite(numbers)):
            top = int((numbers[number] - low) / max(high - low, 1e-6) * (HEIGHT - 1))
            picture[HEIGHT - 1 - top :, number * wide : (number + 1) * wide] = 255
    return shown
