"""The configurations of poses and maps: what OpenGait calls them, their data, and a small form of each."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from gait_plugins.config import Config, load_config
from helpers.files.walking_sets import walking_copy


class Shipped(NamedTuple):
    """A shipped configuration."""

    name: str
    file: str
    """OpenGait's, in its folder ``configs``."""
    data_set: str
    contents: str
    """Of a view folder: a key of ``walking_sets.CONTENTS``."""


_SETS = {
    "casiab": "CASIA-B",
    "ccpg": "CCPG",
    "gait3d": "Gait3D",
    "grew": "GREW",
    "oumvlp": "OUMVLP",
    "oumvlp17": "OUMVLP",
    "sustech1k": "SUSTech1K",
    "scoliosis1k": "Scoliosis1K",
}
_FILES = """
gaitgraph1/casiab gaitgraph1/gaitgraph1_phase1 joints17
gaitgraph1/gait3d gaitgraph1/gaitgraph1_phase1_Gait3D joints17
gaitgraph1/grew gaitgraph1/gaitgraph1_phase1_GREW joints17
gaitgraph1/oumvlp gaitgraph1/gaitgraph1_phase1_OUMVLP joints18
gaitgraph1/oumvlp17 gaitgraph1/gaitgraph1_phase1_OUMVLP17 joints17
gaitgraph2/casiab gaitgraph2/gaitgraph2 joints17
gaitgraph2/ccpg gaitgraph2/gaitgraph2_CCPG joints18
gaitgraph2/gait3d gaitgraph2/gaitgraph2_Gait3D joints17
gaitgraph2/grew gaitgraph2/gaitgraph2_GREW joints17
gaitgraph2/oumvlp gaitgraph2/gaitgraph2_OUMVLP joints18
gaitgraph2/oumvlp17 gaitgraph2/gaitgraph2_OUMVLP17 joints17
gaitgraph2/sustech1k gaitgraph2/gaitgraph2_SUSTech1K joints17 of 16 files
gaittr/ccpg gaittr/gaittr_CCPG joints18
gaittr/gait3d gaittr/gaittr_Gait3D joints17
gaittr/grew gaittr/gaittr_GREW joints17
gaittr/oumvlp gaittr/gaittr_OUMVLP joints18
gaittr/oumvlp17 gaittr/gaittr_OUMVLP17 joints17
gaittr/sustech1k gaittr/gaittr_SUSTech1K joints17 of 16 files
msgg/oumvlp msgg/msgg_OUMVLP joints18
msgg/sustech1k msgg/msgg_SUSTech1K joints17 of 16 files
multigaitpp/ccpg multigaitpp/multigaitpp_ccpg silhouette, parsing, flow
multigaitpp/gait3d multigaitpp/multigaitpp_gait3d silhouette, parsing
multigaitpp/grew multigaitpp/multigaitpp_grew silhouette, flow
multigaitpp/sustech1k multigaitpp/multigaitpp_sustech1k silhouette, parsing, flow
sconet/scoliosis1k sconet/sconet_scoliosis1k silhouettes
skeletongait/ccpg skeletongait/skeletongait_CCPG maps
skeletongait/gait3d skeletongait/skeletongait_Gait3D maps
skeletongait/grew skeletongait/skeletongait_GREW maps
skeletongait/oumvlp skeletongait/skeletongait_OUMVLP maps
skeletongait/sustech1k skeletongait/skeletongait_SUSTech1K maps
skeletongaitpp/ccpg skeletongait/skeletongait++_CCPG maps
skeletongaitpp/gait3d skeletongait/skeletongait++_Gait3D maps
skeletongaitpp/grew skeletongait/skeletongait++_GREW maps
skeletongaitpp/sustech1k skeletongait/skeletongait++_SUSTech1K maps
"""
POSES = [
    Shipped(name, f"{file}.yaml", _SETS[name.split("/")[1]], contents)
    for name, file, contents in (line.split(" ", 2) for line in _FILES.split("\n") if line)
]
NARROW: dict[str, dict[str, Any]] = {
    "DeepGaitV2": {"Backbone.channels": [4, 4, 8, 8]},
    "SkeletonGaitPP": {"Backbone.channels": [4, 4, 8, 8]},
    "MultiGaitpp": {"Backbone.channels": [4, 4, 8, 8]},
    "ScoNet": {
        "backbone_cfg.channels": [4, 4, 8, 8],
        "SeparateFCs.in_channels": 8,
        "SeparateFCs.out_channels": 8,
        "SeparateBNNecks.in_channels": 8,
    },
}
"""Widths of the models of pictures; those of joints are small as they are."""
CLASSES = {"DeepGaitV2": 3, "SkeletonGaitPP": 3, "MultiGaitpp": 3}
STEPS = 2


def small_form(source: str, shipped: Shipped, folder: Path, *more: str) -> Config:
    """A configuration on a small copy of its data, for two steps of small batches, and the test.

    Args:
        source: the name of a shipped configuration, or OpenGait's file.
        shipped: its data.
        folder: for data and output.
        more: further overrides.
    """
    config = load_config(source)
    root, partition = walking_copy(shipped.data_set, shipped.contents, folder)
    model, pairs = config.model_cfg.name, config.trainer_cfg.sampler.batch.name == "TripletSampler"
    overrides: dict[str, Any] = {
        "data_cfg.dataset_root": root,
        "data_cfg.dataset_partition": partition,
        "data_cfg.num_workers": 0,
        "output_dir": folder / "output",
        "trainer_cfg.sampler.batch_size": [2, 2] if pairs else 4,
        "trainer_cfg.sampler.frames_num_fixed": 6,
        "trainer_cfg.total_iter": STEPS,
        "trainer_cfg.save_iter": STEPS,
        "trainer_cfg.log_iter": 1,
        "trainer_cfg.with_test": True,
        "trainer_cfg.restore_hint": 0,
        "evaluator_cfg.restore_hint": STEPS,
    }
    if config.scheduler_cfg.scheduler == "OneCycleLR":
        overrides["scheduler_cfg.total_steps"] = STEPS
    overrides |= {f"model_cfg.{key}": value for key, value in NARROW.get(model, {}).items()}
    if model in CLASSES:
        overrides["model_cfg.SeparateBNNecks.class_num"] = CLASSES[model]
    if model == "MultiScaleGaitGraph":
        overrides["model_cfg.num_id"] = 3
    return load_config(source, [*(f"{key}={value}" for key, value in overrides.items()), *more])
