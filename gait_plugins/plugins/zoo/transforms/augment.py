"""Transforms that mirror and erase."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from gait_plugins.api import Stream, Transform, WithProbability
from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.transforms.lanes import Clip, Lanes, frames_of

_ATTEMPTS = 100


class RandomHorizontalFlip(WithProbability):
    """Mirror the whole sequence left to right.

    In a mirror, what moved to the right moves to the left, and a left arm is a right one. Optical flow and
    labels of body parts are refused where it is not said what becomes of them.

    Args:
        prob: probability of acting on a sequence.
        rightward: channels that tell a motion to the right, whose sign changes: in bytes about 128, where 0
            is the background; about 0 in other numbers.
        sides: pairs of labels (left, right) of the body's parts, which change places: ``[[3, 4], [5, 6],
            [7, 8], [9, 10]]`` for Gait3D-Parsing. ``[]``: pixels alone are mirrored, as published.
    """

    def __init__(
        self,
        prob: float = 0.5,
        rightward: Sequence[int] | None = None,
        sides: Sequence[Sequence[int]] | None = None,
    ) -> None:
        super().__init__(prob)
        self.rightward = None if rightward is None else list(rightward)
        self.sides = sides
        if any(len(pair) != 2 or not all(0 <= label <= 255 for label in pair) for pair in sides or ()):
            raise ConfigError(
                f"sides are {[list(pair) for pair in sides or ()]}, expected pairs of labels",
                where="RandomHorizontalFlip",
                hint="for example sides: [[3, 4], [5, 6]]",
            )

    def becomes(self, stream: Stream) -> Stream:
        """Frames of the same kind.

        Raises:
            ConfigError: for optical flow whose channels are not named, and labels whose sides are not.
        """
        if stream.name == "flow" and self.rightward is None:
            raise ConfigError(
                "a mirrored flow must change the sign of its motion to the right, but no channel is named",
                where="RandomHorizontalFlip",
                hint="name the channel by rightward: [0]; rightward: [] mirrors the pixels alone",
            )
        if stream.name == "parsing" and self.sides is None and self.rightward is None:
            raise ConfigError(
                "in a mirror the left arm is the right one, but no labels are named that change places",
                where="RandomHorizontalFlip",
                hint="name them by sides: [[3, 4], [5, 6], [7, 8], [9, 10]], those of Gait3D-Parsing; sides: "
                "[] mirrors the pixels alone, as published",
            )
        return stream

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        # As one tall image: OpenCV mirrors several times faster than numpy copies a reversed view.
        rows = sequence.reshape(-1, sequence.shape[-1])
        mirrored = np.asarray(cv2.flip(rows, 1)).reshape(sequence.shape)
        for channel in self.rightward or ():
            self._turn_round(mirrored, channel)
        if not self.sides:
            return mirrored
        other = np.arange(256, dtype=np.uint8)
        for left, right in self.sides:
            other[[left, right]] = right, left
        return np.asarray(other[mirrored])

    def in_lanes(self, clip: Clip, rng: np.random.Generator) -> Clip:
        """As a call, of frames that may be in lanes already; they stay there where pixels alone move."""
        if rng.random() >= self.prob:
            return clip
        if not isinstance(clip, Lanes) or self.rightward or self.sides:
            return self.apply(frames_of(clip), rng)
        clip.mirror()
        return clip

    def _turn_round(self, frames: np.ndarray, channel: int) -> None:
        if frames.ndim != 4 or not 0 <= channel < frames.shape[1]:
            raise DataError(
                f"frames of shape {list(frames.shape[1:])} have no channel {channel}",
                where="RandomHorizontalFlip",
                hint="correct rightward: channels are counted from 0",
            )
        # Bytes go round at 256: what was 128 + x is 128 - x afterwards, and 0 stays 0.
        np.negative(frames[:, channel], out=frames[:, channel])


class BothSides(Transform):
    """The frames and, after them, their mirror images: a walk as it is seen from either side.

    For tests of models that pool over all frames: what a mirror changes counts no longer, and a walk that was
    seen from the left is found from the right. A test takes twice as long.

    Args:
        rightward: as in ``RandomHorizontalFlip``.
        sides: as in ``RandomHorizontalFlip``.
    """

    copies = 2

    def __init__(self, rightward: Sequence[int] | None = None, sides: Sequence[Sequence[int]] = ()) -> None:
        self.mirror = RandomHorizontalFlip(1.0, rightward, sides)

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames of the same kind. Raises ``ConfigError`` as ``RandomHorizontalFlip`` does."""
        return self.mirror.becomes(stream)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.concatenate([sequence, self.mirror.apply(sequence, rng)])


class RandomErasing(WithProbability):
    """Blacken a rectangle of random place, size and shape, the same in all frames.

    Random Erasing Data Augmentation (Zhong et al., AAAI 2020), as gait systems use it.

    Args:
        prob: probability of acting on a sequence (on a frame where ``per_frame``).
        sl: smallest area of the rectangle, as a share of the frame.
        sh: largest area.
        r1: smallest ratio of height to width; the largest is its inverse.
        per_frame: draw separately for each frame.
    """

    def __init__(
        self, prob: float = 0.5, sl: float = 0.05, sh: float = 0.2, r1: float = 0.3, per_frame: bool = False
    ) -> None:
        super().__init__(prob)
        self.sl = number_within("RandomErasing", "sl", sl, 0, 1)
        self.sh = number_within("RandomErasing", "sh", sh, 0, 1)
        if self.sl > self.sh:
            raise ConfigError(f"sl {sl} is above sh {sh}, expected sl <= sh", where="RandomErasing")
        self.r1 = number_within("RandomErasing", "r1", r1, 1e-3, 1e3)
        self.per_frame = per_frame

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        if not self.per_frame:
            return super().__call__(sequence, rng)
        return self._erase(sequence, rng.random(len(sequence)) < self.prob, rng)

    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self._erase(sequence, np.ones(1, bool), rng)

    def _erase(self, sequence: np.ndarray, acts: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Erase one rectangle for each true of ``acts``: one for all frames, or one for each."""
        height, width = sequence.shape[-2:]
        kept = ~self._rectangles(acts, height, width, rng)
        return np.asarray(sequence * (kept[:, None] if sequence.ndim == 4 else kept))

    def _rectangles(self, acts: np.ndarray, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
        """True inside the rectangles, bool ``[len(acts), height, width]``; none where none ever fits."""
        high, wide = np.zeros((2, len(acts), 1), np.int64)
        waiting = acts
        for _ in range(_ATTEMPTS):
            if not waiting.any():
                break
            high[waiting, 0], wide[waiting, 0] = self._sizes(int(waiting.sum()), height * width, rng)
            waiting = waiting & ~((high < height) & (wide < width))[:, 0]
        placed = (acts & ~waiting)[:, None]
        high, wide = high * placed, wide * placed
        top = rng.integers(0, height - high, endpoint=True)
        left = rng.integers(0, width - wide, endpoint=True)
        rows, columns = np.arange(height), np.arange(width)
        in_rows = (rows >= top) & (rows < top + high)
        in_columns = (columns >= left) & (columns < left + wide)
        return np.asarray(in_rows[:, :, None] & in_columns[:, None, :])

    def _sizes(self, count: int, frame: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        area = rng.uniform(self.sl, self.sh, count) * frame
        flattest = min(self.r1, 1 / self.r1)
        aspect = rng.uniform(flattest, 1 / flattest, count)
        return np.rint(np.sqrt(area * aspect)), np.rint(np.sqrt(area / aspect))
