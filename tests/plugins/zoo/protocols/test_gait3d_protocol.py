"""Gait3D's protocol: listed probes, the rest as gallery, clear errors."""

import dataclasses

import numpy as np
import pytest

import gait_plugins
from gait_plugins import DataError, EmbeddingSet


def protocol(metric="euc"):
    return gait_plugins.get("protocol", "evaluate_Gait3D")(metric=metric)


def make(identities=5, sequences=4, probes=1, noise=0.0):
    """The first ``probes`` sequences of each identity are listed as probes."""
    rng = np.random.default_rng(0)
    labels = np.repeat([f"{i:04d}" for i in range(identities)], sequences)
    types = np.array(["camid0_videoid2"] * len(labels))
    views = np.tile([f"seq{s}" for s in range(sequences)], identities)
    centres = np.repeat(rng.standard_normal((identities, 6, 2)), sequences, axis=0)
    embeddings = (centres + noise * rng.standard_normal(centres.shape)).astype(np.float32)
    listed = {f"{i:04d}-camid0_videoid2-seq{s}" for i in range(identities) for s in range(probes)}
    return EmbeddingSet(embeddings, labels, types, views, "Gait3D", frozenset(listed))


def test_perfect_embeddings_score_100():
    results = protocol().evaluate(make())
    assert list(results.metrics) == ["Rank-1", "Rank-5", "Rank-10", "mAP", "mINP"]
    assert set(results.metrics.values()) == {100.0}
    assert (results.probes, results.gallery, results.probes_without_match) == (5, 15, 0)
    assert results.tables[0].rows == (("all", *["100.00"] * 5),)


def test_a_single_identity_scores_100():
    assert set(protocol("cos").evaluate(make(identities=1, noise=1.0)).metrics.values()) == {100.0}


def test_order_of_the_test_set_changes_nothing():
    data = make(noise=1.0)
    order = np.random.default_rng(3).permutation(len(data))
    fields = {name: getattr(data, name)[order] for name in ("embeddings", "labels", "types", "views")}
    shuffled = protocol().evaluate(dataclasses.replace(data, **fields))
    assert shuffled.metrics == pytest.approx(protocol().evaluate(data).metrics)


def test_a_probe_without_match_is_counted_and_not_scored():
    data = make()
    labels = data.labels.copy()
    labels[0] = "9999"
    listed = (data.probe_set - {"0000-camid0_videoid2-seq0"}) | {"9999-camid0_videoid2-seq0"}
    results = protocol().evaluate(dataclasses.replace(data, labels=labels, probe_set=listed))
    assert (results.probes, results.probes_without_match) == (4, 1)
    assert results.metrics["Rank-1"] == 100.0
    assert results.notes == ("probes not scored because the gallery does not hold their identity: 1",)


def test_listed_probes_that_the_data_lacks_are_counted():
    data = make()
    listed = data.probe_set | {"0042-camid0_videoid2-seq0"}
    results = protocol().evaluate(dataclasses.replace(data, probe_set=listed))
    assert results.details["listed_probes_absent"] == 1
    assert results.notes == ("probes that the partition lists but the test sequences lack: 1",)


@pytest.mark.parametrize("listed", [None, frozenset()])
def test_a_partition_without_probes_says_how_to_list_them(listed):
    with pytest.raises(DataError, match=r'"PROBE_SET": \["<id>-<type>-<view>"'):
        protocol().evaluate(dataclasses.replace(make(), probe_set=listed))


def test_probes_of_another_spelling_are_shown_beside_the_data():
    with pytest.raises(DataError, match=r"listed are 0000_seq0; the data hold 0000-camid0_videoid2-seq0"):
        protocol().evaluate(dataclasses.replace(make(), probe_set=frozenset({"0000_seq0"})))


def test_an_empty_gallery_is_an_error():
    with pytest.raises(DataError, match=r"all 20 test sequences .* the gallery is empty"):
        protocol().evaluate(make(probes=4))


def test_no_match_at_all_is_an_error():
    data = make(identities=2, sequences=1)
    listed = frozenset({"0000-camid0_videoid2-seq0"})
    with pytest.raises(DataError, match="no identity of the 1 probes"):
        protocol().evaluate(dataclasses.replace(data, probe_set=listed))
