"""Silhouettes: the stream that the field began with, and what is odd about its frames."""

from __future__ import annotations

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
