"""Training steps of the silhouette models: this tree against an older one and against OpenGait's classes.

    python benchmarks/steps/zoo_steps.py [GaitSet ...] [--python OLD/bin/python] [--opengait OpenGait]

Each alternative is a process of its own, and they take their steps in turns: this tree in bf16 and in
float32 (and with ``--recompute``), the tree that ``--python`` has installed and OpenGait's class in float32.
A step is forward, losses, backward and the optimiser's update, on frames of 64x44. Processor time is counted,
so that other load on the machine matters little. The memory is what a process took at its highest. The last
column is the median of the rounds' ratios to the first row.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

NECKS = {"class_num": 74}
TRIPLET = {"triplet": {"type": "TripletLoss", "margin": 0.2}}
BOTH = {**TRIPLET, "softmax": {"type": "CrossEntropyLoss", "scale": 16}}
SGD = {"solver": "SGD", "lr": 0.1, "momentum": 0.9, "weight_decay": 5e-4}
ADAM = {"solver": "Adam", "lr": 1e-4}
ADAMW = {"solver": "AdamW", "lr": 3e-4, "weight_decay": 0.02}
NARROW = {"stem_channels": 8, "widths": [8, 16, 32, 64], "temporal": [False, True, True, True]}
STRIDES = [[1, 1, 1], [1, 2, 2], [1, 2, 2], [1, 1, 1]]


class Case(NamedTuple):
    model_cfg: dict[str, Any]
    losses: dict[str, dict[str, Any]]
    optimiser: dict[str, Any]
    opengait: str | None = None
    sequences: int = 8
    frames: int = 16


def _resnet9(*channels: int) -> dict[str, Any]:
    kind = {"type": "ResNet9", "block": "BasicBlock", "maxpool": False}
    backbone = {**kind, "channels": list(channels), "layers": [1, 1, 1, 1], "strides": [1, 2, 2, 1]}
    heads = {
        "SeparateFCs": {"parts_num": 16, "in_channels": channels[-1], "out_channels": channels[-2]},
        "SeparateBNNecks": {"parts_num": 16, "in_channels": channels[-2], **NECKS},
    }
    return {"model": "Baseline", "backbone_cfg": backbone, **heads, "bin_num": [16]}


def _residual(*channels: int) -> dict[str, Any]:
    return {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 1, 1], "channels": list(channels)}


CASES = {
    "TrackletGait": Case({"model": "TrackletGait", "SeparateBNNecks": NECKS}, BOTH, SGD),
    "TrackletGait_s": Case({"model": "TrackletGait_s", "SeparateBNNecks": NECKS}, BOTH, SGD),
    "GaitBase": Case(_resnet9(64, 128, 256, 512), BOTH, SGD, "Baseline"),
    "DeepGaitV2": Case(
        {"model": "DeepGaitV2", "Backbone": _residual(64, 128, 256, 512), "SeparateBNNecks": NECKS},
        *(BOTH, SGD, "DeepGaitV2"),
    ),
    "SwinGait": Case(
        {
            "model": "SwinGait",
            "Backbone": {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 2, 2], "channels": [64, 128]},
            "bin_num": [15],
            "SeparateBNNecks": {"in_channels": 256, "parts_num": 16, **NECKS},
        },
        *(BOTH, ADAMW, "SwinGait"),
    ),
    "GaitGL": Case(
        {"model": "GaitGL", "channels": [32, 64, 128], **NECKS},
        {**TRIPLET, "softmax": {"type": "CrossEntropyLoss", "scale": 1, "label_smooth": False}},
        *(ADAM, "GaitGL"),
    ),
    "GaitPart": Case(
        {
            "model": "GaitPart",
            "backbone_cfg": {
                "type": "Plain",
                "in_channels": 1,
                "layers_cfg": ["BC-32", "BC-32", "M", "FC-64-2", "FC-64-2", "M", "FC-128-3", "FC-128-3"],
            },
            "SeparateFCs": {"in_channels": 128, "out_channels": 128, "parts_num": 16},
            "bin_num": [16],
        },
        *(TRIPLET, ADAM, "GaitPart"),
    ),
    "GaitSet": Case(
        {
            "model": "GaitSet",
            "in_channels": [1, 32, 64, 128],
            "SeparateFCs": {"in_channels": 128, "out_channels": 256, "parts_num": 62},
            "bin_num": [16, 8, 4, 2, 1],
        },
        *(TRIPLET, SGD, "GaitSet"),
    ),
    "narrow-TrackletGait": Case(
        {
            "model": "TrackletGait",
            **NARROW,
            "strides": STRIDES,
            "embedding_channels": 64,
            "SeparateBNNecks": NECKS,
        },
        *(BOTH, SGD, None, 32, 8),
    ),
    "narrow-GaitBase": Case(_resnet9(8, 16, 32, 64), BOTH, SGD, "Baseline", 32, 8),
    "narrow-DeepGaitV2": Case(
        {"model": "DeepGaitV2", "Backbone": _residual(8, 16, 32, 64), "SeparateBNNecks": NECKS},
        *(BOTH, SGD, "DeepGaitV2", 32, 8),
    ),
}
"""Published widths (for CASIA-B), and the narrow ones of ``configs/walkers``."""


def _step(case: Case, options: argparse.Namespace) -> Any:
    """A callable that takes one training step; imports whatever package this interpreter has."""
    import torch

    import gait_plugins
    from gait_plugins.api import GaitBatch

    torch.manual_seed(0)
    n, s = options.sequences or case.sequences, options.frames or case.frames
    batch = GaitBatch(
        [(torch.rand(n, s, 64, 44) > 0.5).float()],
        torch.arange(n) // 2,
        ["nm-01"] * n,
        ["090"] * n,
        None,
    )
    ours = gait_plugins.build("model", case.model_cfg)
    ours.init_parameters()
    losses = {name: gait_plugins.build("loss", cfg) for name, cfg in case.losses.items()}
    network = ours.train()
    if options.serve == "opengait":
        network = _opengait(case, options.opengait)
        network.load_state_dict(ours.state_dict())
        network.train()
    cfg = dict(case.optimiser)
    optimiser = getattr(torch.optim, cfg.pop("solver"))(network.parameters(), **cfg)
    if options.recompute:
        from gait_plugins.core.train.recompute import Recomputed

        names = options.recompute
        Recomputed(network, names if names == "auto" else [names])

    def step() -> float:
        optimiser.zero_grad()
        with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
            features = network(batch)["training_feat"]
        total = 0.0
        for name, loss in losses.items():
            given = {k: v.float() if v.is_floating_point() else v for k, v in features[name].items()}
            total = total + loss(**given)[0].mean()
        total.backward()
        optimiser.step()
        return float(total.detach())

    return step


def _opengait(case: Case, checkout: str) -> Any:
    from torch import nn

    from upstream_patches.checkout.tree import Checkout
    from upstream_patches.patches import load
    from upstream_patches.patches.patch import Host, applied

    found = Checkout.find(checkout)
    host = Host(found, device="cpu")
    stack = contextlib.ExitStack()
    stack.enter_context(found.attached())
    stack.enter_context(applied(load(), host))
    kind = getattr(host.module("modeling.models"), str(case.opengait))
    network = kind.__new__(kind)
    nn.Module.__init__(network)
    network.cfgs = {"data_cfg": {"dataset_name": "CASIA-B"}}  # what GaitGL looks up
    network.build_network(case.model_cfg)
    network._kept = stack  # the checkout stays attached as long as the network lives
    return network


def serve(options: argparse.Namespace) -> None:
    """Take a step for every line of standard input, and say what it took."""
    import torch

    torch.set_num_threads(options.threads)
    step = _step(CASES[options.models[0]], options)
    for _ in sys.stdin:
        spent, passed = time.process_time(), time.perf_counter()
        loss = step()
        spent, passed = time.process_time() - spent, time.perf_counter() - passed
        highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"processor": spent, "wall": passed, "MiB": highest, "loss": loss}), flush=True)


class Alternative:
    """A process that takes steps when it is told to."""

    def __init__(self, python: str, name: str, options: argparse.Namespace, **flags: Any) -> None:
        command = [python, str(Path(__file__).resolve()), name, "--threads", str(options.threads)]
        flags |= {"sequences": options.sequences, "frames": options.frames}
        for key, value in flags.items():
            command += [f"--{key}", str(value)] if value else []
        environment = {
            **os.environ,
            "OMP_WAIT_POLICY": "passive",
            "OMP_NUM_THREADS": str(options.threads),
            # As the trainer of either tree tells glibc: what is freed is kept for the next step.
            "MALLOC_MMAP_THRESHOLD_": str(1 << 30),
            "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
        }
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.taken: list[dict[str, float]] = []

    def step(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        while line and not line.startswith("{"):
            line = self._process.stdout.readline()
        if not line:
            raise SystemExit("an alternative ended; its message is above")
        self.taken.append(json.loads(line))

    def median(self, what: str) -> float:
        return statistics.median(step[what] for step in self.taken[1:])

    def close(self) -> None:
        self._process.communicate()


def _alternatives(name: str, options: argparse.Namespace) -> Iterator[tuple[str, Alternative]]:
    ours = sys.executable
    for precision in options.precisions:
        yield f"this tree, {precision}", Alternative(ours, name, options, serve="ours", precision=precision)
        if options.recompute:
            flags = {"serve": "ours", "precision": precision, "recompute": options.recompute}
            yield f"this tree, {precision}, recomputed", Alternative(ours, name, options, **flags)
    if options.python:
        yield "older tree, 32", Alternative(options.python, name, options, serve="ours", precision="32")
    if options.opengait and CASES[name].opengait:
        flags = {"serve": "opengait", "precision": "32", "opengait": options.opengait}
        yield "OpenGait, 32", Alternative(ours, name, options, **flags)


def compare(name: str, options: argparse.Namespace) -> None:
    """Print the medians of one model."""
    running = dict(_alternatives(name, options))
    for _ in range(options.rounds + 1):
        for alternative in running.values():
            alternative.step()
    case = CASES[name]
    n, s = options.sequences or case.sequences, options.frames or case.frames
    print(f"{name}, {n} sequences x {s} frames, {options.threads} threads")
    first = next(iter(running.values()))
    for words, one in running.items():
        ratios = [
            b["processor"] / a["processor"] for a, b in zip(first.taken[1:], one.taken[1:], strict=True)
        ]
        print(
            f"  {words:<28}{1e3 * one.median('processor'):9.0f} ms processor {1e3 * one.median('wall'):9.0f}"
            f" ms wall {one.median('MiB'):7.0f} MiB   {statistics.median(ratios):.2f}x",
            flush=True,
        )
        one.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", help="of " + ", ".join(CASES))
    parser.add_argument("--python", help="interpreter of an environment with the older tree")
    parser.add_argument("--opengait", default=os.environ.get("OPENGAIT_HOME"), help="a checkout of OpenGait")
    parser.add_argument("--precisions", nargs="+", default=["bf16", "32"], choices=["bf16", "32"])
    parser.add_argument("--recompute", help="parts that are recomputed (auto), beside the plain step")
    parser.add_argument("--sequences", type=int)
    parser.add_argument("--frames", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--serve", choices=["ours", "opengait"], help=argparse.SUPPRESS)
    parser.add_argument("--precision", default="32", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not set(options.models) <= set(CASES):
        parser.error(f"the models are {', '.join(CASES)}")
    if options.serve:
        serve(options)
        return
    for name in options.models or CASES:
        compare(name, options)


if __name__ == "__main__":
    main()
