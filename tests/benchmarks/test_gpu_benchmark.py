"""The benchmark of a GPU: it runs on a CPU, keeps its budget, and names only what torch has."""

from __future__ import annotations

import ast
import importlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import torch
from helpers.children import import_path
from helpers.places import ROOT

FOLDER = ROOT / "benchmarks"
SOURCES = [FOLDER / "gpu.py", *sorted((FOLDER / "gpu_parts").glob("*.py"))]


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """Modules of the benchmark, which lie outside the package."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(FOLDER))
    names = ("tables", "gpu_parts.budget", "gpu_parts.machine")
    yield SimpleNamespace(**{name.split(".")[-1]: importlib.import_module(name) for name in names})
    for name in set(sys.modules) - before:
        if name == "tables" or name.startswith("gpu_parts"):
            del sys.modules[name]


@pytest.mark.heavy
def test_all_parts_run_on_a_cpu_and_are_written_down(tmp_path: Path):
    written = tmp_path / "found.json"
    done = subprocess.run(
        [sys.executable, "gpu.py", "--tiny", "--device", "cpu", "--json", str(written)],
        cwd=FOLDER,
        env={**os.environ, "PYTHONPATH": import_path(FOLDER)},
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr[-3000:]
    found = json.loads(written.read_text())
    assert found["failed"] == []
    assert [each.split(":")[0] for each in found["left_out"]] == ["tests of the suite"]  # no GPU
    works = [row["work"] for row in found["rows"]]
    for network in ("TrackletGait", "GaitBase", "DeepGaitV2", "SwinGait"):
        assert {"training step", "peak memory of it", "training end to end"} <= {
            work.split(",")[0] for work in works if network in work
        }
    assert {
        row["met"] for row in found["rows"] if row["work"].startswith(("resume", "Rank-1", "largest"))
    } == {True}
    assert "| work " in done.stdout
    assert all(name in done.stdout for name in ("date:", "device:", "torch:", "command:"))


@pytest.mark.heavy
def test_the_benchmark_is_typed():
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "gpu.py"],
        cwd=FOLDER,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout


def _names(tree: ast.AST) -> Iterator[str]:
    """``torch.cuda.synchronize`` and the like, as they are written."""
    for node in ast.walk(tree):
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name) and node.id == "torch" and parts:
            yield ".".join(parts)


def test_whatever_it_names_of_torch_is_there():
    """No CPU comes by most of these lines."""
    named = {name for path in SOURCES for name in _names(ast.parse(path.read_text(encoding="utf-8")))}
    assert "cuda.max_memory_allocated" in named
    for name in named:
        found: object = torch
        for part in name.split("."):
            found = getattr(found, part)


def test_memory_and_time_of_a_card_are_read_when_it_is_done(
    parts: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    answers = {"memory_allocated": 2 * 2**20, "max_memory_allocated": 5 * 2**20}
    calls = (
        "synchronize",
        "empty_cache",
        "reset_peak_memory_stats",
        "memory_allocated",
        "max_memory_allocated",
    )
    for name in calls:
        monkeypatch.setattr(
            torch.cuda, name, lambda *given, name=name: (asked.append(name), answers.get(name))[1]
        )
    machine = parts.machine.Machine("cpu")
    machine.on_gpu = True
    peak, result = machine.peak(lambda: asked.append("work") or "done")
    assert (peak, result) == (3.0, "done")
    around = asked[asked.index("work") - 2 :]
    assert around == [
        "reset_peak_memory_stats",
        "memory_allocated",
        "work",
        "synchronize",
        "max_memory_allocated",
    ]
    asked.clear()
    machine.now()
    assert asked == ["synchronize"]


def test_a_part_that_fails_costs_itself_alone(parts: SimpleNamespace):
    budget, row = parts.budget, parts.tables.Row("work", 2.0, 1.0, "ms")
    given: list[float] = []

    def too_large(seconds: float) -> list[object]:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB\nmore words")

    def fine(seconds: float) -> list[object]:
        given.append(seconds)
        return [row]

    def left_out(seconds: float) -> list[object]:
        raise budget.LeftOut("there is no GPU")

    measured = [
        budget.Part("large", too_large),
        budget.Part("none", left_out),
        budget.Part("long", fine, least=1000),
        budget.Part("fine", fine),
    ]
    found = budget.run_all(measured, time.monotonic() + 400, parts.machine.Machine("cpu"), lambda text: None)
    assert found.failed == ["large: out of memory: CUDA out of memory. Tried to allocate 20 GiB"]
    assert found.left_out[0] == "none: there is no GPU"
    assert found.left_out[1].endswith("s were left, it needs 1000 s")
    assert [each.part for each in found.rows] == ["fine"]
    assert 300 < given[0] <= 400  # what the others did not use


@pytest.mark.parametrize(
    ("other", "ours", "unit", "limits", "cells"),
    [
        (300.0, 100.0, "ms", {"least": 1.3}, ("300", "100", "3.00", "ms", ">= 1.3", "yes")),
        (1000.0, 1500.0, "frames/s", {"least": 2}, ("1,000", "1,500", "1.50", "frames/s", ">= 2", "no")),
        (800.0, 400.0, "MiB", {"most": 0.7}, ("800", "400", "0.50", "MiB", "<= 0.7", "yes")),
        (None, "equal", "", {"holds": True}, ("-", "equal", "", "", "", "yes")),
        (1.0, 1.5, "loss", {"least": 0.8, "most": 1.25}, ("1", "1.5", "1.50", "loss", "0.8 to 1.25", "no")),
    ],
)
def test_a_row_says_its_ratio_in_the_direction_of_its_unit(
    parts: SimpleNamespace,
    other: float | None,
    ours: float | str,
    unit: str,
    limits: dict[str, float],
    cells: tuple[str, ...],
):
    tables: ModuleType = parts.tables
    row = tables.Row("work", other, ours, unit, **limits)
    assert row.cells == ("work", *cells)
    assert tables.table([row]).startswith("| work")
