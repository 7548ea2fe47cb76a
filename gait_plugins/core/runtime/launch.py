"""Launch of a job's processes: none waits for one that is gone, or ends without a word."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

from gait_plugins.core.runtime.lifeline import Lifeline, interface_of
from gait_plugins.core.runtime.meeting import meet
from gait_plugins.core.runtime.places import Place
from gait_plugins.io.printable import say
from gait_plugins.lost_processes import lost_peer

GRACE = 10.0
"""Seconds in which the main thread may find out, finish what it is doing, and say so itself."""
GRACE_BEFORE = 2.0
"""The same before the processes have met: the main thread would wait for half an hour."""
_PERIOD = 0.5
_LIFELINE = "GAIT_PLUGINS_LIFELINE"
"""In the environment of a process that was started here: a pipe that ends when the first process does."""
_EXIT = 2
"""The exit code of errors that are told in words."""

_INTERFACE = "GLOO_SOCKET_IFNAME"

_needed = 0
_hosts: Lifeline | None = None
"""The connections to other hosts, where there are some."""


@contextmanager
def needing_all_processes() -> Iterator[None]:
    """A block that cannot end well without the other processes of the job."""
    global _needed
    _needed += 1
    if _needed == 1 and _hosts is not None:
        _hosts.tell("+")
    try:
        yield
    except BaseException:
        _needed -= 1
        raise
    _needed -= 1
    if _needed == 0 and _hosts is not None:
        _hosts.tell("-")


def lost_in_words(wait: float = 1.0) -> str:
    """Which process of another host was lost; empty where it is not known within ``wait`` seconds."""
    if _hosts is None:
        return ""
    _hosts.happened.wait(wait)
    return _hosts.lost


def launch(fabric: Fabric, place: Place) -> None:
    """Launch a Fabric; where nobody has started the other processes of this machine, they are started here.

    Fabric would start the same ones, but end this process by SIGKILL where another one has failed, and leave
    another one waiting for half an hour where this process ends before they have met, or never comes.

    Args:
        fabric: not launched yet.
        place: of this process, among those of this machine and in all.

    Raises:
        ProcessLost: others did not come, see :func:`~.meeting.meet`.
        ConfigError: the hosts do not fit together, or the port is in use.
    """
    global _hosts
    environment = getattr(fabric.strategy, "cluster_environment", None)
    if isinstance(environment, LightningEnvironment) and not environment.creates_processes_externally:
        _watch(partial(_one_failed, _others(environment, place.local, place.world)))
    elif _LIFELINE in os.environ:
        _watch(partial(_first_ended, int(os.environ.pop(_LIFELINE))))
    with needing_all_processes():
        met = None
        if place.world > 1 and not dist.is_initialized() and isinstance(environment, ClusterEnvironment):
            met = meet(place, environment.main_address, environment.main_port)
            _hosts = met.lifeline
        if _hosts is not None and met is not None:
            _hosts.watch(_end)
            if _INTERFACE not in os.environ and (name := interface_of(_hosts)):
                os.environ[_INTERFACE] = name  # else gloo takes that of the host's name, often the loopback
        fabric.launch()


def _others(environment: LightningEnvironment, local: int, world: int) -> list[subprocess.Popen[bytes]]:
    """Start this program again for every other rank of this machine."""
    os.environ |= {
        "MASTER_ADDR": environment.main_address,
        "MASTER_PORT": str(environment.main_port),
        "NODE_RANK": str(environment.node_rank()),
        "WORLD_SIZE": str(world),
        "LOCAL_RANK": "0",
    }
    shared = dict(os.environ)
    lifeline: tuple[int, ...] = ()
    if os.name == "posix":
        lifeline = (_lifeline(),)
        shared[_LIFELINE] = str(lifeline[0])
    started = [
        subprocess.Popen(_this_program(), env=shared | {"LOCAL_RANK": str(rank)}, pass_fds=lifeline)
        for rank in range(1, local)
    ]
    for end in lifeline:
        os.close(end)
    return started


def _lifeline() -> int:
    """The reading end of a pipe that this process alone holds open, not its loader workers."""
    reading, writing = os.pipe()
    held = [writing]

    def let_go() -> None:
        while held:  # once: a worker's own children have nothing to close
            os.close(held.pop())

    os.register_at_fork(after_in_child=let_go)
    return reading


def _this_program() -> list[str]:
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    program = [os.path.abspath(sys.argv[0])] if spec is None else ["-m", spec.name]
    return [sys.executable, *program, *sys.argv[1:]]


def _one_failed(others: Sequence[subprocess.Popen[bytes]]) -> bool:
    """Wait for the others; True once one has failed, False when all of them have ended well."""
    while True:
        codes = [other.poll() for other in others]
        if any(codes) or None not in codes:
            return any(codes)
        time.sleep(_PERIOD)


def _first_ended(lifeline: int) -> bool:
    """Wait for the first process to end, however it does."""
    os.set_inheritable(lifeline, False)
    while os.read(lifeline, 1):
        pass
    return True


def _watch(lost: Callable[[], bool]) -> None:
    def watch() -> None:
        if lost():
            _end()

    threading.Thread(target=watch, name="other-processes", daemon=True).start()


def _end() -> None:
    """End this process in words, if it needs the one that is lost and does not do so itself."""
    time.sleep(GRACE if dist.is_initialized() else GRACE_BEFORE)
    while not _needed:
        time.sleep(_PERIOD)
    # The main thread stands in a call that does not return: nothing can be raised there.
    error = lost_peer(lost_in_words(0))
    rank = (
        dist.get_rank()
        if dist.is_initialized()
        else os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0"))
    )
    error.where = f"rank {rank}"
    say(f"{type(error).__name__}: {error}", error=True)
    sys.stdout.flush()
    os._exit(_EXIT)
