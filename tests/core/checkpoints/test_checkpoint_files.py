"""Checkpoints are whole or not there, and are read without running code."""

from __future__ import annotations

import errno
import io
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from gait_plugins.core.checkpoints.files import (
    FORMAT,
    checkpoint_path,
    load_checkpoint,
    restore_model,
    save_checkpoint,
    saved_iterations,
)
from gait_plugins.errors import CheckpointError
from gait_plugins.io import atomic


class Runs:
    """A pickle that would run code."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/gait-plugins-was-here",)


def test_saved_state_comes_back(tmp_path: Path):
    path = checkpoint_path(tmp_path, "run", 20)
    save_checkpoint(path, {"model": {"w": torch.arange(3)}, "iteration": 20})
    loaded = load_checkpoint(path)
    assert path.name == "run-00020.pt"
    assert loaded["iteration"] == 20
    assert loaded["format"] == FORMAT
    assert torch.equal(loaded["model"]["w"], torch.arange(3))
    assert saved_iterations(tmp_path, "run") == [20]
    assert saved_iterations(tmp_path, "ru") == []


def test_data_parallel_prefix_is_taken_off(tmp_path: Path):
    torch.save({"model": {"module.w": torch.ones(1)}}, tmp_path / "a.pt")
    assert list(load_checkpoint(tmp_path / "a.pt")["model"]) == ["w"]


def test_bare_state_dict_is_a_checkpoint_too(tmp_path: Path):
    torch.save({"w": torch.ones(1)}, tmp_path / "a.pt")
    assert list(load_checkpoint(tmp_path / "a.pt")["model"]) == ["w"]


def test_full_disk_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "a.pt"
    save_checkpoint(path, {"model": {"w": torch.zeros(1)}})

    def no_space(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", no_space)
    with pytest.raises(CheckpointError, match="No space left") as caught:
        save_checkpoint(path, {"model": {"w": torch.ones(1)}})
    assert caught.value.hint is not None
    assert load_checkpoint(path)["model"]["w"] == 0
    assert list(tmp_path.iterdir()) == [path]


def test_unfinished_files_are_neither_seen_nor_kept(tmp_path: Path):
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    (folder / ".run-00010.pt.123.partial").write_bytes(b"half")
    assert saved_iterations(tmp_path, "run") == []
    atomic.remove_partials(folder)
    assert not list(folder.iterdir())


def test_missing_file_names_its_neighbours(tmp_path: Path):
    torch.save({"model": {"w": torch.ones(1)}}, tmp_path / "run-00010.pt")
    with pytest.raises(CheckpointError, match=r"run-00010\.pt"):
        load_checkpoint(tmp_path / "run-00020.pt")


def test_truncated_file_is_named(tmp_path: Path):
    path = tmp_path / "a.pt"
    torch.save({"model": {"w": torch.ones(1000)}}, path)
    path.write_bytes(path.read_bytes()[:1500])
    with pytest.raises(CheckpointError, match="truncated"):
        load_checkpoint(path)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError):
        load_checkpoint(path)


@pytest.mark.parametrize("legacy", [True, False])
def test_code_in_a_checkpoint_is_refused(tmp_path: Path, legacy: bool):
    path = tmp_path / "a.pt"
    if legacy:
        path.write_bytes(pickle.dumps({"model": Runs()}, protocol=2))
    else:
        torch.save({"model": Runs()}, path)
    with pytest.raises(CheckpointError, match="plain data"):
        load_checkpoint(path)
    assert not Path("/tmp/gait-plugins-was-here").exists()


def test_future_format_is_refused(tmp_path: Path):
    torch.save({"model": {"w": torch.ones(1)}, "format": FORMAT + 1}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="format"):
        load_checkpoint(tmp_path / "a.pt")


def test_something_else_is_refused(tmp_path: Path):
    torch.save([1, 2], tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match="a checkpoint must be a mapping, found list"):
        load_checkpoint(tmp_path / "a.pt")
    torch.save({"weights": 1}, tmp_path / "b.pt")
    with pytest.raises(CheckpointError, match="'model'"):
        load_checkpoint(tmp_path / "b.pt")


def test_other_class_number_is_said_in_words():
    model, other = nn.Linear(4, 10), nn.Linear(4, 12)
    with pytest.raises(CheckpointError, match=r"of another shape") as caught:
        restore_model(model, other.state_dict(), strict=True, where="a.pt")
    assert "class_num" in (caught.value.hint or "")
    assert "[12, 4]" in str(caught.value)


def test_other_model_is_said_in_words():
    with pytest.raises(CheckpointError, match="missing in the file") as caught:
        restore_model(nn.Linear(4, 2), nn.Conv1d(1, 1, 1, bias=False).state_dict(), strict=True, where="a.pt")
    assert "another model" in (caught.value.hint or "")


def test_what_fits_is_loaded_when_not_strict():
    model, other = nn.Linear(4, 2), nn.Linear(4, 2, bias=False)
    bias = model.bias.clone()
    restore_model(model, other.state_dict(), strict=False, where="a.pt")
    assert torch.equal(model.weight, other.weight)
    assert torch.equal(model.bias, bias)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"model": 3}, "'model' is 3, expected a mapping"),
        ({"model": {1: torch.ones(1)}}, "must have names, found the key 1$"),
        ({"optimizer": 3}, "'optimizer' is 3, expected a mapping"),
        ({"iteration": "x"}, "'iteration' is 'x', expected a number"),
        ({"plugins": [1]}, r"'plugins' is \[1\], expected a mapping"),
        ({"input_size": [64]}, r"'input_size' is \[64\], expected height and width$"),
    ],
)
def test_parts_that_are_not_what_they_should_be(tmp_path: Path, part: dict[str, object], said: str):
    torch.save({"model": {"w": torch.ones(1)}, **part}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=said):
        load_checkpoint(tmp_path / "a.pt")


def test_a_file_with_code_is_refused_by_what_it_asks_for(tmp_path: Path):
    torch.save({"model": {"w": Runs()}}, tmp_path / "a.pt")
    with pytest.raises(CheckpointError, match=r"imports posix\.system") as caught:
        load_checkpoint(tmp_path / "a.pt")
    assert "weights_only" not in str(caught.value)  # torch's advice is to run the code


@pytest.mark.parametrize(
    ("content", "seen"),
    [
        (b"", "the file is empty"),
        (b"hello", "the file is text"),
        (b"ID\0\3", "the first bytes are not those of a PyTorch file"),
        ("Größe".encode("latin-1"), "the first bytes are not those of a PyTorch file"),
        (b"PK\x03", "[A-Z]"),
        (pickle.dumps({"model": 1}, 4)[:-3], "[A-Z]"),
    ],
)
def test_other_files_are_no_checkpoints(tmp_path: Path, content: bytes, seen: str):
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"not a checkpoint \({len(content)} bytes\): {seen}"):
        load_checkpoint(tmp_path / "a.pt")


def test_a_folder_is_no_checkpoint(tmp_path: Path):
    torch.save({"model": {"w": torch.ones(1)}}, tmp_path / "run-00010.pt")
    with pytest.raises(CheckpointError, match="this is a folder") as caught:
        load_checkpoint(tmp_path)
    assert "run-00010.pt" in (caught.value.hint or "")


def test_the_disks_own_words_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Full(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    @contextmanager
    def full(path: Path) -> Iterator[Full]:
        yield Full()

    monkeypatch.setattr("gait_plugins.core.checkpoints.files.whole_file", full)
    with pytest.raises(CheckpointError, match="No space left on device"):
        save_checkpoint(tmp_path / "a.pt", {"model": {"w": torch.ones(1)}})


def test_an_error_of_the_disk_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_space(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic.os, "fsync", no_space)
    with pytest.raises(OSError, match="No space left") as caught:
        atomic.write_text(tmp_path / "config.yaml", "text")
    assert caught.value.filename == str(tmp_path / "config.yaml")
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        atomic.write_text(tmp_path / "file" / "config.yaml", "text")
