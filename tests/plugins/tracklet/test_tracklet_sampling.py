"""Tracklet sampling: the published draws, always the asked-for number of frames, and bad options."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from helpers.golden_rules import golden
from hypothesis import given
from hypothesis import strategies as st

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.tracklet.config_compat import drop_placeholders
from gait_plugins.plugins.tracklet.sampling import FixedTracklets, RandomTracklets


class PythonRandom:
    """The standard library's generator with the two methods of numpy's that the samplers use."""

    def __init__(self, seed: int) -> None:
        self.source = random.Random(seed)

    def random(self) -> float:
        return self.source.random()

    def integers(self, low: int, high: int) -> int:
        return low + self.source.randrange(high - low)


@pytest.mark.parametrize("length", [5, 20, 40, 120])
@pytest.mark.parametrize("step", [1, 2])
def test_published_draws(length: int, step: int) -> None:
    recorded = golden("tracklet")
    sampler = RandomTracklets(sample_tracklet_step=step)
    first = int(recorded["first_seed"])
    drawn: list[np.ndarray] = []
    for number in range(200):
        rng: Any = PythonRandom(first + number)
        drawn.append(sampler.indices(length, rng))
    np.testing.assert_array_equal(np.stack(drawn), recorded[f"idx_len{length}_step{step}"])


@given(
    length=st.integers(1, 200),
    tracklet=st.integers(1, 50),
    step=st.integers(1, 4),
    frames=st.integers(1, 60),
    seed=st.integers(0, 2**32 - 1),
)
def test_always_the_asked_for_frames_in_runs(
    length: int, tracklet: int, step: int, frames: int, seed: int
) -> None:
    sampler = FixedTracklets(tracklet, step, frames)
    indices = sampler.indices(length, np.random.default_rng(seed))
    assert indices.shape == (frames,)
    assert indices.dtype == np.int64
    assert indices.min() >= 0
    assert indices.max() < length
    for start in range(0, frames, tracklet):
        run = indices[start : start + tracklet]
        assert (np.diff(run) % length == step % length).all()
    np.testing.assert_array_equal(indices, sampler.indices(length, np.random.default_rng(seed)))


def test_a_long_enough_sequence_is_never_wrapped() -> None:
    sampler = FixedTracklets(8, frames_num_fixed=32)
    rng = np.random.default_rng(0)
    for _ in range(50):
        assert (np.diff(sampler.indices(8, rng).reshape(4, 8)) == 1).all()


def test_lengths_are_drawn_by_their_weights() -> None:
    sampler = RandomTracklets((4, 32), (1.0, 3.0))
    rng = np.random.default_rng(0)
    whole = np.mean([(np.diff(sampler.indices(1000, rng)) == 1).all() for _ in range(2000)])
    assert whole == pytest.approx(0.75, abs=0.04)


def test_the_list_of_a_fixed_length_means_its_first_item() -> None:
    a = FixedTracklets([8, 16, 32], sample_tracklet_prob=(0.2, 0.3, 0.5))
    b = FixedTracklets(8)
    np.testing.assert_array_equal(
        a.indices(50, np.random.default_rng(3)), b.indices(50, np.random.default_rng(3))
    )
    assert a.fixed_length


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"sample_tracklet_length": [0]}, "cannot draw tracklets"),
        ({"sample_tracklet_length": []}, "cannot draw tracklets"),
        ({"sample_tracklet_step": 0}, "cannot draw tracklets"),
        ({"frames_num_fixed": 0}, "cannot draw tracklets"),
        ({"sample_tracklet_prob": [1.0]}, "sample_tracklet_prob"),
        ({"sample_tracklet_prob": [0, 0, 0]}, "sample_tracklet_prob"),
        ({"sample_tracklet_prob": [-1, 1, 1]}, "sample_tracklet_prob"),
        ({"sample_type": "all_ordered"}, "sample_type"),
        ({"sample_type": "unfixed_ordered"}, "sample_type"),
    ],
)
def test_bad_options_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigError, match=word):
        RandomTracklets(**options)


def test_placeholders_beside_another_method_are_dropped_and_real_values_kept() -> None:
    placeholder = {"sample_tracklet_length": [0], "sample_tracklet_prob": [0], "sample_tracklet_step": 1}
    real = {"sample_tracklet_length": [8], "sample_tracklet_prob": [1.0], "sample_tracklet_step": 1}
    config: dict[str, Any] = {
        "trainer_cfg": {"sampler": {"method": "tracklet_mix_p", **real}},
        "evaluator_cfg": {"sampler": {"method": "random", "batch_size": 2, **placeholder}},
    }
    drop_placeholders(config)
    assert config["trainer_cfg"]["sampler"] == {"method": "tracklet_mix_p", **real}
    assert config["evaluator_cfg"]["sampler"] == {"method": "random", "batch_size": 2}
    for kept in ({"sampler": dict(real)}, {"sampler": {"method": "tracklet", **placeholder}}, {}, None):
        before = repr(kept)
        drop_placeholders({"trainer_cfg": kept})
        assert repr(kept) == before
    bare: dict[str, Any] = {"trainer_cfg": {"sampler": dict(placeholder)}}
    drop_placeholders(bare)
    assert bare["trainer_cfg"]["sampler"] == {}
