"""Devices and processes, by Lightning Fabric."""

from __future__ import annotations

import atexit
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from gait_plugins.core.runtime.launch import launch, lost_in_words, needing_all_processes
from gait_plugins.core.runtime.memory import keep_freed_memory
from gait_plugins.core.runtime.places import Place, environment_of, place_here
from gait_plugins.core.runtime.precision import Device, agree, available, plugin_for, precision_in_use
from gait_plugins.errors import ConfigError, GaitPluginsError, ProcessLost
from gait_plugins.lost_processes import lost_peer, lost_process
from gait_plugins.nn.collectives import end_process_group

T = TypeVar("T")


def make_fabric(
    device: Device = "auto",
    devices: int = 1,
    *,
    float16: bool = False,
    precision: str | None = None,
    find_unused_parameters: bool = False,
) -> Fabric:
    """A launched Fabric.

    Args:
        device: where to compute.
        devices: processes to start; under ``torchrun`` or Slurm their own number counts.
        float16: ``enable_float16`` of the YAML: whether ``auto`` may use 16-bit floats.
        precision: ``auto``, ``32-true``, ``bf16-mixed`` or ``16-mixed``; None: ``16-mixed`` where ``float16``
            is set and the device is CUDA, else ``32-true``.
        find_unused_parameters: several processes look for parameters that a step did not use.

    Raises:
        ConfigError: there is no such device here, or too few; or the job's processes do not fit together.
        ProcessLost: other processes of the job did not come.
    """
    device = available(device)
    place = place_here(devices)
    used = precision_in_use(precision, float16, device)
    if used == "16-mixed" and device == "cpu":
        raise ConfigError(
            "precision 16-mixed needs a GPU",
            hint="set precision of trainer_cfg, or in a test of evaluator_cfg, to bf16-mixed or 32-true: "
            "-o trainer_cfg.precision=bf16-mixed",
        )
    environment = environment_of(place)
    plugins: list[Any] = [plugin_for(used, device), *([] if environment is None else [environment])]
    options: dict[str, Any] = {"plugins": plugins}
    if place.world > 1:
        options["strategy"] = DDPStrategy(find_unused_parameters=find_unused_parameters)
    _check_count(device, place)
    fabric = Fabric(
        accelerator=device,
        devices=place.local,
        num_nodes=place.hosts,
        **options,
    )
    launch(fabric, place)
    _use_slurms_cores(place)
    if fabric.world_size > 1:
        atexit.register(_end_process_group)
        if precision == "auto" and device == "cpu":  # machines of one job may differ
            with needing_all_processes():
                agree(fabric)
    if not fabric.is_global_zero:  # the first rank tells what all of them do
        logging.getLogger("gait_plugins").setLevel(logging.WARNING)
    if device == "cpu":
        keep_freed_memory()
    return fabric


def on_first_rank(fabric: Fabric, action: Callable[[], T]) -> T | None:
    """What ``action`` returns on the first rank, None on the others, which wait for it.

    Its error ends all of them: none is left waiting for a process that is gone.
    """
    result: T | None = None
    error: Exception | None = None
    if fabric.is_global_zero:
        try:
            result = action()
        except Exception as caught:
            error = caught
    # Only our own errors, and those of files and disks, are sure to survive the way to another process.
    told = error if isinstance(error, GaitPluginsError | None) else _portable(error)
    told = fabric.broadcast(told)
    if told is not None:
        raise error or told
    return result


@contextmanager
def with_all_processes() -> Iterator[None]:
    """Run a block that needs other processes: those of the job, and the loader's workers.

    Raises:
        ProcessLost: another process of the job ended; its own message has the cause.
        DataError: a loader worker ended.
    """
    try:
        with needing_all_processes():
            yield
    except Exception as error:
        lost = lost_process(error)
        if lost is None:
            raise
        # Where a component was the first to notice, the error does not say yet who is gone.
        if isinstance(lost, ProcessLost) and not lost.where and dist.is_initialized():
            if who := lost_in_words():
                lost = lost_peer(who)
            lost.where = f"rank {dist.get_rank()}"
        if lost is error:
            raise
        raise lost from error


def _check_count(device: Device, place: Place) -> None:
    """See that there is a GPU for each process of this host."""
    there = torch.cuda.device_count() if device == "cuda" else place.local
    if there < place.local:
        raise ConfigError(
            f"{place.local} processes of this host need a GPU each, and {there} can be seen here",
            hint="start as many processes as there are GPUs; under Slurm let each task see all GPUs of its "
            "host: --gpus-per-node=N --gpu-bind=none",
        )


def _use_slurms_cores(place: Place) -> None:
    """Compute with as many threads as Slurm gives each task: Fabric would share them out once more."""
    cores = os.environ.get("SLURM_CPUS_PER_TASK", "")
    if place.started_by == "Slurm" and cores.isdecimal() and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, int(cores)))


def _portable(error: Exception) -> Exception:
    if isinstance(error, OSError) and type(error).__module__ == "builtins":
        plain = OSError(error.errno, error.strerror, error.filename)
        return plain if error.errno is not None else OSError(str(error))
    return RuntimeError(repr(error))


def _end_process_group() -> None:
    # Fabric ends only NCCL's; gloo's threads may abort a process that leaves them running.
    with needing_all_processes():
        end_process_group()
