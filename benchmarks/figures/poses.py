"""Rank-1 of the small models of poses, maps, labels, clouds and silhouettes on walkers, over seeds.

    python benchmarks/figures/poses.py --output DIR             (twenty minutes a seed on an idle core)
    python benchmarks/figures/poses.py gaittr --seeds 1 --output DIR

The seed draws weights and batches; the people stay the same. Runs that are whole in the output folder are not
repeated. ``silhouettes`` is the network of SkeletonGait on silhouettes in place of skeleton maps, ``labels``
that of GaitBase on labels of body parts, and ``nobodies`` that of SMPLGait without its body model. The
processor time of a row is the mean over seeds; walkers that were not kept are made in it. Recipes
(``walkers/foundationgait``, ``gaitedge/walkers``) have figures of each stage: see ``hybrid.py``.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
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
NOBODIES = [
    "data_cfg.streams=[silhouettes]",
    "model_cfg.model=Baseline",
    "trainer_cfg.transform=[{type: BaseSilCuttingTransform}]",
    "evaluator_cfg.transform=[{type: BaseSilCuttingTransform}]",
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
    "nobodies": ("walkers/smplgait", NOBODIES),
    "lidargaitpp": ("walkers/lidargaitpp", []),
    "gaitbase": ("walkers/gaitbase", []),
}
"""Name of a row -> configuration, and what is changed of it."""


SECONDS = "processor s"
FLOAT32 = "trainer_cfg.precision=32-true"


def rank_1(model: str, seed: int, output: Path) -> dict[str, float]:
    """Condition -> Rank-1 in percent, the mean over probe views; and the processor time in seconds."""
    kept = output / f"{model}-{seed}.json"
    if not kept.exists():
        name, overrides = MODELS[model]
        began = sum(os.times()[:4])
        folder = f"output_dir={output / f'{model}-{seed}'}"
        results = train(
            load_config(name, [*overrides, folder, FLOAT32, f"trainer_cfg.seed={seed}"]),
            RunOptions(device="cpu"),
        )
        assert results is not None, f"{name} is not tested after its training"
        figures = {name: value for name, value in results.metrics.items() if "@R1" in name}
        kept.write_text(json.dumps({**figures, SECONDS: sum(os.times()[:4]) - began}))
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
        seconds = cells.pop(SECONDS)
        cells["mean"] = np.mean(list(cells.values()), 0)
        spread = "".join(f"  {name} {each.mean():.1f} ± {each.std():.1f}" for name, each in cells.items())
        print(f"{model:<16}{spread}  {seconds.mean():.0f} s of processor time", flush=True)


if __name__ == "__main__":
    main()
