"""The contracts of samplers: which sequences make a batch, and which frames of a sequence are used."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from gait_plugins.api.options import HasExample
from gait_plugins.api.sequence import SequenceIndex


class FrameSampler(HasExample, ABC):
    """Picks frames. Options come from the YAML's ``sampler`` mapping, named by its ``method``."""

    fixed_length: bool = True
    """True: every sequence yields the same number of frames, batches are stacked ``[n, s, h, w]``.
    False: batches are packed ``[1, sum(s), h, w]`` with ``seq_lens``."""

    fewest_frames: int = 1
    """Frames that a sequence should have. Of one that has fewer, some are taken more than once, which is told
    once in a run."""

    @abstractmethod
    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        """Frame indices, int64 ``[s]`` in ``[0, length)``, for a sequence of ``length >= 1`` frames."""

    def at_test(self) -> FrameSampler:
        """What takes its place in a test: itself, as a rule.

        One that picks frames at random should give one that picks as many by a rule, so that a test finds
        the same whatever the seed.
        """
        return self


class BatchSampler(HasExample, ABC):
    """Picks sequences: batch ``number`` is a pure function of its arguments.

    The whole (global) batch is returned; the loader gives each rank its share.
    """

    batch_size: int
    """Sequences in a full global batch."""

    @classmethod
    def example_index(cls) -> SequenceIndex | None:
        """Sequences that it can be tried on; needed only where it draws by their types or views."""
        return None

    def check(self, index: SequenceIndex) -> None:
        """Raise ``ConfigError`` or ``DataError`` where this data cannot fill a batch."""

    def num_batches(self, index: SequenceIndex) -> int | None:
        """Batches of one pass, or None for an endless sampler."""
        return None

    @abstractmethod
    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        """Positions in ``index.refs`` of batch ``number``; ``rng`` is seeded by (seed, number)."""
