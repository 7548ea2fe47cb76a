"""Meeting of a job's processes: who does not come, and whose packages are others, is told in words."""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import socket
import threading
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple

import torch
from torch.distributed import PrefixStore, TCPStore  # type: ignore[attr-defined]

from gait_plugins.core.runtime.lifeline import Lifeline, connected, open_door, received
from gait_plugins.core.runtime.places import Place
from gait_plugins.errors import ConfigError, ProcessLost
from gait_plugins.version import __version__

log = logging.getLogger("gait_plugins")

WAIT = "GAIT_PLUGINS_WAIT"
"""The environment variable that says how many seconds the processes wait for each other to come."""
_WAIT = 300
_PERIOD = 0.05
_TOLD_EVERY = 30.0
_ANSWER = 10.0
"""Seconds in which the first process's store answers whoever has reached it."""
_DECIDE = ("gait-plugins-trackletgait", "torch")
"""Packages that hosts must have the same version of; others are told."""


class Met(NamedTuple):
    """What is kept of a meeting."""

    store: Any
    """The store, kept until torch has its own at the same place."""
    lifeline: Lifeline | None
    """The connections of this process, where there are several hosts."""


def meet(place: Place, address: str, port: int) -> Met:
    """Wait until all processes of a job have come; afterwards they can be brought together in no time.

    Args:
        place: of this process.
        address: of the host of rank 0.
        port: where its store listens.

    Raises:
        ProcessLost: some did not come in time, or rank 0 cannot be reached.
        ConfigError: the port is taken, or hosts have other versions of what must be the same.
    """
    deadline = time.monotonic() + waiting_time()
    store = _store(place, address, port, deadline)
    restarts = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
    board = PrefixStore(f"gait_plugins/{restarts}", store)
    board.set(f"here/{place.rank}", json.dumps(_myself(place)))
    if place.rank == 0:
        return Met(store, _receive(board, place, deadline))
    return Met(store, _come(board, place, address, deadline))


def waiting_time() -> int:
    """Seconds that the processes of a job have to come in."""
    text = os.environ.get(WAIT, "")
    return max(1, int(text)) if text.isdecimal() else _WAIT


def _receive(board: Any, place: Place, deadline: float) -> Lifeline | None:
    """Rank 0: wait for all others, compare what they are, and tell them."""
    keys = [f"here/{rank}" for rank in range(place.world)]

    def missing() -> str:
        absent = [str(rank) for rank, key in enumerate(keys) if not board.check([key])]
        come = place.world - len(absent)
        return f"{come} of {place.world} processes have come; missing: rank {', '.join(absent)}"

    if not _until(lambda: bool(board.check(keys)), deadline, missing):
        problem = f"{missing()}, after {waiting_time()} seconds"
        board.set("verdict", json.dumps({"lost": problem}))
        time.sleep(1.0)  # the others read it before the store goes with this process
        raise _did_not_come(problem)
    if place.hosts == 1:
        board.set("verdict", "{}")
        return None
    them = [json.loads(board.get(key)) for key in keys]
    problem = _other_versions(them)
    if problem:
        board.set("verdict", json.dumps({"versions": problem}))
        time.sleep(1.0)
        raise _not_the_same(problem)
    word, door = secrets.token_hex(16), open_door()
    board.set("verdict", json.dumps({"word": word, "port": door.getsockname()[1], "first": _named(them[0])}))
    lifeline = received(door, word, place.world - 1)
    if len(lifeline.ends) < place.world - 1:
        log.warning(
            "%d of %d processes could not connect to a second port of this host: a host that is lost will be "
            "noticed later; see that the hosts may reach each other's ports",
            place.world - 1 - len(lifeline.ends),
            place.world - 1,
        )
    return lifeline


def _come(board: Any, place: Place, address: str, deadline: float) -> Lifeline | None:
    """Any other rank: wait for what rank 0 tells."""
    late = deadline + _ANSWER  # rank 0 itself says who is missing
    told = f"rank {place.rank} waits for what rank 0 at {address} tells"
    if not _until(lambda: bool(board.check(["verdict"])), late, lambda: told):
        raise _did_not_come(f"{told}, after {waiting_time()} seconds")
    verdict = json.loads(board.get("verdict"))
    if "lost" in verdict:
        raise _did_not_come(verdict["lost"])
    if "versions" in verdict:
        raise _not_the_same(verdict["versions"])
    if "port" not in verdict:
        return None
    who = _named(_myself(place))
    try:
        return connected(address, verdict["port"], verdict["word"], who, verdict["first"])
    except OSError as error:
        log.warning("%s cannot connect to port %d of %s: %s", who, verdict["port"], address, error)
        return None


def _store(place: Place, address: str, port: int, deadline: float) -> Any:
    """The store of rank 0, or of torchrun; it is the one that torch uses afterwards."""
    held = os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
    if place.rank == 0 and not held:
        return _own_store(address, port, place.world)
    _reach(place, address, port, deadline)
    made: list[Any] = []

    def make() -> None:
        made.append(TCPStore(address, port, is_master=False, wait_for_workers=False))

    # What listens there may be no store at all: then torch waits for ever.
    worker = threading.Thread(target=make, daemon=True)
    worker.start()
    worker.join(_ANSWER)
    if not made:
        raise ProcessLost(
            f"what listens at {address}, port {port}, is no process of this job",
            where=f"rank {place.rank}",
            hint="see what rank 0 says; choose another port on all hosts: MASTER_PORT=...",
        )
    return made[0]


def _own_store(address: str, port: int, world: int) -> Any:
    store: Any = None
    try:
        # Of this host by any name: torch shares it, by its port, with what it makes itself later.
        store = TCPStore(
            "localhost",
            port,
            world,
            is_master=True,
            wait_for_workers=False,
            multi_tenant=True,
            timeout=timedelta(seconds=waiting_time()),
            use_libuv=os.environ.get("USE_LIBUV", "1") == "1",
        )
    except RuntimeError as error:
        if "EADDRINUSE" not in str(error) and "in use" not in str(error):
            raise
    if store is None:  # told out here: with torch's error as its cause it would pass for a lost process
        raise ConfigError(
            f"port {port} of this host, {platform.node()}, is in use by another program",
            where="rank 0",
            hint="choose another one on all hosts: MASTER_PORT=..., or --rdzv-endpoint of torchrun",
        )
    try:
        socket.create_connection((address, port), timeout=_ANSWER).close()
    except OSError as error:
        raise ConfigError(
            f"MASTER_ADDR is {address}, and rank 0, on the host {platform.node()}, cannot reach itself "
            f"there: {_reason(error)}",
            where="rank 0",
            hint="set MASTER_ADDR, on all hosts, to the name or address of the host where rank 0 runs",
        ) from error
    return store


def _reach(place: Place, address: str, port: int, deadline: float) -> None:
    """Wait until somebody listens where rank 0 should."""
    last: list[str] = [""]

    def listens() -> bool:
        try:
            socket.create_connection((address, port), timeout=_ANSWER / 2).close()
        except OSError as error:
            last[0] = _reason(error)
            return False
        return True

    def told() -> str:
        return f"rank {place.rank} cannot reach rank 0 at {address}, port {port}: {last[0]}"

    if not _until(listens, deadline, told):
        raise _did_not_come(f"{told()}, after {waiting_time()} seconds")


def _until(there: Callable[[], bool], deadline: float, told: Callable[[], str]) -> bool:
    """Wait; False at the deadline. What is waited for is told from time to time."""
    tell = time.monotonic() + _TOLD_EVERY
    while not there():
        now = time.monotonic()
        if now > deadline:
            return False
        if now > tell:
            log.warning("%s; waiting for %.0f more seconds", told(), deadline - now)
            tell = now + _TOLD_EVERY
        time.sleep(_PERIOD)
    return True


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "no such name is known"
    return "nothing answers" if isinstance(error, TimeoutError) else error.strerror or str(error)


def _did_not_come(problem: str) -> ProcessLost:
    return ProcessLost(
        problem,
        hint="see that every host starts its processes, and that MASTER_ADDR and MASTER_PORT are those of "
        f"rank 0 on all of them and open to them; {WAIT}=SECONDS waits longer",
    )


def _not_the_same(problem: str) -> ConfigError:
    return ConfigError(
        f"the hosts have different versions: {problem}",
        hint="install the same versions on all of them",
    )


def _myself(place: Place) -> dict[str, Any]:
    if place.hosts == 1:
        return {}
    return {"rank": place.rank, "host": platform.node(), "versions": _versions()}


def _named(one: Mapping[str, Any]) -> str:
    return f"rank {one['rank']} on the host {one['host']}"


def _versions() -> dict[str, str]:
    found = {"gait-plugins-trackletgait": __version__, "torch": torch.__version__}
    found["Python"] = platform.python_version()
    for name in ("lightning-fabric", "numpy", "opencv-python-headless"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found


def _other_versions(them: list[dict[str, Any]]) -> str:
    """Where processes have other versions than rank 0 of what must be the same; of others a warning tells."""
    first, problems = them[0], []
    for name, own in first["versions"].items():
        for other in them[1:]:
            if other["versions"].get(name) == own:
                continue
            told = f"{name} {own} at {_named(first)}, {other['versions'].get(name)} at {_named(other)}"
            if name in _DECIDE:
                problems.append(told)
            else:
                log.warning("the hosts have different versions: %s", told)
            break
    return "; ".join(problems)
