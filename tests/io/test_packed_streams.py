"""Packed data files of any streams: what is read is what was packed, and damage is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.components.tiny import TinyWalks
from helpers.components.walk_streams import StickWalks

from gait_plugins import DataError, GaitDataset, Ragged, SequenceRef, Silhouettes, Stream, build
from gait_plugins.io.dataset_file import PackedFile
from gait_plugins.prepare.pack import pack_dataset
from gait_plugins.prepare.sequences import each_once


class Numbers(GaitDataset):
    """Two streams of numbers, with times; nothing lies between 0 and 255."""

    def streams(self) -> tuple[Stream, ...]:
        return Stream("a", (2, 2), "int64"), Stream("b", (), "float64")

    def sequences(self, subset: str) -> list[SequenceRef]:
        return [SequenceRef("1", "nm-01", view, view) for view in ("000", "090")] if subset == "train" else []

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        first = 2**50 + int(ref.view)
        return [np.arange(first, first + 12).reshape(3, 2, 2), np.linspace(-1, 1, 5)]

    def times(self, ref: SequenceRef) -> dict[str, np.ndarray]:
        return {"b": np.arange(5) / 7} if ref.view == "090" else {}


def packed(walks: GaitDataset, path: Path) -> list[SequenceRef]:
    refs = [ref for subset in ("train", "test") for ref in walks.sequences(subset)]  # type: ignore[arg-type]
    pack_dataset(walks, refs, path)
    return refs


def by_name(file: PackedFile) -> dict[str, int]:
    return {"-".join(file.name(row)): row for row in range(len(file))}


def equal(a: Any, b: Any) -> bool:
    if isinstance(a, Ragged):
        return (
            isinstance(b, Ragged)
            and np.array_equal(a.values, b.values)
            and np.array_equal(a.offsets, b.offsets)
        )
    return a.dtype == b.dtype and np.array_equal(a, b)


@pytest.mark.parametrize("walks", [StickWalks(), Numbers()], ids=["sticks", "numbers"])
def test_streams_come_back_as_they_were(walks: GaitDataset, tmp_path: Path):
    refs = packed(walks, tmp_path / "p.npz")
    file = PackedFile(str(tmp_path / "p.npz"))
    rows = by_name(file)
    for ref in refs:
        loaded, row = walks.load(ref), rows[ref.name]
        assert all(map(equal, loaded, file.load(row)))
        assert file.length(row) == len(loaded[0])
        times = walks.times(ref)
        assert file.times(row).keys() == times.keys()
        assert all(np.array_equal(times[name], file.times(row)[name]) for name in times)


def test_the_data_set_of_a_packed_file_declares_what_was_declared(tmp_path: Path):
    walks = StickWalks()
    packed(walks, tmp_path / "p.npz")
    (tmp_path / "all.json").write_text('{"TRAIN_SET": ["000", "001"], "TEST_SET": ["004"]}')
    options = {"dataset_root": str(tmp_path / "p.npz"), "dataset_partition": str(tmp_path / "all.json")}
    found = build("dataset", {"type": "PackedSilhouettes", **options})
    summaries = [stream.summary for stream in found.streams()]
    # Silhouettes of any size are silhouettes: the size is the data's.
    assert summaries == [
        "silhouettes: [h, w] uint8, 0..255, 30 frames/s",
        *(stream.summary for stream in walks.streams()[1:]),
    ]
    assert isinstance(found.streams()[0], Silhouettes)
    assert found.check().errors == []
    two = build("dataset", {"type": "PackedSilhouettes", **options, "data_in_use": [2, 0]})
    assert [stream.name for stream in two.streams()] == ["points", "silhouettes"]
    ref = two.sequences("train")[0]
    assert isinstance(two.load(ref)[0], Ragged)


def test_silhouettes_alone_are_packed_as_before(tmp_path: Path):
    packed(TinyWalks(), tmp_path / "p.npz")
    file = PackedFile(str(tmp_path / "p.npz"))
    assert (file.version, file.streams) == (2, [])


def test_flipped_bits_of_any_stream_are_told(tmp_path: Path):
    walks = StickWalks()
    packed(walks, tmp_path / "p.npz")
    content = (tmp_path / "p.npz").read_bytes()
    whole = [PackedFile(str(tmp_path / "p.npz")).load(row) for row in range(8)]
    rng = np.random.default_rng(0)
    silent = 0
    for place in rng.integers(0, len(content), 60):
        damaged = bytearray(content)
        damaged[place] ^= 1 << int(rng.integers(8))
        (tmp_path / "d.npz").write_bytes(damaged)
        try:
            file = PackedFile(str(tmp_path / "d.npz"))
            read = [file.load(row) for row in range(8)]
        except DataError:
            continue
        silent += not all(all(map(equal, a, b)) for a, b in zip(whole, read, strict=True))
    assert silent == 0


def test_a_threshold_is_for_silhouettes(tmp_path: Path):
    walks = StickWalks()
    with pytest.raises(DataError, match="declared streams are kept as they are"):
        pack_dataset(walks, walks.sequences("train"), tmp_path / "p.npz", threshold=127)


class OneWalk(GaitDataset):
    """A walk of the streams that are given."""

    def __init__(self, streams: tuple[Stream, ...] | None, *loaded: Any, times: Any = None) -> None:
        self.declared, self.loaded, self.moments = streams, list(loaded), times or {}

    def streams(self) -> tuple[Stream, ...] | None:
        return self.declared

    def sequences(self, subset: str) -> list[SequenceRef]:
        return [SequenceRef("1", "nm-01", "000", None)] if subset == "train" else []

    def load(self, ref: SequenceRef) -> list[Any]:
        assert self.loaded, "nothing may be read before the declaration is checked"
        return self.loaded

    def times(self, ref: SequenceRef) -> dict[str, Any]:
        return dict(self.moments)


def test_numbers_of_another_byte_order_keep_their_values(tmp_path: Path):
    numbers = np.linspace(-9, 9, 12).reshape(3, 4).astype(">f4")
    packed(OneWalk(None, numbers), tmp_path / "p.npz")
    [found] = PackedFile(str(tmp_path / "p.npz")).load(0)
    assert found.dtype == np.dtype("<f4")
    assert np.array_equal(found, numbers)


def test_a_declared_stream_is_packed_in_its_dtype(tmp_path: Path):
    stream = Stream("a", (2,), "float32", low=0, high=1)
    packed(OneWalk((stream,), np.ones((3, 2), np.float64)), tmp_path / "p.npz")
    assert PackedFile(str(tmp_path / "p.npz")).load(0)[0].dtype == np.float32
    with pytest.raises(DataError, match="the stream 'a' holds float64 values from 7 to 7") as told:
        packed(OneWalk((stream,), np.full((3, 2), 7.0)), tmp_path / "q.npz")
    assert told.value.where == "1-nm-01-000"
    with pytest.raises(DataError, match=r"gives 2 arrays, but declares the streams a\n"):
        packed(OneWalk((stream,), np.ones((3, 2)), np.ones((3, 2))), tmp_path / "q.npz")
    assert not (tmp_path / "q.npz").exists()


def test_a_declaration_in_numpy_s_numbers_is_written(tmp_path: Path):
    fields: Any = {"clock": np.int64(30), "low": np.float32(0), "dtype": np.float32}
    stream = Stream("a", (np.int64(2),), **fields)  # type: ignore[arg-type]
    packed(OneWalk((stream,), np.ones((3, 2), np.float32)), tmp_path / "p.npz")
    [found] = PackedFile(str(tmp_path / "p.npz")).streams
    assert (found["clock"], found["low"], found["dtype"], found["shape"]) == (30, 0.0, "float32", [2])


@pytest.mark.parametrize(
    ("streams", "words"),
    [
        ((Stream("a", (2,), low=1j),), "the stream 'a' of the data set has low 1j"),  # type: ignore[arg-type]
        ((Stream("a", (1,) * 6),), "has frames .*, which have more axes than can be packed"),
        ((Stream("a", (2,)), Stream("a", (3,))), "has the name of another one"),
    ],
)
def test_a_declaration_that_cannot_be_written_is_told_before_any_frame_is_read(
    streams: tuple[Stream, ...], words: str, tmp_path: Path
):
    with pytest.raises(DataError, match=words):
        packed(OneWalk(streams), tmp_path / "p.npz")


@pytest.mark.parametrize(
    "array", [np.zeros((2,) * 7), np.zeros(()), np.zeros(2, complex), np.array([{}, {}], object)]
)
def test_arrays_that_cannot_be_packed_are_told(array: np.ndarray, tmp_path: Path):
    with pytest.raises(DataError, match="array number 1 cannot be packed: an array of shape"):
        packed(OneWalk(None, array), tmp_path / "p.npz")


def test_times_that_are_no_numbers_are_told(tmp_path: Path):
    walk = OneWalk((Stream("a", (2,)),), np.ones((3, 2), np.uint8), times={"a": np.arange(4)})
    with pytest.raises(DataError, match=r"times of the stream 'a' have shape \[4\] .* expected 3 numbers"):
        packed(walk, tmp_path / "p.npz")


def test_the_length_is_that_of_the_first_stream_in_use(tmp_path: Path):
    masks = Ragged(np.ones((6, 4, 3), np.uint8), np.array([0, 1, 6]))
    streams = (Stream("masks", (None, 4, 3)), Stream("maps", (4, 3)), Stream("numbers", (2,), "float32"))
    walk = OneWalk(streams, masks, np.ones((5, 4, 3), np.uint8), np.ones((7, 2), np.float32))
    packed(walk, tmp_path / "p.npz")
    file = PackedFile(str(tmp_path / "p.npz"))
    assert [file.length(0, place) for place in range(3)] == [2, 5, 7]
    (tmp_path / "all.json").write_text('{"TRAIN_SET": ["1"], "TEST_SET": []}')
    options = {"dataset_root": str(tmp_path / "p.npz"), "dataset_partition": str(tmp_path / "all.json")}
    for use, expected in ((None, 2), ([1, 0], 5), ([2], 7), ([False, True, True], 5)):
        found = build("dataset", {"type": "PackedSilhouettes", **options, "data_in_use": use})
        [ref] = found.sequences("train")
        assert found.length(ref) == len(found.load(ref)[0]) == expected


def described(path: Path, change: Callable[[list[dict[str, Any]]], Any]) -> None:
    """A packed data file whose description of the streams is another one."""
    with np.load(path) as archive:
        members = {name: archive[name] for name in archive.files}
    streams = json.loads(str(members["streams"]))
    changed = change(streams)
    members["streams"] = np.array(json.dumps(streams if changed is None else changed))
    np.savez(path, **members)


def swap(streams: list[dict[str, Any]]) -> None:
    streams[0]["columns"], streams[2]["columns"] = streams[2]["columns"], streams[0]["columns"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda streams: streams[0].pop("clock"), "stream number 1 lacks clock"),
        (lambda streams: streams[0].pop("columns") and None, "has the arrays None"),
        (lambda streams: streams[0].update(shape=3), "has shape 3, expected a list"),
        (lambda streams: streams[1].update(shape=[17, None]), "has shape"),
        (lambda streams: streams[1].update(shape=[None, 3]), "do not go together"),
        (lambda streams: streams[1].update(columns=["pixels"]), r"has the arrays \['pixels'\]"),
        (lambda streams: streams[2].update(columns=["offsets", "values"]), "has the arrays"),
        (lambda streams: streams[1].update(dtype="text"), "has dtype 'text'"),
        (lambda streams: streams[1].update(dtype="("), r"has dtype '\('"),
        (lambda streams: streams[1].update(high="big"), "has high 'big'"),
        (lambda streams: streams[1].update(clock=0), "has clock 0"),
        (lambda streams: streams[1].update(name=[1]), "has name"),
        (lambda streams: streams[1].update(name="silhouettes"), "a name of their own each"),
        (lambda streams: streams[1].pop("name") and None, "a name of their own each"),
        (swap, "do not go together"),
        (lambda streams: streams[:2], "does not fit its records"),
        (lambda streams: [], "does not fit its records"),
        (lambda streams: [1, 2], "no list of mappings"),
        (lambda streams: [streams[2], *streams[:2]], "an array 'offsets' that holds other values"),
    ],
)
def test_odd_descriptions_of_streams_are_told(change: Any, words: str, tmp_path: Path):
    packed(StickWalks(), tmp_path / "p.npz")
    described(tmp_path / "p.npz", lambda streams: None)
    assert PackedFile(str(tmp_path / "p.npz")).streams

    def changed(streams: list[dict[str, Any]]) -> Any:
        found = change(streams)
        return found if isinstance(found, list) else None

    described(tmp_path / "p.npz", changed)
    with pytest.raises(DataError, match=words):
        PackedFile(str(tmp_path / "p.npz"))


@pytest.mark.parametrize("source", [1, ["a", "b"], {"row": 1}, np.arange(3)])
def test_a_sequence_for_training_and_test_is_taken_once_whatever_its_source(source: Any):
    refs = [SequenceRef("1", "nm-01", view, source) for view in ("000", "090", "000")]
    assert [ref.view for ref in each_once(refs)] == ["000", "090"]
    others = [SequenceRef("1", "nm-01", "000", frame) for frame in ([0], [1])]
    assert len(each_once(others)) == 2
