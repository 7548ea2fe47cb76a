"""Lost processes: another process's end is named as such, wherever this one stands when it comes up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from queue import Empty, Queue
from types import SimpleNamespace

import pytest
from helpers.children import free_port, import_path
from helpers.places import PROGRAMS

from gait_plugins.core.runtime import launch
from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.core.runtime.devices import with_all_processes
from gait_plugins.errors import ComponentFailure, DataError, GaitPluginsError, ProcessLost
from gait_plugins.lost_processes import lost_process
from gait_plugins.registry.lifecycle import Lifecycle

WORKER = RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. ")
RANKS = ("first", "rank")
PEER = RuntimeError("[gloo/transport/tcp/pair.cc:537] Read error [127.0.0.1]:48807: Connection reset by peer")


@pytest.mark.parametrize(("error", "kind"), [(WORKER, DataError), (PEER, ProcessLost)])
def test_a_component_is_not_blamed_for_it(error: RuntimeError, kind: type[GaitPluginsError]):
    with pytest.raises(kind), errors_of(object()):
        raise error
    with pytest.raises(ComponentFailure), errors_of(object()):
        raise RuntimeError("of its own")


@pytest.mark.parametrize(("error", "kind"), [(WORKER, DataError), (PEER, ProcessLost)])
def test_whatever_stands_around_it_ends_in_words(error: RuntimeError, kind: type[GaitPluginsError]):
    @with_all_processes()
    def training() -> None:
        try:
            raise error
        except RuntimeError as caught:
            raise KeyError("what came of it") from caught

    with pytest.raises(kind):
        training()


def test_errors_of_ones_own_are_left_as_they_are():
    own = RuntimeError("a shape is wrong")
    assert lost_process(own) is None
    assert lost_process(ConnectionResetError("of another library")) is None
    with pytest.raises(RuntimeError, match="a shape is wrong"), with_all_processes():
        raise own


def test_a_monitor_is_not_detached_for_it(tiny: object):
    from gait_plugins import hookimpl
    from gait_plugins.api import Job
    from gait_plugins.registry.manager import Manager

    class Monitor:
        @hookimpl
        def gait_progress(self, job: Job) -> None:
            raise WORKER

    manager = Manager(allow=[])
    manager.register(Monitor(), distribution="monitor-gait", version="1.0")
    lifecycle: Lifecycle = manager.lifecycle
    for _ in range(2):
        with pytest.raises(DataError, match="a loader worker ended"):
            lifecycle.progress(Job("x", 1))


def _killed(tiny_yaml: Path, victim: str, moments: Sequence[str]) -> list[dict[str, object]]:
    command = [
        sys.executable,
        str(PROGRAMS / "kill_others.py"),
        str(tiny_yaml),
        victim,
        str(len(moments)),
        "0",
    ]
    done = subprocess.run([*command, *moments], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize(
    ("victim", "moments"),
    [
        ("worker", ["step", "test"]),
        *(pytest.param(victim, ["start", "step", "test"], marks=pytest.mark.heavy) for victim in RANKS),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="kills by signal, and sees how orphans end")
def test_a_killed_process_ends_a_training_in_words(tiny_yaml: Path, victim: str, moments: list[str]):
    for outcome in _killed(tiny_yaml, victim, moments):
        whole = json.dumps(outcome, indent=1)  # pytest cuts a mapping short, and its end says most
        assert outcome["signal"] == signal.SIGKILL
        assert (outcome["code"], outcome["tracebacks"], outcome["left"]) == (2, 0, 0), whole
        assert outcome["error"] == ("ProcessLost" if victim in RANKS else "DataError"), whole


BUSY_WHILE_THE_OTHER_ENDS = """
import os, signal, time
from helpers.components import tiny
from helpers.programs import run_tiny
class TinyModel(tiny.TinyModel):
    def calibrate(self, batches):
        if os.environ["LOCAL_RANK"] == "1":
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(6)
tiny.TinyModel.calibrate = TinyModel.calibrate
run_tiny.run()
"""


@pytest.mark.heavy
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_process_that_is_busy_meanwhile_still_says_so(tiny_yaml: Path, tmp_path: Path):
    script = tmp_path / "busy.py"
    script.write_text(BUSY_WHILE_THE_OTHER_ENDS)
    words = ["train", str(tiny_yaml), "--device", "cpu", "--devices", "2", "-o", f"output_dir={tmp_path}"]
    own = {"MASTER_PORT": str(free_port()), "PYTHONPATH": import_path()}
    done = subprocess.run(
        [sys.executable, str(script), *words],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert done.returncode == 2, done.stderr[-3000:]
    assert "ProcessLost: rank 0: another process of this job ended" in done.stderr
    assert "Traceback" not in done.stderr


def test_where_no_call_returns_it_is_said_all_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    ended: Queue[int] = Queue()
    monkeypatch.setattr(launch.os, "_exit", ended.put)
    monkeypatch.setattr(launch, "GRACE_BEFORE", 0)
    launch._watch(lambda: True)
    with pytest.raises(Empty):
        ended.get(timeout=0.2)  # nobody waits for another process
    with launch.needing_all_processes():
        assert ended.get(timeout=5) == 2
    assert "ProcessLost: rank 0: another process of this job ended" in capsys.readouterr().err


@pytest.mark.parametrize(("codes", "failed"), [([0, 0], False), ([0, -9], True), ([None, 2], True)])
def test_only_processes_that_failed_are_lost(codes: list[int | None], failed: bool):
    others = [SimpleNamespace(poll=lambda code=code: code) for code in codes]
    assert launch._one_failed(others) is failed
