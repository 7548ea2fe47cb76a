"""Frames of a film: pictures with the times at which they were taken."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Film:
    """A film or a camera, as it is known before its frames are read.

    Args:
        name: of the file without its suffix, or of the camera.
        width: columns of a frame, in pixels.
        height: rows of a frame, in pixels.
        rate: frames per second, about; what counts is each frame's time.
        frames: how many frames there are, about; None where that is not known.
        lossless: pixels have exactly the values that were written: they may be labels.
        live: the frames come once, from a camera.
    """

    name: str
    width: int
    height: int
    rate: float = 25.0
    frames: int | None = None
    lossless: bool = False
    live: bool = False


@dataclass(frozen=True)
class FilmFrame:
    """One frame.

    Args:
        number: its place in the film, from 0 on.
        time: seconds since the first frame.
        pixels: uint8 ``[h, w, 3]``: blue, green, red. Not to be written to: others see them too.
    """

    number: int
    time: float
    pixels: np.ndarray
