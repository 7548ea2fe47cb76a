"""Ablation of RLE's augmenters on the synthetic people of ``rle/duo``: Rank-1 and mAP over seeds.

    python benchmarks/figures/rle_ablation.py            (one to three minutes a training on a core)

One training for each augmentation and seed, all else equal: shift and flip are always there. The seed
draws weights, batches and augmentations; the people stay the same. Figures are the means of both
directions, single-shot. Each training prints its own when it ends; the table comes last.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time

import numpy as np

from gait_plugins.config import load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

MODERATE = "{type: ModerateRLE, prob: 0.5, beta_factor: 0.3}"
RADICAL = "{type: RadicalRLE, prob: 0.5, min_out: 0.1, beta_factor: 0.4}"
ERASING = "{type: RandomErasingRGB, prob: 0.5}"
VARIANTS: dict[str, tuple[str, ...]] = {
    "none": (),
    "random erasing": (ERASING,),
    "MRLE": (MODERATE,),
    "RRLE": (RADICAL,),
    "RLE + erasing": (MODERATE, RADICAL, ERASING),
}
FIGURES = ("R1", "mAP")


def scores(
    variant: str, seed: int, steps: int, folder: str, device: str, others: list[str]
) -> dict[str, float]:
    """Figures of one training, in percent."""
    steady = ("{type: RandomPadCrop, padding: 4}", "{type: RandomHorizontalFlip, prob: 0.5}")
    every = ", ".join((*steady, *VARIANTS[variant], "{type: BaseSilTransform}"))
    overrides = {
        "trainer_cfg.transform": f"[{{type: Compose, trf_cfg: [{every}]}}]",
        "trainer_cfg.seed": seed,
        "trainer_cfg.total_iter": steps,
        "trainer_cfg.save_iter": steps,
        "scheduler_cfg.milestones": [steps * 3 // 4, steps * 9 // 10],
        "output_dir": f"{folder}/{variant}/{seed}",
    }
    config = load_config("rle/duo", [*(f"{key}={value}" for key, value in overrides.items()), *others])
    results = train(config, RunOptions(device=device))
    assert results is not None
    return {
        name: float(np.mean([results.metrics[f"{way}@{name}"] for way in ("V2T", "T2V")])) for name in FIGURES
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--variants", nargs="+", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--device", default="auto")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="KEY=VALUE")
    options = parser.parse_args()
    logging.getLogger("gait_plugins").setLevel(logging.WARNING)
    seeds = range(options.first_seed, options.first_seed + options.seeds)
    print(f"rle/duo, {options.steps} steps, {options.seeds} seeds, mean of both directions (%)", flush=True)
    table = []
    with tempfile.TemporaryDirectory() as folder:
        for variant in options.variants:
            found = []
            for seed in seeds:
                started = time.perf_counter()
                found.append(scores(variant, seed, options.steps, folder, options.device, options.override))
                texts = "  ".join(f"{name} {found[-1][name]:5.2f}" for name in FIGURES)
                minutes = (time.perf_counter() - started) / 60
                print(f"  {variant}, seed {seed}: {texts}  ({minutes:.1f} minutes)", flush=True)
            table.append((variant, *(_spread([one[name] for one in found]) for name in FIGURES)))
    print(f"\n  {'augmentation':<16}{'Rank-1':>16}{'mAP':>16}")
    for variant, rank, precision in table:
        print(f"  {variant:<16}{rank:>16}{precision:>16}")


def _spread(values: list[float]) -> str:
    apart = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{apart}"


if __name__ == "__main__":
    main()
