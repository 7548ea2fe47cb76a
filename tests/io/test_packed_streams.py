"""Packed data files of any streams: what is read is what was packed, and damage is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.components.tiny import TinyWalks
from helpers.components.walk_streams import StickWalks

from gait_plugins import DataError, GaitDataset, Ragged, SequenceRef, Silhouettes, Stream, build
from gait_plugins.io.dataset_file import PackedFile
from gait_plugins.prepare.pack import pack_dataset


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
