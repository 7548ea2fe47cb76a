"""Places of processes: what torchrun, Slurm and hands say of a job, and what contradicts itself."""

from __future__ import annotations

import logging
import os

import pytest
from helpers.hosts.namespaces import slurm
from lightning_fabric.plugins.environments.lightning import LightningEnvironment

from gait_plugins.core.runtime.places import (
    SlurmTasks,
    environment_of,
    first_host,
    place_here,
    require_one_process,
    tasks_of_hosts,
)
from gait_plugins.errors import ConfigError


@pytest.fixture(autouse=True)
def _nobody_has_started_this(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("SLURM_", "TORCHELASTIC_", "MASTER_")) or name.endswith(("RANK", "WORLD_SIZE")):
            monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, **variables: object) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, str(value))


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("node07", "node07"),
        ("node[01-03,7]", "node01"),
        ("node[7,01-03]", "node7"),
        ("node[12]", "node12"),
        ("gpu-a,node[01-03]", "gpu-a"),
        ("rack[2-3]node[08-12],login1", "rack2node08"),
        ("node[001-100]-ib,other", "node001-ib"),
        ("10.77.0.[1-2]", "10.77.0.1"),
        ("a b c", "a"),
    ],
)
def test_the_first_host_of_a_short_list(hosts: str, first: str):
    assert first_host(hosts) == first


@pytest.mark.parametrize("hosts", ["", "node[01-03", "node01-03]", "node[]", "node[a-b]", ",node1"])
def test_a_list_that_cannot_be_read_is_told(hosts: str):
    with pytest.raises(ConfigError, match="MASTER_ADDR"):
        first_host(hosts)


def test_tasks_of_hosts():
    assert tasks_of_hosts("2(x3),1") == [2, 2, 2, 1]
    with pytest.raises(ConfigError, match="2;3"):
        tasks_of_hosts("2;3")


def test_without_a_starter_all_processes_are_of_this_host():
    place = place_here(4)
    assert (place.rank, place.world, place.local, place.hosts) == (0, 4, 4, 1)
    assert place.started_by == "here"
    assert isinstance(environment_of(place), LightningEnvironment)


def test_slurm_says_it(monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, **slurm(1), SLURM_JOB_NAME="train")
    place = place_here(1)
    assert (place.rank, place.local_rank, place.world, place.local) == (1, 0, 2, 1)
    assert (place.host, place.hosts, place.address) == (1, 2, "node01")
    environment = environment_of(place)
    assert isinstance(environment, SlurmTasks)
    assert (environment.global_rank(), environment.world_size(), environment.node_rank()) == (1, 2, 1)
    given(monkeypatch, SLURM_STEP_ID="1")
    assert place_here(1).port != place.port  # steps side by side do not meet
    given(monkeypatch, MASTER_ADDR="10.0.0.9", MASTER_PORT="1234")
    assert (place_here(1).address, place_here(1).port) == ("10.0.0.9", 1234)


def test_a_step_counts_before_its_job(monkeypatch: pytest.MonkeyPatch):
    step = {"SLURM_STEP_NUM_TASKS": 4, "SLURM_STEP_NUM_NODES": 2, "SLURM_STEP_TASKS_PER_NODE": "2(x2)"}
    given(monkeypatch, **slurm(1), **step, SLURM_STEP_NODELIST="node[05,09]", SLURM_TASKS_PER_NODE="8(x9)")
    place = place_here(1)
    assert (place.world, place.local, place.hosts, place.address) == (4, 2, 2, "node05")
    given(monkeypatch, SLURM_STEP_NUM_TASKS="1")
    assert place_here(3).started_by == "here"  # a shell, such as that of salloc


def test_hosts_with_other_numbers_of_tasks_are_refused(monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, **slurm(0, tasks=2), SLURM_TASKS_PER_NODE="2,1")
    with pytest.raises(ConfigError, match="--ntasks-per-node"):
        place_here(1)


def test_a_script_of_sbatch_is_no_task(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    given(monkeypatch, **slurm(0))
    monkeypatch.delenv("SLURM_STEP_ID")
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        assert place_here(2).started_by == "here"
    assert "not started by srun" in caplog.text


def test_a_shell_of_slurm_works_alone(monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, **slurm(0), SLURM_JOB_NAME="interactive")
    assert place_here(1).world == 1


def test_torchrun_says_it_inside_slurm_too(monkeypatch: pytest.MonkeyPatch):
    ranks = {"RANK": 3, "LOCAL_RANK": 1, "WORLD_SIZE": 4, "LOCAL_WORLD_SIZE": 2, "GROUP_RANK": 1}
    given(monkeypatch, **slurm(1), TORCHELASTIC_RUN_ID="x", GROUP_WORLD_SIZE=2, **ranks)
    place = place_here(1)
    assert (place.rank, place.local_rank, place.world, place.local, place.hosts) == (3, 1, 4, 2, 2)
    assert place.started_by == "torchrun"
    given(monkeypatch, WORLD_SIZE=5)
    with pytest.raises(ConfigError, match="--nproc-per-node"):
        place_here(1)


def test_one_process_a_host_by_the_names_of_torch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NODE_RANK", "")  # put back afterwards
    monkeypatch.delenv("NODE_RANK")
    given(monkeypatch, RANK=1, WORLD_SIZE=2, MASTER_ADDR="a", MASTER_PORT=1)
    place = place_here(1)
    assert (place.rank, place.host, place.hosts, place.started_by) == (1, 1, 2, "hand")


def test_several_hosts_by_hand_need_an_address(monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, WORLD_SIZE=4, NODE_RANK=1, MASTER_ADDR="a")
    with pytest.raises(ConfigError, match="MASTER_PORT is not set"):
        place_here(2)


def test_what_is_no_number_is_told(monkeypatch: pytest.MonkeyPatch):
    given(monkeypatch, WORLD_SIZE="two")
    with pytest.raises(ConfigError, match="WORLD_SIZE is 'two'"):
        place_here(1)


def test_commands_that_work_alone_are_not_started_twice(monkeypatch: pytest.MonkeyPatch):
    require_one_process()
    given(monkeypatch, **slurm(0))
    with pytest.raises(ConfigError, match="2 were started"):
        require_one_process()
