"""Places of processes in a job: by torchrun's variables, by Slurm's, by hand, or all of them started here."""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from typing import Literal

from lightning_fabric.plugins.environments.cluster_environment import ClusterEnvironment
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from typing_extensions import override

from gait_plugins.errors import ConfigError

log = logging.getLogger("gait_plugins")

Starter = Literal["torchrun", "Slurm", "hand", "here"]

_SHELLS = ("bash", "interactive")
"""Names of Slurm jobs that are somebody's shell: what is typed there works alone, as Fabric has it too."""
_PORTS = (10000, 20000)
"""First port and number of ports that jobs of Slurm share; above them lie those that systems give away."""


@dataclass(frozen=True)
class Place:
    """Which process of a job this is."""

    rank: int
    """Among all processes, from 0."""
    local_rank: int
    """Among those of this host."""
    world: int
    """Processes of the job."""
    local: int
    """Processes of this host, and of each other one."""
    host: int
    """Number of this host, from 0."""
    hosts: int
    """Hosts of the job."""
    started_by: Starter
    address: str = ""
    """Where rank 0 listens, where the starter says it."""
    port: int = 0


def place_here(devices: int) -> Place:
    """The place of this process.

    Args:
        devices: processes of this host, where no starter says how many there are.

    Raises:
        ConfigError: the variables of a starter contradict each other, or are no numbers.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:
        return _by_torchrun()
    return _by_slurm() or _by_hand(devices)


def require_one_process() -> None:
    """See that nobody has started several of a command that works alone: each would write the same.

    Raises:
        ConfigError: somebody has.
    """
    place = place_here(1)
    if place.world > 1:
        raise ConfigError(
            f"this command works in one process, and {place.world} were started",
            hint="start it once, without torchrun or srun",
        )


def environment_of(place: Place) -> ClusterEnvironment | None:
    """What tells Fabric the same; None where Fabric reads it itself (torchrun)."""
    if place.started_by == "torchrun":
        return None
    return SlurmTasks(place) if place.started_by == "Slurm" else LightningEnvironment()


class SlurmTasks(ClusterEnvironment):
    """Processes that ``srun`` has started.

    Fabric's own ``SLURMEnvironment`` refuses ``--ntasks`` without ``--ntasks-per-node``, and gives all steps
    of a job one port.
    """

    def __init__(self, place: Place) -> None:
        self._place = place

    @property
    @override
    def creates_processes_externally(self) -> bool:
        return True

    @property
    @override
    def main_address(self) -> str:
        return self._place.address

    @property
    @override
    def main_port(self) -> int:
        return self._place.port

    @staticmethod
    @override
    def detect() -> bool:
        return _by_slurm() is not None

    @override
    def world_size(self) -> int:
        return self._place.world

    @override
    def set_world_size(self, size: int) -> None:
        """Slurm's number counts."""

    @override
    def global_rank(self) -> int:
        return self._place.rank

    @override
    def set_global_rank(self, rank: int) -> None:
        """Slurm's number counts."""

    @override
    def local_rank(self) -> int:
        return self._place.local_rank

    @override
    def node_rank(self) -> int:
        return self._place.host


def first_host(hosts: str) -> str:
    """The first name of Slurm's short form of a list: ``node[01-03,7],login1`` begins with ``node01``.

    Raises:
        ConfigError: a bracket is not closed or holds no number.
    """
    name = re.match(r"(?:[^,\s\[\]]|\[[^\[\]]*\])+", hosts.strip())
    if name is None or hosts.count("[") != hosts.count("]"):
        raise _unreadable_hosts(hosts)

    def first(found: re.Match[str]) -> str:
        number = re.match(r"\d+(?=-\d|,|$)", found[1].strip())
        if number is None:
            raise _unreadable_hosts(hosts)
        return number[0]

    return re.sub(r"\[([^\[\]]*)\]", first, name[0])


def tasks_of_hosts(counts: str) -> list[int]:
    """Numbers of tasks in Slurm's short form: ``2(x3),1`` is ``[2, 2, 2, 1]``.

    Raises:
        ConfigError: it is no such list.
    """
    tasks: list[int] = []
    for part in counts.split(","):
        found = re.fullmatch(r"(\d+)(?:\(x(\d+)\))?", part.strip())
        if found is None:
            raise ConfigError(
                f"SLURM_TASKS_PER_NODE is {counts!r}, expected a list such as 2(x3),1",
                hint="start the processes by srun, which sets it",
            )
        tasks += [int(found[1])] * int(found[2] or 1)
    return tasks


def _by_torchrun() -> Place:
    world, local = _number("WORLD_SIZE", 1), _number("LOCAL_WORLD_SIZE", 1)
    hosts = _number("GROUP_WORLD_SIZE", max(1, world // local))
    if hosts * local != world:
        raise _unequal(f"{world} processes on {hosts} hosts, {local} of them here", "--nproc-per-node")
    return Place(
        rank=_number("RANK", 0),
        local_rank=_number("LOCAL_RANK", 0),
        world=world,
        local=local,
        host=_number("GROUP_RANK", 0),
        hosts=hosts,
        started_by="torchrun",
        address=os.environ.get("MASTER_ADDR", "127.0.0.1"),
        port=_number("MASTER_PORT", 0),
    )


def _by_slurm() -> Place | None:
    """The place that ``srun`` has given; None for a shell, a script of ``sbatch`` itself, or one task."""
    world = _number("SLURM_STEP_NUM_TASKS", _number("SLURM_NTASKS", 1))
    if world < 2 or os.environ.get("SLURM_JOB_NAME") in _SHELLS:
        return None
    if not os.environ.keys() & {"SLURM_STEP_ID", "SLURM_STEPID"} or "SLURM_PROCID" not in os.environ:
        if "WORLD_SIZE" not in os.environ:
            log.warning(
                "this job of Slurm has %d tasks, and this process was not started by srun (SLURM_STEP_ID is "
                "not set): it knows nothing of the others; to use them: srun gait-plugins ...",
                world,
            )
        return None
    hosts = _number("SLURM_STEP_NUM_NODES", _number("SLURM_NNODES", 1))
    counts = os.environ.get("SLURM_STEP_TASKS_PER_NODE", os.environ.get("SLURM_TASKS_PER_NODE"))
    tasks = tasks_of_hosts(counts) if counts else [world // hosts] * hosts
    if len(set(tasks)) > 1 or tasks[0] * hosts != world:
        raise _unequal(
            f"{world} tasks on {hosts} hosts, {counts or 'not the same on each'}", "--ntasks-per-node"
        )
    names = os.environ.get("SLURM_STEP_NODELIST", os.environ.get("SLURM_JOB_NODELIST", "127.0.0.1"))
    first, number = _PORTS
    # The same for all tasks of a step, and another one for steps side by side.
    own = first + (_number("SLURM_JOB_ID", 0) * 7 + _number("SLURM_STEP_ID", 0)) % number
    return Place(
        rank=_number("SLURM_PROCID", 0),
        local_rank=_number("SLURM_LOCALID", 0),
        world=world,
        local=tasks[0],
        host=_number("SLURM_NODEID", 0),
        hosts=hosts,
        started_by="Slurm",
        address=os.environ.get("MASTER_ADDR") or first_host(names),
        port=_number("MASTER_PORT", own),
    )


def _by_hand(devices: int) -> Place:
    """``WORLD_SIZE`` and its kin where somebody has set them; else all processes are started here."""
    world, local = _number("WORLD_SIZE", devices), _number("LOCAL_WORLD_SIZE", devices)
    by_hand = world > local or "LOCAL_RANK" in os.environ
    if (
        by_hand
        and local == 1
        and "RANK" in os.environ
        and not os.environ.keys() & {"NODE_RANK", "GROUP_RANK"}
    ):
        os.environ["NODE_RANK"] = os.environ["RANK"]  # one process on each host, as torch itself names it
    unsaid = [name for name in ("MASTER_ADDR", "MASTER_PORT") if world > local and name not in os.environ]
    if unsaid:
        raise ConfigError(
            f"WORLD_SIZE says {world} processes on several hosts, and {' and '.join(unsaid)} is not set",
            hint="set both on all hosts, to where rank 0 runs and a free port there; torchrun and srun do so",
        )
    host, local_rank = _number("NODE_RANK", _number("GROUP_RANK", 0)), _number("LOCAL_RANK", 0)
    return Place(
        rank=host * local + local_rank,
        local_rank=local_rank,
        world=world,
        local=local,
        host=host,
        hosts=max(1, world // local),
        started_by="hand" if by_hand else "here",
        address=os.environ.get("MASTER_ADDR", "127.0.0.1"),
        port=_number("MASTER_PORT", 0),
    )


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable)
    if text is None:
        return default
    if not text.isdecimal():
        raise ConfigError(f"the environment variable {variable} is {text!r}, expected a number")
    return int(text)


def _unequal(found: str, option: str) -> ConfigError:
    return ConfigError(
        f"the hosts start different numbers of processes: {found}",
        hint=f"give each host the same number: {option}",
    )


def _unreadable_hosts(hosts: str) -> ConfigError:
    return ConfigError(
        f"SLURM_JOB_NODELIST is {hosts!r}: the first host cannot be told from it",
        hint="export MASTER_ADDR, the name of the host where rank 0 runs",
    )
