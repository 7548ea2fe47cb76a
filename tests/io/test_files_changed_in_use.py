"""Data files that others truncate, replace or remove while they are read: told, or harmless."""

from __future__ import annotations

import gc
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.children import import_path
from helpers.files.layout_files import packed, partition, small_set
from helpers.places import PROGRAMS

from gait_plugins import build
from gait_plugins.errors import DataError
from gait_plugins.io.dataset_file import PackedFile
from gait_plugins.io.open_file import ArrayFile, OpenFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A packed file."""
    return Path(packed(small_set(tmp_path)[0]))


@pytest.mark.parametrize("left", [0, 100, 3000])
def test_a_truncated_file_is_told_with_its_name(path: Path, left: int):
    file = PackedFile(str(path))
    os.truncate(path, left)
    with pytest.raises(DataError) as caught:
        file.load(len(file) - 1)
    assert re.search(
        rf"cannot be read: the file ends at {left} bytes; the file was written to while it was in use",
        caught.value.message,
    )
    assert caught.value.where == str(path)


def test_what_was_truncated_behind_a_sequence_does_not_matter_to_it(path: Path):
    file = PackedFile(str(path))
    expected = file.load(0)[0]
    os.truncate(path, path.stat().st_size - 1)
    np.testing.assert_array_equal(file.load(0)[0], expected)


@pytest.mark.parametrize("change", [lambda path: os.replace(path.with_suffix(".new"), path), os.unlink])
def test_a_replaced_or_removed_file_is_read_on(path: Path, change: Callable[[Path], object]):
    file = PackedFile(str(path))
    expected = [file.load(row)[0] for row in range(len(file))]
    path.with_suffix(".new").write_bytes(b"\0" * path.stat().st_size)
    change(path)
    for row, frames in enumerate(expected):
        np.testing.assert_array_equal(file.load(row)[0], frames)


def test_a_file_that_is_overwritten_in_place_is_told(path: Path):
    file = PackedFile(str(path))
    with path.open("rb+") as changed:
        changed.write(b"\xff" * path.stat().st_size)
    os.utime(path, ns=(1, 1))
    with pytest.raises(DataError, match=r"match their checksum; the file was written to while it was in use"):
        file.load(0)


def test_a_worker_that_opens_another_file_says_so(path: Path, tmp_path: Path):
    listed = partition(tmp_path / "p.json", ["001", "002"], ["003"])
    options = {"type": "PackedSilhouettes", "dataset_root": str(path), "dataset_partition": str(listed)}
    dataset = build("dataset", options)
    (ref, *_) = dataset.sequences("train")
    as_sent = pickle.dumps(dataset)
    pickle.loads(as_sent).load(ref)
    second = small_set(tmp_path / "second")[0]
    os.unlink(Path(second) / "001/nm-01/000/000.pkl")
    os.replace(packed(second), path)
    with pytest.raises(DataError, match="was replaced by another one while it was in use"):
        pickle.loads(as_sent).load(ref)
    dataset.load(ref)


def test_frames_cannot_be_written_to(path: Path):
    with pytest.raises(ValueError, match="read-only"):
        PackedFile(str(path)).load(0)[0][:] = 0


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")
def test_a_pipe_is_no_data_file(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.npz")
    with pytest.raises(DataError, match=r"cannot be read: not a regular file: a pipe, socket or device"):
        PackedFile(str(tmp_path / "pipe.npz"))
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        PackedFile(str(tmp_path))


def test_nothing_stays_open(path: Path):
    gc.collect()  # files of earlier tests may close at any moment
    before = len(os.listdir("/proc/self/fd")) if Path("/proc/self/fd").is_dir() else 0
    for _ in range(5):
        PackedFile(str(path)).load(0)
        with pytest.raises(IsADirectoryError):
            OpenFile(path.parent)
    if before:
        assert len(os.listdir("/proc/self/fd")) <= before


def test_rows_of_an_array_are_those_of_numpy(tmp_path: Path):
    array = np.random.default_rng(0).integers(0, 256, (7, 4, 3, 3)).astype(np.uint8)
    np.save(tmp_path / "a.npy", array)
    file = ArrayFile(tmp_path / "a.npy")
    assert (len(file), file.shape, file.dtype) == (7, array.shape, array.dtype)
    for row in range(7):
        np.testing.assert_array_equal(file[row], array[row])
    os.truncate(tmp_path / "a.npy", 200)
    with pytest.raises(EOFError, match="the file ends at 200 bytes"):
        file[6]
    with pytest.raises(ValueError, match="in the middle of the array"):
        ArrayFile(tmp_path / "a.npy")
    np.save(tmp_path / "b.npy", np.asfortranarray(array))
    with pytest.raises(ValueError, match="not stored row by row"):
        ArrayFile(tmp_path / "b.npy")


TRUNCATES = """
import os
from gait_plugins import hookimpl
from helpers.components import tiny
from helpers.programs import run_tiny
class Plugin(tiny.TinyPlugin):
    @hookimpl
    def gait_step_end(self, step):
        if step == 3:
            os.truncate({path!r}, 2000)
run_tiny.TinyPlugin = Plugin
run_tiny.run()
"""


@pytest.mark.heavy
@pytest.mark.parametrize("workers", [0, 2])
def test_a_training_on_a_file_that_becomes_shorter_ends_in_words(
    path: Path, tmp_path: Path, tiny_yaml: Path, workers: int
):
    script = tmp_path / "truncates.py"
    script.write_text(TRUNCATES.format(path=str(path)))
    data = {"type": "PackedSilhouettes", "dataset_root": path, "num_workers": workers}
    data["dataset_partition"] = partition(tmp_path / "p.json", ["001", "002", "003"], ["004"])
    words = [word for key, value in data.items() for word in ("-o", f"data_cfg.{key}={value}")]
    words += ["-o", "trainer_cfg.total_iter=1000", "-o", "trainer_cfg.save_iter=1000"]
    words += ["-o", "model_cfg.classes=3"]
    done = subprocess.run(
        [sys.executable, str(script), "train", str(tiny_yaml), "--device", "cpu", *words],
        env=os.environ | {"PYTHONPATH": import_path(PROGRAMS.parents[1])},
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 2, done.stderr[-3000:]
    assert f"DataError: {path}: the sequence " in done.stderr
    assert "the file ends at 2000 bytes" in done.stderr
    assert "Traceback" not in done.stderr
