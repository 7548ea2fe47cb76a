"""The JSONL log and the TensorBoard files of a run, read back."""

from __future__ import annotations

import builtins
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.summary.writer import event_file_writer

from gait_plugins import Results, Run
from gait_plugins.plugins.monitors import tensorboard as monitor
from gait_plugins.plugins.monitors.tensorboard import image_grid
from gait_plugins.registry.manager import Manager

RESULTS = Results(
    "Rank-1 without identical views",
    "CASIA-B",
    {"NM@R1": 91.5, "CL@R1": float("nan")},
    probes=40,
    gallery=20,
    details={"NM": {"per_view": np.array([[1.0, np.nan]]), "best": np.float32(2.0)}},
)


def run_in(folder: Path, *, first_step: int = 0, rank: int = 0, phase: Any = "train") -> Run:
    return Run(folder, phase, {}, total_steps=4, first_step=first_step, rank=rank, world_size=2)


def train(manager: Manager, run: Run, steps: range, error: BaseException | None = None) -> None:
    """A training that logs every second step and saves at its end."""
    life = manager.lifecycle
    life.run_begin(run)
    for step in steps:
        metrics: dict[str, Any] = {}
        if step % 2 == 0:
            metrics = {
                "scalar/triplet/loss": torch.tensor(step / 10),
                "scalar/learning_rate": 0.1,
                "image/sils": np.full((3, 1, 4, 5), step / 10, dtype=np.float32),
            }
        life.step_end(run, step, metrics)
    life.checkpoint_saved(run, run.folder / "run-00004.pt", steps[-1])
    life.evaluated(run, steps[-1], RESULTS)
    life.run_end(run, error)


@pytest.fixture
def manager() -> Manager:
    return Manager(allow=[])


def records(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder / "summary"))
    return accumulator.Reload()


def steps_of(folder: Path, tag: str) -> list[int]:
    return [event.step for event in events(folder).Scalars(tag)]


def test_the_log_tells_the_whole_run(manager: Manager, tmp_path: Path) -> None:
    train(manager, run_in(tmp_path), range(1, 5))
    log = records(tmp_path)
    assert [r["type"] for r in log] == ["run_begin", "step", "step", "checkpoint", "results", "run_end"]
    begin, first, second, checkpoint, results, end = log
    assert (begin["phase"], begin["total_steps"], begin["world_size"]) == ("train", 4, 2)
    assert first["step"] == 2
    assert second["metrics"] == {"scalar/triplet/loss": pytest.approx(0.4), "scalar/learning_rate": 0.1}
    assert checkpoint["path"].endswith("run-00004.pt")
    assert results["metrics"] == {"NM@R1": 91.5, "CL@R1": None}
    assert results["details"] == {"NM": {"per_view": [[1.0, None]], "best": 2.0}}
    assert end["error"] is None
    times = [r["time"] for r in log]
    assert times == sorted(times)


def test_the_log_holds_what_ended_the_run(manager: Manager, tmp_path: Path) -> None:
    train(manager, run_in(tmp_path), range(1, 3), ValueError("häßlich\nvalue"))
    assert records(tmp_path)[-1]["error"] == "ValueError: häßlich\nvalue"


def test_every_record_is_on_disk_at_once(manager: Manager, tmp_path: Path) -> None:
    run = run_in(tmp_path)
    manager.lifecycle.run_begin(run)
    assert records(tmp_path)[-1]["type"] == "run_begin"
    manager.lifecycle.step_end(run, 1, {"scalar/x": float("inf")})
    assert records(tmp_path)[-1]["metrics"] == {"scalar/x": None}
    manager.lifecycle.run_end(run, None)


def test_a_resumed_run_goes_on_in_the_same_log(manager: Manager, tmp_path: Path) -> None:
    train(manager, run_in(tmp_path), range(1, 3))
    with (tmp_path / "log.jsonl").open("a") as file:
        file.write('{"type": "step", "ste')  # killed in the middle of a record
    train(manager, run_in(tmp_path, first_step=2), range(3, 5))
    log = records(tmp_path)
    assert [r["first_step"] for r in log if r["type"] == "run_begin"] == [0, 2]
    assert [r["step"] for r in log if r["type"] == "step"] == [2, 4]


def test_only_the_first_process_writes_files(manager: Manager, tmp_path: Path) -> None:
    train(manager, run_in(tmp_path / "run", rank=1), range(1, 3))
    assert not (tmp_path / "run").exists()


def test_tensorboard_holds_scalars_pictures_and_results(manager: Manager, tmp_path: Path) -> None:
    train(manager, run_in(tmp_path), range(1, 5))
    read = events(tmp_path)
    assert {"triplet/loss", "learning_rate", "test_accuracy/NM@R1"} <= set(read.Tags()["scalars"])
    assert [(e.step, round(e.value, 4)) for e in read.Scalars("triplet/loss")] == [(2, 0.2), (4, 0.4)]
    assert [e.value for e in read.Scalars("test_accuracy/NM@R1")] == [91.5]
    picture = read.Images("sils")[-1]
    assert (picture.step, picture.height, picture.width) == (4, 9, 11)


def test_a_resumed_run_hides_the_later_steps_of_the_former(manager: Manager, tmp_path: Path) -> None:
    train(manager, run_in(tmp_path), range(1, 9))
    assert steps_of(tmp_path, "learning_rate") == [2, 4, 6, 8]
    train(manager, run_in(tmp_path, first_step=4), range(5, 7))
    assert steps_of(tmp_path, "learning_rate") == [2, 4, 6]
    train(manager, run_in(tmp_path), range(1, 3))
    assert steps_of(tmp_path, "learning_rate") == [2]


def test_a_test_in_the_same_folder_hides_nothing(manager: Manager, tmp_path: Path) -> None:
    train(manager, run_in(tmp_path), range(1, 5))
    tested = run_in(tmp_path, phase="test")
    manager.lifecycle.run_begin(tested)
    manager.lifecycle.evaluated(tested, 4, RESULTS)
    manager.lifecycle.run_end(tested, None)
    assert steps_of(tmp_path, "learning_rate") == [2, 4]
    assert steps_of(tmp_path, "test_accuracy/NM@R1") == [4, 4]


def test_without_tensorboard_one_warning_is_given_and_the_run_goes_on(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "torch.utils.tensorboard":
            raise ModuleNotFoundError("No module named 'tensorboard'", name="tensorboard")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with caplog.at_level(logging.WARNING):
        train(manager, run_in(tmp_path), range(1, 5))
    (message,) = [record.getMessage() for record in caplog.records]
    assert message.startswith("no TensorBoard log is written: No module named 'tensorboard'")
    assert not (tmp_path / "summary").exists()
    assert records(tmp_path)[-1]["type"] == "run_end"


@pytest.mark.parametrize(("count", "size"), [(1, (4, 5)), (2, (4, 11)), (5, (9, 17)), (100, (39, 47))])
def test_pictures_lie_side_by_side(count: int, size: tuple[int, int]) -> None:
    pictures = np.random.default_rng(0).random((count, 3, 4, 5)).astype(np.float32)
    grid = image_grid(pictures)
    assert grid.shape == (3, *size)
    assert np.array_equal(grid[:, :4, :5], pictures[0])


def test_so_it_does_where_both_begin_in_the_same_second(
    manager: Manager, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files are read in the order of their names, which end in ``.9`` and ``.10``: the later one first."""
    clock = SimpleNamespace(now=1_800_000_000, uid=8)

    def next_uid() -> int:
        clock.uid += 1
        return clock.uid

    def wait(seconds: float) -> None:
        clock.now += 1

    monkeypatch.setattr(event_file_writer, "_global_uid", SimpleNamespace(get=next_uid))
    monkeypatch.setattr(event_file_writer, "time", SimpleNamespace(time=lambda: clock.now))
    monkeypatch.setattr(monitor, "sleep", wait, raising=False)
    train(manager, run_in(tmp_path), range(1, 9))
    train(manager, run_in(tmp_path, first_step=4), range(5, 7))
    assert steps_of(tmp_path, "learning_rate") == [2, 4, 6]
    assert len(list((tmp_path / "summary").iterdir())) == 2
