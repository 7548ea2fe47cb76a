"""Hosts in trouble: one that never comes, is cut off or has other files ends the job in words, in time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from helpers.components.tiny import TINY_YAML, seen_weights
from helpers.hosts.namespaces import TwoHosts, slurm, two_hosts, why_not, with_options
from helpers.places import PROGRAMS

pytestmark = [pytest.mark.heavy, pytest.mark.skipif(bool(why_not()), reason=why_not() or "there are hosts")]

ENDLESS = ("trainer_cfg.total_iter=1000000", "trainer_cfg.save_iter=1000000")


def command(word: str, yaml: Path, disk: Path, *settings: str) -> list[str]:
    words = [str(PROGRAMS / "run_tiny.py"), word, str(yaml), "--device", "cpu"]
    return [sys.executable, *words, *with_options([f"output_dir={disk}", *settings])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trouble")
    (folder / "tiny.yaml").write_text(TINY_YAML)
    return folder


@pytest.fixture(scope="module")
def hosts(folder: Path) -> Iterator[TwoHosts]:
    with two_hosts(folder) as hosts:
        yield hosts


def test_a_host_that_never_comes_is_told_with_its_rank(folder: Path, hosts: TwoHosts):
    line = command("train", folder / "tiny.yaml", folder / "alone")
    only = hosts.start(0, line, **slurm(0), GAIT_PLUGINS_WAIT="2")
    assert hosts.ends(only, within=150) == [2]
    said = hosts.said(only)
    assert "ProcessLost: 1 of 2 processes have come; missing: rank 1, after 2 seconds" in said, said
    assert "GAIT_PLUGINS_WAIT" in said
    assert "Traceback" not in said
    assert not (folder / "alone").exists()


@pytest.mark.parametrize(
    ("rank", "address", "told"),
    [
        (
            1,
            "node01",
            "rank 1 cannot reach rank 0 at node01, port 29517: Connection refused, after 2 seconds",
        ),
        (1, "nowhere", "rank 1 cannot reach rank 0 at nowhere, port 29517: no such name is known"),
        (0, "node02", "MASTER_ADDR is node02, and rank 0, on the host node01, cannot reach itself there"),
    ],
)
def test_a_wrong_address_is_told(folder: Path, hosts: TwoHosts, rank: int, address: str, told: str):
    own = {"MASTER_ADDR": address, "MASTER_PORT": "29517", "GAIT_PLUGINS_WAIT": "2"}
    one = hosts.start(rank, command("train", folder / "tiny.yaml", folder / "x"), **(slurm(rank) | own))
    assert hosts.ends(one, within=150) == [2]
    assert told in hosts.said(one)
    assert "Traceback" not in hosts.said(one)


def test_a_port_in_use_is_told_on_both_hosts(folder: Path, hosts: TwoHosts):
    taken = "import socket, time; s = socket.create_server(('', 29517)); print('taken', flush=True)"
    holder = hosts.start(0, [sys.executable, "-c", f"{taken}; time.sleep(90)"])
    hosts.wait_for(holder, "taken")
    line = command("train", folder / "tiny.yaml", folder / "x")
    own = {"MASTER_PORT": "29517", "GAIT_PLUGINS_WAIT": "4"}
    both = [hosts.start(host, line, **(slurm(host) | own)) for host in (0, 1)]
    assert hosts.ends(*both, within=150) == [2, 2]
    assert "port 29517 of this host, node01, is in use by another program" in hosts.said(both[0])
    assert "what listens at node01, port 29517, is no process of this job" in hosts.said(both[1])
    holder.kill()


@pytest.mark.parametrize("setting", ["optimizer_cfg.lr=0.5", "trainer_cfg.save_iter=1"])
def test_other_settings_are_told_before_anything_is_written(folder: Path, hosts: TwoHosts, setting: str):
    lines = [command("train", folder / "tiny.yaml", folder / "differ", *own) for own in ([], [setting])]
    both = [hosts.start(host, lines[host], **slurm(host)) for host in (0, 1)]
    assert hosts.ends(*both, within=150) == [2, 2]
    name, _, value = setting.partition("=")
    for one in both:
        said = hosts.said(one)
        assert f"the hosts do not have the same settings:\n  {name}: " in said, said[-2000:]
        assert f"at rank 0 (node01), {value} at rank 1 (node02)" in said
        assert "Traceback" not in said
    assert not (folder / "differ").exists()


OTHERS = {
    "import torch; torch.__version__ = '1.2.3'": "the hosts have different versions: torch ",
    "from helpers.components import tiny; tiny.TinyWalks.__init__.__defaults__ = (4, 6, 8)": (
        "the hosts do not have the same training sequences:\n  sequences: 20 at rank 0 (node01), 24 at rank 1"
    ),
}


@pytest.mark.parametrize("other", OTHERS)
def test_another_package_or_data_set_is_told(folder: Path, hosts: TwoHosts, other: str):
    script = folder / "other.py"
    script.write_text(f"{other}\nfrom helpers.programs import run_tiny\nrun_tiny.run()\n")
    line = command("train", folder / "tiny.yaml", folder / "others")
    both = [hosts.start(0, line, **slurm(0)), hosts.start(1, [line[0], str(script), *line[2:]], **slurm(1))]
    assert hosts.ends(*both, within=150) == [2, 2]
    for one in both:
        assert OTHERS[other] in hosts.said(one), hosts.said(one)[-2000:]
        assert "Traceback" not in hosts.said(one)
    assert not (folder / "others").exists()


@pytest.mark.parametrize("moment", ["step", "embed"])
def test_a_cable_that_is_cut_ends_both_in_words(tmp_path: Path, moment: str):
    yaml, disk = tmp_path / "tiny.yaml", tmp_path / "cut"
    yaml.write_text(TINY_YAML)
    if moment == "step":
        line, seen = command("train", yaml, disk, *ENDLESS), "step 3/"
    else:
        torch.save({"model": seen_weights(), "iteration": 1}, tmp_path / "weights.pt")
        line = command("embed", yaml, disk, f"evaluator_cfg.restore_hint={tmp_path / 'weights.pt'}")
        line, seen = [*line, "-o", "data_cfg.walks=100000", "-O", str(disk / "found.npz")], "Initializing"
    with two_hosts(tmp_path) as hosts:
        both = [hosts.start(host, line, **slurm(host), GAIT_PLUGINS_SILENCE="4") for host in (0, 1)]
        for one in both:
            hosts.wait_for(one, seen if one is both[0] else "Initializing")
        if moment == "embed":
            hosts.wait_for(both[0], "embed")
        hosts.cut()
        assert hosts.ends(*both, within=40) == [2, 2]
        for rank, one in enumerate(both):
            other = f"rank {1 - rank} on the host {('node02', 'node01')[rank]}"
            assert f"ProcessLost: rank {rank}: {other} has been silent for 4 seconds" in hosts.said(one)
            assert "Traceback" not in hosts.said(one)
    assert not list(disk.rglob("*.npz*"))
