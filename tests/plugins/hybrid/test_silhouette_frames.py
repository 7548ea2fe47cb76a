"""Single frames of any data set: evenly spaced, filtered, told apart by their number."""

from __future__ import annotations

import pickle
from typing import Any, ClassVar

import numpy as np
import pytest

from gait_plugins import ConfigError, DataError, GaitDataset, Ragged, SequenceRef, Stream, build
from gait_plugins.plugins.hybrid.frames import SilhouetteFrames
from gait_plugins.plugins.hybrid.subsets import ChosenSequences


class Walks(GaitDataset):
    """Walks of unequal length whose pixels are their frame's number."""

    lengths: ClassVar = {"nm-01": 7, "nm-02": 2, "cl-01": 10}

    def __init__(self) -> None:
        self.read = 0

    def sequences(self, subset):
        people = ["001", "002"] if subset == "train" else ["003"]
        return [
            SequenceRef(i, kind, v, (i, kind))
            for i in people
            for kind in self.lengths
            for v in ("000", "090")
        ]

    def load(self, ref):
        self.read += 1
        length = self.lengths[ref.type]
        return [np.full((4, 3), 1, np.uint8) * np.arange(length, dtype=np.uint8)[:, None, None]]

    def length(self, ref):
        return self.lengths[ref.type]


def numbers(data: SilhouetteFrames, kind: str) -> list[int]:
    """The frames taken of one walk."""
    chosen = [r for r in data.sequences("train") if (r.label, r.type, r.view) == ("001", kind, "000")]
    assert [int(data.load(r)[0][0, 0, 0]) for r in chosen] == [data.targets(r)["frame"] for r in chosen]
    return [data.targets(r)["frame"] for r in chosen]


def test_all_frames_are_taken_where_nothing_is_said() -> None:
    data = SilhouetteFrames(Walks())
    assert numbers(data, "cl-01") == list(range(10))
    assert len(data.sequences("train")) == 2 * 2 * (7 + 2 + 10)
    assert data.load(data.sequences("test")[0])[0].shape == (1, 4, 3)


def test_longer_sequences_give_evenly_spaced_frames_and_shorter_ones_all() -> None:
    data = SilhouetteFrames(Walks(), frames_per_sequence=4)
    assert numbers(data, "cl-01") == [0, 2, 5, 7]
    assert numbers(data, "nm-02") == [0, 1]


@pytest.mark.parametrize(
    ("options", "kept"),
    [
        ({"types": ["nm-*"]}, {("nm-01", "000"), ("nm-01", "090"), ("nm-02", "000"), ("nm-02", "090")}),
        ({"types": ["cl-01"], "views": ["090"]}, {("cl-01", "090")}),
    ],
)
def test_types_and_views_are_chosen_by_pattern(options: dict[str, Any], kept: set[tuple[str, str]]) -> None:
    data = SilhouetteFrames(Walks(), **options)
    for subset in ("train", "test"):
        assert {(ref.type, ref.view) for ref in data.sequences(subset)} == kept


def test_a_choice_may_hold_for_training_alone() -> None:
    data = SilhouetteFrames(Walks(), types=["nm-01"], subsets=["train"])
    assert {ref.type for ref in data.sequences("train")} == {"nm-01"}
    assert {ref.type for ref in data.sequences("test")} == set(Walks.lengths)


def test_nothing_left_is_an_error_that_shows_what_there_is() -> None:
    data = SilhouetteFrames(Walks(), types=["bg-01"], views=["018"])
    with pytest.raises(DataError, match=r"no train sequence has types \['bg-01'\].*cl-01, nm-01, nm-02"):
        data.sequences("train")


def test_frames_in_order_read_their_sequence_once() -> None:
    data = SilhouetteFrames(walks := Walks())
    for ref in data.sequences("test"):
        data.load(ref)
    assert walks.read == len(walks.sequences("test"))


def test_a_worker_gets_what_it_needs_and_no_more() -> None:
    data = SilhouetteFrames(Walks())
    refs = data.sequences("test")
    data.load(refs[0])
    size = len(pickle.dumps(data))
    copy = pickle.loads(pickle.dumps(data))
    assert size < 1000
    assert np.array_equal(copy.load(refs[3])[0], data.load(refs[3])[0])


def test_few_identities_are_the_first_ones() -> None:
    data = ChosenSequences(Walks(), types=["nm-*"], train_identities=1)
    assert {ref.label for ref in data.sequences("train")} == {"001"}
    assert {ref.label for ref in data.sequences("test")} == {"003"}
    assert data.length(data.sequences("train")[0]) == 7
    with pytest.raises(ConfigError, match="test_identities is 0"):
        ChosenSequences(Walks(), test_identities=0)


def test_probes_that_are_not_used_are_no_probes() -> None:
    walks = Walks()
    walks.probe_set = lambda: frozenset({"003-nm-01-000", "003-cl-01-000"})
    assert ChosenSequences(walks, types=["nm-*"]).probe_set() == {"003-nm-01-000"}
    assert ChosenSequences(Walks()).probe_set() is None


def test_no_frames_at_all_are_refused() -> None:
    with pytest.raises(ConfigError, match="frames_per_sequence is 0"):
        SilhouetteFrames(Walks(), frames_per_sequence=0)


def test_it_is_built_from_yaml_over_any_data_set() -> None:
    data = build("dataset", {"type": "SilhouetteFrames", **SilhouetteFrames.example_config()})
    assert isinstance(data, SilhouetteFrames)
    assert data.load(data.sequences("train")[0])[0].shape == (1, 64, 64)


class SeveralStreams(GaitDataset):
    """A walk of the streams that it is given, with frames that hold their number; clouds are ragged."""

    def __init__(self, *declared: Stream, lengths: tuple[int, ...], moments: Any = None) -> None:
        self.declared, self.lengths, self.moments = declared, lengths, moments or {}

    def streams(self):
        return self.declared or None

    def sequences(self, subset):
        return [SequenceRef("001", "nm-01", "000", 0)]

    def load(self, ref):
        ragged = [bool(stream.ragged) for stream in self.declared] or [False] * len(self.lengths)
        return [self.frames(*each) for each in zip(self.lengths, ragged, strict=True)]

    def frames(self, length, ragged):
        if ragged:
            return Ragged.of([np.full((number + 1, 3), number, np.float32) for number in range(length)])
        return np.full((4, 3), 1, np.uint8) * np.arange(length, dtype=np.uint8)[:, None, None]

    def times(self, ref):
        assert ref.source == 0
        return self.moments


def pictures(**fields: Any) -> Stream:
    return Stream("pictures", ("h", "w"), "uint8", **fields)


def cloud(**fields: Any) -> Stream:
    return Stream("cloud", (None, 3), "float32", **fields)


@pytest.mark.parametrize("clock", [10, "pictures", None])
def test_a_frame_of_each_stream_in_step_is_taken_with_its_time(clock: Any) -> None:
    leader = pictures(clock=10.0 if clock == 10 else None)
    walks = SeveralStreams(leader, cloud(clock=clock), lengths=(3, 3), moments={"pictures": np.arange(3) / 7})
    walks.moments = {} if clock == 10 else walks.moments
    data = SilhouetteFrames(walks)
    assert data.streams() == walks.streams()
    for number, ref in enumerate(data.sequences("train")):
        picture, points = data.load(ref)
        assert picture.tolist() == [[[number] * 3] * 4]
        assert isinstance(points, Ragged)
        assert [frame.tolist() for frame in points] == [[[number] * 3] * (number + 1)]
        assert {name: moments.tolist() for name, moments in data.times(ref).items()} == (
            {} if clock == 10 else {"pictures": [number / 7]}
        )


def test_streams_of_several_clocks_are_refused_before_any_work() -> None:
    data = SilhouetteFrames(SeveralStreams(pictures(clock=30), cloud(clock=10), lengths=(3, 3)))
    for work in (data.streams, lambda: data.sequences("train")):
        with pytest.raises(ConfigError, match=r"clocks of their own: pictures: .*; cloud: "):
            work()


@pytest.mark.parametrize(
    ("walks", "words"),
    [
        (SeveralStreams(pictures(), cloud(), lengths=(3, 2)), r"lengths: pictures \(3 frames\), cloud"),
        (SeveralStreams(lengths=(3, 2)), r"lengths: number 1 \(3 frames\), number 2 \(2 frames\)"),
        (
            SeveralStreams(pictures(clock=30), cloud(), lengths=(3, 3), moments={"cloud": np.arange(3)}),
            r"times: pictures \(3 frames\), cloud \(3 frames\)",
        ),
    ],
    ids=["declared", "undeclared", "timed"],
)
def test_streams_out_of_step_are_told(walks: SeveralStreams, words: str) -> None:
    data = SilhouetteFrames(walks)
    ref = data.sequences("train")[0]
    with pytest.raises(DataError, match=words):
        data.load(ref)
