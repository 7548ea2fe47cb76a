"""Retrieval figures agree with a plain loop, and do not depend on chunks, scale or order."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics import (
    NO_MATCH,
    Rows,
    distance_chunks,
    first_match,
    part_distances,
    retrieve,
    same_identity_and_camera,
    score_ranking,
)
from gait_plugins.metrics import distances as distances_module
from gait_plugins.metrics import retrieval as retrieval_module

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=40, deadline=None)


def naive_scores(distances, probe_labels, gallery_labels, exclude):
    """First match, AP and INP of every probe, one gallery sequence at a time."""
    scores = []
    for row, label, dropped in zip(distances.tolist(), probe_labels, exclude, strict=True):
        ranked = sorted((d, j) for j, d in enumerate(row) if not dropped[j])
        positions = [k for k, (_, j) in enumerate(ranked) if gallery_labels[j] == label]
        if not positions:
            scores.append((NO_MATCH, np.nan, np.nan))
            continue
        precisions = [(hit + 1) / (k + 1) for hit, k in enumerate(positions)]
        scores.append((positions[0], np.mean(precisions), len(positions) / (positions[-1] + 1)))
    return [np.array(column) for column in zip(*scores, strict=True)]


def _problem(seed, ties):
    rng = np.random.default_rng(seed)
    probes, gallery = rng.integers(1, 9), rng.integers(1, 25)
    distances = rng.integers(0, 4, (probes, gallery)) if ties else rng.random((probes, gallery))
    labels = rng.integers(0, 5, probes), rng.integers(0, 4, gallery)
    return rng, distances.astype(np.float32), *labels


@quick
@given(seeds, st.booleans(), st.booleans())
def test_scores_equal_a_plain_loop(seed, ties, excluding):
    rng, distances, probes, gallery = _problem(seed, ties)
    exclude = rng.random(distances.shape) < 0.4 if excluding else np.zeros(distances.shape, bool)
    first, precision, penalty = naive_scores(distances, probes, gallery, exclude)
    scores = score_ranking(distances, probes, gallery, exclude=exclude if excluding else None)
    assert scores.first.tolist() == first.tolist()
    np.testing.assert_allclose(scores.average_precision, precision, rtol=1e-12)
    np.testing.assert_allclose(scores.inverse_negative_penalty, penalty, rtol=1e-12)
    assert scores.without_match == int(np.isnan(precision).sum())


@quick
@given(seeds, st.booleans())
def test_first_match_needs_no_sort(seed, ties):
    _, distances, probes, gallery = _problem(seed, ties)
    match = torch.from_numpy(probes)[:, None] == torch.from_numpy(gallery)
    found = first_match(torch.from_numpy(distances), match)
    assert found.tolist() == score_ranking(distances, probes, gallery).first.tolist()


@quick
@given(seeds, st.booleans(), st.booleans())
def test_sorted_values_rank_as_a_stable_order_does(seed, ties, excluding):
    rng, values, probes, gallery = _problem(seed, ties)
    values = values if ties else rng.permuted(np.arange(values.size).reshape(values.shape), axis=1)
    exclude = rng.random(values.shape) < 0.4 if excluding else None
    ordered = score_ranking(values.astype(np.int64), probes, gallery, exclude=exclude)  # by a stable order
    for kind in (np.float32, np.float64):
        found = score_ranking(values.astype(kind), probes, gallery, exclude=exclude)
        for name in ("first", "average_precision", "inverse_negative_penalty"):
            assert getattr(found, name).tobytes() == getattr(ordered, name).tobytes()


def test_first_match_is_looked_for_a_few_rows_at_a_time(monkeypatch):
    rng = np.random.default_rng(1)
    far = torch.from_numpy(rng.integers(0, 9, (50, 20)).astype(np.float32))
    match = torch.from_numpy(rng.random((50, 20)) < 0.1)
    whole = first_match(far, match)
    assert (whole == NO_MATCH).any()
    monkeypatch.setattr(retrieval_module, "_CACHED", 70)
    assert torch.equal(first_match(far, match), whole)


def test_a_match_at_infinity_is_one():
    far, match = (
        torch.tensor([[torch.inf, 1.0, torch.inf]] * 2),
        torch.tensor([[False, False, True], [False] * 3]),
    )
    assert first_match(far, match).tolist() == [2, NO_MATCH]


def test_first_match_of_an_empty_gallery_is_none():
    assert first_match(torch.zeros(2, 0), torch.zeros(2, 0, dtype=torch.bool)).tolist() == [NO_MATCH] * 2


@quick
@given(seeds, st.integers(1, 7), st.sampled_from(["euc", "cos"]))
def test_chunks_change_nothing(seed, chunk_size, metric):
    # Small integers and power-of-two norms are exact in float32, whatever the order of the sums.
    rng = np.random.default_rng(seed)
    probe, gallery = rng.choice([-1.0, 1.0], (6, 4, 3)), rng.choice([-1.0, 1.0], (11, 4, 3))
    labels = rng.integers(0, 4, 6), rng.integers(0, 4, 11)
    whole = part_distances(probe, gallery, metric)
    assert np.array_equal(part_distances(probe, gallery, metric, chunk_size=chunk_size), whole)
    cameras = rng.integers(0, 2, 6), rng.integers(0, 2, 11)
    exclude = same_identity_and_camera(*labels, *cameras)
    scores = [
        retrieve(probe, gallery, *labels, metric=metric, exclude=rule, chunk_size=size)
        for rule, size in ((exclude, None), (exclude, chunk_size), (exclude(slice(None)), chunk_size))
    ]
    for other in scores[1:]:
        assert other.first.tolist() == scores[0].first.tolist()
        np.testing.assert_array_equal(other.average_precision, scores[0].average_precision)


@pytest.mark.parametrize("metric", ["euc", "cos"])
@pytest.mark.parametrize("probes", [1, 29])
def test_tiles_change_nothing(monkeypatch, metric, probes):
    # Exact in float32, as above.
    values = np.random.default_rng(0).choice([-1.0, 1.0], (probes + 70, 4, 3))
    probe, gallery = values[:probes], values[probes:]
    whole = part_distances(probe, gallery, metric)
    for name, size in (("_TILE", 96), ("_TILE_ROWS", 12), ("_ALIGNED", 4)):
        monkeypatch.setattr(distances_module, name, size)
    assert distances_module._tile_of(probes, 70)[1] < 70 or probes == 1
    assert np.array_equal(part_distances(probe, gallery, metric), whole)
    expected = np.linalg.norm(probe[:, None] - gallery[None], axis=2)
    expected = expected.mean(2) if metric == "euc" else (expected**2).mean(2) / 8
    np.testing.assert_allclose(whole, expected, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (5, 2**20), (699, 12000), (7731, 859), (2**20, 3)])
def test_a_tile_stays_in_the_cache_and_its_rows_begin_at_a_line(shape):
    rows, columns = distances_module._tile_of(*shape)
    assert rows * columns <= 2**19
    assert rows <= 1024
    assert columns % 64 == 0


@quick
@given(seeds, st.sampled_from([0.25, 8.0]))
def test_cosine_ignores_scale(seed, scale):
    rng = np.random.default_rng(seed)
    probe, gallery = rng.standard_normal((5, 6, 2)), rng.standard_normal((9, 6, 2))
    distances = part_distances(probe, gallery, "cos")
    assert np.array_equal(part_distances(probe * scale, gallery, "cos"), distances)
    assert distances.min() >= -1e-6
    assert distances.max() <= 2 + 1e-6


@quick
@given(seeds, st.sampled_from(["euc", "cos"]))
def test_order_of_the_test_set_changes_nothing(seed, metric):
    rng = np.random.default_rng(seed)
    probe, gallery = rng.standard_normal((5, 6, 2)), rng.standard_normal((12, 6, 2))
    probe_labels, gallery_labels = rng.integers(0, 3, 5), rng.integers(0, 3, 12)
    scores = retrieve(probe, gallery, probe_labels, gallery_labels, metric=metric)
    p, g = rng.permutation(5), rng.permutation(12)
    shuffled = retrieve(probe[p], gallery[g], probe_labels[p], gallery_labels[g], metric=metric)
    assert shuffled.first.tolist() == scores.first[p].tolist()
    np.testing.assert_allclose(shuffled.average_precision, scores.average_precision[p])


@quick
@given(seeds)
def test_euclidean_equals_the_norm_of_the_difference(seed):
    rng = np.random.default_rng(seed)
    probe, gallery = rng.standard_normal((4, 5, 3)), rng.standard_normal((6, 5, 3))
    expected = np.linalg.norm(probe[:, None] - gallery[None], axis=2).mean(axis=2)
    np.testing.assert_allclose(part_distances(probe, gallery), expected, atol=1e-5)


def test_equal_distances_rank_in_gallery_order():
    labels = np.array(["b", "a", "a"])
    scores = retrieve(np.zeros((2, 3, 2)), np.zeros((3, 3, 2)), np.array(["a", "b"]), labels)
    assert scores.first.tolist() == [1, 0]
    assert scores.average_precision.tolist() == [pytest.approx((1 / 2 + 2 / 3) / 2), 1.0]


def test_shares_over_matched_or_all_probes():
    distances = np.array([[0.1, 0.2], [0.2, 0.1], [0.1, 0.2]])
    scores = score_ranking(distances, np.array([0, 0, 9]), np.array([0, 1]))
    assert (scores.rank(1), scores.rank(2), scores.without_match) == (0.5, 1.0, 1)
    assert scores.rank(1, count_unmatched=True) == pytest.approx(1 / 3)
    assert scores.cmc(3, count_unmatched=True).tolist() == pytest.approx([1 / 3, 2 / 3, 2 / 3])
    assert scores.of(np.array([0])).mINP == 1.0


def test_nothing_to_average_is_nan_not_a_warning():
    scores = score_ranking(np.zeros((1, 2)), np.array([5]), np.array([0, 1]))
    assert np.isnan([scores.mAP, scores.mINP, scores.rank(1), *scores.cmc(2)]).all()


def test_memory_of_a_chunk_does_not_grow_with_the_gallery():
    gallery = torch.zeros(2**21, 1, 1)
    sizes = [chunk.numel() for _, chunk in distance_chunks(torch.zeros(5, 1, 1), gallery)]
    assert len(sizes) == 2
    assert max(sizes) == 2**23


def test_takes_what_people_have():
    values = np.arange(12, dtype=np.float64).reshape(3, 4)
    values.setflags(write=False)
    flat = part_distances(values, values)  # read-only, float64, one part
    assert np.array_equal(flat, part_distances(torch.tensor(values).half()[:, :, None], values))
    assert part_distances(values[:0], values).shape == (0, 3)


def test_errors_say_what_is_wrong():
    two, bad = np.zeros((2, 3, 4)), np.full((2, 3, 4), np.nan)
    bad[0] = 0
    with pytest.raises(DataError, match="1 of 2 embeddings hold NaN"):
        part_distances(bad, two)
    with pytest.raises(DataError, match=r"3 channels x 4 parts.*5 x 4"):
        part_distances(two, np.zeros((2, 5, 4)))
    with pytest.raises(DataError, match=r"2 of 2 embeddings hold .*overflowing"):
        part_distances(two, two + 1e30)
    with pytest.raises(DataError, match=r"shape \[3\], expected"):
        part_distances(np.zeros(3), two)
    with pytest.raises(ConfigError, match="'l2'"):
        part_distances(two, two, "l2")
    with pytest.raises(DataError, match="no probes"):
        retrieve(two[:0], two, np.zeros(0), np.zeros(2))


@pytest.mark.parametrize("metric", ["euc", "cos"])
@pytest.mark.parametrize("shape", [(9, 5, 3), (9, 7)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_are_taken_without_a_copy_and_with_the_same_digits(metric, shape, dtype):
    embeddings = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    kept = embeddings.copy()
    embeddings.setflags(write=False)
    left, right = np.array([8, 0, 3]), np.array([1, 2, 4, 4, 7])
    chosen = part_distances(Rows(embeddings, left), Rows(embeddings, right), metric)
    np.testing.assert_array_equal(chosen, part_distances(embeddings[left], embeddings[right], metric))
    np.testing.assert_array_equal(
        chosen, part_distances(*(torch.tensor(kept[rows]) for rows in (left, right)), metric)
    )
    np.testing.assert_array_equal(embeddings, kept)


def test_embeddings_stay_as_they_are():
    one = np.random.default_rng(0).standard_normal((6, 4)).astype(np.float32)
    for rows in (one, torch.from_numpy(one)):
        kept = one.copy()
        part_distances(rows, rows, "cos")
        part_distances(rows, rows[1:], "cos")
        np.testing.assert_array_equal(one, kept)


def test_ties_before_the_first_match_count_where_several_are_equal():
    distances = torch.tensor([[1.0, 1, 1, 0], [2, 1, 1, 1], [1, 1, 1, 1], [3, 2, 1, 0]])
    match = torch.tensor([[0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0]], dtype=torch.bool)
    assert first_match(distances, match).tolist() == [3, 0, NO_MATCH, 2]
