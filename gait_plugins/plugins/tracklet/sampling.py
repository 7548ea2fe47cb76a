"""Random tracklet sampling: short runs of consecutive frames from anywhere in the sequence."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from gait_plugins.api import FrameSampler
from gait_plugins.errors import ConfigError


class RandomTracklets(FrameSampler):
    """Tracklets of one randomly drawn length for each sequence (TrackletGait, arXiv 2508.02143, section 3).

    A length is drawn; tracklets of that length start anywhere, may overlap, and are concatenated until
    there are ``frames_num_fixed`` frames. A sequence shorter than one tracklet's span is repeated end to
    end first. Where the length does not divide the number of frames, one further tracklet is cut.

    Args:
        sample_tracklet_length: lengths to draw from, in frames.
        sample_tracklet_prob: weight of each length.
        sample_tracklet_step: distance of a tracklet's frames in the sequence.
        frames_num_fixed: frames of the sample.
        sample_type: a ``fixed_*`` type; tracklets have their own order, so ``fixed_ordered`` and
            ``fixed_unordered`` mean the same.
        frames_skip_num: not used by tracklets; published configurations carry it beside them.
    """

    def __init__(
        self,
        sample_tracklet_length: Sequence[int] = (8, 16, 32),
        sample_tracklet_prob: Sequence[float] = (0.2, 0.3, 0.5),
        sample_tracklet_step: int = 1,
        frames_num_fixed: int = 32,
        sample_type: str = "fixed_ordered",
        frames_skip_num: int = 0,
    ) -> None:
        _check("tracklet_mix_p", sample_tracklet_length, sample_tracklet_step, frames_num_fixed, sample_type)
        if (
            len(sample_tracklet_prob) != len(sample_tracklet_length)
            or min(sample_tracklet_prob) < 0
            or sum(sample_tracklet_prob) <= 0
        ):
            raise ConfigError(
                f"sample_tracklet_prob is {list(sample_tracklet_prob)}, but the lengths are "
                f"{list(sample_tracklet_length)}",
                where="tracklet_mix_p",
                hint="give one weight for each length, none negative and not all zero",
            )
        self.lengths = [int(length) for length in sample_tracklet_length]
        self.cumulative = list(accumulate(sample_tracklet_prob))
        self.step = sample_tracklet_step
        self.frames = frames_num_fixed

    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        drawn = bisect_right(self.cumulative, rng.random() * self.cumulative[-1], 0, len(self.lengths) - 1)
        return draw_tracklets(length, self.lengths[drawn], self.step, self.frames, rng)


class FixedTracklets(FrameSampler):
    """Tracklets of one fixed length (TrackletGait, arXiv 2508.02143, section 3).

    Args:
        sample_tracklet_length: length of every tracklet in frames; of a list, the first one.
        sample_tracklet_step: distance of a tracklet's frames in the sequence.
        frames_num_fixed: frames of the sample.
        sample_type: a ``fixed_*`` type.
        sample_tracklet_prob: not used, there is one length; published configurations carry it.
        frames_skip_num: not used by tracklets; published configurations carry it.
    """

    def __init__(
        self,
        sample_tracklet_length: Sequence[int] | int = 16,
        sample_tracklet_step: int = 1,
        frames_num_fixed: int = 32,
        sample_type: str = "fixed_ordered",
        sample_tracklet_prob: Sequence[float] = (),
        frames_skip_num: int = 0,
    ) -> None:
        given = sample_tracklet_length
        lengths = [given] if isinstance(given, int) else list(given)
        _check("tracklet", lengths, sample_tracklet_step, frames_num_fixed, sample_type)
        self.length = int(lengths[0])
        self.step = sample_tracklet_step
        self.frames = frames_num_fixed

    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        return draw_tracklets(length, self.length, self.step, self.frames, rng)


def draw_tracklets(
    length: int, tracklet: int, step: int, frames: int, rng: np.random.Generator
) -> np.ndarray:
    """Frame indices, int64 ``[frames]``, of randomly placed tracklets.

    Args:
        length: frames of the sequence.
        tracklet: frames of a tracklet.
        step: distance of neighbouring frames of a tracklet.
        frames: indices to return.
        rng: one ``integers`` draw for each tracklet.
    """
    span = (tracklet - 1) * step + 1
    # The published rule repeats once more than it must; the starts' distribution depends on it.
    repeated = length if length >= span else length * (-(-span // length) + 1)
    offsets = np.arange(tracklet, dtype=np.int64) * step
    starts = [int(rng.integers(0, repeated - span + 1)) for _ in range(-(-frames // tracklet))]
    return np.concatenate([start + offsets for start in starts])[:frames] % length


def _check(method: str, lengths: Sequence[int], step: int, frames: int, sample_type: str) -> None:
    if not lengths or min(lengths) < 1 or step < 1 or frames < 1:
        raise ConfigError(
            f"cannot draw tracklets of {list(lengths)} frames, {step} apart, for {frames} frames",
            where=method,
            hint="lengths, sample_tracklet_step and frames_num_fixed must be 1 or more",
        )
    if sample_type.split("_")[0] != "fixed":
        raise ConfigError(
            f"sample_type is {sample_type!r}, but tracklets always make a fixed number of frames",
            where=method,
            hint="write sample_type: fixed_ordered, or method: random for whole sequences",
        )
