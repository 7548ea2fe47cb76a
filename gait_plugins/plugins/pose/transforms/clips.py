"""Transforms of time: a part of the sequence, or its reverse."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import Stream, Transform
from gait_plugins.api.options import number_within
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.skeleton import Keypoints


class _Clip(Transform):
    """Takes so many frames of a sequence; one that has fewer is repeated end to end.

    Args:
        sequence_length: frames to take.
        published: what OpenGait does with the ends.
    """

    def __init__(self, sequence_length: int, published: bool) -> None:
        if isinstance(sequence_length, bool) or sequence_length < 1:
            raise ConfigError(
                f"sequence_length of {type(self).__name__} is {sequence_length!r}, expected a whole number "
                "of at least 1",
                where=type(self).__name__,
            )
        self.sequence_length = self.fewest_frames = sequence_length
        self.published = published

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames of the same kind."""
        return stream

    def example_stream(self) -> Stream:
        return Keypoints("coco17")

    def _repeated(self, sequence: np.ndarray) -> np.ndarray:
        return sequence[np.arange(self.sequence_length) % len(sequence)]


class RandomSelectSequence(_Clip):
    """Take neighbouring frames from anywhere in the sequence; every window is as probable.

    A sequence of fewer frames is repeated end to end, as the frame samplers do. In a test the middle is
    taken (``SelectSequenceCenter``).

    Args:
        sequence_length: frames to take.
        published: parity with OpenGait: the last window is never taken, and a sequence of just
            ``sequence_length`` frames, or fewer, is an error.
        random_at_test: parity with OpenGait: at random in a test too.
    """

    def __init__(
        self, sequence_length: int = 10, published: bool = False, random_at_test: bool = False
    ) -> None:
        super().__init__(sequence_length, published)
        self.random_at_test = random_at_test

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        spare = len(sequence) - self.sequence_length
        if self.published and spare <= 0:
            raise DataError(
                f"RandomSelectSequence as published needs more than {self.sequence_length} frames, "
                f"found {len(sequence)}",
                hint="leave its option published out: shorter sequences are repeated then",
            )
        if spare < 0:
            return self._repeated(sequence)
        start = int(rng.integers(0, spare + (not self.published)))
        return sequence[start : start + self.sequence_length]

    def at_test(self) -> Transform:
        """The middle."""
        return self if self.random_at_test else SelectSequenceCenter(self.sequence_length)


class SelectSequenceCenter(_Clip):
    """Take the middle frames of a sequence; one that has fewer is repeated end to end.

    Args:
        sequence_length: frames to take.
        published: parity with OpenGait: of a sequence that has fewer frames only some of the last ones come,
            2 of 8 where 12 are asked for, without a word.
    """

    def __init__(self, sequence_length: int = 10, published: bool = False) -> None:
        super().__init__(sequence_length, published)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        spare = len(sequence) - self.sequence_length
        if spare < 0 and not self.published:
            return self._repeated(sequence)
        start = int(len(sequence) / 2 - self.sequence_length / 2)
        return sequence[start : start + self.sequence_length]


class FlipSequence(Transform):
    """Reverse the time, with one draw for the sequence.

    Args:
        probability: probability of acting on a sequence.
    """

    def __init__(self, probability: float = 0.5) -> None:
        self.probability = number_within("FlipSequence", "probability", probability, 0, 1)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return sequence[::-1].copy() if rng.random() < self.probability else sequence

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames of the same kind."""
        return stream

    def example_stream(self) -> Stream:
        return Keypoints("coco17")
