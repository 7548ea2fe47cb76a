"""Two hosts train, test and embed as one does, bit for bit, whoever starts their processes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.children import free_port
from helpers.components.tiny import TINY_YAML
from helpers.components.tiny_training import equal, trained
from helpers.hosts.namespaces import (
    TwoHosts,
    by_rendezvous,
    slurm,
    torchrun,
    two_hosts,
    why_not,
    with_options,
)
from helpers.places import PROGRAMS

from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(bool(why_not()), reason=why_not() or "there are hosts")]

STEPS, HALF = 6, 3
SETTINGS = {
    "trainer_cfg.total_iter": STEPS,
    "trainer_cfg.save_iter": HALF,
    "trainer_cfg.sync_BN": "true",
    "trainer_cfg.with_test": "true",
}
LAUNCHERS: dict[str, Callable[[int], list[str]]] = {"torchrun": torchrun, "a rendezvous": by_rendezvous}


def command(word: str, yaml: Path, disk: Path, *options: str, **settings: object) -> list[str]:
    given = {"output_dir": disk, **SETTINGS, **{k.replace("__", "."): v for k, v in settings.items()}}
    return [str(PROGRAMS / "run_tiny.py"), word, str(yaml), "--device", "cpu", *options, *with_options(given)]


def on_both(hosts: TwoHosts, starter: str, *words: list[str]) -> list[subprocess.Popen[bytes]]:
    """Start a command line on each host."""
    if starter == "Slurm":
        return [hosts.start(host, [sys.executable, *words[host]], **slurm(host)) for host in (0, 1)]
    return [hosts.start(host, [*LAUNCHERS[starter](host), *words[host]]) for host in (0, 1)]


def run_folder(disk: Path) -> Path:
    return disk / "Tiny" / "TinyModel" / "tiny"


def state(disk: Path, step: int = STEPS) -> object:
    return trained(load_checkpoint(checkpoint_path(run_folder(disk), "tiny", step)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hosts")
    (folder / "tiny.yaml").write_text(TINY_YAML)
    return folder


@pytest.fixture(scope="module")
def hosts(folder: Path) -> Iterator[TwoHosts]:
    with two_hosts(folder) as hosts:
        yield hosts


@pytest.fixture(scope="module")
def one_host(folder: Path) -> Path:
    """The disk of one host that has trained with two processes."""
    words = command("train", folder / "tiny.yaml", folder / "one", "--devices", "2")
    own = {"MASTER_PORT": str(free_port()), "OMP_NUM_THREADS": "1"}
    subprocess.run(
        [sys.executable, *words], env=os.environ | own, check=True, capture_output=True, timeout=240
    )
    return folder / "one"


@pytest.mark.parametrize("starter", ["Slurm", *LAUNCHERS])
def test_two_hosts_train_as_one_with_two_processes(
    folder: Path, hosts: TwoHosts, one_host: Path, starter: str
):
    disk = folder / starter.replace(" ", "-")
    processes = on_both(hosts, starter, *[command("train", folder / "tiny.yaml", disk)] * 2)
    assert hosts.ends(*processes) == [0, 0], hosts.said(processes[0])[-3000:]
    assert equal(state(disk), state(one_host))
    results = f"results-{STEPS}-Nearest.json"
    assert (run_folder(disk) / results).read_bytes() == (run_folder(one_host) / results).read_bytes()


def test_hosts_with_disks_of_their_own_go_on_from_the_file_of_the_first(
    folder: Path, hosts: TwoHosts, one_host: Path
):
    disks = [folder / "disk-1", folder / "disk-2"]
    for total, options in ((HALF, []), (STEPS, ["--resume"])):
        settings = {
            "trainer_cfg__total_iter": total,
            "trainer_cfg__early_stopping": "{metric: R1, patience: 9}",
        }
        lines = [command("train", folder / "tiny.yaml", disk, *options, **settings) for disk in disks]
        processes = on_both(hosts, "Slurm", *lines)
        assert hosts.ends(*processes) == [0, 0], hosts.said(processes[1])[-3000:]
    assert "3 of 6 steps are done" in hosts.said(processes[0])
    assert not list(disks[1].rglob("*.pt"))
    assert equal(state(disks[0]), state(one_host))


def test_a_host_that_is_killed_ends_the_other_and_the_run_goes_on_exactly(
    folder: Path, hosts: TwoHosts, one_host: Path
):
    disk = folder / "killed"
    line = command("train", folder / "tiny.yaml", disk, trainer_cfg__total_iter=10**6)
    first, second = on_both(hosts, "Slurm", line, line)
    hosts.wait_for(first, "step 4/")
    second.kill()
    assert hosts.ends(first, within=30) == [2]
    said = hosts.said(first)
    assert "ProcessLost: rank 0: rank 1 on the host node02 ended" in said, said[-3000:]
    assert "--resume goes on" in said
    assert "Traceback" not in said
    assert not list(disk.rglob("*.partial"))
    for path in run_folder(disk).glob("checkpoints/*.pt"):
        if path.name != "tiny-00003.pt":
            path.unlink()
    line = command("train", folder / "tiny.yaml", disk, "--resume")
    processes = on_both(hosts, "Slurm", line, line)
    assert hosts.ends(*processes) == [0, 0], hosts.said(processes[0])[-3000:]
    assert equal(state(disk), state(one_host))


@pytest.mark.parametrize("starter", ["Slurm", "torchrun"])
def test_embeddings_and_scores_of_two_hosts_are_those_of_one_process(
    folder: Path, hosts: TwoHosts, one_host: Path, starter: str
):
    yaml, weights = folder / "tiny.yaml", checkpoint_path(run_folder(one_host), "tiny", STEPS)
    files = [folder / "alone.npz", *(folder / f"of-{starter}-{host}.npz" for host in (0, 1))]
    words = [
        [*command("embed", yaml, folder / "x", "--checkpoint", str(weights)), "-O", str(file)]
        for file in files
    ]
    alone = subprocess.run([sys.executable, *words[0]], capture_output=True, text=True, timeout=240)
    assert alone.returncode == 0, alone.stderr
    processes = on_both(hosts, starter, *words[1:])
    assert hosts.ends(*processes) == [0, 0], hosts.said(processes[1])[-3000:]
    assert files[1].read_bytes() == files[0].read_bytes()
    assert not files[2].exists()  # the first process writes for all
    disk = folder / f"tested-by-{starter}"
    lines = [command("test", yaml, disk / str(host), "--checkpoint", str(weights)) for host in (0, 1)]
    processes = on_both(hosts, starter, *lines)
    assert hosts.ends(*processes) == [0, 0], hosts.said(processes[1])[-3000:]
    found = json.loads((run_folder(disk / "0") / f"results-{STEPS}-Nearest.json").read_text())
    known = json.loads((run_folder(one_host) / f"results-{STEPS}-Nearest.json").read_text())
    assert found["metrics"] == known["metrics"]
    assert not (disk / "1").exists()
