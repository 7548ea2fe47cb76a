"""Batches are pure functions of seed and number."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import socket
import sys
import time
from multiprocessing.reduction import DupFd
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.tiny import Draw, FirstFrames, InOrder, Shift, TinyWalks

from gait_plugins.api import FrameSampler, SequenceIndex, SequenceRef
from gait_plugins.core.data import loader
from gait_plugins.core.data.host_batch import Divider, HostBatch
from gait_plugins.core.data.loader import BatchMaker, batches
from gait_plugins.core.data.seeding import batch_rng, seed_step, slot_rng
from gait_plugins.errors import ConfigError, DataError


def maker(seed: int = 0, rank: int = 0, world_size: int = 1) -> BatchMaker:
    walks = TinyWalks()
    index = SequenceIndex(walks.sequences("train"))
    return BatchMaker(walks, index, Draw(8), FirstFrames(4), [Shift()], seed, rank, world_size)


def same(a: HostBatch, b: HostBatch) -> bool:
    return a.names == b.names and torch.equal(a.frames[0], b.frames[0]) and torch.equal(a.labels, b.labels)


def test_streams_of_batches_slots_and_seeds_differ():
    draws = {batch_rng(0, 1).random(), batch_rng(1, 1).random(), batch_rng(0, 2).random()}
    draws |= {slot_rng(0, 1, 0).random(), slot_rng(0, 1, 1).random(), slot_rng(0, 2, 0).random()}
    assert len(draws) == 6


def test_batch_is_the_same_whenever_it_is_made():
    forward = [maker().make(i) for i in range(4)]
    backward = [maker().make(i) for i in reversed(range(4))][::-1]
    assert all(same(a, b) for a, b in zip(forward, backward, strict=True))
    assert not same(forward[0], forward[1])
    assert not same(forward[0], maker(seed=1).make(0))


def test_any_number_of_workers_makes_the_same_batches():
    alone = list(batches(maker(), range(2, 22), workers=0, pin=False))
    for workers in (1, 3):
        helped = batches(maker(), range(2, 22), workers=workers, pin=False)
        assert all(same(a, b) for a, b in zip(alone, helped, strict=True))


@pytest.mark.parametrize("frames", [FirstFrames(4), FirstFrames()])
def test_a_batch_stays_whole_while_workers_run_ahead(frames: FrameSampler):
    walks = TinyWalks()
    index = SequenceIndex(walks.sequences("train"))
    many = BatchMaker(walks, index, Draw(8), frames, [Shift()])
    for batch in batches(many, range(12), workers=2, pin=False):
        time.sleep(0.02)  # the workers make all that they may
        assert same(batch, many.make(batch.number))


def test_a_batch_on_the_device_outlives_the_memory_of_its_worker():
    stream = batches(maker(), range(12), workers=1, pin=False)
    divide = Divider([None])
    kept = [divide(batch, torch.device("cpu")) for batch in stream]
    for number, batch in enumerate(kept):
        assert torch.equal(batch.inputs[0], maker().make(number).frames[0].float())


def test_ranks_share_the_very_same_global_batch():
    whole = maker().make(3)
    parts = [maker(rank=rank, world_size=2).make(3) for rank in range(2)]
    assert [n for pair in zip(*(p.names for p in parts), strict=True) for n in pair] == whole.names
    joined = torch.stack([p.frames[0] for p in parts], 1).flatten(0, 1)
    assert torch.equal(joined, whole.frames[0])


def test_step_seed_fixes_every_global_generator():
    def draw() -> tuple[float, float]:
        return float(torch.rand(1)), float(np.random.rand())

    seed_step(0, 5, 0)
    first = draw()
    draw()
    seed_step(0, 5, 0)
    assert draw() == first
    seed_step(0, 5, 1)
    assert draw() != first


def test_packed_batch_keeps_lengths():
    walks = TinyWalks()
    index = SequenceIndex(walks.sequences("test"))
    batch = BatchMaker(walks, index, Draw(5), FirstFrames(), [None]).make(0)
    assert batch.seq_lens is not None
    assert batch.frames[0].shape == (1, int(batch.seq_lens.sum()), 8, 8)


def test_what_a_test_draws_does_not_depend_on_the_batch_size():
    walks = TinyWalks()
    index = SequenceIndex(walks.sequences("test"))
    drawn = []
    for size in (1, 3, 20):
        sampler = InOrder(size)
        numbers = range(sampler.num_batches(index))
        made = BatchMaker(walks, index, sampler, FirstFrames(2), [Shift()], by_sequence=True)
        drawn.append(torch.cat([made.make(number).frames[0] for number in numbers]))
    assert torch.equal(drawn[0], drawn[1])
    assert torch.equal(drawn[0], drawn[2])


def test_a_batch_that_processes_cannot_share_is_an_error_in_each_of_them():
    for rank in range(2):
        uneven = maker(rank=rank, world_size=2)
        uneven.batch_sampler = Draw(7)
        with pytest.raises(ConfigError, match="7 sequences cannot be divided evenly among 2"):
            uneven.make(0)


def test_a_worker_outlives_the_signal_that_ends_a_training():
    stream = batches(maker(), range(12), workers=1, pin=False)
    first = next(stream)
    for worker in multiprocessing.active_children():
        os.kill(worker.pid or 0, signal.SIGTERM)
    assert [batch.number for batch in (first, *stream)] == list(range(12))


def test_a_worker_never_searches_what_it_began_with_for_what_can_be_freed():
    class Frozen(Shift):
        def with_targets(self, sequence, rng):
            return self(sequence, rng), {"frozen": gc.get_freeze_count()}

    def frozen(workers: int) -> int:
        made = maker()
        made.transforms = [Frozen()]
        (batch,) = batches(made, range(1), workers=workers, pin=False)
        return int(batch.targets["frozen"].min())

    assert frozen(1) > frozen(0) + 10_000


def test_workers_end_with_what_interrupts_the_stream():
    stream = batches(maker(), range(50), workers=2, pin=False)
    next(stream)
    with pytest.raises(KeyboardInterrupt) as kept:  # its traceback holds on to all that was there
        stream.throw(KeyboardInterrupt)
    assert not multiprocessing.active_children()
    assert kept.traceback


class Unreadable(TinyWalks):
    """A data set whose files are broken."""

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        raise DataError("the file is truncated", where=f"{ref.name}.pkl", hint="make it anew")


@pytest.mark.parametrize("workers", [0, 1])
def test_errors_of_a_worker_keep_file_and_hint(workers: int):
    broken = maker()
    broken.dataset = Unreadable()
    with pytest.raises(DataError, match="truncated") as caught:
        list(batches(broken, range(2), workers=workers, pin=False))
    assert (caught.value.where or "").endswith(".pkl")
    assert caught.value.hint == "make it anew"


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_worker_ends_with_a_main_process_that_is_killed_as_it_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    noted = tmp_path / "worker"

    def kill_the_main_process() -> None:
        main = os.getppid()
        noted.write_text(str(os.getpid()))
        os.kill(main, signal.SIGKILL)
        while os.getppid() == main:
            time.sleep(0.01)

    monkeypatch.setattr(loader, "keep_freed_memory", kill_the_main_process)
    main = os.fork()
    if main == 0:
        list(batches(maker(), range(2), workers=1, pin=False))
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(main, 0)[1]) == -signal.SIGKILL
    worker = int(noted.read_text())
    deadline = time.monotonic() + 10
    while _is_alive(worker) and time.monotonic() < deadline:
        time.sleep(0.05)
    left = _is_alive(worker)
    if left:
        os.kill(worker, signal.SIGKILL)
    assert not left


@pytest.mark.skipif(sys.platform != "linux", reason="sockets of that kind")
def test_a_worker_shows_no_traceback_where_the_main_process_leaves_it(tmp_path: Path):
    shown = tmp_path / "stderr"
    worker = os.fork()
    if worker == 0:
        os.dup2(os.open(shown, os.O_WRONLY | os.O_CREAT), 2)
        sys.stderr = os.fdopen(2, "w")
        loader._quiet_worker(0)
        with socket.socket(socket.AF_UNIX) as main:
            main.connect(DupFd(2)._id[0])
            time.sleep(0.2)
        time.sleep(0.3)
        sys.stderr.flush()
        os._exit(0)
    assert os.waitpid(worker, 0)[1] == 0
    assert shown.read_text() == ""


def _is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
