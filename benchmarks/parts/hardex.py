"""The hardness exclusion loss, forward and backward, against forms that store every triplet.

    PYTHONPATH=benchmarks python benchmarks/parts/hardex.py            (needs the extra ``bench``)

The dense form computes the same value over a ``[p, n, positives, negatives]`` tensor. The all-triplet
margin loss of pytorch-metric-learning knows no exclusion and takes one part at a time.
"""

from __future__ import annotations

import argparse
import time

import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import TripletMarginLoss
from timing import in_turns, report
from torch import Tensor

from gait_plugins.plugins.tracklet.hardex import HardnessExclusionTripletLoss


def dense(embeddings: Tensor, labels: Tensor, margin: float = 0.2) -> Tensor:
    """The definition over all triplets; equal numbers per identity only."""
    points = embeddings.permute(2, 0, 1).contiguous()
    squares = points.square().sum(2)
    distance = (squares.unsqueeze(2) + squares.unsqueeze(1) - 2 * points @ points.mT).relu().sqrt()
    same = labels.unsqueeze(1) == labels
    parts, n = distance.shape[:2]
    near = distance[:, same].view(parts, n, -1, 1)
    far = distance[:, ~same].view(parts, n, 1, -1)
    mean, most = near.mean((1, 2, 3), keepdim=True), near.amax((1, 2, 3), keepdim=True)
    hinge = F.relu(near - far + margin).masked_fill(near >= mean + (most - mean) * 2 / 3, 0)
    hinge = hinge.view(parts, -1)
    return hinge.sum(1) / (hinge != 0).sum(1).clamp(min=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    torch.set_num_threads(options.threads)
    ours = HardnessExclusionTripletLoss()
    theirs = TripletMarginLoss(margin=0.2)
    for identities, each in ((32, 4), (64, 8)):
        labels = torch.arange(identities).repeat_interleave(each)
        centres = torch.randn(identities, 256, 16, generator=torch.Generator().manual_seed(0))
        noise = torch.randn(len(labels), 256, 16, generator=torch.Generator().manual_seed(1))
        embeddings = centres[labels] + 2 * noise

        def run(loss: str, embeddings: Tensor = embeddings, labels: Tensor = labels) -> Tensor:
            points = embeddings.clone().requires_grad_()
            if loss == "ours":
                value = ours(embeddings=points, labels=labels)[0]
            elif loss == "dense":
                value = dense(points, labels)
            else:
                value = torch.stack([theirs(part, labels) for part in points.unbind(2)])
            value.mean().backward()
            return torch.cat([value.detach(), points.grad.flatten()])

        gap = (run("ours") - run("dense")).abs().max()
        print(f"largest difference from the dense form, gradient included: {gap:.1e}")
        names = ("ours", "dense", "pytorch-metric-learning")
        seconds = in_turns({name: lambda name=name: run(name) for name in names}, options.rounds, clock)
        report(f"{identities} x {each} sequences x 16 parts, {options.threads} threads", seconds, "ours")


if __name__ == "__main__":
    main()
