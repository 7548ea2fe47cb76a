"""Several processes write the embeddings of one, or none at all where one of them is lost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.children import free_port, import_path
from helpers.components.tiny import seen_weights
from helpers.places import PROGRAMS

pytestmark = pytest.mark.heavy


def embedded(
    yaml: Path, out: Path, *options: str, script: Path = PROGRAMS / "run_tiny.py"
) -> subprocess.CompletedProcess[str]:
    weights = out.with_name("weights.pt")
    if not weights.exists():  # they are drawn
        torch.save({"model": seen_weights(), "iteration": 1}, weights)
    words = ["embed", str(yaml), "--device", "cpu", "--checkpoint", str(weights), "-O", str(out), *options]
    own = {"MASTER_PORT": str(free_port()), "PYTHONPATH": import_path()}
    command = [sys.executable, str(script), *words]
    return subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=240)


def test_two_processes_write_the_file_of_one_and_say_so_once(tiny_yaml: Path, tmp_path: Path):
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    runs = [embedded(tiny_yaml, one), embedded(tiny_yaml, two, "--devices", "2")]
    for done in runs:
        assert done.returncode == 0, done.stderr[-3000:]
        assert done.stdout.count("20 sequences, 4 channels") == 1
    assert one.read_bytes() == two.read_bytes()


ENDS_ON_THE_SECOND = """
import os, signal
from helpers.components import tiny
from helpers.programs import run_tiny
class Shift(tiny.Shift):
    def __call__(self, sequence, rng):
        if os.environ.get("LOCAL_RANK") == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(sequence, rng)
tiny.Shift = Shift
run_tiny.run()
"""


@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_lost_process_ends_the_other_in_words_and_nothing_is_written(tiny_yaml: Path, tmp_path: Path):
    script, out = tmp_path / "ends.py", tmp_path / "found.npz"
    script.write_text(ENDS_ON_THE_SECOND)
    done = embedded(tiny_yaml, out, "--devices", "2", script=script)
    assert done.returncode == 2, done.stderr[-3000:]
    assert "ProcessLost: rank 0: another process of this job ended" in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("*found*"))
