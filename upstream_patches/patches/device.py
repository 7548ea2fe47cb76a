"""Devices: CPU, one GPU or any number of them; test batches of any size."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any, ClassVar

from gait_plugins.errors import ConfigError
from upstream_patches.checkout.module_view import View
from upstream_patches.patches.patch import SEVERAL, Host, Patch

DEVICES = ("auto", "cpu", "cuda")


class DevicePatch(Patch):
    """OpenGait on the devices that there are."""

    name = "device"
    needed = True
    touches = (
        "NCCL and the number of GPUs in main.py; cuda, autocast and GradScaler in modeling.base_model; "
        "DDPPassthrough; data.sampler.InferenceSampler, BaseModel.inference and run_test"
    )
    why = "OpenGait asks for one process on each GPU, and for a test batch of that very size"
    files = (
        "opengait/main.py",
        "opengait/modeling/base_model.py",
        "opengait/modeling/multidataset_model.py",
        "opengait/modeling/loss_aggregator.py",
        "opengait/utils/common.py",
        "opengait/data/sampler.py",
        "opengait/data/collate_fn.py",
        "opengait/evaluation/metric.py",
    )
    expects: ClassVar = {
        "main": {"initialization": ["cfgs", "training"], "run_model": ["cfgs", "training"]},
        "modeling.base_model": {
            "torch": None,
            "autocast": None,
            "GradScaler": None,
            "BaseModel.inference": ["self", "rank"],
            "BaseModel.run_test": ["model"],
        },
        "utils.common": {
            "DDPPassthrough": None,
            "get_ddp_module": None,
            "torch": None,
        },
        "data.sampler": {"InferenceSampler.__init__": ["self", "dataset", "batch_size"]},
    }
    parts: ClassVar = {
        SEVERAL: {
            "modeling.multidataset_model": {"MultiDatasets": None, "autocast": None, "GradScaler": None}
        }
    }

    def change(self, host: Host) -> None:
        """All of it, for the device that this process has."""
        import torch

        device = choose(host.device)
        self._processes(torch, host, device)
        for module in host.trainers():
            self.replace.set(module, "torch", _torch_for(torch, device))
            self.replace.set(module, "autocast", _autocast(torch, device))
            self.replace.set(module, "GradScaler", _scaler(torch, device))
        common = host.module("utils.common")
        self.replace.set(common, "torch", _torch_for(torch, device))
        if device.type == "cpu":
            # Without CUDA these can only raise, so nobody else misses what they did.
            self.replace.set(torch.Tensor, "cuda", lambda tensor, *_, **__: tensor)
            self.replace.set(torch.nn.Module, "cuda", lambda module, *_, **__: module)
            self.replace.set(common.DDPPassthrough, "__init__", _on_cpu(common.DDPPassthrough.__init__))
            self._batch_norm(torch)
        self._tests(host)

    def _processes(self, torch: Any, host: Host, device: Any) -> None:
        start, count = torch.distributed.init_process_group, torch.cuda.device_count
        program = str(host.checkout.package / "main.py")

        def init_process_group(backend: str | None = None, *arguments: Any, **options: Any) -> Any:
            return start("gloo" if device.type == "cpu" else backend, *arguments, **options)

        def device_count() -> int:
            # main.py compares it with the number of processes; torch itself is told the truth.
            asks = sys._getframe(1).f_code.co_filename
            return int(torch.distributed.get_world_size() if asks == program else count())

        self.replace.set(torch.distributed, "init_process_group", init_process_group)
        self.replace.set(torch.cuda, "device_count", device_count)

    def _batch_norm(self, torch: Any) -> None:
        from gait_plugins.nn.sync_bn import synchronise_batch_norm

        def convert(cls: type, module: Any, process_group: Any = None) -> Any:
            if torch.distributed.get_world_size() == 1:
                return module
            return synchronise_batch_norm(module, torch.device("cpu"))

        self.replace.set(torch.nn.SyncBatchNorm, "convert_sync_batchnorm", classmethod(convert))

    def _tests(self, host: Host) -> None:
        from upstream_patches.adapters.any_batches import InferenceBatches

        self.replace.set(host.module("data.sampler"), "InferenceSampler", InferenceBatches)
        base, *several = host.trainers()
        self.replace.set(base.BaseModel, "inference", _inference(base.BaseModel.inference))
        for model in (base.BaseModel, *(module.MultiDatasets for module in several)):
            if "run_test" in vars(model):
                self.replace.set(model, "run_test", staticmethod(_any_batch_size(model.run_test)))


def choose(device: str) -> Any:
    """The device of this process.

    Raises:
        ConfigError: there is no such device, or fewer GPUs than processes.
    """
    import torch

    if device not in DEVICES:
        raise ConfigError(
            f"unknown device {device!r}", where="--device", hint=f"choose one of {', '.join(DEVICES)}"
        )
    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if device == "cpu" or (device == "auto" and not gpus):
        return torch.device("cpu")
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if gpus < processes:
        raise ConfigError(
            f"{processes} process{'es' * (processes > 1)} on this machine, but {gpus} GPU{'s' * (gpus != 1)}",
            where=f"--device {device}",
            hint=f"use torchrun --nproc-per-node {gpus}, or --device cpu" if gpus else "use --device cpu",
        )
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))


def _torch_for(torch: Any, device: Any) -> View:
    """torch with this process's device wherever a GPU is asked for (the host asks for number ``rank``)."""

    def make(*arguments: Any, **options: Any) -> Any:
        asked = torch.device(*arguments, **options)
        return device if asked.type == "cuda" else asked

    def set_device(_: Any) -> None:
        if device.type == "cuda":
            torch.cuda.set_device(device)

    cuda = View(torch.cuda, set_device=set_device, current_device=lambda: device.index or 0)
    return View(torch, device=make, cuda=cuda)


def _autocast(torch: Any, device: Any) -> Callable[..., Any]:
    on_gpu = device.type == "cuda"
    return lambda enabled=True, **options: torch.autocast(device.type, enabled=enabled and on_gpu, **options)


def _scaler(torch: Any, device: Any) -> Callable[..., Any]:
    on_gpu = device.type == "cuda"
    amp = torch.amp if hasattr(torch.amp, "GradScaler") else torch.cuda.amp
    device_argument = (device.type,) if amp is torch.amp else ()
    return lambda enabled=True, **options: amp.GradScaler(
        *device_argument, enabled=enabled and on_gpu, **options
    )


def _on_cpu(init: Callable[..., None]) -> Callable[..., None]:
    def __init__(  # noqa: N807
        self: Any, module: Any, device_ids: Any = None, output_device: Any = None, **options: Any
    ) -> None:
        init(self, module, **options)

    return __init__


def _inference(original: Callable[..., Any]) -> Callable[..., Any]:
    def inference(self: Any, *arguments: Any, **options: Any) -> Any:
        if hasattr(type(self), "component_class"):  # a plugin's model: nothing leaks across its sequences
            return original(self, *arguments, **options)
        from upstream_patches.adapters.any_batches import one_by_one

        vars(self)["forward"] = one_by_one(self.forward)
        try:
            return original(self, *arguments, **options)
        finally:
            del vars(self)["forward"]

    return inference


def _any_batch_size(original: Callable[..., Any]) -> Callable[..., Any]:
    def run_test(model: Any, *arguments: Any, **options: Any) -> Any:
        import torch

        # The loader is made; what is compared with the number of GPUs now is only this figure. One version
        # compares that of the training where it tests within one.
        samplers = [model.cfgs["evaluator_cfg"]["sampler"], model.engine_cfg["sampler"]]
        given = [sampler["batch_size"] for sampler in samplers]
        for sampler in samplers:
            sampler["batch_size"] = torch.distributed.get_world_size()
        try:
            return original(model, *arguments, **options)
        finally:
            for sampler, size in zip(samplers, given, strict=True):
                sampler["batch_size"] = size

    return run_test
