"""Training steps of the pose models against OpenGait's own classes, of a checkout.

    export PYTHONPATH=benchmarks OPENGAIT_HOME=/path/to/OpenGait
    python benchmarks/steps/pose_step.py [GaitTR] [GaitGraph2] [MultiScaleGaitGraph]

Forward, backward and the optimiser's step, with widths, losses and optimisers of the published
configurations; the published numbers of sequences are scaled down (--sequences). Both networks hold the
same weights and get the same input; the largest difference of their embeddings is printed first, with
dropout switched off. The checkout runs with the patches of ``upstream_patches``, which let it run on a CPU.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import Any, NamedTuple

import torch
from timing import in_turns, report
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import GaitBatch
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import load
from upstream_patches.patches.patch import Host, applied

TRIPLET = {"type": "TripletLoss", "margin": 0.3}


class Case(NamedTuple):
    model_cfg: dict[str, Any]
    losses: dict[str, dict[str, Any]]
    optimiser: dict[str, Any]
    sequences: int
    published: int
    frame: tuple[int, ...]
    frames: int


CASES = {
    "GaitTR": Case(
        {"in_channels": [10, 64, 64, 128, 256], "num_class": 128, "joint_format": "coco"},
        {"triplet": TRIPLET},
        {"solver": "Adam", "lr": 1e-3, "weight_decay": 2e-5},
        *(32, 128, (10, 17, 1), 60),
    ),
    "GaitGraph2": Case(
        {
            **{"joint_format": "coco", "input_num": 3, "reduction": 8, "block": "Bottleneck", "tta": True},
            **{"input_branch": [5, 64, 32], "main_stream": [32, 128, 256], "num_class": 128},
        },
        {"SupConLoss": {"type": "SupConLoss_Lp", "temperature": 0.01}},
        {"solver": "AdamW", "lr": 5e-3, "weight_decay": 1e-5},
        *(64, 768, (17, 3, 5), 60),
    ),
    "MultiScaleGaitGraph": Case(
        {
            **{"in_channels": [3, 16, 32, 64, 128], "out_channels": 128, "num_id": 5153},
            **{"graph_cfg": {"layout": "body_12", "strategy": "gait_temporal"}, "temporal_kernel_size": 9},
        },
        {
            "triplet_joints": {**TRIPLET, "margin": 0.2, "loss_term_weight": 0.3},
            "triplet_limbs": {**TRIPLET, "margin": 0.2, "loss_term_weight": 0.2},
            "triplet_bodyparts": {**TRIPLET, "margin": 0.2, "loss_term_weight": 0.1},
            "softmax": {"type": "CrossEntropyLoss", "scale": 1, "label_smooth": False},
        },
        {"solver": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4},
        *(64, 256, (12, 3), 30),
    ),
}


class Step:
    """A network with its optimiser, on one batch."""

    def __init__(self, network: nn.Module, case: Case, batch: GaitBatch) -> None:
        options = dict(case.optimiser)
        self.network, self.batch = network.train(), batch
        self.optimiser = getattr(torch.optim, options.pop("solver"))(network.parameters(), **options)
        self.losses = {name: gait_plugins.build("loss", options) for name, options in case.losses.items()}

    def __call__(self) -> None:
        self.optimiser.zero_grad(set_to_none=True)
        features = self.network(self.batch)["training_feat"]
        total = sum(
            loss(**features[name])[0].mean() * loss.loss_term_weight for name, loss in self.losses.items()
        )
        total.backward()
        self.optimiser.step()

    @torch.no_grad()
    def embeddings(self) -> Tensor:
        """In train mode, without dropout; the running statistics move."""
        for module in self.network.modules():
            module.train(not isinstance(module, nn.Dropout))
        found = self.network(self.batch)["inference_feat"]["embeddings"]
        self.network.train()
        return found


def theirs(host: Host, name: str, model_cfg: dict[str, Any]) -> nn.Module:
    """OpenGait's class, without the data, the losses and the optimiser that its constructor makes too."""
    kind = getattr(host.module("modeling.models"), name)
    network: nn.Module = kind.__new__(kind)
    nn.Module.__init__(network)
    network.build_network(model_cfg)
    return network


def compare(host: Host, name: str, options: argparse.Namespace) -> None:
    case = CASES[name]
    n = options.sequences or case.sequences
    torch.manual_seed(0)
    ours = gait_plugins.build("model", {"model": name, **case.model_cfg})
    ours.init_parameters()
    other = theirs(host, name, case.model_cfg)
    other.load_state_dict(ours.state_dict())
    frames = torch.randn(n, options.frames or case.frames, *case.frame)
    batch = GaitBatch([frames], torch.arange(n) // 4, ["nm-01"] * n, ["090"] * n, None)
    steps = {"ours": Step(ours, case, batch), "OpenGait": Step(other, case, batch)}
    found, expected = (step.embeddings() for step in steps.values())
    print(
        f"{name}: largest relative difference {((found - expected).abs().max() / expected.abs().max()):.1e}"
    )
    clock = time.process_time if options.processor_time else time.perf_counter
    seconds = in_turns(steps, options.rounds, clock)
    report(
        f"training step, {n} sequences ({case.published} published) x {frames.shape[1]} frames, "
        f"{options.threads} threads",
        seconds,
        "ours",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", help="of " + ", ".join(CASES))
    parser.add_argument("--sequences", type=int)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument(
        "--processor-time", action="store_true", help="measure processor time, for a machine with other load"
    )
    options = parser.parse_args()
    home = os.environ.get("OPENGAIT_HOME")
    if not home or not set(options.models) <= set(CASES):
        parser.error(f"set OPENGAIT_HOME to a checkout of OpenGait, and name models of {', '.join(CASES)}")
    torch.set_num_threads(options.threads)
    checkout = Checkout.find(home)
    host = Host(checkout, device="cpu")
    with checkout.attached(), applied(load(), host):
        for name in options.models or CASES:
            compare(host, name, options)


if __name__ == "__main__":
    main()
