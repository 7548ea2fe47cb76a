"""Stillness of a camera: whether the background of a film moves from frame to frame."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.api.video.frames import FilmFrame

_WIDTH = 256
"""Columns that a frame is looked at in."""
_BLOCKS = 4
_TEXTURE = 6.0
"""Standard deviation of grey values from which a block shows where it is."""
_SHIFT = 0.4
"""Columns or rows, of the small picture, from which a block has moved."""
_SHARE = 0.6
"""Share of the blocks that have to move, and in the same direction, where it is the camera."""
_FEWEST = 4


class Stillness:
    """Compares two frames a fifth of a second apart, block by block, once a second.

    People move some blocks, and a camera moves all of them that have anything to see, in one direction.

    Args:
        rate: frames per second.
    """

    def __init__(self, rate: float) -> None:
        self._apart = max(1, round(rate / 5))
        self._every = max(2 * self._apart, round(rate))
        self._before: np.ndarray | None = None
        self._seen = self._looked = self._moved = 0
        self.first = 0.0
        """Time of the first frame in which the camera moved."""

    def look(self, frame: FilmFrame) -> None:
        """The next frame of the film."""
        turn = self._seen % self._every
        self._seen += 1
        if turn not in (0, self._apart):
            return
        height = max(_BLOCKS * 8, round(frame.pixels.shape[0] * _WIDTH / frame.pixels.shape[1]))
        small = cv2.resize(frame.pixels, (_WIDTH, height), interpolation=cv2.INTER_AREA)
        grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY).astype(np.float32)
        if turn and self._before is not None:
            self._looked += 1
            if _has_moved(self._before, grey):
                self.first = self.first if self._moved else frame.time
                self._moved += 1
        self._before = grey

    def share(self) -> float:
        """Share of the frames looked at in which the camera moved."""
        return self._moved / max(1, self._looked)


def _has_moved(before: np.ndarray, after: np.ndarray) -> bool:
    if cv2.norm(before, after, cv2.NORM_L1) < 0.5 * before.size:
        return False  # hardly any pixel differs
    rows, columns = before.shape[0] // _BLOCKS, before.shape[1] // _BLOCKS
    window = cv2.createHanningWindow((columns, rows), cv2.CV_32F)
    shifts = []
    for row in range(_BLOCKS):
        for column in range(_BLOCKS):
            place = np.s_[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
            if before[place].std() >= _TEXTURE:
                first, second = np.ascontiguousarray(before[place]), np.ascontiguousarray(after[place])
                shifts.append(cv2.phaseCorrelate(first, second, window)[0])
    if len(shifts) < _FEWEST:
        return False
    found = np.asarray(shifts)
    common = np.median(found, axis=0)
    alike = np.linalg.norm(found - common, axis=1) <= max(1.0, 0.25 * float(np.linalg.norm(common)))
    return bool(np.linalg.norm(common) >= _SHIFT and alike.mean() >= _SHARE)
