"""The ranking of a report: it agrees with the figures of the protocols, and with what is counted by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import gait_plugins
from gait_plugins import Compared, DataError, EmbeddingSet
from gait_plugins.api.run_report.ranking import Ranking, rank
from gait_plugins.metrics import NO_MATCH, part_distances
from gait_plugins.testing.protocols import PROBES, _made_up


def data(shift: float = 1.0) -> EmbeddingSet:
    """Walks of five people, the nearer to each other the smaller the shift."""
    made = _made_up()
    rng = np.random.default_rng(3)
    noisy = made.embeddings * shift + rng.normal(0, 1.5, made.embeddings.shape)
    return EmbeddingSet(
        noisy.astype(np.float32), made.labels, made.types, made.views, "CASIA-B", made.probe_set
    )


OWN = {"eval_func": "evaluate_own_data"}
RULES: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "indoor": ({"eval_func": "evaluate_indoor_dataset"}, {"NM": "NM@R1", "CL": "CL@R1"}),
    "all views": (
        {"eval_func": "evaluate_indoor_dataset", "cross_view_gallery": True},
        {"NM": "NM-Rank@1", "BG": "BG-Rank@1"},
    ),
    "listed": ({"eval_func": "evaluate_Gait3D"}, {"": "Rank-1"}),
    "takes": (
        {"eval_func": "evaluate_real_scene", "probe_types": ["nm-05"], "gallery_types": ["nm-01"]},
        {"": "Rank-1"},
    ),
    "own": (OWN, {"": "Rank-1"}),
    "own, other views": ({**OWN, "identical_views": False}, {"": "Rank-1"}),
    "own, cosine": ({**OWN, "metric": "cos", "probe_types": ["bg-*"]}, {"": "Rank-1"}),
}


@pytest.mark.parametrize("name", RULES)
def test_the_curve_begins_where_the_protocol_does(name: str):
    cfg, figures = RULES[name]
    protocol = gait_plugins.build("protocol", cfg)
    walks = data()
    told = protocol.compared(walks)
    results = protocol.evaluate(walks)
    ranking = rank(walks, told, cfg.get("metric", "euc"))
    assert 5 < min(results.metrics[each] for each in figures.values()) < 99
    for condition, figure in figures.items():
        curve = ranking.cmc(5, told.conditions[condition] if condition else None)
        assert 100 * curve[0] == pytest.approx(results.metrics[figure], abs=0.011), condition
        assert (np.diff(curve) >= 0).all()


def ranked() -> tuple[EmbeddingSet, Compared, Ranking]:
    walks = data()
    probes = np.flatnonzero(np.isin(walks.types, PROBES))
    told = Compared(
        probes,
        np.flatnonzero(~np.isin(walks.types, PROBES)),
        lambda rows: walks.views[probes[rows], None] == walks.views[~np.isin(walks.types, PROBES)],
    )
    return walks, told, rank(walks, told)


def test_ranks_margins_and_errors_are_those_counted_by_hand():
    walks, told, found = ranked()
    far = part_distances(walks.embeddings[told.probes], walks.embeddings[told.gallery])
    same = walks.labels[told.probes][:, None] == walks.labels[told.gallery]
    assert told.left_out is not None
    kept = ~told.left_out(slice(0, len(far)))
    for row in range(0, len(far), 7):
        ours, others = far[row][same[row] & kept[row]], far[row][~same[row] & kept[row]]
        assert found.margin[row] == pytest.approx(ours.min() - others.min(), abs=1e-5)
        assert found.first[row] == (others < ours.min()).sum()
        order = [column for column in np.argsort(far[row], kind="stable") if kept[row, column]]
        assert found.nearest[row].tolist() == told.gallery[order[:5]].tolist()
    assert (found.same.sum(), found.different.sum()) == ((same & kept).sum(), (~same & kept).sum())
    match, right = found.errors
    middle = len(found.edges) // 3
    limit = found.edges[middle]
    assert match[middle] == pytest.approx((far[~same & kept] < limit).mean(), abs=1e-3)
    assert right[middle] == pytest.approx((far[same & kept] < limit).mean(), abs=1e-3)
    assert 0 < found.equal_error < 0.5


def test_what_is_not_compared_is_an_empty_cell():
    _, _, found = ranked()
    rows, shares = found.by_view()
    assert rows == list(found.views) == ["000", "090", "180"]
    assert np.isnan(np.diag(shares)).all()
    assert np.isfinite(shares[~np.eye(3, dtype=bool)]).all()


def test_a_probe_without_its_person_has_no_margin_and_no_rank():
    walks = data()
    told = Compared(np.array([0, 40]), np.flatnonzero(walks.labels == walks.labels[40])[1:])
    found = rank(walks, told)
    assert found.first[0] == NO_MATCH
    assert np.isnan(found.margin).all()
    assert found.cmc(3).tolist() == [1, 1, 1]  # the other one's gallery holds nobody else
    missed = Compared(told.probes, told.gallery, unmatched_are_misses=True)
    assert rank(walks, missed).cmc(3).tolist() == [0.5, 0.5, 0.5]


def test_views_that_are_names_of_films_are_not_told_apart():
    walks = data()
    films = replace(walks, views=np.array([f"film-{number}" for number in range(len(walks))]))
    everyone = np.arange(len(walks))
    found = rank(films, Compared(everyone[::2], everyone[1::2]))
    assert found.views == ()
    assert found.by_view()[1].shape == (75, 0)
    assert np.isfinite(found.cmc(3)).all()


def test_where_nothing_is_compared_no_pair_is_counted():
    walks = data()
    everyone = np.arange(len(walks))
    ranking = rank(walks, Compared(everyone, everyone, lambda rows: np.ones((len(walks),) * 2, bool)[rows]))
    assert ranking.same.sum() == ranking.different.sum() == 0
    assert (ranking.first == NO_MATCH).all()
    assert (ranking.nearest == -1).all()


@pytest.mark.parametrize(("probes", "gallery"), [(0, 3), (3, 0)])
def test_without_probes_or_gallery_it_is_said(probes: int, gallery: int):
    with pytest.raises(DataError, match=f"{probes} probes, {gallery} sequences in the gallery"):
        rank(data(), Compared(np.arange(probes), np.arange(gallery)))
