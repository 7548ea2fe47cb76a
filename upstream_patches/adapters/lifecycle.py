"""Life-cycle events: a training or test of the host as a run that monitors follow."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel

from gait_plugins.api import Results, Run
from gait_plugins.registry.lifecycle import Lifecycle
from gait_plugins.registry.manager import default_manager
from upstream_patches.adapters.batch_sampler import HostedBatches
from upstream_patches.adapters.frame_sampler import HostedFrames
from upstream_patches.processes import rank, world_size
from upstream_patches.session import Phase, Session

IMAGES_SHOWN = 16
UNCOUNTED = "scored by OpenGait's own function, which does not report its number of probes"


class HostRun:
    """Listens to one model of the host, between its ``run_train`` or ``run_test`` and their end.

    Args:
        model: the host's model, without what wraps it for several processes.
        phase: what it does.
        session: what plugins were used, and what their protocol found.
    """

    def __init__(self, model: Any, phase: Phase, session: Session) -> None:
        self.model = model
        self.session = session
        self.lifecycle: Lifecycle = default_manager().lifecycle
        section = model.engine_cfg
        self.run = Run(
            folder=Path(model.save_path).resolve(),
            phase=phase,
            config=copy.deepcopy(dict(model.cfgs)),
            total_steps=int(section["total_iter"]) if phase == "train" else 0,
            log_every=int(section["log_iter"]) if phase == "train" else 100,
            first_step=int(model.iteration),
            rank=rank(),
            world_size=world_size(),
            provenance=dict(session.used),
            model=getattr(model, "component", model),
        )
        self._loss: Tensor | None = None
        if phase == "train":
            self._go_on()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """From the beginning of the run to its end."""
        with self.lifecycle.during(self.run), self._steps() if self.run.phase == "train" else nullcontext():
            yield

    def _go_on(self) -> None:
        """A resumed training goes on with the batch after the last one."""
        loader = getattr(self.model, "train_loader", None)
        for part in (getattr(loader, "batch_sampler", None), getattr(loader, "collate_fn", None)):
            if isinstance(part, HostedBatches | HostedFrames):
                part.first = self.run.first_step

    @contextmanager
    def _steps(self) -> Iterator[None]:
        model, own = self.model, vars(self.model)
        shadowed = {name: own[name] for name in ("msg_mgr", "save_ckpt") if name in own}
        noting = model.loss_aggregator.register_forward_hook(self._note_loss)
        own["msg_mgr"] = ListeningMessages(model.msg_mgr, self.step_end)
        own["save_ckpt"] = self._saving(model.save_ckpt)
        try:
            yield
        finally:
            noting.remove()
            for name in ("msg_mgr", "save_ckpt"):
                own.pop(name, None)
            own.update(shadowed)

    def _note_loss(self, module: Any, arguments: Any, output: Any) -> None:
        self._loss = output[0].detach()

    def step_end(self, summary: Mapping[str, Any]) -> None:
        """The host has done a step; on every rank."""
        step = int(self.model.iteration)
        metrics = self._metrics(summary) if step % self.run.log_every == 0 else {}
        self.lifecycle.step_end(self.run, step, metrics)

    def _metrics(self, summary: Mapping[str, Any]) -> dict[str, Any]:
        figures = {key: value for key, value in summary.items() if key.startswith("scalar/")}
        if self._loss is not None:
            figures = {"scalar/loss": self._loss, **figures}
        # All at once: a collective for each of them would cost more than it tells.
        values = torch.stack([_mean(value) for value in figures.values()]).to(self._device)
        if world_size() > 1:
            dist.all_reduce(values)
            values /= world_size()
        metrics: dict[str, Any] = dict(zip(figures, values.tolist(), strict=True))
        for key, value in summary.items():
            if key.startswith("image/") and isinstance(value, Tensor):
                metrics[key] = value[:IMAGES_SHOWN].detach().float().cpu().numpy()
        return metrics

    @property
    def _device(self) -> torch.device:
        device: torch.device = next(self.model.parameters()).device
        return device

    def _saving(self, save: Callable[..., None]) -> Callable[..., None]:
        def save_ckpt(iteration: int, **options: Any) -> None:
            save(iteration, **options)
            if world_size() > 1:
                dist.barrier()  # the first rank writes; for the others it is not there before
            name = f"{self.model.engine_cfg['save_name']}-{iteration:0>5}.pt"
            self.lifecycle.checkpoint_saved(self.run, self.run.folder / "checkpoints" / name, iteration)

        return save_ckpt

    def evaluated(self, found: Mapping[str, Any] | None) -> None:
        """The host has scored; ``found`` is what its function returned, on the first rank."""
        if not self.run.is_main:
            return
        results = self.session.results or results_of(self.model.cfgs, found or {})
        self.session.results = None
        step = int(self.model.iteration)
        for name, text in results.files.items():
            own = Path(name)
            file = self.run.folder / f"{own.stem}-{step}{own.suffix}"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            self.model.msg_mgr.log_info(f"written: {file}")
        self.lifecycle.evaluated(self.run, step, results)


class ListeningMessages:
    """The host's messages, of which one is heard: that a step is done.

    Args:
        messages: the host's; ranks but the first have some that say nothing.
        step_end: gets the figures of a step.
    """

    def __init__(self, messages: Any, step_end: Callable[[Mapping[str, Any]], None]) -> None:
        self._messages = messages
        self._step_end = step_end

    def __getattr__(self, name: str) -> Any:
        return getattr(self._messages, name)

    def train_step(self, info: Any, summary: Mapping[str, Any], **options: Any) -> None:
        """The host's own, and then our hooks."""
        self._messages.train_step(info, summary, **options)
        self._step_end(summary)


def results_of(cfgs: Mapping[str, Any], found: Mapping[str, Any]) -> Results:
    """What OpenGait's own evaluator found, as hooks know results."""
    data = cfgs["data_cfg"][0] if isinstance(cfgs["data_cfg"], list) else cfgs["data_cfg"]
    prefix = "scalar/test_accuracy/"
    return Results(
        protocol=str(cfgs["evaluator_cfg"].get("eval_func", "identification")),
        dataset=str(data.get("test_dataset_name", data["dataset_name"])),
        metrics={key.removeprefix(prefix): float(value) for key, value in found.items()},
        probes=0,
        gallery=0,
        notes=(UNCOUNTED,),
    )


def unwrapped(model: Any) -> Any:
    """The host's model itself, out of what wraps it for several processes."""
    return model.module if isinstance(model, DistributedDataParallel) else model


def _mean(value: Any) -> Tensor:
    return torch.as_tensor(value).detach().float().mean().cpu()
