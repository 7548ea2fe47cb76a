"""Rank-1 of small models on walkers in two precisions, over seeds: whether bfloat16 costs accuracy.

    python benchmarks/figures/precision.py --output DIR             (an hour on an idle core with bfloat16)
    python benchmarks/figures/precision.py gaitbase --seeds 1 --output DIR

The seed draws weights and batches; the people stay the same. The test is computed in the precision of the
training. Runs that are whole in the output folder are not repeated. A cell is ``mean (least to most)``; the
processor time is that of training and test together.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from gait_plugins.config import load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

DEEPGAITV2 = """
inherits: walkers/_base
model_cfg:
  model: DeepGaitV2
  Backbone: {mode: p3d, in_channels: 1, layers: [1, 1, 1, 1], channels: [8, 16, 32, 64]}
  SeparateBNNecks: {class_num: 60}
loss_cfg:
  - {type: TripletLoss, log_prefix: triplet, margin: 0.2}
  - {type: CrossEntropyLoss, log_prefix: softmax, scale: 16, log_accuracy: true}
trainer_cfg:
  sampler: {sample_type: fixed_ordered, frames_num_fixed: 8, frames_skip_num: 4}
"""
"""A narrow DeepGaitV2, which no shipped configuration trains on walkers."""

MODELS = {
    "gaitbase": "walkers/gaitbase",
    "trackletgait": "walkers/trackletgait",
    "skeletongaitpp": "walkers/skeletongaitpp",
    "deepgaitv2": "",
}
"""Name of a row -> configuration."""
PRECISIONS = ("32-true", "bf16-mixed")
SECONDS = "processor s"


def rank_1(model: str, precision: str, seed: int, output: Path) -> dict[str, float]:
    """Condition -> Rank-1 in percent, the mean over probe views; and the processor time in seconds."""
    named = f"{model}-{precision}-{seed}"
    kept = output / f"{named}.json"
    if not kept.exists():
        own = {"output_dir": output / named, "data_cfg.num_workers": 0}
        own |= {"trainer_cfg.precision": precision, "trainer_cfg.seed": seed}
        began = sum(os.times()[:4])
        config = load_config(_source(model, output), [f"{key}={value}" for key, value in own.items()])
        results = train(config, RunOptions(device="cpu", overwrite=True))
        assert results is not None, f"{model} is not tested after its training"
        figures = {name: value for name, value in results.metrics.items() if "@R1" in name}
        kept.write_text(json.dumps({**figures, SECONDS: sum(os.times()[:4]) - began}))
    found: dict[str, float] = json.loads(kept.read_text())
    return found


def _source(model: str, output: Path) -> str:
    if MODELS[model]:
        return MODELS[model]
    path = output / f"{model}.yaml"
    path.write_text(DEEPGAITV2)
    return str(path)


def row(model: str, precision: str, found: Sequence[dict[str, float]]) -> str:
    """A row of the table, of the figures of all seeds."""
    cells = {name: np.array([one[name] for one in found]) for name in found[0]}
    seconds = cells.pop(SECONDS)
    shown = [f"{each.mean():.1f} ({each.min():.1f} to {each.max():.1f})" for each in cells.values()]
    return f"| {model} | `{precision}` | {len(found)} | {' | '.join(shown)} | {seconds.mean():.0f} s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(MODELS), choices=[*MODELS, []])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--output", type=Path, required=True, help="folder in which the runs are kept")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    logging.getLogger("gait_plugins").setLevel(logging.WARNING)
    torch.set_num_threads(1)
    print("| Model | Precision | Seeds | NM | BG | CL | Processor time |\n|---|---|---|---|---|---|---|")
    for model in options.models or list(MODELS):
        for precision in PRECISIONS:
            found = [rank_1(model, precision, seed, options.output) for seed in options.seeds]
            print(row(model, precision, found), flush=True)


if __name__ == "__main__":
    main()
