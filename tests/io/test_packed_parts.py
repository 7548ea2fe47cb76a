"""Packed data in several files, and packed by several processes: the same as in one, by one."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers.damage import flipped, outcomes, spread
from helpers.files.layout_files import partition, person, small_set, write
from typer.testing import CliRunner

from gait_plugins import build
from gait_plugins.api import GaitDataset, SequenceRef
from gait_plugins.api.census import processes
from gait_plugins.cli import app
from gait_plugins.errors import DataError
from gait_plugins.io.dataset_file import PackedFile, require_sound
from gait_plugins.prepare import pack as packing
from gait_plugins.prepare.pack import pack_dataset
from gait_plugins.prepare.packing import columns
from gait_plugins.prepare.sequences import every_sequence


def packed(root: str, name: str, parts: int = 1) -> Path:
    path = Path(root).parent / name
    pack_dataset(*every_sequence(Path(root)), path, parts=parts)
    return path


def everything(path: Path) -> dict[tuple[str, str, str], list[np.ndarray]]:
    file = PackedFile(str(path))
    return {file.name(row): file.load(row) for row in range(len(file))}


def assert_same(one: Path, other: Path) -> None:
    first, second = everything(one), everything(other)
    assert list(first) == list(second)
    for name, frames in first.items():
        np.testing.assert_array_equal(frames[0], second[name][0])


@pytest.mark.parametrize("parts", [2, 3, 5, 100])
def test_several_files_hold_what_one_does(tmp_path, monkeypatch, parts):
    monkeypatch.setattr(packing, "CHUNK", 3000)
    root, _ = small_set(tmp_path)
    path = packed(root, "parts.npz", parts)
    assert_same(packed(root, "one.npz"), path)
    assert len(PackedFile(str(path)).parts) == min(parts, 16)
    require_sound(str(path))


def test_a_data_set_in_parts_trains_as_one_in_a_file(tmp_path):
    root, listed = small_set(tmp_path)
    options = {"type": "PackedSilhouettes", "dataset_partition": listed}
    one, parts = (
        build("dataset", {**options, "dataset_root": str(packed(root, f"{n}.npz", n))}) for n in (1, 4)
    )
    assert parts.sequences("train") == one.sequences("train") == list(one.sequences("train"))
    sent = pickle.loads(pickle.dumps(parts))
    for ref in one.sequences("train"):
        np.testing.assert_array_equal(sent.load(ref)[0], one.load(ref)[0])


def test_a_part_that_is_missing_changed_or_another_ones_is_told(tmp_path):
    root, _ = small_set(tmp_path)
    path = packed(root, "set.npz", 2)
    first, second = map(Path, PackedFile(str(path)).parts)
    with pytest.raises(DataError, match=r"one part of a packed data set(.|\n)*set\.npz"):
        PackedFile(str(first))
    sound = second.read_bytes()
    second.write_bytes(first.read_bytes())
    with pytest.raises(DataError, match="not the part number 2"):
        PackedFile(str(path)).load(15)
    second.unlink()
    file = PackedFile(str(path))
    file.load(0)
    with pytest.raises(DataError, match="set-00002-of-00002"):
        file.load(15)
    second.write_bytes(sound[:-1])
    with pytest.raises(DataError, match="set-00002-of-00002"):
        require_sound(str(path))


@pytest.mark.parametrize("which", [0, 1])
def test_no_flipped_bit_of_index_or_part_is_taken(tmp_path, which):
    root, _ = small_set(tmp_path)
    path = packed(root, "set.npz", 2)
    hurt = [path, *map(Path, PackedFile(str(path)).parts)][which]

    def read(changed: Path) -> dict[tuple[str, str, str], list[np.ndarray]]:
        return everything(path)

    found = outcomes(hurt, flipped(hurt.read_bytes(), spread(hurt.read_bytes(), 60)), read, DataError)
    assert found["silent"] == 0
    assert found["told"] + found["nameless"] > 30


def test_packing_anew_removes_the_parts_that_are_none_any_longer(tmp_path):
    root, _ = small_set(tmp_path)
    path = packed(root, "set.npz", 4)
    assert len(list(tmp_path.glob("set-*.npz"))) == 4
    packed(root, "set.npz", 2)
    assert len(list(tmp_path.glob("set-*.npz"))) == 2
    packed(root, "set.npz")
    assert list(tmp_path.glob("set-*.npz")) == []
    require_sound(str(path))


def test_what_cannot_be_packed_leaves_no_part(tmp_path):
    root, _ = small_set(tmp_path)
    write(Path(root) / "004/nm-01/000/000.pkl", print)
    with pytest.raises(DataError):
        packed(root, "set.npz", 3)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["data", "set.json"]


@pytest.mark.parametrize("parts", [1, 3])
def test_several_processes_write_the_same_bytes(tmp_path, monkeypatch, parts):
    root, _ = small_set(tmp_path)
    write(Path(root) / "001/nm-01/000/000.pkl", person(value=200))
    monkeypatch.setattr(packing, "CHUNK", 4000)
    packed(root, "one.npz", parts)
    monkeypatch.setattr(processes, "FEWEST", 1)
    monkeypatch.setattr(packing, "_MOST_IN_A_PIECE", 3)
    with processes.processes(2):
        packed(root, "two.npz", parts)
    for name in [".npz", *(f"-{n + 1:05d}-of-{parts:05d}.npz" for n in range(parts if parts > 1 else 0))]:
        one, two = ((tmp_path / f"{stem}{name}").read_bytes() for stem in ("one", "two"))
        assert one.replace(b"one", b"two") == two or parts > 1
    assert_same(tmp_path / "one.npz", tmp_path / "two.npz")


def test_an_error_in_a_process_is_told_as_it_is(tmp_path, monkeypatch):
    root, _ = small_set(tmp_path)
    write(Path(root) / "003/nm-01/000/000.pkl", print)
    monkeypatch.setattr(processes, "FEWEST", 1)
    with processes.processes(2), pytest.raises(DataError) as caught:
        packed(root, "two.npz")
    assert "003/nm-01/000/000.pkl" in caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize("held", [0, 1 << 30])
def test_how_many_are_packed_together_changes_nothing(tmp_path, monkeypatch, held):
    root, _ = small_set(tmp_path)
    soft = person(20)
    soft[3, 3, 3] = 9
    write(Path(root) / "002/nm-01/000/000.pkl", soft)
    write(Path(root) / "003/bg-01/000/000.pkl", person(7, width=44))
    monkeypatch.setattr(processes, "FEWEST", 1)
    with processes.processes(1):
        usual = packed(root, "one.npz").read_bytes()
        monkeypatch.setattr(columns, "_HELD", held)
        monkeypatch.setattr(columns, "_SHORT", held)
        assert packed(root, "two.npz").read_bytes() == usual


class TwoFaults(GaitDataset):
    """Its first sequence cannot be packed, its second one cannot be read."""

    def sequences(self, subset):
        return [SequenceRef(str(number), "nm", "000", number) for number in range(2)]

    def load(self, ref):
        if ref.source:
            raise DataError("it cannot be read")
        return [np.zeros((2, 1, 1, 1, 1, 1, 1), np.uint8)]


def test_of_two_faults_the_first_one_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(processes, "FEWEST", 1)
    dataset = TwoFaults()
    with processes.processes(1), pytest.raises(DataError, match="array number 1 cannot be packed"):
        pack_dataset(dataset, dataset.sequences("train"), tmp_path / "one.npz")


def test_a_process_that_is_killed_is_told(tmp_path, monkeypatch):
    root, _ = small_set(tmp_path)
    monkeypatch.setattr(processes, "FEWEST", 1)
    monkeypatch.setattr(columns, "_piece", lambda *_: __import__("os")._exit(9))
    with processes.processes(2), pytest.raises(DataError, match="ended from outside"):
        packed(root, "two.npz")


def test_shards_are_packed_and_checked_by_commands(tmp_path):
    root, listed = small_set(tmp_path)
    done = CliRunner().invoke(app, ["data", "pack", root, str(tmp_path / "set.npz"), "--shards", "3"])
    assert done.exit_code == 0, done.output
    words = ["data", "check", "--root", str(tmp_path / "set.npz"), "--partition", listed]
    assert CliRunner().invoke(app, words).exit_code == 0
    part = tmp_path / "set-00002-of-00003.npz"
    content = bytearray(part.read_bytes())
    content[700] ^= 1
    part.write_bytes(content)
    done = CliRunner().invoke(app, words)
    assert (done.exit_code, part.name in done.output.replace("\n", "")) == (2, True), done.output


def test_only_the_rows_that_are_asked_for_are_read(tmp_path):
    root, listed = small_set(tmp_path)
    file = PackedFile(str(packed(root, "set.npz")))
    reads = []
    whole = file._file.read
    file._file.read = lambda start, count: reads.append(count) or whole(start, count)  # type: ignore
    file.length(3)
    assert reads == [file.records.dtype.itemsize]
    partition(Path(listed), ["001"], ["002"])
