"""Settings that make ``resgait/walkers`` a matter of seconds."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

RECIPE = "resgait/walkers"


def tiny_settings(folder: Path, chosen: Iterable[str] = ()) -> list[str]:
    """Overrides: a handful of walkers, of frames, of steps and of conditions.

    Args:
        folder: for the runs.
        chosen: further overrides.
    """
    conditions = "{top 40%: {type: FixedOcclusion, kind: top, portion: 0.4}, " + (
        "bottom 40%: {type: FixedOcclusion, kind: bottom, portion: 0.4}}"
    )
    every = {
        "data_cfg.train": 4,
        "data_cfg.test": 2,
        "data_cfg.views": '["000", "090"]',
        "data_cfg.nm": 5,
        "data_cfg.bg": 1,
        "data_cfg.cl": 1,
        "data_cfg.frames": 8,
        "data_cfg.cache_dir": folder / "cache",
        "data_cfg.num_workers": 0,
        "trainer_cfg.save_iter": 100,
        "trainer_cfg.log_iter": 100,
    }
    steps = {"oem": 2, "gse": 4, "residual": 3}
    settings = [f"output_dir={folder / 'output'}", *(f"{key}={value}" for key, value in every.items())]
    settings += [f"{stage}.trainer_cfg.total_iter={number}" for stage, number in steps.items()]
    settings += [f"{stage}.evaluator_cfg.conditions={conditions}" for stage in ("gse", "residual")]
    return [*settings, "gse.trainer_cfg.sampler.batch_size=[3, 2]", *chosen]
