"""The indoor protocols: perfect and hopeless embeddings, incomplete data, clear errors."""

import dataclasses
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gait_plugins
from gait_plugins import ConfigError, DataError, EmbeddingSet

TYPES = ("nm-01", "nm-02", "nm-03", "nm-04", "nm-05", "nm-06", "bg-01", "bg-02", "cl-01", "cl-02")
VIEWS = ("000", "090", "180")


def protocol(**options):
    return gait_plugins.get("protocol", "evaluate_indoor_dataset")(**options)


def make(identities=4, types=TYPES, views=VIEWS, seed=0, noise=2.0, dataset="CASIA-B"):
    """One sequence for each identity, type and view, scattered around the identity's centre."""
    rng = np.random.default_rng(seed)
    names = [(f"{i:03d}", t, v) for i in range(identities) for t in types for v in views]
    centres = rng.standard_normal((identities, 6, 2))
    scattered = centres[[int(i) for i, _, _ in names]]
    scattered = scattered + noise * rng.standard_normal(scattered.shape)
    labels, kinds, seen = (np.array(column) for column in zip(*names, strict=True))
    return EmbeddingSet(scattered.astype(np.float32), labels, kinds, seen, dataset)


def keep(data, mask):
    fields = {name: getattr(data, name)[mask] for name in ("embeddings", "labels", "types", "views")}
    return dataclasses.replace(data, **fields)


def naive_rank_1(data, probe_types, gallery_types):
    """Rank-1 by loops: mean over probe views of the mean over other gallery views, percent."""
    means = []
    for probe_view in sorted(set(data.views)):
        cells = []
        for gallery_view in sorted(set(data.views) - {probe_view}):
            seen = np.flatnonzero(data.views == gallery_view)
            gallery = [g for g in seen if data.types[g] in gallery_types]
            hits = []
            for p in range(len(data)):
                if data.views[p] == probe_view and data.types[p] in probe_types:
                    difference = data.embeddings[gallery] - data.embeddings[p]
                    nearest = gallery[int(np.sqrt((difference**2).sum(axis=1)).mean(axis=1).argmin())]
                    hits.append(data.labels[nearest] == data.labels[p])
            cells.append(round(100 * np.mean(hits), 2))
        means.append(np.mean(cells))
    return np.mean(means)


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 1000))
def test_figures_equal_plain_loops(seed):
    data = make(seed=seed)
    metrics = protocol().evaluate(data).metrics
    gallery = TYPES[:4]
    for condition, probes in {"NM": TYPES[4:6], "BG": TYPES[6:8], "CL": TYPES[8:]}.items():
        assert metrics[f"{condition}@R1"] == pytest.approx(naive_rank_1(data, probes, gallery), abs=1e-9)


@pytest.mark.parametrize("cross", [False, True])
@pytest.mark.parametrize("metric", ["euc", "cos"])
@pytest.mark.parametrize("identities", [1, 5])
def test_perfect_embeddings_score_100(cross, metric, identities):
    data = make(identities=identities, noise=0.0)
    results = protocol(metric=metric, cross_view_gallery=cross).evaluate(data)
    assert set(results.metrics.values()) == {100.0}
    assert (results.probes_without_match, results.notes) == (0, ())


@pytest.mark.parametrize("cross", [False, True])
def test_order_of_the_test_set_changes_nothing(cross):
    data = make()
    shuffled = keep(data, np.random.default_rng(1).permutation(len(data)))
    first, second = (protocol(cross_view_gallery=cross).evaluate(d) for d in (data, shuffled))
    assert first.metrics == second.metrics
    assert first.tables == second.tables
    assert first.details["per_view"] == second.details["per_view"]


def test_embeddings_without_any_identity_give_the_first_of_the_gallery():
    data = dataclasses.replace(make(), embeddings=np.zeros((4 * 30, 6, 2), np.float32))
    assert set(protocol().evaluate(data).metrics.values()) == {25.0}  # identity 000 alone is always right


def test_table_has_conditions_probe_views_and_the_mean():
    table = protocol().evaluate(make()).tables[0]
    assert table.columns == ("", *VIEWS, "mean")
    assert [row[0] for row in table.rows] == ["NM", "BG", "CL"]
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_unrounded_figures_are_beside_the_published_rounding():
    results = protocol().evaluate(make(identities=7))
    unrounded = results.details["unrounded"]
    assert list(unrounded) == list(results.metrics)
    assert unrounded["NM@R1"] == pytest.approx(results.metrics["NM@R1"], abs=0.005)
    assert any(unrounded[name] != results.metrics[name] for name in unrounded)


@pytest.mark.parametrize("cross", [False, True])
def test_a_missing_condition_is_left_out_and_noted(cross):
    data = make()
    results = protocol(cross_view_gallery=cross).evaluate(
        keep(data, np.array([not (t == "cl-01" or t == "cl-02") for t in data.types]))
    )
    assert not any(name.startswith("CL") for name in results.metrics)
    assert any(name.startswith("BG") for name in results.metrics)
    assert any(note.startswith("CL is left out: the data has no probes of cl-01") for note in results.notes)


@pytest.mark.parametrize("cross", [False, True])
def test_a_view_without_probes_is_left_out_of_that_mean(cross):
    data = make()
    lacking = np.char.startswith(data.types, "bg") & (data.views == "090")
    results = protocol(cross_view_gallery=cross).evaluate(keep(data, ~lacking))
    bag = next(row for row in results.tables[0].rows if row[0] == "BG")
    assert bag[2] == "-"
    assert float(bag[4]) == pytest.approx((float(bag[1]) + float(bag[3])) / 2, abs=0.01)
    assert "BG has no probes of view 090: its mean leaves them out" in results.notes


def test_a_view_without_gallery_is_left_out_of_the_pairs():
    data = make(noise=0.0)
    lacking = np.isin(data.types, TYPES[:4]) & (data.views == "180")
    results = protocol().evaluate(keep(data, ~lacking))
    assert results.metrics["NM@R1"] == 100.0
    assert results.details["matrices"]["NM@R1"][0] == [100.0, 100.0, None]
    assert "the gallery has no sequences of view 180: left out" in results.notes


@pytest.mark.parametrize("cross", [False, True])
def test_a_probe_without_its_identity_in_the_gallery_is_a_miss_and_counted(cross):
    data = make(noise=0.0)
    gallery = ("nm-02", "bg-02", "cl-02") if cross else TYPES[:4]
    results = protocol(cross_view_gallery=cross).evaluate(
        keep(data, ~(np.isin(data.types, gallery) & (data.labels == "003")))
    )
    first = next(iter(results.metrics))
    assert results.metrics[first] == 75.0
    assert results.probes_without_match == (3 if cross else 6) * len(VIEWS)
    assert any("count as misses because" in note for note in results.notes)


@pytest.mark.parametrize("cross", [False, True])
def test_a_single_view_has_nothing_to_compare(cross):
    with pytest.raises(DataError, match=r"another view.*the only views are 090(?s:.*)evaluate_Gait3D"):
        protocol(cross_view_gallery=cross).evaluate(make(views=("090",)))


@pytest.mark.parametrize("role", ["a probe", "in the gallery"])
def test_types_of_another_naming_are_shown(role):
    types = ("walk1", *TYPES[:4]) if role == "a probe" else ("walk1", *TYPES[4:])
    with pytest.raises(DataError, match=rf"is {role}: .*walk1.*expected (?s:.*)test_dataset_name"):
        protocol().evaluate(make(types=types))


def test_an_unknown_data_set_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"CASIA-B, OUMVLP, CASIA-E, SUSTech1K; did you mean 'CASIA-B'"):
        protocol().evaluate(make(dataset="CASIAB"))
    with pytest.raises(ConfigError, match=r"cross-view gallery rule for data set 'CASIA-E'"):
        protocol(cross_view_gallery=True).evaluate(make(dataset="CASIA-E"))


@pytest.mark.parametrize("cross", [False, True])
def test_rules_of_your_own(cross):
    data = make(types=("walk", "run"), noise=0.0, dataset="my-lab")
    rules = {"probe_types": {"RUN": ["run"]}, "gallery_types": ["walk"]}
    results = protocol(cross_view_gallery=cross, **rules).evaluate(data)
    assert set(results.metrics.values()) == {100.0}
    assert next(iter(results.metrics)).startswith("RUN")
    with pytest.raises(ConfigError, match="belong together"):
        protocol(probe_types={"RUN": ["run"]})


def test_the_cross_view_gallery_never_shows_a_probe_its_own_view():
    # The nearest of the same identity is always of the same view; leaving it out must show.
    data = make(identities=2, noise=0.0)
    offsets = {view: number for number, view in enumerate(VIEWS)}
    places = [[[offsets[v] * 100.0 + int(i)]] for i, v in zip(data.labels, data.views, strict=True)]
    results = protocol(cross_view_gallery=True).evaluate(
        dataclasses.replace(data, embeddings=np.array(places, np.float32))
    )
    assert results.metrics["NM-Rank@1"] == 0.0  # what remains of its own view is the other person


def test_every_view_of_casia_b_takes_no_time():
    views = tuple(f"{angle:03d}" for angle in range(0, 181, 18))
    results = protocol().evaluate(make(identities=10, views=views))
    assert results.tables[0].columns == ("", *views, "mean")
    assert results.probes == 10 * 6 * 11
    assert results.gallery == 10 * 4 * 11
    assert list(results.details["matrices"]) == [f"{c}@R1" for c in ("NM", "BG", "CL")]
    assert all(np.shape(m) == (11, 11) for m in results.details["matrices"].values())
    assert list(itertools.islice(results.scalars(), 1)) == ["scalar/test_accuracy/NM@R1"]
