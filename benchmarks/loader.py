"""Loading batches: this package's loader against transforms frame by frame in the training process.

    python benchmarks/loader.py [--identities 32] [--each 4] [--frames 32] [--batches 48] [--rounds 3]

The plain form unpickles, picks frames, and warps, cuts, mirrors and scales them with OpenCV and numpy. It is
timed as such loaders are commonly written (the cut divides to float64, so that the rotation warps
doubles) and in its leanest form (uint8 to the end). A batch is done when it is ready for the device; what the
device then does, the division of uint8 frames, is shown by itself, as done by a CPU. All forms keep freed
memory, as a training on a CPU does.

Told is the processor time of a batch: that of the workers and of the process that they work for, together,
less what their start takes. So it is what a batch takes of one core, whatever else the machine does; two
workers that are never short of work make two batches in that time. Under all forms lies what no loader of
these files can do without: files that are read and unpickled, and, as often as they are drawn, two bare warps
of a clip whose frames are the channels of one image already.
"""

from __future__ import annotations

import argparse
import json
import pickle
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from tables import HEAD, Row, table
from timing import in_turns

import gait_plugins
from gait_plugins.api import SequenceIndex
from gait_plugins.core.data.host_batch import Divider, HostBatch
from gait_plugins.core.data.loader import BatchMaker, batches
from gait_plugins.core.runtime.memory import keep_freed_memory


def walks_on_disk(folder: Path, identities: int, each: int) -> dict[str, str]:
    """Ellipses of 64x64 that sway for 60 frames, in OpenGait's layout; root and partition."""
    labels = [f"{number:03d}" for number in range(identities)]
    rng = np.random.default_rng(0)
    for label in labels:
        for view in range(each):
            frames = np.zeros((60, 64, 64), np.uint8)
            for number, frame in enumerate(frames):
                width = int(8 + 5 * np.sin(0.3 * number + rng.random()))
                cv2.ellipse(frame, (32, 32), (width, 31), 0, 0, 360, 255, -1)
            path = folder / "data" / label / "nm" / f"{view:03d}" / "frames.pkl"
            path.parent.mkdir(parents=True)
            path.write_bytes(pickle.dumps(frames))
    partition = folder / "partition.json"
    partition.write_text(json.dumps({"TRAIN_SET": labels, "TEST_SET": []}))
    return {"dataset_root": str(folder / "data"), "dataset_partition": str(partition)}


def ours(places: dict[str, str], size: tuple[int, int], frames: int, prob: float) -> BatchMaker:
    """The loader with the transforms of the published TrackletGait configuration."""
    dataset = gait_plugins.build("dataset", {"type": "OpenGaitLayout", **places})
    transforms = [
        {"type": "RandomPerspective", "prob": prob},
        {"type": "BaseSilCuttingTransform"},
        {"type": "RandomHorizontalFlip", "prob": prob},
        {"type": "RandomRotate", "prob": prob},
    ]
    return BatchMaker(
        dataset,
        SequenceIndex(dataset.sequences("train")),
        gait_plugins.build("batch_sampler", {"type": "TripletSampler", "batch_size": list(size)}),
        gait_plugins.build(
            "frame_sampler",
            {"sample_type": "fixed_ordered", "frames_num_fixed": frames, "frames_skip_num": 4},
        ),
        [gait_plugins.build("transform", {"type": "Compose", "trf_cfg": transforms})],
    )


def drain(maker: BatchMaker, count: int, workers: int) -> None:
    """Make so many batches."""
    for _ in batches(maker, range(count), workers=workers, pin=False):
        pass


def divide(batch: HostBatch, divider: Divider, count: int) -> None:
    """What the device does with so many batches."""
    for _ in range(count):
        divider(batch, torch.device("cpu"))


def drain_plain(maker: BatchMaker, count: int, prob: float, doubles: bool) -> None:
    """The same work, one frame after the other."""
    rng = np.random.default_rng(0)
    for number in range(count):
        clips = []
        for position in maker.batch_sampler.batch(maker.index, number, rng):
            (path,) = maker.index.refs[position].source
            sequence = pickle.loads(Path(path).read_bytes())
            chosen = [sequence[i] for i in maker.frame_sampler.indices(len(sequence), rng)]
            clips.append(plain_sequence(np.asarray(chosen), rng, prob, doubles))
        torch.from_numpy(np.asarray(clips))


def plain_sequence(sequence: np.ndarray, rng: np.random.Generator, prob: float, doubles: bool) -> np.ndarray:
    """Perspective, cut, flip and rotation of one sequence, frame by frame."""
    if rng.random() < prob:
        left, right = rng.integers(0, 10, 2), rng.integers(54, 64, 2)
        seen = np.array([[left[0], 0], [right[0], 0], [right[1], 64], [left[1], 64]], np.float32)
        matrix = cv2.getPerspectiveTransform(seen, np.array([[0, 0], [64, 0], [64, 64], [0, 64]], np.float32))
        sequence = np.stack([cv2.warpPerspective(frame, matrix, (64, 64)) for frame in sequence])
    sequence = sequence[..., 10:-10]
    if doubles:
        sequence = sequence / 255.0
    if rng.random() < prob:
        sequence = sequence[..., ::-1]
    if rng.random() < prob:
        matrix = cv2.getRotationMatrix2D((32, 22), rng.uniform(-10, 10), 1)
        sequence = np.stack(
            [cv2.warpAffine(np.ascontiguousarray(frame), matrix, (44, 64)) for frame in sequence]
        )
    return sequence


def drain_least(maker: BatchMaker, count: int, prob: float) -> None:
    """Nothing but files that are read, and warps."""
    rng = np.random.default_rng(0)
    frames = len(maker.frame_sampler.indices(60, rng))
    wide, narrow = np.zeros((64, 64, frames), np.float32), np.zeros((64, 44, frames), np.float32)
    matrix = cv2.getRotationMatrix2D((32, 22), 5, 1)
    for number in range(count):
        for position in maker.batch_sampler.batch(maker.index, number, rng):
            (path,) = maker.index.refs[position].source
            pickle.loads(Path(path).read_bytes())
            if rng.random() < prob:
                cv2.warpPerspective(wide, np.eye(3), (64, 64))
            if rng.random() < prob:
                cv2.warpAffine(narrow, matrix, (44, 64))


def processor_time() -> float:
    """Seconds that this process and its children that have ended were at work."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


def main() -> None:
    """Time all forms in turns, for augmentation with probability 0.2 and always."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("identities", 32), ("each", 4), ("frames", 32), ("batches", 48), ("rounds", 3)):
        options.add_argument(f"--{name}", type=int, default=default)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    keep_freed_memory()
    cv2.setNumThreads(0)
    size, count = (chosen.identities, chosen.each), chosen.batches
    with tempfile.TemporaryDirectory() as folder:
        places = walks_on_disk(Path(folder), *size)
        for prob in (0.2, 1.0):
            compare(ours(places, size, chosen.frames, prob), count, prob, chosen.rounds)


def compare(maker: BatchMaker, count: int, prob: float, rounds: int) -> None:
    """Time the loader and all other forms, and print their ratios."""
    few, helped = max(count // 4, 1), {1: "one worker", 2: "two workers, per core"}
    plain = "frame by frame, float64"
    work: dict[str, Callable[[int], object]] = {
        "in the main process": partial(drain, maker, workers=0),
        **{name: partial(drain, maker, workers=workers) for workers, name in helped.items()},
        plain: partial(drain_plain, maker, prob=prob, doubles=True),
        "frame by frame, uint8": partial(drain_plain, maker, prob=prob, doubles=False),
        "files read, and bare warps": partial(drain_least, maker, prob=prob),
        "the device's division, by a CPU": partial(divide, maker.make(0), Divider(maker.transforms)),
    }
    runs = {name: partial(run, count) for name, run in work.items()}
    runs |= {f"start of {name}": partial(work[name], few) for name in helped.values()}
    found = in_turns(runs, rounds, processor_time)
    each = {name: 1e3 * found[name] / count for name in work}
    for name in helped.values():
        each[name] = 1e3 * (found[name] - found[f"start of {name}"]) / (count - few)
    print(f"A batch of {size_of(maker)}, each augmentation with probability {prob}\n")
    rows = [Row(name, each[plain], ours, "ms") for name, ours in each.items() if name != plain]
    rows = [replace(row, least=6) if row.work == helped[2] else row for row in rows]
    rows[-1] = replace(rows[-1], other=None)  # which the other way does too
    print(table(rows, ("work", plain, *HEAD[2:])), end="\n\n")


def size_of(maker: BatchMaker) -> str:
    """Sequences, frames, height and width of a batch."""
    return "x".join(str(length) for length in maker.make(0).frames[0].shape)  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
