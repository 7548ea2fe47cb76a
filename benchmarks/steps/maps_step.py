"""Training steps of SkeletonGait++ and MultiGait++ against OpenGait's own classes, in one process.

    export PYTHONPATH=benchmarks OPENGAIT_HOME=OpenGait
    python benchmarks/steps/maps_step.py [MultiGaitpp] [--sequences 4] [--frames 10]

OPENGAIT_HOME names a checkout of OpenGait, whose class is imported alone and built without its trainer (it
needs einops). Both networks hold the same weights and see the same frames; the largest difference of their
embeddings is printed first.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from timing import in_turns, report
from torch import Tensor, nn

import gait_plugins
from upstream_patches.checkout.tree import Checkout
from upstream_patches.host.importing import imported

MODULES = {"SkeletonGaitPP": "skeletongait++", "MultiGaitpp": "multigait++"}


def published(checkout: Path, name: str, model_cfg: dict[str, Any]) -> nn.Module:
    """The checkout's network, without its trainer. MultiGait++ imports kornia and does not use it."""
    if importlib.util.find_spec("kornia") is None:
        sys.modules["kornia"] = types.ModuleType("kornia")
        sys.modules["kornia"].morphology = None
    module = imported(Checkout(checkout), f"modeling.models.{MODULES[name]}")
    kind: Any = getattr(module, name)
    network = kind.__new__(kind)
    nn.Module.__init__(network)
    network.build_network(model_cfg)
    return network.train()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model", nargs="?", default="SkeletonGaitPP", choices=list(MODULES))
    parser.add_argument("--sequences", type=int, default=4)
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--deep", action="store_true", help="blocks 1, 4, 4, 1 as on Gait3D")
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    clock = time.process_time if options.processor_time else time.perf_counter
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    blocks = [1, 4, 4, 1] if options.deep else [1, 1, 1, 1]
    backbone: dict[str, Any] = {"blocks": blocks, "C": 2, "in_channels": 3}
    if options.model == "MultiGaitpp":
        backbone |= {"in_channels": 5, "part1_channel": 2, "part2_channel": 3}
    cfg = {"Backbone": backbone, "SeparateBNNecks": {"class_num": options.classes}}
    ours = gait_plugins.build("model", {"model": options.model, **cfg}).train()
    theirs = published(Path(os.environ["OPENGAIT_HOME"]), options.model, {"model": options.model, **cfg})
    theirs.load_state_dict(ours.state_dict())
    maps = torch.rand(options.sequences, options.frames, backbone["in_channels"], 64, 44)
    own = [maps[:, :, :2].contiguous(), maps[:, :, 2].contiguous()]
    inputs = {ours: own if options.model == "SkeletonGaitPP" else [maps], theirs: [maps]}

    def step(network: nn.Module) -> Callable[[], Tensor]:
        def run() -> Tensor:
            network.zero_grad(set_to_none=True)
            trained = network((inputs[network], None, None, None, None))["training_feat"]
            embeddings, logits = trained["triplet"]["embeddings"], trained["softmax"]["logits"]
            (embeddings.square().mean() + logits.square().mean()).backward()
            return embeddings.detach()

        return run

    found, expected = step(ours)(), step(theirs)()
    gap = (found - expected).abs().max() / expected.abs().max()
    print(f"largest relative difference of the embeddings: {gap:.1e}")
    seconds = in_turns({"ours": step(ours), "OpenGait": step(theirs)}, options.rounds, clock)
    report(
        f"{options.model}: training step, {options.sequences} sequences x {options.frames} frames, "
        f"{options.threads} threads",
        seconds,
        "ours",
    )


if __name__ == "__main__":
    main()
