"""RLE's augmenters on a batch of images, against the image-by-image form.

    python benchmarks/rle.py

Moderate and radical RLE and random erasing on RGB images of 384x192, each with probability 0.5 and from
the same random numbers. ``image by image`` works as the transforms of data sets usually do: on float
tensors, channel after channel by indexing, with a picture of the light that is left of the whole image.
``whole way`` begins with uint8 and ends with a normalised float batch.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import torch
from timing import report
from torch import Tensor

from gait_plugins.plugins.rle.erasing import RandomErasingRGB
from gait_plugins.plugins.rle.moderate import ModerateRLE
from gait_plugins.plugins.rle.normalize import MEAN, STD, normalized
from gait_plugins.plugins.rle.radical import RadicalRLE

MODERATE, RADICAL, ERASING = ModerateRLE(), RadicalRLE(), RandomErasingRGB()


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
        rectangle = ERASING.draw_rectangle(height, width, rng)
        if rectangle is not None:
            for channel, value in enumerate(ERASING.mean):
                rectangle.of(image[channel])[:] = value
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
    made = [by_channel(image.float().div(255), rng).sub(mean).div(std) for image in images]
    return torch.stack(made, out=out)


def whole_way_together(images: Tensor, seed: int, out: Tensor) -> Tensor:
    """uint8 images to a normalised batch."""
    return normalized(together(images, seed), 255, out)


def seconds(
    work: Mapping[str, Callable[[Tensor, int], object]],
    images: Tensor,
    rounds: int,
    clock: Callable[[], float],
) -> dict[str, float]:
    """Median seconds of each form, in turns; each gets a fresh copy, which is not timed."""
    spoilt = images.clone()
    found: dict[str, list[float]] = {name: [] for name in work}
    for seed in range(rounds + 1):
        for name, run in work.items():
            spoilt.copy_(images)
            started = clock()
            run(spoilt, seed)
            if seed:
                found[name].append(clock() - started)
    return {name: statistics.median(times) for name, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=48)
    parser.add_argument("--processor-time", action="store_true", help="for a machine that others load")
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    torch.set_num_threads(options.threads)
    noise = np.random.default_rng(0).integers(0, 256, (options.batch, 3, 384, 192), dtype=np.uint8)
    whole = torch.from_numpy(noise)
    floats = whole.float() / 255
    out = torch.empty_like(floats)
    size = f"{options.batch} images of 384x192, {options.threads} threads"
    forms = {"batch": together, "image by image": one_by_one}
    report(f"augmenters on floats: {size}", seconds(forms, floats, options.rounds, clock), "batch")
    whole_way = {
        "batch": partial(whole_way_together, out=out),
        "image by image": partial(whole_way_one_by_one, out=out),
    }
    title = f"whole way, uint8 to normalised floats: {size}"
    report(title, seconds(whole_way, whole, options.rounds, clock), "batch")


if __name__ == "__main__":
    main()
