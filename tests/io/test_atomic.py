"""Atomic files: whole or not there; half-written ones of killed processes go with the next write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gait_plugins.io.atomic import PARTIAL, whole_file, write_text

WRITING = """
import sys, time
from pathlib import Path
from gait_plugins.io.atomic import whole_file
with whole_file(Path(sys.argv[1])) as file:
    file.write(b"half")
    file.flush()
    print("writing", flush=True)
    time.sleep(60)
"""

posix = pytest.mark.skipif(os.name != "posix", reason="kills by signal")


def writer(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", WRITING, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "writing\n"
    return process


def partials(folder: Path) -> list[Path]:
    return sorted(folder.glob(f".*{PARTIAL}"))


@posix
def test_what_a_killed_process_left_is_removed_by_the_next_one(tmp_path: Path):
    path = tmp_path / "people [1].npz"
    with writer(path) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert len(partials(tmp_path)) == 1
    write_text(path, "whole")
    assert partials(tmp_path) == []
    assert path.read_text() == "whole"


@posix
def test_what_a_living_process_writes_stays(tmp_path: Path):
    path = tmp_path / "people.npz"
    with writer(path) as process:
        write_text(path, "whole")
        assert len(partials(tmp_path)) == 1
        process.kill()
    assert path.read_text() == "whole"


def test_partials_of_other_files_stay(tmp_path: Path):
    others = [tmp_path / f".other.npz.999999999{PARTIAL}", tmp_path / f".people.npz.backup{PARTIAL}"]
    for other in others:
        other.write_text("mine")
    write_text(tmp_path / "people.npz", "whole")
    assert sorted(partials(tmp_path)) == sorted(others)


def test_an_error_leaves_the_file_that_was_there(tmp_path: Path):
    path = tmp_path / "people.npz"
    write_text(path, "before")

    def fails() -> None:
        with whole_file(path) as file:
            file.write(b"after")
            raise ValueError("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        fails()
    assert path.read_text() == "before"
    assert partials(tmp_path) == []


def test_looking_for_partials_costs_little(tmp_path: Path):
    for number in range(2000):
        (tmp_path / f"{number}.pkl").touch()
    began = time.perf_counter()
    write_text(tmp_path / "new.pkl", "")
    assert time.perf_counter() - began < 1
