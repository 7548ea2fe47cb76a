"""CCPG's protocols: conditions, identical views, incomplete data, clear errors."""

import numpy as np
import pytest
from helpers.files.walks import embedded, every, rows, unembedded

from gait_plugins import DataError, build

TYPES = ("U0_D0_BG", "U0_D0", "U1_D1", "U2_D2", "U3_D3", "U0_D3", "U1_D0")
VIEWS = ("1_a", "2_b", "10_c")
CONDITIONS = ["CL", "UP", "DN", "BG"]


def protocol(**options):
    return build("protocol", {"eval_func": "evaluate_CCPG", **options})


def people(count=4, types=TYPES, views=VIEWS, **more):
    return embedded(every([f"{i:03d}" for i in range(count)], types, views), "CCPG", **more)


@pytest.mark.parametrize("metric", ["euc", "cos"])
def test_perfect_embeddings_score_100_in_every_protocol(metric):
    results = protocol(metric=metric).evaluate(people())
    assert set(results.metrics.values()) == {100.0}
    prefixes = ("{}@R1", "{}@R1-any-view", "ReID-{}@R1", "ReID-{}@mAP", "ReID-{}@mINP")
    assert list(results.metrics) == [p.format(c) for p in prefixes for c in CONDITIONS]
    assert (results.probes_without_match, results.notes) == (0, ())
    # Bags are probes of two conditions, and U3_D3 is probe in one and gallery in another.
    assert (results.probes, results.gallery) == (4 * 3 * 4, 4 * 3 * 5)


def test_a_view_is_what_stands_before_the_first_underscore():
    data = people()
    results = protocol().evaluate(data)
    assert results.details["views"] == ["1", "10", "2"]
    assert results.tables[-1].columns == ("", "1", "10", "2", "mean")
    assert set(data.views) == set(VIEWS)


def test_the_order_of_the_sequences_changes_nothing():
    data = people(noise=1.0)
    mixed = rows(data, np.random.default_rng(0).permutation(len(data)))
    assert protocol().evaluate(mixed).metrics == pytest.approx(protocol().evaluate(data).metrics)


def test_the_own_view_counts_only_where_it_is_said():
    # Everybody is at home in a view: without it, the other person is nearer.
    data = people(2, ("U0_D0_BG", "U0_D0"), ("1_a", "2_b"))
    place = {("000", "1_a"): 0, ("001", "2_b"): 1, ("001", "1_a"): 10, ("000", "2_b"): 11}
    spots = [place[walk] for walk in zip(data.labels, data.views, strict=True)]
    data.embeddings[:] = np.array(spots, np.float32)[:, None, None]
    metrics = protocol().evaluate(data).metrics
    assert metrics["ReID-BG@R1"] == 0.0
    assert metrics["BG@R1"] == 0.0
    assert metrics["BG@R1-any-view"] == 50.0


def test_conditions_that_the_data_lacks_are_left_out_and_noted():
    results = protocol().evaluate(people(types=("U0_D0_BG", "U0_D0")))
    assert {name.split("@")[0].removeprefix("ReID-") for name in results.metrics} == {"BG"}
    assert [note.split(" ")[0] for note in results.notes] == ["CL", "UP", "DN"]
    assert results.tables[0].columns == ("", "BG", "mean")


def test_a_single_view_is_scored_with_itself_and_says_what_is_missing():
    results = protocol().evaluate(people(views=("1_a",)))
    assert list(results.metrics) == [f"{c}@R1-any-view" for c in CONDITIONS]
    assert "BG: ReID does not score probes without a match in another view: 4" in results.notes


def test_a_probe_without_its_identity_is_a_miss_of_gait_and_no_probe_of_reid():
    data = people(types=("U0_D0_BG", "U0_D0"))
    results = protocol().evaluate(rows(data, ~((data.types == "U0_D0") & (data.labels == "003"))))
    assert (results.metrics["BG@R1"], results.metrics["ReID-BG@R1"]) == (75.0, 100.0)
    assert results.probes_without_match == 3


def test_a_probe_of_two_conditions_without_a_match_is_counted_once():
    walks = every(["000", "001"], ["U0_D0", "U1_D1"], ["00_0", "01_0"])
    lonely = ("002", "U0_D0_BG", "00_0")  # a probe of CL and of BG
    results = protocol().evaluate(embedded([*walks, lonely], "CCPG"))
    assert results.probes_without_match == 1


def test_rules_of_your_own():
    conditions = {"coat": {"probe": ["coat"], "gallery": ["plain"]}}
    data = people(types=("coat", "plain"), views=("a", "b"))
    results = protocol(conditions=conditions).evaluate(data)
    assert results.metrics["coat@R1"] == 100.0


@pytest.mark.parametrize("step", ["check", "evaluate"])
def test_types_of_another_naming_are_shown(step):
    data = people(types=("nm-01", "nm-05"))
    with pytest.raises(
        DataError,
        match=r"no condition with probes and gallery \(CL, UP, DN, BG\): their types are nm-01, nm-05, exp",
    ):
        getattr(protocol(), step)(unembedded(data) if step == "check" else data)
