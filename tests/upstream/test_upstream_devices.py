"""Which device a process of the second host gets, and what the host then sees of torch."""

from __future__ import annotations

import pytest
import torch

from gait_plugins.errors import ConfigError
from upstream_patches.patches import device as patch


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch):
    """A machine with so many GPUs, on which so many processes were started; this is the last of them."""

    def make(gpus: int, processes: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
        monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
        monkeypatch.setenv("LOCAL_RANK", str(processes - 1))

    return make


@pytest.mark.parametrize(
    ("gpus", "processes", "asked", "expected"),
    [
        (0, 1, "auto", "cpu"),
        (0, 4, "auto", "cpu"),
        (1, 1, "auto", "cuda:0"),
        (8, 2, "auto", "cuda:1"),
        (8, 8, "cuda", "cuda:7"),
        (8, 2, "cpu", "cpu"),
    ],
)
def test_every_process_has_its_own_gpu_or_the_cpu(
    machine, gpus: int, processes: int, asked: str, expected: str
):
    machine(gpus, processes)
    assert str(patch.choose(asked)) == expected


@pytest.mark.parametrize(
    ("gpus", "processes", "words"),
    [(1, 2, "2 processes on this machine, but 1 GPU"), (0, 1, "1 process on this machine, but 0 GPUs")],
)
def test_fewer_gpus_than_processes_is_told(machine, gpus: int, processes: int, words: str):
    machine(gpus, processes)
    with pytest.raises(ConfigError) as caught:
        patch.choose("cuda")
    assert caught.value.message == words
    assert "--device cpu" in str(caught.value)


def test_an_unknown_device_is_told(machine):
    machine(1, 1)
    with pytest.raises(ConfigError, match="unknown device 'gpu'"):
        patch.choose("gpu")


def test_the_host_gets_this_processes_gpu_whatever_number_it_asks_for():
    """It asks for GPU number rank, which is another machine's where there are several."""
    seen = patch._torch_for(torch, torch.device("cuda", 1))
    assert str(seen.device("cuda", 5)) == "cuda:1"
    assert str(seen.device("cuda")) == "cuda:1"
    assert str(seen.device("cpu")) == "cpu"
    assert seen.cuda.current_device() == 1
    assert seen.Tensor is torch.Tensor
    assert seen.cuda.is_available is torch.cuda.is_available


def test_on_the_cpu_there_is_no_half_precision():
    cpu = torch.device("cpu")
    with patch._autocast(torch, cpu)(enabled=True):
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == torch.float32
    assert not patch._scaler(torch, cpu)().is_enabled()
