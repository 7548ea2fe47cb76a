"""Sequences as columns read like the list of refs that they are, and stay columns."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from gait_plugins import SequenceIndex, SequenceRef, SequenceTable, build
from gait_plugins.api import sequence
from gait_plugins.core.data.classes import Classes
from gait_plugins.core.data.validation_split import HeldOutDataset, split
from gait_plugins.core.runs.changes import data_record


def refs(count: int = 60) -> list[SequenceRef]:
    return [
        SequenceRef(f"{9 - place % 7:02d}", f"{'nm' if place % 3 else 'bg'}-0{place % 2}", "090", place)
        for place in range(count)
    ]


def table(count: int = 60) -> SequenceTable:
    return SequenceTable.of(refs(count))


def test_a_table_reads_like_the_list():
    found, listed = table(), refs()
    assert found == listed
    assert (len(found), found[3], found[-1]) == (60, listed[3], listed[-1])
    assert found[5:50:7] == listed[5:50:7]
    assert isinstance(found[:2], SequenceTable)
    assert found + listed[:1] == [*listed, listed[0]]
    assert listed[:1] + found == [listed[0], *listed]
    assert found != listed[1:]
    assert listed[4] in found
    assert found.index(listed[4]) == 4
    assert not table(0)
    with pytest.raises(IndexError):
        found[60]
    assert pickle.loads(pickle.dumps(found)) == listed
    assert isinstance(found[0].label, str)


def test_columns_are_those_of_the_refs():
    found, listed = table(), refs()
    for part in range(3):
        assert found.column(part).tolist() == [ref[part] for ref in listed]
        assert found.distinct(part) == sorted({ref[part] for ref in listed})
    assert list(found.spelt()) == [ref.name for ref in listed]
    assert found[10:12].distinct(0) == sorted({ref.label for ref in listed[10:12]})
    both = found[:7].and_of(SequenceTable.of(refs(90)[50:]))
    assert both == listed[:7] + refs(90)[50:]
    assert pickle.loads(pickle.dumps(both)) == both
    assert table(0).column(0).tolist() == []
    own = found.each_its_own()
    assert list(own) == [ref._replace(label=ref.name) for ref in listed]


def test_an_index_of_columns_is_that_of_the_list():
    columns, listed = SequenceIndex(table()), SequenceIndex(refs())
    assert columns.identities == listed.identities == sorted({ref.label for ref in refs()})
    np.testing.assert_array_equal(columns.classes, listed.classes)
    assert dict(columns.by_identity) == dict(listed.by_identity)
    assert columns.by_identity["09"] == [n for n, ref in enumerate(refs()) if ref.label == "09"]
    sent = pickle.loads(pickle.dumps(columns))
    assert sent.refs == refs()


SAMPLERS = [
    {"type": "TripletSampler", "batch_size": [3, 4]},
    {"type": "TripletSampler", "batch_size": [3, 40], "batch_shuffle": True},
    {"type": "CommonSampler", "batch_size": 16},
    {"type": "BilateralSampler", "batch_size": [2, 5]},
    {"type": "InferenceSampler", "batch_size": 16},
]


@pytest.mark.parametrize("options", SAMPLERS)
def test_samplers_draw_the_same_of_both(options: dict[str, Any]):
    sampler = build("batch_sampler", options)
    for number in range(3):
        drawn = [
            list(sampler.batch(SequenceIndex(own), number, np.random.default_rng(number)))
            for own in (table(), refs())
        ]
        assert drawn[0] == drawn[1]


@pytest.mark.parametrize("wanted", [None, 2, 0.5, ["09", "05"]])
def test_the_same_identities_are_held_out_of_both(wanted: Any):
    of_table, of_list = split(table(), wanted), split(refs(), wanted)
    for one, other in zip(of_table, of_list, strict=True):
        assert list(one) == list(other)
    assert isinstance(of_table[0], SequenceTable)
    assert isinstance(of_list[0], list)
    held = HeldOutDataset(build("dataset", {"type": "walkers"}), of_table[1])
    assert held.sequences("test") == of_list[1]


def test_records_and_classes_are_those_of_the_list():
    assert data_record(table()) == data_record(refs())
    classes = Classes({"walks": ["nm-*"], "bags": ["bg-*"]})
    classes.check(table())
    assert [classes.of(ref) for ref in table(4)] == [classes.of(ref) for ref in refs(4)]


def test_what_precedes_a_first_batch_makes_refs_for_a_batch_alone(monkeypatch: pytest.MonkeyPatch):
    made = []
    whole = sequence.SequenceRef

    class Counted(whole):  # type: ignore[misc, valid-type]
        def __new__(cls, *parts: Any) -> Any:
            made.append(parts)
            return super().__new__(cls, *parts)

    found = table(50_000)
    monkeypatch.setattr(sequence, "SequenceRef", Counted)
    trained, held = split(found, 2)
    index = SequenceIndex(trained)
    data_record(index.refs)
    data_record(held)
    sampler = build("batch_sampler", {"type": "TripletSampler", "batch_size": [3, 4]})
    sampler.check(index)
    drawn = sampler.batch(index, 0, np.random.default_rng(0))
    assert len(index.classes[list(drawn)]) == 12
    assert [index.refs[place] for place in drawn]
    assert len(made) == 12
