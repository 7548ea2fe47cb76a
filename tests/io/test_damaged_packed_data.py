"""Packed data that has changed on its way is refused: the table when opened, frames when read."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.damage import Damage, directory_bits, flipped, outcomes, spread, truncated, zeroed
from helpers.files.layout_files import as_format_1, packed, partition, small_set, write
from typer.testing import CliRunner

from gait_plugins import build
from gait_plugins.cli import app
from gait_plugins.errors import DataError
from gait_plugins.io.dataset_file import PackedFile, require_sound
from gait_plugins.prepare import pack as packing


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def everything(path: Path) -> dict[Any, list[np.ndarray]]:
    """All that is used of a packed file."""
    file = PackedFile(str(path))
    return {(file.name(row), file.length(row)): file.load(row) for row in range(len(file))}


def told(path: Path, damages: Iterable[Damage]) -> Counter[str]:
    return outcomes(path, damages, everything, DataError)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A packed file of several chunks, black and white and grey, with an empty sequence."""
    root, _ = small_set(tmp_path)
    drawn = np.random.default_rng(0)
    write(Path(root) / "001/nm-01/000/000.pkl", drawn.integers(0, 256, (5, 16, 16)).astype(np.uint8))
    write(Path(root) / "002/nm-01/000/000.pkl", np.zeros((3, 64, 64), np.uint8))
    monkeypatch.setattr(packing, "CHUNK", 10_000)
    return Path(packed(root))


def hurt_frames(path: Path, row: int) -> None:
    """Flip a bit of a sequence's frames."""
    with np.load(path) as archive:
        record = archive["records"][row, 0]
        data = archive[f"frames_{record['chunk']}"].tobytes()
    whole = bytearray(path.read_bytes())
    whole[whole.index(data) + int(record["start"]) + 7] ^= 4
    path.write_bytes(whole)


def test_no_flipped_bit_is_taken(path: Path):
    content = path.read_bytes()
    found = told(path, flipped(content, spread(content, 150)))
    assert found["silent"] == found["nameless"] == 0
    assert found["told"] > 100


@pytest.mark.heavy
def test_no_flipped_bit_of_many_is_taken(path: Path):
    content = path.read_bytes()
    found = told(path, flipped(content, spread(content, 1500, seed=1)))
    assert found["silent"] == found["nameless"] == 0


def test_no_zeroed_block_no_cut_and_no_flag_of_the_directory_is_taken(path: Path):
    content = path.read_bytes()
    assert set(told(path, truncated(content))) == {"told"}
    assert told(path, zeroed(content))["silent"] == 0
    assert told(path, flipped(content, directory_bits(content)[::29]))["silent"] == 0


def test_no_flipped_bit_of_a_chunks_headers_is_taken(path: Path):
    content = path.read_bytes()
    for number in (0, 1):
        start = content.index(f"frames_{number}.npy".encode()) - 30
        bits = range(8 * start, 8 * (content.index(b"\n", start) + 1), 3)
        found = told(path, flipped(content, bits))
        assert found["silent"] == found["nameless"] == 0
        assert found["told"]


def test_the_sequence_is_named_and_the_others_are_read(path: Path):
    hurt_frames(path, 3)
    file = PackedFile(str(path))
    for row in (0, 1, 2, 4):
        file.load(row)
    with pytest.raises(DataError, match=r"data\.npz: the sequence 001-nm-01-090 .* match their checksum"):
        file.load(3)


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("workers", [0, 1])
def test_a_training_refuses_damaged_frames_in_every_worker(
    path: Path, tiny_yaml: Path, tmp_path: Path, workers: int
):
    for row in range(len(PackedFile(str(path)))):
        if PackedFile(str(path)).name(row)[0] == "003":
            hurt_frames(path, row)
    data = {"type": "PackedSilhouettes", "dataset_root": path, "num_workers": workers}
    data["dataset_partition"] = partition(tmp_path / "p.json", ["003", "004"], ["001"])
    words = [word for key, value in data.items() for word in ("-o", f"data_cfg.{key}={value}")]
    code, text = gait("train", tiny_yaml, *words, "--device", "cpu")
    assert code == 2, text
    assert "data.npz: the sequence 003-" in text
    assert "do not match their checksum" in text


# --- format 1 --------------------------------------------------------------------------------------


@pytest.fixture
def old(path: Path) -> Path:
    """The same file as the first version wrote it."""
    as_format_1(path)
    return path


def test_files_of_format_1_are_read(path: Path):
    expected = everything(path)
    as_format_1(path)
    file = PackedFile(str(path))
    assert (file.version, file.has_checksums) == (1, False)
    for name, frames in everything(path).items():
        np.testing.assert_array_equal(frames[0], expected[name][0])


def test_of_format_1_it_is_said_once_that_it_cannot_be_verified(old: Path, tmp_path: Path, caplog):
    listed = partition(tmp_path / "p.json", ["001", "002"], ["003"])
    options = {"type": "PackedSilhouettes", "dataset_root": str(old), "dataset_partition": str(listed)}
    dataset = build("dataset", options)
    with caplog.at_level(logging.WARNING):
        dataset.load(dataset.sequences("train")[0])
        dataset.sequences("test")
    (record,) = caplog.records
    assert "damaged frames go unnoticed" in record.getMessage()
    assert f"gait-plugins data pack {old} NEW.npz" in record.getMessage()


def test_of_format_1_table_and_headers_are_verified_and_check_finds_the_rest(old: Path, tmp_path: Path):
    content = old.read_bytes()
    with np.load(old) as archive:
        records = archive["records"].tobytes()
    table = content.index(records)
    bits = range(8 * table, 8 * (table + len(records)), 61)
    assert set(told(old, flipped(content, bits))) == {"told"}
    hurt_frames(old, 3)
    everything(old)
    with pytest.raises(DataError, match=r"frames_\d\.npy does not match its checksum"):
        require_sound(str(old))
    listed = partition(tmp_path / "p.json", ["001", "002"], ["003"])
    code, text = gait("data", "check", "--root", old, "--partition", listed)
    assert code == 2
    assert ".npy does not match its checksum" in text


def test_damage_is_not_packed_anew(old: Path, tmp_path: Path):
    sound = everything(old)
    code, text = gait("data", "pack", old, tmp_path / "new.npz")
    assert code == 0, text
    assert PackedFile(str(tmp_path / "new.npz")).has_checksums
    again = everything(tmp_path / "new.npz")
    assert all(np.array_equal(again[name][0], sound[name][0]) for name in sound)
    hurt_frames(old, 3)
    code, text = gait("data", "pack", old, tmp_path / "newer.npz")
    assert (code, "is truncated or damaged: frames_" in text) == (2, True)
    assert not (tmp_path / "newer.npz").exists()


def test_a_table_without_checksums_is_no_table_of_format_2(path: Path):
    as_format_1(path)
    with np.load(path) as archive:
        arrays = dict(archive)
    arrays["format"][0] = 2
    np.savez(path, **arrays)
    with pytest.raises(DataError, match="the records have no checksums"):
        PackedFile(str(path))
