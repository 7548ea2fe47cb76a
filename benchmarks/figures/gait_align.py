"""Time of GaitAlign, forward and backward, against a crop of each frame alone.

    PYTHONPATH=benchmarks python benchmarks/figures/gait_align.py [--frames 240] [--threads 2]

The other side is written after the definition: frame by frame, the box of the mask, the map with empty
columns at its sides, its bilinear samples by ``grid_sample``, and their mean in each bin. The published code
finds all boxes at once and has its crops made by torchvision's compiled RoIAlign, which this package does
without and this does not measure.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import torch
import torch.nn.functional as F
from timing import in_turns, report
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


def step(crop: Callable[[Tensor, Tensor, Tensor], Tensor], given: tuple[Tensor, ...]) -> Callable[[], None]:
    """Forward, and backward from given gradients."""
    maps, masks, ratios = given
    gradients = torch.randn(len(maps), 1, HEIGHT, WIDTH)

    def run() -> None:
        leaf = maps.clone().requires_grad_()
        crop(leaf, masks, ratios).backward(gradients)

    return run


def main() -> None:
    """Print both times and their quotient."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--frames", type=int, default=240)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    given = frames(options.frames)
    align = GaitAlign(HEIGHT, WIDTH)
    apart = float((align(*given) - one_by_one(*given)).abs().max())
    print(f"largest difference {apart:.1e}")
    clock = time.process_time if options.processor_time else time.perf_counter
    ways = {"ours": step(align, given), "frame by frame": step(one_by_one, given)}
    title = f"GaitAlign, forward and backward, {options.frames} frames of 128x128, {options.threads} threads"
    report(title, in_turns(ways, options.rounds, clock), "ours")


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
