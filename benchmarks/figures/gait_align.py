"""Time of GaitAlign, forward and backward, against a crop of each frame alone.

python benchmarks/figures/gait_align.py [--frames 240] [--threads 2]
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.plugins.colour.models.align import GaitAlign

HEIGHT, WIDTH = 64, 44


def one_by_one(maps: Tensor, masks: Tensor, ratios: Tensor) -> Tensor:
    """What ``GaitAlign`` gives, by the definition: the bilinear samples of one frame after the other."""
    crops = []
    for map_, mask, ratio in zip(maps, masks[:, 0], ratios.tolist(), strict=True):
        left, top, right, bottom = _box(mask, ratio)
        padded = F.pad(map_, (WIDTH // 2, WIDTH // 2))[None]
        rows, columns = _places(top, bottom, HEIGHT), _places(left, right, WIDTH)
        crops.append(_samples(padded, rows, columns))
    return torch.stack(crops)


def _box(mask: Tensor, ratio: float) -> tuple[float, float, float, float]:
    h, w = mask.shape
    filled = torch.nonzero(mask.sum(1) >= 1).flatten()
    top, bottom = float(filled[0]), float(filled[-1] + 1)
    columns = mask.sum(0)
    centre = float((columns.cumsum(0) < columns.sum() / 2).sum()) + WIDTH // 2
    spare = max(0.0, (WIDTH - HEIGHT * ratio) / 2) / (ratio * HEIGHT / w)
    half, end = (bottom - top) * w / h / 2 + spare, w + 2 * (WIDTH // 2)
    return max(0.0, centre - half), top, min(float(end), centre + half), bottom


def _places(start: float, end: float, bins: int) -> Tensor:
    """Of the samples, ``[bins, samples]``."""
    width = max(end - start, 1.0) / bins
    samples = math.ceil(width)
    inner = (torch.arange(samples) + 0.5) * width / samples
    return start + torch.arange(bins).unsqueeze(1) * width + inner


def _samples(padded: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Means of the samples of each bin, ``[c, H, W]``."""
    h, w = padded.shape[-2:]
    down, right = rows.flatten().clamp(0, h - 1), columns.flatten().clamp(0, w - 1)
    grid = torch.stack(torch.meshgrid(2 * down / (h - 1) - 1, 2 * right / (w - 1) - 1, indexing="ij"), -1)
    values = F.grid_sample(padded, grid.flip(-1)[None], align_corners=True)
    return F.avg_pool2d(values, (rows.shape[1], columns.shape[1]))[0]


def seconds(
    crop: Callable[[Tensor, Tensor, Tensor], Tensor], given: tuple[Tensor, ...], repeats: int = 8
) -> tuple[float, float]:
    """Of the fastest of some runs, forward and backward: on the clock, and of the processor."""
    maps, masks, ratios = given
    clock, processor = [], []
    for _ in range(repeats):
        leaf = maps.clone().requires_grad_()
        start, used = time.perf_counter(), time.process_time()
        crop(leaf, masks, ratios).sum().backward()
        clock.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return min(clock), min(processor)


def main() -> None:
    """Print both times and their quotient."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    given = frames(options.frames)
    align = GaitAlign(HEIGHT, WIDTH)
    apart = float((align(*given) - one_by_one(*given)).abs().max())
    ours, plain = seconds(align, given), seconds(one_by_one, given)
    print(f"{options.frames} frames of 128x128, {options.threads} threads; largest difference {apart:.1e}")
    for name, one, other in zip(("on the clock", "of the processor"), ours, plain, strict=True):
        print(f"{name}: {1e3 * one:.1f} ms, one by one {1e3 * other:.1f} ms: {other / one:.1f} times")


def frames(count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Maps, masks ``[count, 1, 128, 128]`` and ratios of ellipses of all sizes."""
    torch.manual_seed(0)
    grid = torch.linspace(-1, 1, 128)
    across, down = torch.rand(2, count, 1, 1) * 0.4 + 0.3
    middle = torch.rand(count, 1, 1) * 0.4 - 0.2
    masks = (((grid - middle) / across) ** 2 + (grid.view(-1, 1) / down) ** 2 < 1).float().unsqueeze(1)
    return torch.rand(count, 1, 128, 128), masks, torch.rand(count) * 0.5 + 0.25


if __name__ == "__main__":
    main()
