"""RLE's augmenters on batches of images, against the image-by-image form, on two cores.

    PYTHONPATH=benchmarks OMP_WAIT_POLICY=PASSIVE python benchmarks/parts/rle.py

Moderate and radical RLE and random erasing on RGB images of 384x192, each with probability 0.5 and the
same draws. ``image by image`` works as the transforms of data sets do: on float tensors, channel after
channel by indexing, with a picture of the light that is left of the whole image. ``whole way`` begins
with uint8 and ends with a normalised float batch. Three ways to use two cores: only one of them; as two
loader workers, which are processes of one thread each; as torch's threads.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier
from typing import Any

import numpy as np
import torch
from timing import report
from torch import Tensor

from gait_plugins.plugins.rle.augment.erasing import RandomErasingRGB
from gait_plugins.plugins.rle.augment.moderate import ModerateRLE
from gait_plugins.plugins.rle.augment.normalize import MEAN, STD, normalized
from gait_plugins.plugins.rle.augment.radical import RadicalRLE

MODERATE, RADICAL, ERASING = ModerateRLE(), RadicalRLE(), RandomErasingRGB()
WAYS = {  # processes, and threads of torch in each
    "one thread": (1, 1),
    "two loader workers": (2, 1),
    "torch's two threads": (1, 2),
}
Work = Mapping[str, Callable[[Tensor, int], object]]
Times = dict[str, float]


def by_channel(image: Tensor, rng: np.random.Generator) -> Tensor:
    """The three augmenters on one float image ``[3, h, w]``, a channel at a time."""
    height, width = image.shape[1:]
    if rng.random() < 0.5:
        weights = MODERATE.draw_weights(3, rng)
        mixed = sum(float(weight) * image[channel] for channel, weight in enumerate(weights))
        for channel in range(3):
            image[channel] = mixed
    if rng.random() < 0.5:
        light = torch.ones(image.shape)
        for rectangle, brightness in RADICAL.draw_patches(3, height, width, rng):
            for channel in range(3):
                most = 1 / rectangle.of(image[channel]).max().clamp(min=1e-12)
                for picture in (image, light):
                    part = rectangle.of(picture[channel])
                    part[:] = part * most * float(brightness[channel])
            if light.min() < RADICAL.min_out:
                break
    if rng.random() < 0.5:
        erased = ERASING.draw_rectangle(height, width, rng)
        if erased is not None:
            for channel, value in enumerate(ERASING.mean):
                erased.of(image[channel])[:] = value
    return image


def one_by_one(images: Tensor, seed: int) -> Tensor:
    """Float images, one after the other, in place."""
    rng = np.random.default_rng(seed)
    for image in images:
        by_channel(image, rng)
    return images


def together(images: Tensor, seed: int) -> Tensor:
    """Images of any type, in place."""
    rng = np.random.default_rng(seed)
    for augmenter in (MODERATE, RADICAL, ERASING):
        images = augmenter.batch(images, rng, inplace=True)
    return images


def whole_way_one_by_one(images: Tensor, seed: int, out: Tensor) -> Tensor:
    """uint8 images to a normalised batch, one after the other."""
    rng = np.random.default_rng(seed)
    mean, std = torch.tensor(MEAN).view(3, 1, 1), torch.tensor(STD).view(3, 1, 1)
    made = [by_channel(image.float().div(255), rng).sub(mean).div_(std) for image in images]
    return torch.stack(made, out=out)


def whole_way_together(images: Tensor, seed: int, out: Tensor) -> Tensor:
    """uint8 images to a normalised batch."""
    return normalized(together(images, seed), 255, out)


def made_up(batch: int) -> Tensor:
    """Noise, uint8 ``[batch, 3, 384, 192]``."""
    noise = np.random.default_rng(0).integers(0, 256, (batch, 3, 384, 192), dtype=np.uint8)
    return torch.from_numpy(noise)


def difference(images: Tensor) -> float:
    """The largest difference between both forms, one image of the batch at a time so that draws agree."""
    found = []
    for seed in range(len(images)):
        image = images[seed : seed + 1]
        out = torch.empty(image.shape)
        one = whole_way_one_by_one(image, seed, torch.empty(image.shape))
        found.append(float((whole_way_together(image.clone(), seed, out) - one).abs().max()))
    return max(found)


def seconds(work: Work, images: Tensor, rounds: int, clock: Callable[[], float], start: Barrier) -> Times:
    """Median seconds of each form, in turns; each gets a fresh copy, which is not timed."""
    spoilt = images.clone()
    found: dict[str, list[float]] = {name: [] for name in work}
    for seed in range(rounds + 1):
        for name, run in work.items():
            spoilt.copy_(images)
            start.wait()
            started = clock()
            run(spoilt, seed)
            if seed:
                found[name].append(clock() - started)
    return {name: statistics.median(times) for name, times in found.items()}


def measured(options: argparse.Namespace, threads: int, start: Barrier, found: Queue[Any]) -> None:
    """What one process measures: seconds of the whole way, and of the augmenters on floats."""
    torch.set_num_threads(threads)
    clock = time.process_time if options.processor_time else time.perf_counter
    whole = made_up(options.batch)
    floats = whole.float() / 255
    out = torch.empty_like(floats)
    whole_way = {
        "batch": partial(whole_way_together, out=out),
        "image by image": partial(whole_way_one_by_one, out=out),
    }
    alone = {"batch": together, "image by image": one_by_one}
    found.put(
        (
            seconds(whole_way, whole, options.rounds, clock, start),
            seconds(alone, floats, options.rounds, clock, start),
        )
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    print(f"largest difference of the normalised images: {difference(made_up(8)):.4f} (a grey level: 0.0175)")
    context = multiprocessing.get_context("spawn")
    for words, (processes, threads) in WAYS.items():
        start, queue = context.Barrier(processes), context.Queue()
        workers = [
            context.Process(target=measured, args=(options, threads, start, queue)) for _ in range(processes)
        ]
        for worker in workers:
            worker.start()
        answers = [queue.get() for _ in workers]
        for worker in workers:
            worker.join()
        for title, times in zip(
            ("whole way, uint8 to normalised", "augmenters on floats"),
            zip(*answers, strict=True),
            strict=True,
        ):
            mean = {name: statistics.mean(one[name] for one in times) for name in times[0]}
            report(f"{title}: {processes} x {options.batch} images of 384x192, {words}", mean, "batch")


if __name__ == "__main__":
    main()
