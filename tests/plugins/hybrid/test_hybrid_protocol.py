"""The frames protocol equals the published figures, and says what near-copies decide."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.files.walks import embedded, every, rows, unembedded
from helpers.golden_rules import golden

from gait_plugins import DataError, EmbeddingSet, build
from gait_plugins.metrics import score_ranking
from gait_plugins.plugins.hybrid.protocol import published_figures

METRICS = golden("metrics")
DISTANCES, LABELS = METRICS["tesis_dist"], METRICS["tesis_labels"]
PEOPLE = ["001", "002", "003", "004"]


def protocol(**options):
    return build("protocol", {"eval_func": "evaluate_frames", **options})


def frames(copies: int = 3, noise: float = 1.5, seed: int = 0) -> EmbeddingSet:
    """Walks with ``copies`` frames each, the frames of a walk nearly the same."""
    walks = embedded(every(PEOPLE, ["nm-01", "cl-01"], ["000", "090"]), "lab", noise=noise, seed=seed)
    repeated = rows(walks, np.repeat(np.arange(len(walks)), copies))
    rng = np.random.default_rng(seed)
    near = repeated.embeddings + 0.01 * rng.standard_normal(repeated.embeddings.shape)
    return EmbeddingSet(near.astype(np.float32), repeated.labels, repeated.types, repeated.views, "lab", None)


def test_the_published_figures_of_one_set_against_itself() -> None:
    scores = score_ranking(DISTANCES, LABELS, LABELS, exclude=np.eye(len(LABELS), dtype=bool))
    mean_ap, first = published_figures(scores, LABELS)
    np.testing.assert_allclose([100 * first, 100 * mean_ap], METRICS["tesis_same_set"], atol=1e-9)


@pytest.mark.parametrize(
    ("case", "probes", "gallery"),
    [
        ("no_indices", slice(None), slice(None)),
        ("query_every3rd", slice(None, None, 3), slice(None)),
        ("even_odd_disjoint", slice(None, None, 2), slice(1, None, 2)),
    ],
)
def test_the_published_figures_where_nothing_is_left_out(case, probes, gallery) -> None:
    scores = score_ranking(DISTANCES[probes, gallery], LABELS[probes], LABELS[gallery])
    found = [100 * scores.rank(1, count_unmatched=True), 100 * scores.mAP]
    np.testing.assert_allclose(found, METRICS[f"tesis_{case}"], atol=1e-9)


def test_the_parity_switch_changes_the_published_map_alone() -> None:
    data = frames()
    ours, published = protocol().evaluate(data).metrics, protocol(published_ap=True).evaluate(data).metrics
    assert published["frames@mAP"] < ours["frames@mAP"]
    assert {k for k in ours if ours[k] != published[k]} == {"frames@mAP"}


def test_copies_of_the_probe_decide_the_published_figure_only() -> None:
    metrics = protocol().evaluate(frames(noise=4)).metrics
    assert metrics["frames@R1"] == 100
    assert metrics["disjoint@R1"] < 60
    assert metrics["cross-view@R1"] < 60


@pytest.mark.parametrize("seed", range(3))
def test_each_rule_equals_a_loop_over_probes(seed) -> None:
    data = frames(seed=seed)
    found = protocol().evaluate(data).metrics
    for rule in ("frames", "disjoint", "cross-view"):
        hits = []
        for p in range(len(data)):
            gallery = [g for g in range(len(data)) if not left_out(rule, data, p, g)]
            apart = np.linalg.norm(data.embeddings[gallery] - data.embeddings[p], axis=1).mean(axis=1)
            hits.append(data.labels[gallery[int(apart.argmin())]] == data.labels[p])
        assert found[f"{rule}@R1"] == pytest.approx(100 * np.mean(hits))


def left_out(rule: str, data: EmbeddingSet, p: int, g: int) -> bool:
    same_person, same_view = data.labels[p] == data.labels[g], data.views[p] == data.views[g]
    same_walk = same_person and same_view and data.types[p] == data.types[g]
    return {"frames": p == g, "disjoint": same_walk, "cross-view": same_person and same_view}[rule]


def test_pooled_frames_are_compared_as_sequences() -> None:
    data, whole = frames(copies=5), frames(copies=1)
    pooled = protocol(pool=True).evaluate(data)
    assert pooled.probes == len(whole)
    assert set(pooled.metrics) == {
        f"{r}@{f}" for r in ("disjoint", "cross-view") for f in ("R1", "mAP", "mINP")
    }
    assert pooled.metrics["disjoint@R1"] == protocol().evaluate(whole).metrics["disjoint@R1"]


def test_each_figure_says_what_was_left_out() -> None:
    table = protocol().evaluate(frames()).tables[0]
    assert [row[0] for row in table.rows] == [
        "frames: the same frame left out (as published)",
        "disjoint: the frames of the same sequence left out",
        "cross-view: the person's frames of the same view left out",
    ]


def test_a_rule_that_leaves_nothing_to_find_is_named_and_not_scored() -> None:
    data = frames()
    results = protocol().evaluate(rows(data, data.views == "000"))
    assert "cross-view@R1" not in results.metrics
    assert any("cross-view: no probe has a match" in note for note in results.notes)


@pytest.mark.parametrize("pool", [False, True])
@pytest.mark.parametrize("see", ["check", "evaluate"])
def test_one_identity_is_refused(pool, see) -> None:
    data = frames()
    alone = rows(data, data.labels == "001")
    with pytest.raises(DataError, match="holds 1 identity"):
        getattr(protocol(pool=pool), see)(unembedded(alone) if see == "check" else alone)


def test_nobody_seen_twice_is_refused() -> None:
    data = frames(copies=1)
    with pytest.raises(DataError, match="no identity of lab has a second frame"):
        protocol().check(rows(data, (data.types == "nm-01") & (data.views == "000")))
