"""Rank-1 of the small models of poses, maps, labels and silhouettes on walkers, with its spread over seeds.

    python benchmarks/figures/poses.py --output DIR             (twenty minutes a seed on an idle core)
    python benchmarks/figures/poses.py gaittr --seeds 1 --output DIR

The seed draws weights and batches; the people stay the same. Runs that are whole in the output folder are not
repeated. ``silhouettes`` is the network of SkeletonGait on silhouettes in place of skeleton maps, and
``labels`` that of GaitBase on labels of body parts.
"""

from __future__ import annotations

import argparse
import json
import logging
from pathlib import Path

import numpy as np

from gait_plugins.config import load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

SILHOUETTES = ["data_cfg.streams=[silhouettes]", "model_cfg.Backbone.in_channels=1"]
LABELS = [
    "data_cfg.streams=[parsing]",
    "trainer_cfg.transform=[{type: BaseParsingCuttingTransform}]",
    "evaluator_cfg.transform=[{type: BaseParsingCuttingTransform}]",
]
MODELS: dict[str, tuple[str, list[str]]] = {
    "skeletongaitpp": ("walkers/skeletongaitpp", []),
    "skeletongait": ("walkers/skeletongait", []),
    "silhouettes": ("walkers/skeletongait", SILHOUETTES),
    "gaitgraph2": ("walkers/gaitgraph2", []),
    "gaittr": ("walkers/gaittr", []),
    "parsinggait": ("walkers/parsinggait", []),
    "labels": ("walkers/gaitbase", LABELS),
    "smplgait": ("walkers/smplgait", []),
    "gaitbase": ("walkers/gaitbase", []),
}
"""Name of a row -> configuration, and what is changed of it."""


def rank_1(model: str, seed: int, output: Path) -> dict[str, float]:
    """Condition -> Rank-1 in percent, the mean over probe views."""
    kept = output / f"{model}-{seed}.json"
    if not kept.exists():
        name, overrides = MODELS[model]
        folder = f"output_dir={output / f'{model}-{seed}'}"
        results = train(
            load_config(name, [*overrides, folder, f"trainer_cfg.seed={seed}"]), RunOptions(device="cpu")
        )
        assert results is not None, f"{name} is not tested after its training"
        kept.write_text(json.dumps({name: value for name, value in results.metrics.items() if "@R1" in name}))
    found: dict[str, float] = json.loads(kept.read_text())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("models", nargs="*", default=list(MODELS), choices=[*MODELS, []])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--output", type=Path, required=True, help="folder in which the runs are kept")
    options = parser.parse_args()
    options.output.mkdir(parents=True, exist_ok=True)
    logging.getLogger("gait_plugins").setLevel(logging.WARNING)
    for model in options.models or list(MODELS):
        found = [rank_1(model, seed, options.output) for seed in range(1, options.seeds + 1)]
        cells = {name: np.array([one[name] for one in found]) for name in found[0]}
        cells["mean"] = np.mean(list(cells.values()), 0)
        spread = "".join(f"  {name} {each.mean():.1f} ± {each.std():.1f}" for name, each in cells.items())
        print(f"{model:<16}{spread}", flush=True)


if __name__ == "__main__":
    main()
