"""Stillness of a camera: whether the background of a film moves, or jumps from one frame to the next."""

from __future__ import annotations

from collections.abc import Iterator

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
_CHANGED = 12
"""Difference of grey values from which a pixel has changed from one frame to the next."""
_SUSPECT, _TIMES = 0.06, 3.0
"""Share of changed pixels, and how many times the usual one it is, from which the camera may have jumped."""
_ANOTHER = 0.6
"""Share of changed pixels from which it is another view, wherever the blocks are."""
_ALIKE = 0.5
"""Correlation from which a block shows the same as before."""
_USUAL = 0.05
"""How much the newest frame says of the usual share."""
_APART = 2.5
"""Seconds up to which two movements are one."""
_SHORT = 1.0
"""Seconds up to which a movement is a jump."""


class Stillness:
    """Compares frames block by block: neighbours where much has changed, and two of each second.

    People move some blocks, and a camera moves all of them that have anything to see, in one direction.

    Args:
        rate: frames per second.
    """

    def __init__(self, rate: float) -> None:
        self._apart = max(1, round(rate / 5))
        self._every = max(2 * self._apart, round(rate))
        self._newest: np.ndarray | None = None
        self._before: np.ndarray | None = None
        self._usual: float | None = None
        self._seen = 0
        self._looked = {True: 0, False: 0}
        self._moved = {True: 0, False: 0}
        self._times: list[list[float]] = []

    def look(self, frame: FilmFrame) -> bool:
        """The next frame of the film; its pixels may be smaller than it.

        Returns:
            whether the view has changed since the last frame, all at once.
        """
        height = max(_BLOCKS * 8, round(frame.pixels.shape[0] * _WIDTH / frame.pixels.shape[1]))
        small = cv2.resize(frame.pixels, (_WIDTH, height), interpolation=cv2.INTER_AREA)
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY))
        jumped = self._jumps(grey)
        self._compare(grey, frame.time)
        if jumped:
            self._note(frame.time)
        self._newest = grey
        self._seen += 1
        return jumped

    def share(self) -> float:
        """Share of the seconds in which the camera moved."""
        return max(self._moved[at] / max(1, self._looked[at]) for at in (True, False))

    def jumps(self) -> list[float]:
        """Times at which the view changed at once, in seconds."""
        return [first for first, last in self._times if last - first < _SHORT]

    def movements(self) -> list[tuple[float, float]]:
        """From when to when the camera moved for longer, in seconds."""
        return [(first, last) for first, last in self._times if last - first >= _SHORT]

    def _jumps(self, grey: np.ndarray) -> bool:
        if self._newest is None:
            return False
        changed = float((cv2.absdiff(self._newest, grey) > _CHANGED).mean())
        usual = changed if self._usual is None else self._usual
        self._usual = usual + _USUAL * (changed - usual)
        if changed < max(_SUSPECT, _TIMES * usual):
            return False
        return changed >= _ANOTHER or _has_moved(self._newest, grey) or _is_another(self._newest, grey)

    def _compare(self, grey: np.ndarray, time: float) -> None:
        turn = self._seen % self._every
        if turn not in (0, self._apart):
            return
        # A fifth of a second apart, and most of a second: the latter shows a slow pan.
        if self._before is not None:
            moved = _has_moved(self._before, grey)
            self._looked[turn > 0] += 1
            self._moved[turn > 0] += moved
            if moved:
                self._note(time)
        self._before = grey

    def _note(self, time: float) -> None:
        if self._times and time - self._times[-1][1] <= _APART:
            self._times[-1][1] = time
        else:
            self._times.append([time, time])


def _blocks(before: np.ndarray, after: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The blocks of two pictures, float32, that have anything to see."""
    rows, columns = before.shape[0] // _BLOCKS, before.shape[1] // _BLOCKS
    for row in range(_BLOCKS):
        for column in range(_BLOCKS):
            place = np.s_[row * rows : (row + 1) * rows, column * columns : (column + 1) * columns]
            if before[place].std() >= _TEXTURE:
                yield before[place].astype(np.float32), after[place].astype(np.float32)


def _is_another(before: np.ndarray, after: np.ndarray) -> bool:
    """Whether most blocks show something else."""
    alike = []
    for first, second in _blocks(before, after):
        first, second = first - first.mean(), second - second.mean()
        size = float(np.linalg.norm(first) * np.linalg.norm(second))
        alike.append(float((first * second).sum()) / max(size, 1e-6))
    return len(alike) >= _FEWEST and float(np.mean(np.asarray(alike) < _ALIKE)) >= _SHARE


def _has_moved(before: np.ndarray, after: np.ndarray) -> bool:
    if cv2.norm(before, after, cv2.NORM_L1) < 0.5 * before.size:
        return False  # hardly any pixel differs
    rows, columns = before.shape[0] // _BLOCKS, before.shape[1] // _BLOCKS
    window = cv2.createHanningWindow((columns, rows), cv2.CV_32F)
    shifts = [cv2.phaseCorrelate(*blocks, window)[0] for blocks in _blocks(before, after)]
    if len(shifts) < _FEWEST:
        return False
    found = np.asarray(shifts)
    common = np.median(found, axis=0)
    alike = np.linalg.norm(found - common, axis=1) <= max(1.0, 0.25 * float(np.linalg.norm(common)))
    return bool(np.linalg.norm(common) >= _SHIFT and alike.mean() >= _SHARE)
