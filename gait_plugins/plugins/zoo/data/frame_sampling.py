"""OpenGait's frame samplers."""

from __future__ import annotations

from typing import Any, Literal, get_args

import numpy as np

from gait_plugins.api import FrameSampler
from gait_plugins.errors import ConfigError, DataError

SampleType = Literal[
    "fixed_ordered",
    "fixed_unordered",
    "fixed_allordered",
    "unfixed_ordered",
    "unfixed_unordered",
    "unfixed_allordered",
    "all_ordered",
    "all_unordered",
    "all_allordered",
]


class OpenGaitFrames(FrameSampler):
    """OpenGait's own sampling, by ``sample_type``: how many frames, then how they are picked.

    ``fixed``: ``frames_num_fixed`` frames. ``unfixed``: a number uniform in
    ``[frames_num_min, frames_num_max]``. ``all``: the whole sequence in its order, cut off after
    ``frames_all_limit`` frames; for testing.

    ``ordered``: frames of one window of the sequence, in their order; the window is
    ``frames_skip_num`` frames longer than what is picked of it, and a sequence shorter than the
    window is repeated end to end first. ``unordered``: any frames in any order, with repetition only
    where the sequence is too short. ``allordered``: the same, brought into order. (OpenGait knows the
    word, but there it means ``unordered``.)

    In a test, nothing is drawn: ``ordered`` takes the middle of the sequence (where the window is longer than
    what is picked, evenly spaced frames of it), the others evenly spaced frames of the whole, ``unfixed`` the
    largest number of them.

    Options that the ``sample_type`` does not use are accepted.

    Args:
        sample_type: ``fixed``, ``unfixed`` or ``all``, then ``_ordered``, ``_unordered`` or ``_allordered``.
        frames_num_fixed: frames of a ``fixed`` sample.
        frames_num_min: fewest frames of an ``unfixed`` sample.
        frames_num_max: most frames of an ``unfixed`` sample.
        frames_skip_num: frames that an ``ordered`` sample leaves out of its window. OpenGait demands
            it there; 0 takes neighbouring frames.
        frames_all_limit: most frames of an ``all`` sample; -1 is no limit.
        random_at_test: parity with OpenGait: draw frames in a test as in training.
    """

    def __init__(
        self,
        sample_type: SampleType,
        frames_num_fixed: int = 30,
        frames_num_min: int = 25,
        frames_num_max: int = 50,
        frames_skip_num: int = 0,
        frames_all_limit: int = -1,
        random_at_test: bool = False,
    ) -> None:
        if sample_type not in get_args(SampleType):
            raise ConfigError(
                f"sample_type is {sample_type!r}, expected one of {', '.join(get_args(SampleType))}",
                where="sampler",
            )
        self.sample_type = sample_type
        self.number, self.order = sample_type.split("_")
        self.fixed_length = self.number == "fixed"
        if self.number == "fixed":
            self.fewest = self.most = self._option("frames_num_fixed", frames_num_fixed, 1)
        if self.number == "unfixed":
            self.fewest = self._option("frames_num_min", frames_num_min, 1)
            self.most = self._option("frames_num_max", frames_num_max, self.fewest)
        self.skip = 0
        if self.number != "all" and self.order == "ordered":
            self.skip = self._option("frames_skip_num", frames_skip_num, 0)
        self.limit: int | None = None
        if self.number == "all" and frames_all_limit != -1:
            self.limit = self._option("frames_all_limit", frames_all_limit, 1)
        self.random_at_test = random_at_test
        if self.number != "all":
            self.fewest_frames = self.most + self.skip

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"sample_type": "unfixed_ordered"}

    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        _check_length(length)
        if self.number == "all":
            return np.arange(length, dtype=np.int64)[: self.limit]
        count = self.fewest if self.fewest == self.most else int(rng.integers(self.fewest, self.most + 1))
        if self.order == "ordered":
            return _window(length, count, self.skip, rng)
        picked = rng.choice(length, count, replace=length < count)
        return np.sort(picked) if self.order == "allordered" else picked

    def at_test(self) -> FrameSampler:
        """The middle of the sequence, or evenly spaced frames; whole sequences as they are."""
        if self.random_at_test or self.number == "all":
            return self
        window = self.most + self.skip if self.order == "ordered" else None
        return FramesByRule(self.most, window, self.fixed_length)

    def _option(self, name: str, value: int | None, least: int) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(
                f"sample_type {self.sample_type} needs {name}, a whole number of at least {least}; "
                f"found {value!r}",
                where="sampler",
                hint=f"set {name} beside sample_type",
            )
        return value


class FramesByRule(FrameSampler):
    """As many frames of every sequence, without a draw.

    Args:
        count: frames.
        window: frames of the middle of the sequence that they are taken from, evenly spaced; a sequence of
            fewer frames is repeated end to end. None: of the whole sequence.
        fixed_length: as of the sampler that it stands for.
    """

    def __init__(self, count: int, window: int | None, fixed_length: bool) -> None:
        self.count, self.window, self.fixed_length = count, window, fixed_length
        self.fewest_frames = count if window is None else window

    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        _check_length(length)
        span = length if self.window is None else self.window
        first = max(0, (length - span) // 2)
        # The middles of as many equal parts.
        offsets = (2 * np.arange(self.count, dtype=np.int64) + 1) * span // (2 * self.count)
        return (first + offsets) % length


def _check_length(length: int) -> None:
    if length < 1:
        raise DataError(
            f"cannot sample from a sequence of {length} frames",
            hint="gait-plugins data check names every such sequence",
        )


def _window(length: int, count: int, skip: int, rng: np.random.Generator) -> np.ndarray:
    span = count + skip
    repeated = length * -(-span // length) if length < span else length
    start = rng.integers(0, repeated - span + 1)
    frames = rng.choice(span, count, replace=False)
    frames.sort()
    frames += start
    return frames if start + span <= length else frames % length
