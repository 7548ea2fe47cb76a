"""Batches: P identities x K sequences, any sequences, two views of each, or each exactly once for a test."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.api import SequenceIndex, SequenceRef
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.zoo.data.batch_sampling import (
    BilateralSampler,
    CommonSampler,
    InferenceSampler,
    TripletSampler,
)


def index_of(sizes: list[int]) -> SequenceIndex:
    return SequenceIndex(
        [SequenceRef(f"{i:03d}", "nm", f"{k:02d}", None) for i, size in enumerate(sizes) for k in range(size)]
    )


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12),
    k=st.integers(1, 6),
    shuffle=st.booleans(),
    seed=st.integers(0, 2**31),
    data=st.data(),
)
def test_a_batch_holds_k_sequences_of_p_identities(sizes, k, shuffle, seed, data):
    p = data.draw(st.integers(1, len(sizes)))
    index, sampler = index_of(sizes), TripletSampler((p, k), shuffle)
    sampler.check(index)
    batch = list(sampler.batch(index, 7, rng(seed)))
    assert len(batch) == sampler.batch_size == p * k
    assert batch == list(sampler.batch(index, 7, rng(seed)))
    labels = [index.refs[position].label for position in batch]
    assert Counter(Counter(labels).values()) == {k: p}
    for label in set(labels):
        own = [position for position in batch if index.refs[position].label == label]
        if len(index.by_identity[label]) >= k:
            assert len(set(own)) == k
    if not shuffle:
        assert all(len(set(labels[i : i + k])) == 1 for i in range(0, len(labels), k))


def test_shuffling_mixes_identities():
    index = index_of([9] * 8)
    batch = TripletSampler((8, 4), True).batch(index, 0, rng())
    labels = [index.refs[position].label for position in batch]
    assert any(len(set(labels[i : i + 4])) > 1 for i in range(0, 32, 4))


def test_every_identity_and_sequence_is_drawn_evenly():
    index, sampler = index_of([5] * 6), TripletSampler((3, 2))
    drawn = Counter(i for seed in range(600) for i in sampler.batch(index, seed, rng(seed)))
    assert len(drawn) == 30
    assert min(drawn.values()) > 75
    assert max(drawn.values()) < 170


def test_fewer_identities_than_asked_for_name_what_works():
    sampler = TripletSampler((8, 4))
    with pytest.raises(ConfigError, match="8 identities, but the training set has 3") as caught:
        sampler.check(index_of([4, 4, 4]))
    assert "-o trainer_cfg.sampler.batch_size=[3,4]" in str(caught.value)
    TripletSampler((3, 4)).check(index_of([1, 1, 1]))


@pytest.mark.parametrize("batch_size", [8, (8,), (8, 4, 2), (0, 4), (8, -1), (8.0, 4), (True, 4), "84"])
def test_batch_size_of_the_triplet_sampler_is_a_pair(batch_size):
    with pytest.raises(ConfigError, match="batch_size of TripletSampler"):
        TripletSampler(batch_size)


def test_yaml_lists_are_taken():
    assert TripletSampler([8, 16]).batch_size == 128


def test_triplet_batches_never_end():
    assert TripletSampler((2, 2)).num_batches(index_of([3, 3])) is None


@settings(max_examples=100, deadline=None)
@given(count=st.integers(0, 50), size=st.integers(1, 60))
def test_inference_takes_every_sequence_once_in_order(count, size):
    index, sampler = index_of([1] * count), InferenceSampler(size)
    batches = [list(sampler.batch(index, i, rng())) for i in range(sampler.num_batches(index))]
    assert [i for batch in batches for i in batch] == list(range(count))
    assert all(len(batch) == size for batch in batches[:-1])
    assert all(batches)


@pytest.mark.parametrize("batch_size", [0, -1, [8, 16], 2.0, True])
def test_batch_size_of_the_inference_sampler_is_a_number(batch_size):
    with pytest.raises(ConfigError, match="batch_size of InferenceSampler"):
        InferenceSampler(batch_size)


def test_inference_is_never_shuffled():
    InferenceSampler(2, batch_shuffle=False)
    with pytest.raises(ConfigError, match="batch_shuffle"):
        InferenceSampler(2, batch_shuffle=True)


@pytest.mark.parametrize("sampler", [TripletSampler((2, 2)), InferenceSampler(2)])
def test_no_sequences_are_an_error(sampler):
    with pytest.raises(DataError, match="no sequences"):
        sampler.check(index_of([]))


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 9), min_size=1, max_size=12), b=st.integers(1, 30), seed=st.integers(0, 99)
)
def test_a_common_batch_repeats_sequences_only_where_there_are_too_few(sizes, b, seed):
    index, sampler = index_of(sizes), CommonSampler(b)
    sampler.check(index)
    batch = sampler.batch(index, 3, rng(seed))
    assert len(batch) == sampler.batch_size == b
    assert len(set(batch)) == b or b > len(index)
    assert sampler.num_batches(index) is None


@settings(max_examples=50, deadline=None)
@given(b=st.integers(1, 6), each=st.integers(1, 4), world=st.sampled_from([1, 2, 4]), seed=st.integers(0, 99))
def test_both_views_of_a_sequence_come_to_the_same_process(b, each, world, seed):
    index, sampler = index_of([5] * 7), BilateralSampler((b * world, each))
    batch = sampler.batch(index, 0, rng(seed))
    assert len(batch) == sampler.batch_size == 2 * b * world * each
    for rank in range(world):
        share = batch[rank::world]
        assert share[: len(share) // 2] == share[len(share) // 2 :]
        assert len(set(share)) == len(share) // 2 or b * world * each > len(index)


@pytest.mark.parametrize(
    ("sampler", "size"),
    [(CommonSampler, [8, 4]), (CommonSampler, 0), (BilateralSampler, 8), (BilateralSampler, [8, 0])],
)
def test_sizes_that_make_no_batch_are_refused(sampler, size):
    with pytest.raises(ConfigError, match="batch_size of") as caught:
        sampler(size)
    assert "trainer_cfg.sampler.batch_size" in str(caught.value)


def test_nothing_to_draw_from_is_said():
    for sampler in (CommonSampler(2), BilateralSampler((1, 2))):
        with pytest.raises(DataError, match="has no sequences"):
            sampler.check(index_of([]))
