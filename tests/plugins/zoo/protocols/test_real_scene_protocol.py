"""Rank-k of takes against takes: GREW, HID, TTG-200 and small sets."""

import numpy as np
import pytest
from helpers.files.walks import embedded, every, rows, unembedded

from gait_plugins import ConfigError, DataError, build

RULES = {
    "GREW": (["01"], ["02"]),
    "TTG-200": (["1"], ["2", "3", "4", "5", "6"]),
    "HID2021": (["0"], ["1"]),
    "0001-1000-test": (["0"], ["1"]),
    "0001-1000": (["1", "2"], ["3", "4", "5", "6"]),
}


def protocol(**options):
    return build("protocol", {"eval_func": "evaluate_real_scene", **options})


def people(count=5, types=("01", "02", "03"), dataset="GREW", **more):
    return embedded(every([f"{i:05d}" for i in range(count)], types, ["a"]), dataset, **more)


@pytest.mark.parametrize("dataset", RULES)
def test_every_data_set_has_its_gallery_and_probes(dataset):
    gallery, probes = RULES[dataset]
    results = protocol().evaluate(people(3, (*gallery, *probes, "other"), dataset))
    assert (results.probes, results.gallery) == (3 * len(probes), 3 * len(gallery))
    assert list(results.metrics) == ["Rank-1", "Rank-5", "Rank-10", "Rank-20"]
    assert set(results.metrics.values()) == {100.0}


def test_a_gallery_of_one_is_enough():
    assert protocol().evaluate(people(1)).metrics["Rank-20"] == 100.0


def test_figures_equal_a_plain_loop():
    data = people(30, noise=1.0)
    gallery, probes = (np.flatnonzero(data.types == kind) for kind in ("01", "02"))
    ranks = []
    for probe in probes:
        apart = np.sqrt(((data.embeddings[gallery] - data.embeddings[probe]) ** 2).sum(axis=1)).mean(axis=1)
        ordered = data.labels[gallery][np.argsort(apart)]
        ranks.append(list(ordered).index(data.labels[probe]))
    results = protocol().evaluate(data)
    for k in (1, 5, 10, 20):
        share = 100 * np.mean(np.array(ranks) < k)
        assert results.metrics[f"Rank-{k}"] == pytest.approx(share, abs=0.005)
        assert results.details["unrounded"][f"Rank-{k}"] == pytest.approx(share)


def test_a_probe_without_its_identity_is_a_miss_and_counted():
    data = people()
    results = protocol().evaluate(rows(data, ~((data.labels == "00000") & (data.types == "01"))))
    assert (results.metrics["Rank-20"], results.probes_without_match) == (80.0, 1)
    assert any("count as misses" in note for note in results.notes)


def test_grew_says_that_papers_report_the_servers_figure():
    assert any("GREW_submission" in note for note in protocol().evaluate(people()).notes)
    own = {"probe_types": ["02"], "gallery_types": ["01"]}
    assert protocol(**own).evaluate(people(dataset="mine")).notes == ()


@pytest.mark.parametrize("step", ["check", "evaluate"])
@pytest.mark.parametrize(
    ("options", "data", "words"),
    [
        ({}, people(dataset="GREWW"), r"no probe and gallery rule .* did you mean 'GREW'\?"),
        ({}, people(types=("01",)), r"GREW is a probe: their types are 01, expected 02"),
        ({}, people(types=("02",)), r"GREW is in the gallery: their types are 02, expected 01"),
    ],
)
def test_what_cannot_be_scored_is_said_before_and_after(step, options, data, words):
    with pytest.raises((ConfigError, DataError), match=words):
        getattr(protocol(**options), step)(unembedded(data) if step == "check" else data)


def test_half_a_rule_is_refused():
    with pytest.raises(ConfigError, match="belong together"):
        protocol(probe_types=["02"])
