"""Silhouettes: the stream that the field began with, and what is odd about its frames."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from gait_plugins.api.report import FindingLog
from gait_plugins.api.stream import Stream
from gait_plugins.io.ragged import Frames
from gait_plugins.io.sequence_file import from_zero_one

BRIGHT = 200
"""Grey value that the person in a silhouette reaches somewhere; soft edges alone lie below."""
_HALF = 127


class Silhouettes(Stream):
    """Silhouettes: 0 for the background and 255 for the person, soft edges between.

    Args:
        clock: frames per second, or the name of the stream in step with it.
    """

    def __init__(self, clock: float | str | None = None) -> None:
        about = "0 for the background and 255 for the person"
        super().__init__("silhouettes", ("h", "w"), "uint8", 0, 255, clock, about=about)

    def converted(self, frames: Frames) -> tuple[Frames, str | None]:
        """Masks of 0 and 1, booleans and floats in [0, 1] are brought to 0..255."""
        if not isinstance(frames, np.ndarray) or not len(frames) or frames.dtype.kind not in "buif":
            return frames, None
        if frames.dtype == np.uint8 and frames.max() != 1:
            return frames, None
        if not (frames.min() >= 0 and frames.max() <= 1):  # NaN fails both
            return frames, None
        return from_zero_one(frames)

    def examine(self, frames: Frames, name: str, log: FindingLog) -> None:
        """Black frames, people who are not white, and white backgrounds."""
        if isinstance(frames, np.ndarray):
            check_silhouettes(log, name, frames)


SILHOUETTES = Silhouettes()
"""What a data set gives that says nothing else."""


def check_silhouettes(log: FindingLog, name: str, frames: np.ndarray) -> None:
    """What is odd about frames ``[t, h, w]``, or ``[t, c, h, w]``."""
    brightest = frames.reshape(len(frames), -1).max(axis=1)
    blank = len(brightest) - int(np.count_nonzero(brightest))
    if blank:
        log.warning(
            "sequences hold black frames",
            "drop frames without a person before saving the sequence",
            f"{name} ({blank} of {len(frames)} frames)",
        )
    if frames.ndim == 3:
        _check_values(log, name, frames, int(brightest.max()))


def unremarkable(several: Sequence[np.ndarray]) -> np.ndarray:
    """Of which of these arrays :func:`check_silhouettes` would find nothing; looked at together.

    Args:
        several: uint8 ``[t, h, w]`` or ``[t, c, h, w]``, t >= 1, with frames of one size.

    Returns:
        bool ``[n]``.
    """
    size = several[0].shape[1:]
    pixels = np.frombuffer(b"".join(np.ascontiguousarray(each).data for each in several), np.uint8)
    lengths = np.array([len(each) for each in several])
    starts = np.cumsum(lengths) - lengths
    # Of rows as short as a frame this is the fastest maximum.
    brightest = np.maximum.reduceat(pixels, np.arange(0, len(pixels), math.prod(size)))
    plain: np.ndarray = np.minimum.reduceat(brightest, starts) > 0
    if len(size) == 2:
        plain &= np.maximum.reduceat(brightest, starts) >= BRIGHT
        columns = pixels.reshape(-1, *size)[..., [0, -1]]
        if columns.max() > _HALF:  # somebody touches the left or the right, or a background is white
            white = np.count_nonzero(columns > _HALF, axis=(1, 2))
            plain &= np.add.reduceat(white, starts) <= lengths * size[0]
    return plain


def _check_values(log: FindingLog, name: str, frames: np.ndarray, brightest: int) -> None:
    if 0 < brightest < BRIGHT:
        log.warning(
            "sequences hold no white: the person is dark grey",
            "save the person as 255; for labels and coloured masks use data prepare --threshold 0",
            f"{name} (brightest value {brightest})",
        )
    # Heads and feet touch the first and last rows; the person is in the middle of the columns.
    white = sum(int(np.count_nonzero(frames[..., column] > _HALF)) for column in (0, -1))
    if white > len(frames) * frames.shape[1]:
        log.error(
            "sequences have a white background",
            "make the person white (255) and the background black: 255 - frames",
            name,
        )
