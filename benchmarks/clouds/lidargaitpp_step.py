"""Neighbours of points and a training step of LidarGait++ against the published loops.

    PYTHONPATH=benchmarks python benchmarks/clouds/lidargaitpp_step.py [--set FreeGait]

The other side is a plain transcription of the published way: a copy under a mask for each point that is
chosen, distances sorted whole, every neighbour copied through every layer. Both have the same weights, clouds
and starting points; the largest difference of the embeddings is printed first.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import torch
import torch.nn.functional as F
from timing import in_turns, report
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch
from gait_plugins.core.runtime.memory import keep_freed_memory
from gait_plugins.plugins.clouds.models.lidargaitpp import LidarGaitPlusPlus
from gait_plugins.plugins.clouds.models.neighbours import farthest_points, nearest_points
from gait_plugins.plugins.clouds.models.set_abstraction import PointMLP, SetAbstraction

SETS: dict[str, tuple[int, dict[str, Any]]] = {
    "SUSTech1K": (1024, {"channel": 16, "npoints": [512, 256, 128], "nsample": 32}),
    "FreeGait": (256, {"channel": 32, "npoints": [256, 192, 128], "nsample": 16}),
}
"""Data set -> points of a cloud, and the published width."""


def model_of(options: dict[str, Any]) -> LidarGaitPlusPlus:
    torch.manual_seed(0)
    heads = {
        "SeparateFCs": {"parts_num": 31, "in_channels": 256, "out_channels": 256},
        "SeparateBNNecks": {"parts_num": 31, "in_channels": 256, "class_num": 250},
    }
    model = gait_plugins.build("model", {"model": "LidarGaitPlusPlus", "sampling": "knn", **options, **heads})
    model.init_parameters()
    return model.train()


def published_farthest(xyz: Tensor, count: int) -> Tensor:
    b, n, _ = xyz.shape
    chosen = torch.zeros(b, count, dtype=torch.long)
    distance = torch.full((b, n), 1e10)
    last, rows = torch.zeros(b, dtype=torch.long), torch.arange(b)
    for number in range(count):
        chosen[:, number] = last
        step = ((xyz - xyz[rows, last].view(b, 1, 3)) ** 2).sum(-1)
        nearer = step < distance
        distance[nearer] = step[nearer]
        last = distance.max(-1)[1]
    return chosen


def published_nearest(xyz: Tensor, queries: Tensor, count: int) -> Tensor:
    products = -2 * queries @ xyz.transpose(1, 2)
    lengths = (queries**2).sum(-1)[:, :, None] + (xyz**2).sum(-1)[:, None]
    return (products + lengths).sort(dim=-1)[1][:, :, :count]


def picked(points: Tensor, places: Tensor) -> Tensor:
    rows = torch.arange(len(points)).view(-1, *[1] * (places.dim() - 1)).expand(places.shape)
    return points[rows, places]


def published_layers(level: PointMLP, maps: Tensor) -> Tensor:
    for conv, norm in zip(level.mlp_convs, level.mlp_bns, strict=True):
        maps = F.relu(norm(conv(maps)))
    return maps


def published_level(level: SetAbstraction, points: Tensor, features: Tensor | None) -> tuple[Tensor, Tensor]:
    """Points ``[b, c, n]`` and features of the same form, as the published code passes them on."""
    points = points.transpose(1, 2)
    centres = picked(points, published_farthest(points[..., :3], level.npoint))
    places = published_nearest(points[..., :3], centres[..., :3], level.nsample)
    grouped = (picked(points, places) - centres[:, :, None]) / level.radius
    if features is not None:
        grouped = torch.cat([grouped, picked(features.transpose(1, 2), places)], -1)
    maps = published_layers(level, grouped.permute(0, 3, 2, 1))
    return centres.transpose(1, 2), maps.max(-2)[0]


def published_pool(features: Tensor, heights: Tensor, levels: tuple[int, ...]) -> Tensor:
    b, _, c = features.shape
    found = []
    for bins in levels:
        place = torch.bucketize(heights.contiguous(), torch.linspace(0, 2, bins + 1)[1:-1])
        wide = place[..., None].expand(-1, -1, c)
        most = torch.full((b, bins, c), -torch.inf).scatter_reduce(1, wide, features, "amax")
        total = torch.zeros(b, bins, c).scatter_add(1, wide, features)
        counts = torch.zeros(b, bins, 1).scatter_add(1, place[..., None], torch.ones(*place.shape, 1))
        pooled = most + total / counts.clamp(min=1)
        pooled[pooled == -torch.inf] = 0
        found.append(pooled)
    return torch.cat(found, 1).transpose(1, 2)


def published(model: LidarGaitPlusPlus, frames: Tensor) -> tuple[Tensor, Tensor]:
    """Embeddings and logits."""
    n = len(frames)
    points, features = frames.flatten(0, 1).transpose(1, 2), None
    for level in (model.sa1, model.sa2, model.sa3):
        points, features = published_level(level, points, features)
    whole = torch.cat([points.transpose(1, 2), features.transpose(1, 2)], -1)[:, None]
    last = published_layers(model.sa4, whole.permute(0, 3, 2, 1))[..., 0].transpose(1, 2)
    parts = published_pool(last, points[:, 3], model.pool.bin_num)
    embeddings = model.FCs(parts.view(n, -1, *parts.shape[1:]).max(1)[0])
    return embeddings, model.BNNecks(embeddings)[1]


def ours(model: LidarGaitPlusPlus, frames: Tensor) -> tuple[Tensor, Tensor]:
    n = len(frames)
    found = model(GaitBatch([frames], torch.arange(n) // 2, ["nm"] * n, ["0"] * n, None))["training_feat"]
    return found["triplet"]["embeddings"], found["softmax"]["logits"]


class Step:
    """Forward, backward and the optimiser's step."""

    def __init__(self, options: dict[str, Any], forward: Any, frames: Tensor) -> None:
        self.model, self.forward, self.frames = model_of(options), forward, frames
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.1, momentum=0.9, weight_decay=5e-4)
        self.triplet = gait_plugins.build("loss", {"type": "TripletLoss", "margin": 0.2})
        self.softmax = gait_plugins.build("loss", {"type": "CrossEntropyLoss", "scale": 31})

    def __call__(self) -> None:
        embeddings, logits = self.forward(self.model, self.frames)
        labels = torch.arange(len(embeddings)) // 2
        total = self.triplet(embeddings, labels)[0].mean() + 0.1 * self.softmax(logits, labels)[0].mean()
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        self.optimiser.step()


def clouds(sequences: int, frames: int, points: int) -> Tensor:
    made = torch.randn(sequences, frames, points, 4) * torch.tensor([0.2, 0.2, 0.5, 0.4])
    made[..., 3] = made[..., 3].abs() + made[..., 2] + 1
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--set", choices=list(SETS), default="SUSTech1K")
    parser.add_argument("--sequences", type=int, default=4)
    parser.add_argument("--frames", type=int, default=4)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()  # as the trainer does: fresh pages would cost both sides as much as the work
    clock = time.process_time if options.processor_time else time.perf_counter
    count, widths = SETS[options.set]
    torch.manual_seed(0)
    frames = clouds(options.sequences, options.frames, count)
    # Both begin at the first point.
    torch.randint = lambda low, high, size, **more: torch.zeros(size, **more)  # type: ignore[assignment]
    steps = {"ours": Step(widths, ours, frames), "published": Step(widths, published, frames)}
    with torch.no_grad():
        found, expected = (step.forward(step.model, frames)[0] for step in steps.values())
    print(f"largest relative difference {((found - expected).abs().max() / expected.abs().max()):.1e}")
    size = f"{options.sequences} x {options.frames} clouds of {count} points, {options.threads} threads"
    xyz = frames.flatten(0, 1)[..., :3].contiguous()
    queries = xyz[:, : widths["npoints"][0]].contiguous()

    def neighbours(farthest: Any, nearest: Any) -> None:
        farthest(xyz, widths["npoints"][0])
        nearest(xyz, queries, widths["nsample"])

    pairs = {
        "ours": lambda: neighbours(farthest_points, nearest_points),
        "published": lambda: neighbours(published_farthest, published_nearest),
    }
    report(f"farthest and nearest points, {size}", in_turns(pairs, options.rounds, clock), "ours")
    report(f"training step, {size}", in_turns(steps, options.rounds, clock), "ours")


if __name__ == "__main__":
    main()
