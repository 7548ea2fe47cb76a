"""Lost processes: another process's end is named as such, wherever this one stands when it comes up."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.places import PROGRAMS

from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.core.runtime.devices import with_all_processes
from gait_plugins.errors import ComponentFailure, DataError, GaitPluginsError, ProcessLost
from gait_plugins.lost_processes import lost_process
from gait_plugins.registry.lifecycle import Lifecycle

WORKER = RuntimeError("DataLoader worker (pid 12) is killed by signal: Killed. ")
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


def _killed(tiny_yaml: Path, victim: str, kills: int, *more: str) -> list[dict[str, object]]:
    command = [sys.executable, str(PROGRAMS / "kill_others.py"), str(tiny_yaml), victim, str(kills), *more]
    done = subprocess.run(command, capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr[-3000:]
    found: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("victim", ["worker", pytest.param("rank", marks=pytest.mark.heavy)])
@pytest.mark.skipif(os.name != "posix", reason="kills by signal")
def test_a_killed_process_ends_a_training_in_words(tiny_yaml: Path, victim: str):
    for outcome in _killed(tiny_yaml, victim, 2):
        assert outcome["signal"] == signal.SIGKILL
        assert (outcome["code"], outcome["tracebacks"]) == (2, 0), outcome
        assert outcome["error"] in {"worker": ["DataError"], "rank": ["ProcessLost"]}[victim], outcome
