"""Training: a step, its memory, and the whole loop from the disk on, ours and the plain one's in turns."""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tables import Row

from gait_plugins import hookimpl
from gait_plugins.core.assembly.components import build_model
from gait_plugins.core.data.host_batch import Divider
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.core.train.state import Training
from gpu_parts.machine import Machine
from gpu_parts.plain_trainer import Files, PlainTrainer, opengait_flags, train_batches
from gpu_parts.workload import Size, Walks, configuration

WARM = 5
"""Steps before the clock runs: cuDNN chooses, memory is asked for, the scaler finds its scale."""


class Bench:
    """What all measurements of a run share."""

    def __init__(self, machine: Machine, walks: Walks, size: Size, folder: Path, precision: str) -> None:
        self.machine, self.walks, self.size = machine, walks, size
        self.folder, self.precision = folder, precision

    @property
    def options(self) -> RunOptions:
        """Where ours computes."""
        return RunOptions(device=self.machine.device.type, overwrite=True)

    def config(self, network: str, precision: str = "", **trainer: Any) -> Any:
        """Our settings of a network."""
        chosen = precision or self.precision
        return configuration(network, self.walks, self.size, self.folder, chosen, **trainer)

    def plain(self, network: str) -> PlainTrainer:
        """The same network in the plain trainer."""
        config, device = self.config(network), self.machine.device
        model = build_model(config).to(device).train()
        section = config.optimizer_cfg
        solver = getattr(torch.optim, section.solver)
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        return PlainTrainer(model, solver(weights, **section.options), device, self.precision)


def our_step(bench: Bench, network: str) -> Callable[[], object]:
    """A step of our training on a batch in memory, its way to the device included."""
    training = Training(bench.config(network, save_name=f"{network}-step"), bench.options)
    training.train_mode()
    divide = Divider(training.maker.transforms, training.maker.taken.streams, training.maker.joint)
    batch, numbers = training.maker.make(0), itertools.count(1)
    if bench.machine.on_gpu:  # as the loader does
        batch = batch._replace(frames=[each.pin_memory() for each in batch.frames])

    def step() -> None:
        number = next(numbers)
        loss, _, _ = training.forward(batch, divide, number)
        if not loss.isfinite():
            raise RuntimeError(f"the loss of step {number} is {loss.item()}")
        training.update(loss, number)

    return step


def plain_step(bench: Bench, network: str) -> Callable[[], object]:
    """A step of the plain trainer on a batch that lies on the device already."""
    trainer, files = bench.plain(network), Files(bench.walks.trained)
    alone = Size(**{**vars(bench.size), "workers": 0})
    inputs, labels, _ = trainer.inputs(next(iter(train_batches(files, alone))), chance=0.2)
    inputs = [each.detach().requires_grad_() for each in inputs]

    def step() -> None:
        with opengait_flags():
            trainer.step(inputs, labels)

    return step


def step_and_memory(bench: Bench, network: str, seconds: float) -> list[Row]:
    """Milliseconds of a step and the peak of its memory, of both."""
    ends, makers = time.monotonic() + seconds, {"plain": plain_step, "ours": our_step}
    memory = {name: _memory(bench, partial(make, bench, network)) for name, make in makers.items()}
    steps = {name: make(bench, network) for name, make in makers.items()}
    for step in steps.values():
        for _ in range(1 if bench.size.narrow else WARM):
            step()
    spent = in_turns_until(steps, ends, bench.machine, 1 if bench.size.narrow else 3)
    clips = (
        f"{network}, {bench.size.people}x{bench.size.each} x {bench.size.frames} frames, {bench.precision}"
    )
    return [
        Row(f"training step, {clips}", 1e3 * spent["plain"], 1e3 * spent["ours"], "ms", least=1.3),
        Row(f"peak memory of it, {network}", memory["plain"], memory["ours"], "MiB", most=0.7),
    ]


def _memory(bench: Bench, make: Callable[[], Callable[[], object]]) -> float:
    def work() -> None:
        step = make()
        for _ in range(1 if bench.size.narrow else 2):  # the second has the optimiser's state from the start
            step()

    return bench.machine.peak(work)[0]


def in_turns_until(
    work: Mapping[str, Callable[[], object]], ends: float, machine: Machine, at_least: int
) -> dict[str, float]:
    """Median seconds of each, one after the other until the time is up."""
    spent: dict[str, list[float]] = {name: [] for name in work}
    for turn in itertools.count():
        if (turn >= at_least and time.monotonic() > ends) or turn == 200:
            break
        for name, run in work.items():
            begun = machine.now()
            run()
            spent[name].append(machine.now() - begun)
    return {name: statistics.median(each) for name, each in spent.items()}


class Watch:
    """A monitor that reads the clock after the first steps and after the last one."""

    def __init__(self, machine: Machine, first: int, last: int) -> None:
        self.machine, self.first, self.last = machine, first, last
        self.begun = self.seconds = 0.0
        self.losses: list[float] = []

    @hookimpl
    def gait_step_end(self, step: int, metrics: Mapping[str, Any]) -> None:
        """Read the clock."""
        if "scalar/loss" in metrics:
            self.losses.append(float(metrics["scalar/loss"]))
        if step == self.first:
            self.begun = self.machine.now()
        if step == self.last:
            self.seconds = self.machine.now() - self.begun


def end_to_end(bench: Bench, network: str, seconds: float) -> list[Row]:
    """Frames a second from the disk to the updated weights, of both whole loops."""
    rounds, size = (1 if bench.size.narrow else 2), bench.size
    warm = 1 if size.narrow else max(WARM, 2 * size.workers + 2)  # what workers made while all was built
    steps, spent = {"plain": 0, "ours": 0}, {"plain": 0.0, "ours": 0.0}
    for _ in range(rounds):
        count, took = _plain_loop(bench, network, warm, seconds / rounds / 2.5)
        steps["plain"] += count
        spent["plain"] += took
        count = min(400, 2 * count)
        took = _our_loop(bench, network, warm, count)
        steps["ours"] += count
        spent["ours"] += took
    batch = size.people * size.each * size.frames
    rates = {name: batch * steps[name] / spent[name] for name in steps}
    what = f"training end to end, {network}, {size.workers} workers"
    return [Row(what, rates["plain"], rates["ours"], "frames/s", least=2)]


def _plain_loop(bench: Bench, network: str, warm: int, seconds: float) -> tuple[int, float]:
    trainer, files = bench.plain(network), Files(bench.walks.trained)
    begun, done = 0.0, 0
    ends = time.monotonic() + seconds
    with opengait_flags():
        for number, batch in enumerate(train_batches(files, bench.size), start=1):
            inputs, labels, _ = trainer.inputs(batch, chance=0.2)
            trainer.step(inputs, labels)
            if number == warm:
                begun = bench.machine.now()
            done = number - warm
            if done >= (1 if bench.size.narrow else 5) and (time.monotonic() > ends or done >= 200):
                break
    return done, bench.machine.now() - begun


def _our_loop(bench: Bench, network: str, warm: int, count: int) -> float:
    last = warm + count
    config = bench.config(network, save_name=f"{network}-loop", total_iter=last, save_iter=last)
    watch = Watch(bench.machine, warm, last)
    train(config, RunOptions(device=bench.machine.device.type, overwrite=True, monitors=(watch,)))
    return watch.seconds
