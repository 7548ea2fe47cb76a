"""Memory and time of a pretraining step of FoundationGait, with and without ``trainer_cfg.recompute``.

    python benchmarks/foundation/pretraining_memory.py [--sequences 16] [--frames 16] [--rounds 1]

The plain form keeps what every layer has worked out until the backward pass. Each form runs in a process of
its own, one after the other, and tells its peak memory: the largest resident set, weights and momentum
included. The losses are printed: they are the same.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys
import time

import torch

import gait_plugins
from gait_plugins.api import GaitBatch
from gait_plugins.core.runtime.memory import keep_freed_memory
from gait_plugins.core.train.recompute import Recomputed

FORMS = {
    "plain": [],
    "layers 0 to 3": ["student_backbone.layer[0-3]"],
    "all layers": ["student_backbone.layer?"],
}
"""What is printed -> ``trainer_cfg.recompute``."""
SMALL = {"mode": "p3d", "in_channels": 1, "layers": [1, 4, 8, 4], "channels": [64, 128, 256, 512]}
MIB = 1 << 20


def peak() -> float:
    """MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MIB


def one_form(names: list[str], sequences: int, frames: int, threads: int) -> None:
    """Print processor time, peak, what there was before, and the loss of one step."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    torch.manual_seed(0)
    model = gait_plugins.build("model", {"model": "FoundationGait_Scaling", "Backbone": SMALL}).train()
    Recomputed(model, names)
    softmax = gait_plugins.build("loss", {"type": "CrossEntropyLoss", "scale": 16})
    optimiser = torch.optim.SGD(model.parameter_groups({}), lr=0.05, momentum=0.9, weight_decay=5e-4)
    silhouettes = (torch.rand(2 * sequences, frames, 64, 44) < 0.4).float()
    names_ = ["000"] * (2 * sequences)
    batch = GaitBatch([silhouettes], torch.arange(2 * sequences) // 2, names_, names_, None)
    before, started = peak(), time.process_time()
    loss = softmax(**model(batch)["training_feat"]["softmax"])[0].mean()
    loss.backward()
    optimiser.step()
    print(time.process_time() - started, peak(), before, float(loss))


def measured(form: str, options: argparse.Namespace) -> list[float]:
    sizes = [options.sequences, options.frames, options.threads]
    command = [sys.executable, __file__, "--form", form, *map(str, sizes)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [float(value) for value in done.stdout.split()[-4:]]


def main() -> None:
    if sys.argv[1:2] == ["--form"]:
        return one_form(FORMS[sys.argv[2]], *map(int, sys.argv[3:]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--sequences", type=int, default=16, help="each is seen in two views")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    found: dict[str, list[list[float]]] = {form: [] for form in FORMS}
    for _ in range(options.rounds):
        for form, rounds in found.items():
            rounds.append(measured(form, options))
    print(f"{options.sequences} sequences twice, {options.frames} frames of 64x44, {options.threads} threads")
    print(
        f"{'recomputed':<16}{'peak MiB':>10}{'of plain':>10}{'processor s':>13}{'of plain':>10}{'loss':>10}"
    )
    plain = [statistics.median(column) for column in zip(*found["plain"], strict=True)]
    for form, rounds in found.items():
        seconds, most, _, loss = (statistics.median(column) for column in zip(*rounds, strict=True))
        shares = f"{most:10.0f}{most / plain[1]:10.2f}{seconds:13.1f}{seconds / plain[0]:10.2f}"
        print(f"{form:<16}{shares}{loss:12.6f}")
    print(f"before the step: {plain[2]:.0f} MiB")
    return None


if __name__ == "__main__":
    main()
