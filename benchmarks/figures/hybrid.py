"""Figures of each stage of a recipe: mean and deviation of its Rank-1 and mAP over seeds.

    python benchmarks/figures/hybrid.py               (hybrid/walkers; seven minutes a seed on an idle core)
    python benchmarks/figures/hybrid.py hybrid/few_labels
    python benchmarks/figures/hybrid.py hybrid/own_data -o data_cfg.of.dataset_root=DIR \\
        -o data_cfg.of.dataset_partition=FILE

The seed draws weights, batches and augmentations; the people stay the same. With --output the runs are
kept, and a benchmark that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import re
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runtime.options import RunOptions

SHOWN = re.compile(r"@(R1|mAP)$")


def scores(recipe: str, seed: int, folder: Path, device: str, others: list[str]) -> dict[str, dict]:
    """Stage -> figures of its last test, in percent."""
    overrides = [*others, f"trainer_cfg.seed={seed}", f"output_dir={folder / str(seed)}"]
    stages = load_recipe(recipe, overrides)
    train_recipe(stages, RunOptions(device=device))
    return {stage.name: last_figures(stage.folder) for stage in stages.stages}


def last_figures(folder: Path) -> dict[str, float]:
    """Figures of the last test in a run folder."""
    found = [json.loads(path.read_text()) for path in folder.glob("results-*.json")]
    metrics: Mapping[str, float] = max(found, key=lambda results: results["step"])["metrics"]
    return {name: value for name, value in metrics.items() if SHOWN.search(name)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("recipe", nargs="?", default="hybrid/walkers")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--output", type=Path, help="folder in which the runs are kept")
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    logging.getLogger("gait_plugins").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as passing:
        folder = options.output or Path(passing)
        found = []
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            clock, processor = time.perf_counter(), processor_seconds()
            found.append(scores(options.recipe, seed, folder, options.device, options.override))
            clock, processor = time.perf_counter() - clock, processor_seconds() - processor
            print(f"seed {seed}: {clock:.0f} s on the clock, {processor:.0f} s of processor time", flush=True)
            show(options.recipe, found)


def processor_seconds() -> float:
    """Processor time of this process and of the workers that have ended."""
    return sum(os.times()[:4])


def show(recipe: str, found: list[dict[str, dict[str, float]]]) -> None:
    """Print mean and deviation of what was found with each seed."""
    print(f"{recipe}, {len(found)} seeds, in percent")
    for stage in found[0]:
        print(f"  {stage}")
        for name in found[0][stage]:
            print(f"    {name:<16}{_spread([one[stage][name] for one in found]):>16}", flush=True)


def _spread(values: list[float]) -> str:
    apart = f" ± {np.std(values, ddof=1):.1f}" if len(values) > 1 else ""
    return f"{np.mean(values):.1f}{apart}"


if __name__ == "__main__":
    main()
