"""Checkpoints are whole or not there, and are read without running code."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path

import pytest
import torch
from torch import nn

from gait_plugins.core import atomic
from gait_plugins.core.checkpoint import (
    FORMAT,
    checkpoint_path,
    load_checkpoint,
    restore_model,
    save_checkpoint,
    saved_iterations,
)
from gait_plugins.errors import CheckpointError


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
    with pytest.raises(CheckpointError, match="expected a mapping"):
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
