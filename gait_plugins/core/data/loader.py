"""Loader: sequences are picked, loaded, cut into frames, transformed and stacked in worker processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType, TracebackType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from gait_plugins.api import (
    BatchSampler,
    FrameSampler,
    GaitDataset,
    JointTransform,
    SequenceIndex,
    SequenceRef,
    Transform,
)
from gait_plugins.api.protocol import CLASS
from gait_plugins.core.data.classes import Classes
from gait_plugins.core.data.collate import Room, Source, stack_targets
from gait_plugins.core.data.host_batch import HostBatch
from gait_plugins.core.data.seeding import batch_rng, slot_rng
from gait_plugins.core.data.streams import Taken, pick
from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.core.runtime.memory import keep_freed_memory
from gait_plugins.errors import ConfigError, DataError, GaitPluginsError
from gait_plugins.io.printable import printable
from gait_plugins.io.ragged import Frames
from gait_plugins.lost_processes import lost_process, lost_worker

PREFETCHED = 2
"""Batches that each worker makes ahead."""

TOGETHER = 1 << 23
"""Bytes of sequences that go through each step together: the step's code is then in the cache for all but the
first of them. The frames of one clip that is warped are enough to push out what comes before."""

GRACE = 30
"""Seconds that a worker goes on for after it was told to end, so that a last step can have its batch."""


@dataclass
class BatchMaker(Dataset[HostBatch | GaitPluginsError]):
    """Makes batch ``number`` from scratch, the same in whatever process and order it is asked for.

    Args:
        dataset: where frames come from.
        index: the sequences to draw from.
        batch_sampler, frame_sampler: which sequences, and which of their frames.
        transforms: one for each input source, or None.
        joint: transforms of several streams, before those.
        taken: which of the data set's streams are inputs.
        classes: what else than the identity a sequence belongs to, as a target of it.
        seed: of everything random.
        rank, world_size: the share of each batch that this process makes.
        by_sequence: what is random of a sequence depends on its place in the index alone, not on the
            batch and slot that it came into.
    """

    dataset: GaitDataset
    index: SequenceIndex
    batch_sampler: BatchSampler
    frame_sampler: FrameSampler
    transforms: Sequence[Transform | None]
    seed: int = 0
    rank: int = 0
    world_size: int = 1
    by_sequence: bool = False
    joint: Sequence[JointTransform] = ()
    taken: Taken = field(default_factory=Taken)
    classes: Classes | None = None

    def __post_init__(self) -> None:
        self._rooms = [Room(PREFETCHED + 2) for _ in self.transforms]

    def __getitem__(self, number: int) -> HostBatch | GaitPluginsError:
        """Batch ``number``, or the error that it ended in: raised in a worker it would lose its parts."""
        try:
            return self.make(number)
        except GaitPluginsError as error:
            return error

    def drawn(self, number: int) -> list[int]:
        """Places in the index of the sequences of batch ``number``, those of all processes."""
        with errors_of(self.batch_sampler):
            return list(self.batch_sampler.batch(self.index, number, batch_rng(self.seed, number)))

    def target_names(self) -> frozenset[str]:
        """Names of the targets that sequences come with, as the first one that is drawn shows."""
        made = _Sample(self.index.refs[self.drawn(0)[0]], slot_rng(self.seed, 0, 0))
        self._transform(self._load([made]))
        return frozenset(made.targets)

    def make(self, number: int) -> HostBatch:
        """Batch ``number``."""
        chosen = self.drawn(number)
        share_of_rank(len(chosen), self.world_size)
        slots = range(self.rank, len(chosen), self.world_size)
        positions = [int(chosen[slot]) for slot in slots]
        draws = [(0, p) for p in positions] if self.by_sequence else [(number, slot) for slot in slots]
        return self._collate(number, positions, draws)

    def _collate(self, number: int, positions: list[int], draws: list[tuple[int, int]]) -> HostBatch:
        refs = [self.index.refs[position] for position in positions]
        names = [ref.name for ref in refs]
        stacked = self.frame_sampler.fixed_length
        sources = [Source(room, len(refs) if stacked else None) for room in self._rooms]
        samples = [_Sample(ref, slot_rng(self.seed, *draw)) for ref, draw in zip(refs, draws, strict=True)]
        lengths: list[list[int]] = []
        while len(lengths) < len(samples):
            group = self._load(samples[len(lengths) :])
            self._transform(group)
            for sample in group:
                name = names[len(lengths)]
                lengths.append([len(clip) for clip in sample.clips])
                for source, clip in zip(sources, sample.clips, strict=True):
                    source.put(clip, name)
                sample.clips.clear()
        return HostBatch(
            number=number,
            positions=positions,
            frames=[source.frames() for source in sources],
            labels=torch.from_numpy(self.index.classes[positions]),
            types=[ref.type for ref in refs],
            views=[ref.view for ref in refs],
            names=names,
            seq_lens=None if stacked else self._lens(lengths, 0),
            targets=stack_targets([sample.targets for sample in samples], names),
            streams=self.taken.names,
            lens=self._own_lens(lengths),
            short=next((sample.short for sample in samples if sample.short), ""),
        )

    def _lens(self, lengths: list[list[int]], place: int) -> Tensor:
        return torch.tensor([[each[place] for each in lengths]], dtype=torch.int32)

    def _own_lens(self, lengths: list[list[int]]) -> dict[str, Tensor]:
        names = self.taken.names
        return {name: self._lens(lengths, names.index(name)) for name in self.taken.own_clocks}

    def _load(self, samples: Sequence[_Sample]) -> Sequence[_Sample]:
        """The first of these samples, as many as go together, with the frames that the sampler takes."""
        count, size = 0, 0
        with errors_of(self.dataset):
            for sample in samples:
                sample.clips = self.dataset.load(sample.ref)
                sample.targets = dict(self.dataset.targets(sample.ref))
                sample.times = self.dataset.times(sample.ref)
                count += 1
                for frames in sample.clips:
                    size += getattr(frames, "nbytes", TOGETHER)
                if size >= TOGETHER:
                    break
        samples = samples[:count]
        for sample in samples:
            if self.classes is not None:
                sample.targets[CLASS] = self.classes.of(sample.ref)
            sample.clips = self._sources(sample)
        with errors_of(self.frame_sampler):
            # Looked up here, so that a number beyond the sequence is the sampler's fault.
            lengths = [len(sample.clips[0]) for sample in samples]
            drawn = [self.frame_sampler.indices(n, s.rng) for n, s in zip(lengths, samples, strict=True)]
            picked = [np.arange(n)[places] for n, places in zip(lengths, drawn, strict=True)]
        for sample, length, chosen in zip(samples, lengths, picked, strict=True):
            sample.short = _shortage(sample.ref, length, self.frame_sampler)
            sample.clips = pick(self.taken, sample.clips, sample.times, chosen, sample.ref)
        return samples

    def _sources(self, sample: _Sample) -> list[Frames]:
        """The inputs' frames of what was loaded.

        Raises:
            ConfigError: they are not as many as the configuration has transforms for.
        """
        sources = self.taken.of(sample.clips, sample.ref)
        if len(sources) != len(self.transforms):
            raise ConfigError(
                f"sequence {printable(sample.ref.name)} has {len(sources)} input sources, "
                f"but the configuration lists {len(self.transforms)} transforms",
                hint="list one transform for each source, or choose the sources by data_cfg.data_in_use",
            )
        return sources

    def _transform(self, samples: Sequence[_Sample]) -> None:
        for joint in self.joint:
            with errors_of(joint):
                for sample in samples:
                    _transform_together(joint, sample, self.taken.names)
        for number, transform in enumerate(self.transforms):
            if transform is None:
                continue
            with errors_of(transform):
                for sample in samples:
                    clip: Any = sample.clips[number]  # ragged where the stream is
                    sample.short = sample.short or _shortage(sample.ref, len(clip), transform)
                    sample.clips[number], found = transform.with_targets(clip, sample.rng)
                    sample.targets.update(found)


@dataclass(slots=True)
class _Sample:
    """A sequence on its way into a batch."""

    ref: SequenceRef
    rng: np.random.Generator
    clips: list[Frames] = field(default_factory=list)
    """Of each input source: what was loaded, then what was picked, then what was made of it."""
    targets: dict[str, Any] = field(default_factory=dict)
    times: Mapping[str, np.ndarray] = field(default_factory=dict)
    short: str = ""
    """As ``HostBatch.short``."""


def _shortage(ref: SequenceRef, frames: int, taker: FrameSampler | Transform) -> str:
    """That a sequence has fewer frames than are taken of it, in words; empty: it has not."""
    if frames >= taker.fewest_frames:
        return ""
    who = "the frame sampler" if isinstance(taker, FrameSampler) else type(taker).__name__
    return (
        f"{printable(ref.name)} has {frames} frames, {who} takes {taker.fewest_frames}: frames of such "
        "sequences are repeated"
    )


def _transform_together(transform: JointTransform, sample: _Sample, names: tuple[str, ...]) -> None:
    named = zip(names, sample.clips, strict=True)
    seen = {name: clip for name, clip in named if name in transform.streams}
    changed, found = transform.with_targets(seen, sample.rng)
    strange = [name for name in changed if name not in seen]
    if strange:
        raise ConfigError(
            f"the transform returns {', '.join(map(repr, strange))}, but its streams are {', '.join(seen)}",
            where=type(transform).__name__,
            hint="a joint transform returns the streams that it changed, by their names",
        )
    sample.clips = [changed.get(name, clip) for name, clip in zip(names, sample.clips, strict=True)]
    sample.targets.update(found)


def batches(
    maker: BatchMaker, numbers: Sequence[int], *, workers: int, pin: bool
) -> Generator[HostBatch, None, None]:
    """Batches of these numbers, in this order, made by so many worker processes (0: this one).

    The frames of a batch that a worker made are good until the next batch is taken: their memory goes
    round. Close the stream where it may be left early: the workers end with it.
    """
    with warnings.catch_warnings():
        # More workers than cores is what the user asked for, and what published settings hold.
        warnings.filterwarnings("ignore", message="This DataLoader will create")
        loader: DataLoader[HostBatch | GaitPluginsError] = DataLoader(
            maker,
            sampler=numbers,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=PREFETCHED if workers else None,
            worker_init_fn=_quiet_worker,
            pin_memory=pin,
            collate_fn=_as_made,
        )
        stream = iter(loader)
    try:
        for made in stream:
            if isinstance(made, GaitPluginsError):
                raise made
            yield made
    except (RuntimeError, OSError, EOFError) as error:
        gone = _in_words(error)
        if gone is None:
            raise
        raise gone from error
    finally:
        # Not left to garbage collection: the traceback of what ended us holds on to the iterator.
        if workers:
            stream._shutdown_workers()  # type: ignore[attr-defined]


def _in_words(error: Exception) -> DataError | None:
    """What ended the workers from outside; None where it is something else."""
    text = str(error)
    if "shared memory" in text.lower() or "bus error" in text.lower():
        return DataError(
            f"the loader workers ran out of shared memory: {text}",
            hint="-o data_cfg.num_workers=0, or give the container more shared memory. A bus error may also "
            "mean that a memory-mapped data file became shorter, or its disk failed, while it was read",
        )
    if isinstance(error, ConnectionError | EOFError):
        # The way to a worker ended in the middle of a batch.
        return lost_worker(f"{type(error).__name__}: {text}" if text else type(error).__name__)
    lost = lost_process(error)
    return lost if isinstance(lost, DataError) else None


def share_of_rank(global_size: int, world_size: int) -> int:
    """Sequences of a batch that each rank gets.

    Raises:
        ConfigError: the batch does not divide, so that ranks would differ.
    """
    if global_size % world_size:
        raise ConfigError(
            f"a batch of {global_size} sequences cannot be divided evenly among {world_size} processes",
            hint=f"choose trainer_cfg.sampler.batch_size so that its product is a multiple of {world_size}",
        )
    return global_size // world_size


def _as_made(item: Any) -> Any:
    # Without this, the loader's default would turn arrays inside the tuple into tensors a second time.
    return item


def _quiet_worker(worker: int) -> None:
    import cv2

    # What a terminal or a cluster sends to all processes is the main one's to handle: it still wants
    # the batch for its last step. A worker's own threads would fight over the cores.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _ignore_once)
    cv2.setNumThreads(0)
    torch.set_num_threads(1)
    keep_freed_memory()
    # What the worker begins with lives as long as it does: no search through all of it for what can be freed,
    # which would also copy the pages that it shares with the main process.
    gc.freeze()
    sys.excepthook = _shown_unless_cut_off
    threading.Thread(target=_end_with_the_main_process, name="main-process", daemon=True).start()


def _shown_unless_cut_off(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    # Tensors are handed over by a thread that shows its errors so: the main process may leave in between,
    # for what another worker has done, and says why itself.
    if not isinstance(error, ConnectionError | EOFError):
        sys.__excepthook__(kind, error, trace)


def _end_with_the_main_process() -> None:
    # torch's own watch is blind to a main process that was killed before the watch began.
    main = multiprocessing.parent_process()
    if main is not None:
        main.join()
        os._exit(1)


def _ignore_once(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_DFL)
    signal.alarm(GRACE)  # whatever becomes of the main process, this one ends
