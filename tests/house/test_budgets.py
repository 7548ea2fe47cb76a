"""Budgets of hot paths, in counts: Python calls, tensors that are made, bytes that are taken for a while.

Seconds depend on the machine, counts do not. A path that does more than its budget has got slower somewhere:
mend it, or raise the number here and say in the change what is gained by it.
"""

from __future__ import annotations

import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from helpers.places import TESTED
from torch.utils._python_dispatch import TorchDispatchMode

import gait_plugins
from gait_plugins.api import SequenceIndex, SequenceRef
from gait_plugins.config import load_config
from gait_plugins.core.data.host_batch import Divider
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.core.train.state import Training
from gait_plugins.metrics.distances import distance_chunks


class Budget(NamedTuple):
    """What a path may do at most; None: not counted."""

    calls: int
    """Python calls of functions of this package, and of torch's walks through modules."""
    tensors: int | None = None
    """Tensors whose memory is new."""
    kib: int | None = None
    """Python's and numpy's memory at its peak, less what there was before."""


# About a fifth above what was counted with Python 3.11 and torch 2.13, which is in the remarks.
BUDGETS = {
    "training step, beside model, losses and optimiser": Budget(92, 18),  # 76, 15
    "start of the loop: data, model, run folder, one step": Budget(3500),  # 2867
    # 154, 23: sequences that go through each step together; the batch's frames lie in memory of torch.
    "batch of 8 sequences": Budget(185, kib=28),
    # 16, 1154: bytes are blended in float32, which is faster and takes two such clips.
    "perspective, cut, flip and rotation of a clip of 30 frames": Budget(19, kib=1390),
    "distances of a block of probes": Budget(
        29, 49
    ),  # 24, 41: rows by rows of the gallery, and nine for a part
    "drawing a batch of 8x4 from an index of 2,000": Budget(12, kib=8),  # 1, 3; 9 where an index is columns
}

_COMPREHENSIONS = ("<listcomp>", "<dictcomp>", "<setcomp>")
"""Calls before Python 3.12, none since."""
_WALKS = str(Path(torch.nn.modules.module.__file__))
_PACKAGE = str(TESTED / "gait_plugins")


class Counted:
    """What a piece of work did."""

    def __init__(self) -> None:
        self.by_name: Counter[str] = Counter()
        self.tensors = 0
        self.kib = 0.0
        self.paused = False

    @property
    def calls(self) -> int:
        return sum(self.by_name.values())

    def profile(self, frame: FrameType, event: str, argument: object) -> None:
        code = frame.f_code
        own = code.co_filename.startswith(_PACKAGE) or code.co_filename == _WALKS
        if event == "call" and own and not self.paused and code.co_name not in _COMPREHENSIONS:
            self.by_name[f"{Path(code.co_filename).name}:{code.co_name}"] += 1


class _Made(TorchDispatchMode):
    """Counts tensors that share no memory with what they are made from."""

    def __init__(self, counted: Counted) -> None:
        super().__init__()
        self.counted = counted

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.counted.paused:
            given = {each.untyped_storage().data_ptr() for each in _tensors((args, kwargs))}
            self.counted.tensors += sum(
                each.untyped_storage().data_ptr() not in given for each in _tensors(result)
            )
        return result


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)


@contextmanager
def counting(counted: Counted) -> Iterator[None]:
    """Count what the block does."""
    before = sys.getprofile()
    with _Made(counted):
        sys.setprofile(counted.profile)
        try:
            yield
        finally:
            sys.setprofile(before)


def peak(work: Callable[[], object]) -> float:
    """KiB at the peak, less those before."""
    tracemalloc.start()
    try:
        kept = tracemalloc.get_traced_memory()[0]
        result = work()
        found = (tracemalloc.get_traced_memory()[1] - kept) / 1024
    finally:
        tracemalloc.stop()
    del result
    return found


def check(path: str, work: Callable[[], object], counted: Counted | None = None) -> None:
    """See that work keeps the budget of its path; after a first time, which may do more."""
    budget = BUDGETS[path]
    if counted is None:
        work()
        counted = Counted()
        with counting(counted):
            work()
    if budget.kib is not None:
        counted.kib = peak(work)
    found = Budget(
        counted.calls,
        None if budget.tensors is None else counted.tensors,
        None if budget.kib is None else round(counted.kib),
    )
    most = ", ".join(f"{name} {number}" for name, number in counted.by_name.most_common(12))
    print(f"{path}: {found}")
    assert all(limit is None or value <= limit for value, limit in zip(found, budget, strict=True)), (
        f"{path} did {found}, its budget is {budget}; most calls: {most}"
    )


@contextmanager
def _left_out(counted: Counted, where: Any, name: str) -> Iterator[None]:
    """Count nothing inside a method of an object."""
    inner = getattr(where, name)

    def outer(*arguments: Any, **options: Any) -> Any:
        before, counted.paused = counted.paused, True
        try:
            return inner(*arguments, **options)
        finally:
            counted.paused = before

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(where, name, outer)
        yield


def test_a_training_step_does_little_beside_its_model(tiny: object, tiny_yaml: Path):
    training = Training(load_config(str(tiny_yaml)), RunOptions(device="cpu"))
    training.train_mode()
    divide = Divider(training.maker.transforms, training.maker.taken.streams, training.maker.joint)
    batch = training.maker.make(0)

    def step(number: int) -> None:
        loss, _, _ = training.forward(batch, divide, number)
        assert loss.isfinite()
        training.update(loss, number)

    for number in (1, 2):
        step(number)
    others = [(each, "forward") for each in (training.raw.model, *training.raw.losses.values())]
    others += [(training.optimizer, "step"), (training.fabric, "backward")]
    with ExitStack() as stack:
        counted = Counted()
        for other in others:
            stack.enter_context(_left_out(counted, *other))
        with counting(counted):
            step(3)
    check("training step, beside model, losses and optimiser", lambda: None, counted)


def test_the_loop_starts_without_detours(tiny: object, tiny_yaml: Path):
    config = load_config(str(tiny_yaml), overrides=["trainer_cfg.total_iter=1"])
    check(
        "start of the loop: data, model, run folder, one step",
        lambda: train(config, RunOptions(device="cpu", overwrite=True)),
    )


def _walks() -> np.ndarray:
    return (np.random.default_rng(0).random((30, 64, 64)) > 0.5).astype(np.uint8) * 255


def test_a_batch_is_collated_in_its_own_memory(tiny: object, tiny_yaml: Path):
    training = Training(load_config(str(tiny_yaml)), RunOptions(device="cpu"))
    check("batch of 8 sequences", lambda: training.maker.make(1))


def test_transforms_of_a_clip_copy_it_no_more_than_they_must():
    steps = [
        {"type": "RandomPerspective", "prob": 1.0},
        {"type": "BaseSilCuttingTransform"},
        {"type": "RandomHorizontalFlip", "prob": 1.0},
        {"type": "RandomRotate", "prob": 1.0},
    ]
    transform = gait_plugins.build("transform", {"type": "Compose", "trf_cfg": steps})
    clip = _walks()
    check(
        "perspective, cut, flip and rotation of a clip of 30 frames",
        lambda: transform.with_targets(clip, np.random.default_rng(1)),
    )


def test_a_block_of_distances_makes_few_tensors():
    rng = np.random.default_rng(0)
    probes, gallery = rng.standard_normal((2, 64, 32, 4)).astype(np.float32)
    check(
        "distances of a block of probes",
        lambda: list(distance_chunks(probes, gallery, chunk_size=64, device="cpu")),
    )


def test_an_index_is_looked_up_without_a_walk_through_it():
    refs = [SequenceRef(f"{n // 10:04d}", "nm-01", f"{n % 10:03d}", n) for n in range(2000)]
    index = SequenceIndex(refs)
    sampler = gait_plugins.build("batch_sampler", {"type": "TripletSampler", "batch_size": [8, 4]})

    def drawn() -> list[Any]:
        chosen = sampler.batch(index, 3, np.random.default_rng(3))
        return [(index.refs[place].label, index.classes[place]) for place in chosen]

    check("drawing a batch of 8x4 from an index of 2,000", drawn)
