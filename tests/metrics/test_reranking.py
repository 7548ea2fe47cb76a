"""Re-ranking by shared neighbours: recorded values, plain loops, invariances, bounds."""

import numpy as np
import pytest
from helpers import golden_rules
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins import ConfigError, DataError
from gait_plugins.metrics import part_distances, rerank, rerank_distances, score_ranking, sparse
from gait_plugins.metrics import reranking as module

# The recorded overlaps were summed in half precision.
HALF = 20 * np.finfo(np.float16).eps / 2


def walkers(seed, probes=9, gallery=14, identities=5, noise=1.0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((identities, 6, 3))[np.arange(probes + gallery) % identities]
    embeddings = (centres + noise * rng.standard_normal(centres.shape)).astype(np.float32)
    return embeddings[:probes], embeddings[probes:]


def slowly(distances, probes, k1, k2, share):
    """The published rule, one sequence at a time, with sets."""
    count = len(distances)
    relative = distances / distances.max(axis=1, keepdims=True)
    order = np.argsort(distances, axis=1, kind="stable")

    def reciprocal(i, k):
        return {int(j) for j in order[i, : k + 1] if i in order[j, : k + 1]}

    weights = np.zeros((count, count))
    for i in range(count):
        circle = reciprocal(i, k1)
        members = set(circle)
        for j in circle:
            other = reciprocal(j, round(k1 / 2))
            if len(other & circle) > 2 / 3 * len(other):
                members |= other
        for j in members:
            weights[i, j] = np.exp(-relative[i, j])
        weights[i] /= weights[i].sum() or 1
    if k2 > 1:
        weights = np.stack([weights[order[i, :k2]].mean(axis=0) for i in range(count)])
    shared = np.minimum(weights[:probes, None], weights[None, probes:]).sum(axis=2)
    return (1 - shared / (2 - shared)) * (1 - share) + relative[:probes, probes:] * share


@pytest.mark.parametrize(("k1", "k2", "share"), [(6, 6, 0.3), (4, 1, 0.5), (5, 2, 0.0)])
def test_recorded_values(k1, k2, share):
    golden = golden_rules.golden("metrics")
    found = rerank_distances(golden["rerank_dist"], 8, k1=k1, k2=k2, lambda_value=share)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, golden[f"rerank_k1{k1}_k2{k2}_lam{share}"], rtol=0, atol=HALF)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000), st.integers(1, 12), st.integers(1, 9), st.sampled_from([0.0, 0.3, 1.0]),
    st.integers(1, 12), st.integers(1, 12),
)  # fmt: skip
def test_equals_plain_loops_at_any_size(seed, k1, k2, share, probes, gallery):
    embeddings = np.concatenate(walkers(seed, probes, gallery))
    distances = part_distances(embeddings, embeddings)
    distances = (distances + distances.T) / 2
    found = rerank_distances(distances, probes, k1=k1, k2=k2, lambda_value=share)
    np.testing.assert_allclose(found, slowly(distances, probes, k1, k2, share), atol=2e-6)


@pytest.mark.parametrize("metric", ["euc", "cos"])
def test_embeddings_and_their_distances_agree(metric):
    probe, gallery = walkers(3, 40, 60, 12)
    everyone = np.concatenate([probe, gallery])
    known = rerank_distances(part_distances(everyone, everyone, metric), len(probe))
    # A sequence's distance to itself is only nearly 0 where it comes out of a matrix product.
    np.testing.assert_allclose(rerank(probe, gallery, metric=metric), known, atol=1e-3)


def test_small_chunks_change_nothing(monkeypatch):
    probe, gallery = walkers(5, 30, 25)
    whole = rerank(probe, gallery)
    for part in (module, sparse):
        monkeypatch.setattr(part, "_BUDGET", 40)
    np.testing.assert_array_equal(rerank(probe, gallery), whole)


def test_overlaps_are_summed_in_full_chunks_within_the_budget(monkeypatch):
    sizes = []

    def counted(starts, stops):
        sizes.append(int((stops - starts).sum()))
        return sparse.expand(starts, stops)

    monkeypatch.setattr(module, "expand", counted)
    probe, gallery = walkers(5, 30, 25)
    monkeypatch.setattr(module, "_BUDGET", 0)
    rerank(probe, gallery)
    alone = sizes.copy()
    assert len(alone) == 30
    sizes.clear()
    budget = 4 * (max(alone) + 25)
    monkeypatch.setattr(module, "_BUDGET", budget)
    rerank(probe, gallery)
    assert sum(sizes) == sum(alone)
    assert max(sizes) <= budget
    assert 2 <= len(sizes) <= 30 / 4 + 1


def test_a_share_of_one_keeps_the_original_order():
    probe, gallery = walkers(1)
    original = part_distances(probe, gallery)
    order = np.argsort(rerank(probe, gallery, lambda_value=1.0), axis=1)
    np.testing.assert_array_equal(order, np.argsort(original, axis=1))


def test_shared_neighbours_mend_a_ranking():
    probe, gallery = walkers(0, 200, 300, 50, noise=0.8)
    labels = np.arange(500) % 50
    before, after = (
        score_ranking(distances, labels[:200], labels[200:]).mAP
        for distances in (part_distances(probe, gallery), rerank(probe, gallery))
    )
    assert after > before + 0.1


def test_equal_embeddings_are_all_equally_near():
    same = np.ones((5, 4, 2), np.float32)
    found = rerank(same[:2], same)
    assert np.isfinite(found).all()
    assert (found >= 0).all()


@pytest.mark.parametrize("options", [{"k1": 0}, {"k2": 0}, {"lambda_value": 1.5}])
def test_options_out_of_range_are_named(options):
    with pytest.raises(ConfigError, match="k1 and k2 must be 1 or more"):
        rerank(*walkers(0), **options)


def test_nobody_to_rank_is_an_error():
    probe, gallery = walkers(0)
    with pytest.raises(DataError, match="0 probes, 14 gallery"):
        rerank(probe[:0], gallery)
    with pytest.raises(DataError, match=r"shape \[9, 14\] with 9 probes"):
        rerank_distances(part_distances(probe, gallery), 9)
