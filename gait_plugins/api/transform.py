"""The contract of transforms."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from gait_plugins.api.options import HasExample, number_within
from gait_plugins.api.stream import Stream


class Transform(HasExample, ABC):
    """Changes one sequence, in a loader worker.

    One draw serves all frames of the sequence unless the transform says otherwise. All randomness
    comes from ``rng``, so that the worker count never changes a batch. Frames stay uint8 where they
    can: the division that brings them to [0, 1] happens on the device, by :attr:`divisor`.
    """

    divisor: float = 1.0
    """By what the device divides the frames after all transforms; factors of a pipeline multiply."""

    fewest_frames: int = 1
    """Frames that a clip should have. Of one that has fewer, some are taken more than once, which is told
    once in a run."""

    copies: int = 1
    """How many frames it makes of each one. Streams of a sequence stay in step where all make as many."""

    @abstractmethod
    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Frames ``[t, h, w]`` or ``[t, c, h, w]`` in, frames out; the input must not be modified."""

    def becomes(self, stream: Stream) -> Stream | None:
        """What a stream's frames are after this transform; None where it does not say.

        What is said is compared with what the model takes before any frame is read. Raise ``ConfigError``
        where such frames cannot be taken.
        """
        return None

    def at_test(self) -> Transform:
        """What takes its place in a test: itself, as a rule.

        One that picks a part of the sequence at random gives one that picks it by a rule, so that a test
        finds the same whatever the seed.
        """
        return self

    def example_stream(self) -> Stream | None:
        """Frames that it can be tried on; None: silhouettes."""
        return None

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, Mapping[str, Any]]:
        """The frames as a call gives them, and what the transform now knows of the sequence.

        By default nothing. A transform that makes something to be learnt (what was hidden, how much of
        it) gives numbers, or arrays of one shape, by names that are the same for every sequence; the
        model finds them as ``batch.targets``.
        """
        return self(sequence, rng), {}


def becomes_after(transforms: Iterable[Transform], stream: Stream) -> Stream | None:
    """What a stream's frames are after several transforms; None after one that does not say."""
    said: Stream | None = stream
    for transform in transforms:
        said = None if said is None else transform.becomes(said)
    return said


class JointTransform(HasExample, ABC):
    """Changes several streams of one sequence by the same draws, in a loader worker.

    Joint transforms come before those of single streams. A mirrored walk is the example: silhouettes are
    flipped, the x of keypoints is mirrored and their left and right are swapped, or nothing of all this.
    """

    divisors: Mapping[str, float] = MappingProxyType({})
    """Stream -> by what the device divides its frames after all transforms; times its own transform's."""

    @property
    @abstractmethod
    def streams(self) -> tuple[str, ...]:
        """Names of the streams that it changes, or looks at: usually options, with the usual names."""

    @abstractmethod
    def __call__(self, clips: Mapping[str, Any], rng: np.random.Generator) -> Mapping[str, Any]:
        """The frames of each of :attr:`streams` in, those that were changed out.

        Frames are ``[t, ...]`` or ``Ragged``, and of streams of different clocks t differs; the input must
        not be modified. All randomness comes from ``rng``.
        """

    def at_test(self) -> JointTransform:
        """What takes its place in a test, as ``Transform.at_test`` says it: itself, as a rule."""
        return self

    def example_streams(self) -> tuple[Stream, ...]:
        """Those of :attr:`streams` as data may declare them, so that it can be tried."""
        return ()

    def becomes(self, streams: Mapping[str, Stream]) -> Mapping[str, Stream]:
        """What the streams' frames are afterwards: those that are changed in shape, dtype or range."""
        return {}

    def with_targets(
        self, clips: Mapping[str, Any], rng: np.random.Generator
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The frames as a call gives them, and targets as ``Transform.with_targets`` has them."""
        return self(clips, rng), {}


class WithProbability(Transform):
    """A transform that acts on a sequence with probability ``prob``, by one draw for all its frames."""

    def __init__(self, prob: float) -> None:
        self.prob = number_within(type(self).__name__, "prob", prob, 0, 1)

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.apply(sequence, rng) if rng.random() < self.prob else sequence

    def becomes(self, stream: Stream) -> Stream | None:
        """Frames of the same kind: it acts on some sequences and leaves others as they are."""
        return stream

    @abstractmethod
    def apply(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The changed frames, whatever ``prob`` says."""
