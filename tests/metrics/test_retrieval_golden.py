"""Distances and retrieval figures equal the recorded ones of the published evaluation."""

import numpy as np
import pytest
from helpers import golden_rules

from gait_plugins.metrics import NO_MATCH, part_distances, same_identity_and_camera, score_ranking


@pytest.fixture(scope="module")
def golden():
    return golden_rules.golden("metrics")


def _case(golden, name):
    fields = ("dist", "q_pids", "g_pids", "q_cams", "g_cams")
    return [golden[f"{name}_{field}"] for field in fields]


@pytest.mark.parametrize("metric", ["euc", "cos"])
def test_part_distances(golden, metric):
    found = part_distances(golden["dist_x"], golden["dist_y"], metric)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, golden[f"dist_{metric}"], rtol=0, atol=2e-6)


def test_ranking_without_exclusion(golden):
    distances, probes, gallery, _, _ = _case(golden, "rank")
    scores = score_ranking(distances, probes, gallery)
    np.testing.assert_allclose(scores.cmc(50), golden["rank_evaluate_rank_cmc"], atol=1e-6)
    np.testing.assert_allclose(scores.cmc(10), golden["rank_evaluate_rank_max10_cmc"], atol=1e-6)
    kept = scores.matched
    np.testing.assert_allclose(scores.average_precision[kept], golden["rank_evaluate_rank_AP"], rtol=1e-12)
    np.testing.assert_allclose(
        scores.inverse_negative_penalty[kept], golden["rank_evaluate_rank_INP"], rtol=1e-12
    )
    assert scores.without_match == 1  # identity 99 is in no gallery


def test_ranking_without_the_same_camera(golden):
    distances, probes, gallery, probe_cameras, gallery_cameras = _case(golden, "rank")
    exclude = same_identity_and_camera(probes, gallery, probe_cameras, gallery_cameras)(slice(None))
    scores = score_ranking(distances, probes, gallery, exclude=exclude)
    np.testing.assert_allclose(scores.cmc(50), golden["rank_evaluate_many_cmc"], atol=1e-6)
    assert scores.mAP == pytest.approx(golden["rank_evaluate_many_mAP"], rel=1e-12)
    assert scores.mINP == pytest.approx(golden["rank_evaluate_many_mINP"], rel=1e-12)


@pytest.mark.parametrize("views", [False, True])
@pytest.mark.parametrize("rank", [1, 5])
def test_accuracy_that_counts_unmatched_probes_as_misses(golden, views, rank):
    distances, probes, gallery, probe_views, gallery_views = _case(golden, "rank")
    exclude = None
    if views:
        exclude = same_identity_and_camera(probes, gallery, probe_views, gallery_views)(slice(None))
    scores = score_ranking(distances, probes, gallery, exclude=exclude)
    accuracy, precision = golden[f"rank_compute_ACC_mAP_{'view' if views else 'noview'}_rank{rank}"]
    assert scores.rank(rank, count_unmatched=True) == pytest.approx(accuracy, rel=1e-12)
    assert scores.mAP == pytest.approx(precision, rel=1e-12)


def test_small_galleries(golden):
    distances, probes, gallery, probe_cameras, gallery_cameras = _case(golden, "small")
    scores = score_ranking(distances, probes, gallery)
    np.testing.assert_allclose(scores.cmc(15), golden["small_evaluate_rank_cmc"], atol=1e-6)
    np.testing.assert_allclose(scores.average_precision, golden["small_evaluate_rank_AP"], rtol=1e-12)
    np.testing.assert_allclose(scores.inverse_negative_penalty, golden["small_evaluate_rank_INP"], rtol=1e-12)
    assert scores.cmc(50)[14:].tolist() == [1.0] * 36  # beyond the gallery the curve stays

    # The published rule fails on galleries of unequal length; the curve is still well defined.
    assert str(golden["small_evaluate_many_error"])
    exclude = same_identity_and_camera(probes, gallery, probe_cameras, gallery_cameras)(slice(None))
    excluded = score_ranking(distances, probes, gallery, exclude=exclude)
    assert np.all(np.diff(excluded.cmc(50)) >= 0)
    assert excluded.cmc(50)[-1] == 1.0
    assert np.all(excluded.first[excluded.matched] < NO_MATCH)
