"""A protocol for data of one's own: by type, view, list or leave-one-out; its figures and its words."""

import json

import numpy as np
import pytest
from helpers.files.walks import embedded, every, rows, unembedded
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gait_plugins import ConfigError, DataError, build

PEOPLE = [f"{i:03d}" for i in range(8)]
TYPES = ("nm-01", "nm-02", "bg-01")
VIEWS = ("000", "090")


def protocol(**options):
    return build("protocol", {"eval_func": "evaluate_own_data", **options})


def lab(noise=1.0, seed=0, probes=None):
    return embedded(every(PEOPLE, TYPES, VIEWS), "lab", noise=noise, seed=seed, probes=probes)


def slowly(data, is_probe, is_gallery, identical_views):
    """Rank-1, mAP and mINP in percent, one probe at a time, and how many have no match."""
    hits, precisions, penalties, without = [], [], [], 0
    for p in np.flatnonzero(is_probe):
        gallery = [g for g in np.flatnonzero(is_gallery) if g != p]
        if not identical_views:
            gallery = [
                g for g in gallery if data.labels[g] != data.labels[p] or data.views[g] != data.views[p]
            ]
        apart = np.sqrt(((data.embeddings[gallery] - data.embeddings[p]) ** 2).sum(axis=1)).mean(axis=1)
        match = data.labels[np.array(gallery)[np.argsort(apart)]] == data.labels[p]
        ranks = np.flatnonzero(match) + 1
        if not len(ranks):
            without += 1
            continue
        hits.append(ranks[0] == 1)
        precisions.append(np.mean(np.arange(1, len(ranks) + 1) / ranks))
        penalties.append(len(ranks) / ranks[-1])
    return [100 * np.mean(values) for values in (hits, precisions, penalties)], without


@settings(max_examples=12, deadline=None)
@given(
    st.integers(0, 100),
    st.booleans(),
    st.sampled_from([None, ["bg-*"], ["nm-01", "bg-01"]]),
    st.sampled_from([None, ["nm-*"], ["*"]]),
)
def test_figures_equal_plain_loops(seed, identical_views, probe_types, gallery_types):
    assume(probe_types is not None or gallery_types != ["*"])  # nobody would be left to be a probe
    data = lab(seed=seed)
    results = protocol(
        probe_types=probe_types, gallery_types=gallery_types, identical_views=identical_views
    ).evaluate(data)
    chosen = {None: None, ("*",): np.ones(len(data), bool)}
    for patterns in (("bg-*",), ("nm-01", "bg-01"), ("nm-*",)):
        chosen[patterns] = np.isin(np.char.rstrip(data.types), [t for t in TYPES if fits(t, patterns)])
    is_probe, is_gallery = (chosen[None if p is None else tuple(p)] for p in (probe_types, gallery_types))
    if is_probe is None and is_gallery is not None:
        is_probe = ~is_gallery
    if is_probe is None:
        is_probe = is_gallery = np.ones(len(data), bool)
    if is_gallery is None:
        is_gallery = ~is_probe
    figures, without = slowly(data, is_probe, is_gallery, identical_views)
    found = [results.metrics[name] for name in ("Rank-1", "mAP", "mINP")]
    assert found == pytest.approx(figures)
    assert (results.probes, results.probes_without_match) == (is_probe.sum() - without, without)
    assert results.gallery == is_gallery.sum()


def fits(kind, patterns):
    return any(kind == p or (p.endswith("*") and kind.startswith(p[:-1])) for p in patterns)


def test_nothing_chosen_is_leave_one_out():
    results = protocol().evaluate(lab(noise=0.0))
    assert "leave-one-out, each sequence against all others; identical views kept" in results.protocol
    assert (results.probes, results.gallery) == (48, 48)
    assert set(results.metrics.values()) == {100.0}


def test_leave_one_out_never_compares_a_sequence_with_itself():
    data = rows(lab(), np.arange(0, 48, 6))  # everybody once
    with pytest.raises(DataError, match="none of the 8 probes of lab has its identity in the gallery of 8"):
        protocol().evaluate(data)


def test_by_view_with_the_rest_as_gallery():
    results = protocol(probe_views=["090"], ranks=[1, 3]).evaluate(lab(noise=0.0))
    assert "probes view 090; gallery all others" in results.protocol
    assert (results.probes, results.gallery) == (24, 24)
    assert list(results.metrics) == ["Rank-1", "Rank-3", "mAP", "mINP"]


def test_everything_given_must_fit():
    results = protocol(probe_types=["nm-*"], probe_views=["000"], gallery_views=["090"]).evaluate(lab())
    assert (results.probes, results.gallery) == (16, 24)


NAMES = ["000-nm-01-000", "003-bg-01-090", "nobody-nm-01-000"]
FILES = {
    "probes.txt": "# two of ours\n000-nm-01-000\n\n003-bg-01-090  # in a coat\nnobody-nm-01-000\n",
    "probes.json": json.dumps(NAMES),
    "partition.json": json.dumps({"TRAIN_SET": [], "PROBE_SET": NAMES}),
}


@pytest.mark.parametrize("source", ["names", "partition", *FILES])
def test_probes_from_a_list(source, tmp_path):
    given = {"names": NAMES, "partition": "partition"}.get(source)
    if given is None:
        (tmp_path / source).write_text(FILES[source])
        given = str(tmp_path / source)
    results = protocol(probe_list=given).evaluate(lab(probes=frozenset(NAMES)))
    assert (results.probes, results.gallery) == (2, 46)
    assert results.notes == ("probe_list: 1 of the names are not test sequences",)


def test_without_a_probe_set_everybody_is_a_probe_if_that_was_asked_for():
    fallen = protocol(probe_list="partition_or_all")
    fallen.check(unembedded(lab()))
    results, everybody = fallen.evaluate(lab()), protocol().evaluate(lab())
    assert (results.metrics, results.protocol) == (everybody.metrics, everybody.protocol)
    assert results.notes == ("probe_list: the partition has no PROBE_SET, so no list restricts the probes",)
    listed = lab(probes=frozenset(f"{who}-nm-01-000" for who in PEOPLE))
    assert fallen.evaluate(listed) == protocol(probe_list="partition").evaluate(listed)


def test_gallery_from_a_list():
    data = lab(probes=frozenset(NAMES))
    listed = protocol(gallery_list="partition").evaluate(data)
    assert (listed.probes, listed.gallery) == (2, 46)
    named = protocol(gallery_list=["000-nm-01-000"], probe_types=["*"], ranks=[1]).evaluate(data)
    assert (named.probes, named.probes_without_match, named.gallery) == (5, 43, 1)
    assert "the gallery holds a single identity: its probes always match" in named.notes
    assert "probes not scored because their gallery holds no match: 43" in named.notes


def test_figures_of_each_type_or_view_of_probes():
    data = lab(noise=1.5)
    results = protocol(probe_types=["nm-02", "bg-01"], by="type").evaluate(data)
    found = results.details["by_type"]
    assert [row[0] for row in results.tables[0].rows] == ["all", "bg-01", "nm-02", "cross-view"]
    assert [row[1] for row in results.tables[0].rows] == ["32", "16", "16", "-"]
    mean = np.mean([figures["Rank-1"] for figures in found.values()])
    assert results.metrics["Rank-1"] == pytest.approx(mean)
    assert list(protocol(by="view").evaluate(data).details["by_view"]) == list(VIEWS)


def test_the_order_of_the_sequences_changes_nothing():
    data = lab()
    mixed = rows(data, np.random.default_rng(0).permutation(len(data)))
    assert protocol().evaluate(mixed).metrics == pytest.approx(protocol().evaluate(data).metrics)


@pytest.mark.parametrize("step", ["check", "evaluate"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"probe_types": ["walk"]}, r"chosen by probe_types: \[walk\]: the types are bg-01, nm-01, nm-02; "),
        ({"gallery_views": ["x"], "gallery_types": ["nm-*"]}, r"gallery_types: .* with gallery_views: \[x\]"),
        ({"probe_list": ["000_nm-01"]}, r"names such as 000-bg-01-000, 000-bg-01-090 and 46 more"),
        ({"probe_list": "partition"}, r'lists no probes(?s:.*)"PROBE_SET"'),
        ({"probe_list": "/nowhere/probes.txt"}, r"nowhere/probes.txt.*cannot read the list"),
        (
            {"probe_types": ["*"]},
            r"no gallery sequence is left: all 48 test sequences of lab are chosen as probe",
        ),
        (
            {"gallery_views": ["*"]},
            r"no probe sequence is left: all 48 test sequences of lab are chosen as gallery",
        ),
        (
            {"probe_views": ["000"], "gallery_views": ["000"], "identical_views": False},
            r"once identical views are left out; the views are 000, 090(?s:.*)identical_views: true",
        ),
        ({"probe_list": ["000-nm-01-000"], "gallery_list": ["001-nm-01-000"]}, r"none of the 1 probes"),
    ],
)
def test_what_cannot_be_scored_is_said_before_and_after(step, options, words):
    data = lab()
    with pytest.raises(DataError, match=words):
        getattr(protocol(**options), step)(unembedded(data) if step == "check" else data)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("probes.json", "[", "is not valid JSON"),
        ("probes.json", '{"TEST_SET": ["001"]}', "under 'PROBE_SET'"),
        ("probes.json", "[1, 2]", "expected a list of names"),
    ],
)
def test_a_list_of_another_form_is_named(name, text, words, tmp_path):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError, match=words):
        protocol(probe_list=str(tmp_path / name)).check(lab())


@pytest.mark.parametrize("ranks", [[], [0], [5, -1]])
def test_ranks_count_from_one(ranks):
    with pytest.raises(ConfigError, match="expected numbers of at least 1"):
        protocol(ranks=ranks)


def test_cross_view_is_the_mean_over_pairs_of_views():
    data = embedded(every(PEOPLE, TYPES, ("000", "090", "180")), "lab", noise=1.5, seed=3)
    results = protocol(probe_types=["bg-*"]).evaluate(data)
    alone = [
        protocol(probe_types=["bg-*"], probe_views=[v], gallery_types=["nm-*"], gallery_views=[w])
        for v in ("000", "090", "180")
        for w in ("000", "090", "180")
        if v != w
    ]
    found = [each.evaluate(data).metrics for each in alone]
    means = {name: np.mean([each[name] for each in found]) for name in found[0]}
    assert results.metrics["cross-view@Rank-1"] == pytest.approx(means["Rank-1"])
    assert 0 < means["Rank-1"] < results.metrics["Rank-1"]
    assert results.details["cross_view"] == pytest.approx(means)
    assert results.tables[0].rows[-1][:3] == ("cross-view", "-", f"{means['Rank-1']:.2f}")
    assert all(list(each) == ["Rank-1", "Rank-5", "Rank-10", "mAP", "mINP"] for each in found)


def test_cross_view_leaves_out_pairs_of_views_without_a_match():
    names = [("a", "1", "000"), ("b", "1", "000"), ("a", "1", "090"), ("c", "1", "090")]
    results = protocol().evaluate(embedded(names, "lab", noise=0.0))
    assert results.metrics["cross-view@Rank-1"] == 100.0
