"""Namespaces of Linux that stand in for two hosts: each has a name and a network, and a cable joins them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from helpers.children import import_path

ADDRESSES = ("10.77.0.1", "10.77.0.2")
NAMES = ("node01", "node02")
PORT = 29517
"""Nobody else uses the hosts' ports: their networks are their own."""
_HOST = "hostname {name} && mount --bind {names} /etc/hosts && echo there && exec cat"
_IP = shutil.which("ip") or "/usr/sbin/ip"


class TwoHosts:
    """Two hosts, from :func:`two_hosts`."""

    def __init__(self, holders: Sequence[subprocess.Popen[bytes]], folder: Path) -> None:
        self._holders, self._folder = holders, folder
        self.started: list[subprocess.Popen[bytes]] = []

    def inside(self, host: int, *command: str) -> list[str]:
        """A command line that runs on a host."""
        return ["nsenter", "-t", str(self._holders[host].pid), "-n", "-u", "-m", "--", *command]

    def ip(self, host: int, *words: str) -> None:
        """Change the network of a host."""
        subprocess.run(self.inside(host, _IP, *words), check=True, capture_output=True)

    def cut(self) -> None:
        """Pull the cable: nothing comes through any more, and nobody is told."""
        for host in (0, 1):
            self.ip(host, "link", "set", "wire", "down")

    def start(self, host: int, command: Sequence[str], **variables: str) -> subprocess.Popen[bytes]:
        """Start a program on a host; :meth:`said` is what it prints."""
        number = len(self.started)
        environment = {
            k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "GLOO_", "MASTER_"))
        }
        environment |= {"PYTHONPATH": import_path(), "OMP_NUM_THREADS": "1", **variables}
        with self._said(number).open("wb") as out:
            process = subprocess.Popen(
                self.inside(host, *command), env=environment, stdout=out, stderr=out, start_new_session=True
            )
        self.started.append(process)
        return process

    def said(self, process: subprocess.Popen[bytes]) -> str:
        """What a program has printed until now."""
        return self._said(self.started.index(process)).read_text(errors="replace")

    def wait_for(self, process: subprocess.Popen[bytes], words: str, seconds: float = 120.0) -> None:
        """Wait until a program has printed some words."""
        deadline = time.monotonic() + seconds
        while words not in self.said(process):
            assert process.poll() is None, self.said(process)[-3000:]
            assert time.monotonic() < deadline, self.said(process)[-3000:]
            time.sleep(0.05)

    def ends(self, *processes: subprocess.Popen[bytes], within: float = 240.0) -> list[int]:
        """The exit codes of programs, which must end within some seconds."""
        deadline = time.monotonic() + within
        codes = []
        for process in processes:
            try:
                codes.append(process.wait(max(0.1, deadline - time.monotonic())))
            except subprocess.TimeoutExpired:
                raise AssertionError(f"still runs after {within} s:\n{self.said(process)[-3000:]}") from None
        return codes

    def close(self) -> None:
        """End what was started, and the hosts with it."""
        for process in (*self.started, *self._holders):
            if process.poll() is None:
                subprocess.run(["kill", "-9", "--", f"-{process.pid}"], capture_output=True)
                process.wait()

    def _said(self, number: int) -> Path:
        return self._folder / f"said-{number}.txt"


def why_not() -> str:
    """Why there can be no such hosts here; empty where there can."""
    if not sys.platform.startswith("linux") or not all(map(shutil.which, ("unshare", "nsenter", _IP))):
        return "needs unshare, nsenter and ip of Linux"
    tried = subprocess.run(
        ["unshare", "-n", "-u", "-m", "mount", "-t", "tmpfs", "none", "/mnt"], capture_output=True
    )
    return "" if tried.returncode == 0 else "namespaces of networks may not be made here"


def _names(folder: Path, own: str) -> Path:
    """The names that a host knows; its own leads into itself, as Debian writes it."""
    known = [
        f"{'127.0.1.1' if name == own else address} {name}"
        for name, address in zip(NAMES, ADDRESSES, strict=True)
    ]
    path = folder / f"hosts-{own}"
    path.write_text("\n".join(["127.0.0.1 localhost", *known, ""]))
    return path


@contextmanager
def two_hosts(folder: Path) -> Iterator[TwoHosts]:
    """Two hosts that share all disks; what programs print lies in a folder."""
    holders = [
        subprocess.Popen(
            ["unshare", "-n", "-u", "-m", "sh", "-c", _HOST.format(name=name, names=_names(folder, name))],
            stdin=subprocess.PIPE,  # a host ends with whoever made it
            stdout=subprocess.PIPE,
            start_new_session=True,
        )
        for name in NAMES
    ]
    hosts = TwoHosts(holders, folder)
    try:
        for holder in holders:
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"there\n"
        hosts.ip(
            0, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", str(holders[1].pid)
        )
        for host, address in enumerate(ADDRESSES):
            hosts.ip(host, "addr", "add", f"{address}/24", "dev", "wire")
            for link in ("lo", "wire"):
                hosts.ip(host, "link", "set", link, "up")
        yield hosts
    finally:
        hosts.close()
        for holder in holders:
            for pipe in (holder.stdin, holder.stdout):
                if pipe is not None:
                    pipe.close()


def slurm(rank: int, tasks: int = 2) -> dict[str, str]:
    """The variables that ``srun`` gives one of two tasks, each on a host of its own."""
    return {
        "SLURM_JOB_ID": "4711",
        "SLURM_STEP_ID": "0",
        "SLURM_PROCID": str(rank),
        "SLURM_LOCALID": "0",
        "SLURM_NODEID": str(rank),
        "SLURM_NTASKS": str(tasks),
        "SLURM_NNODES": str(tasks),
        "SLURM_JOB_NODELIST": "node[01-02]",
    }


def torchrun(host: int, hosts: int = 2, local: int = 1) -> list[str]:
    """The beginning of a command line of ``torchrun``, with fixed ranks of hosts."""
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        f"--nnodes={hosts}",
        f"--node-rank={host}",
        f"--nproc-per-node={local}",
        f"--master-addr={ADDRESSES[0]}",
        f"--master-port={PORT}",
    ]


def by_rendezvous(host: int) -> list[str]:
    """The same where the hosts find their numbers at a rendezvous of the first."""
    return [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--nnodes=2",
        "--nproc-per-node=1",
        "--rdzv-backend=c10d",
        "--rdzv-id=7",
        f"--rdzv-endpoint={NAMES[0]}:{PORT}",
        f"--local-addr={ADDRESSES[host]}",
    ]


def with_options(settings: Mapping[str, object] | Sequence[str]) -> list[str]:
    """Settings as ``-o`` options."""
    pairs = [f"{k}={v}" for k, v in settings.items()] if isinstance(settings, Mapping) else settings
    return [word for setting in pairs for word in ("-o", setting)]
