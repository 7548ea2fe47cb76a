"""The progress bar: there on a terminal, silent everywhere else, gone when the work ends."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest

if sys.platform != "win32":
    import pty

JOB = """
import gait_plugins, time
with gait_plugins.Job("train", 4, "step") as job:
    for i in range(4):
        for _ in gait_plugins.track(range(3), "inner", unit="file"):
            time.sleep(0.03)
        job.advance(loss=0.25)
print("done")
"""

INTERRUPTED = """
import gait_plugins
with gait_plugins.Job("train", None) as job:
    job.advance()
    raise KeyboardInterrupt
"""


TALKING = """
import gait_plugins, logging, sys, time
from gait_plugins.cli import app
app(["plugins", "list"], standalone_mode=False)
with gait_plugins.Job("train", 2) as job:
    for i in range(2):
        time.sleep(0.12)
        job.advance()
        logging.getLogger("gait_plugins").info("step %d", i)
"""


def on_a_terminal(code: str, **environment: str) -> str:
    """What a program writes to a terminal as its standard error."""
    ours, its = pty.openpty()
    with os.fdopen(ours, "rb") as reader:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stderr=its,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm", "COLUMNS": "120", **environment},
        )
        os.close(its)
        written = b""
        try:
            while chunk := os.read(reader.fileno(), 4096):
                written += chunk
        except OSError:  # Linux says so when the other side has closed
            pass
        process.wait(timeout=30)
    return written.decode()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_a_terminal_shows_bars_with_count_rate_and_figures() -> None:
    written = on_a_terminal(JOB)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", written)
    assert re.search(r"train .*4/4 [\d.e+]+ step/s .*loss 0\.25", text)
    assert "inner" in text
    last_screen = written.rpartition("\x1b[2K")[2]
    assert "inner" not in last_screen
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h")  # the cursor is given back


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_messages_go_above_the_bar() -> None:
    lines = re.split(r"[\r\n]+", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", on_a_terminal(TALKING)))
    assert {"step 0", "step 1"} <= {line.strip() for line in lines}
    assert lines[-2].startswith("train ")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_the_bar_is_closed_when_the_work_is_interrupted() -> None:
    written = on_a_terminal(INTERRUPTED)
    assert "train" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("variable", [{"RANK": "1"}, {"LOCAL_RANK": "1"}, {"TERM": "dumb"}])
def test_other_processes_of_a_run_and_dumb_terminals_stay_quiet(variable: dict[str, str]) -> None:
    assert on_a_terminal(JOB, **variable) == ""


def test_nothing_is_printed_where_nobody_watches() -> None:
    done = subprocess.run([sys.executable, "-c", JOB], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")
