"""Small settings of models on feature extractors: a stand-in for DINOv2, narrow branches and heads."""

from __future__ import annotations

from typing import Any

STAGES = {"channels": [4, 4, 4, 8], "layers": [1, 1, 1, 1], "strides": [1, 2, 2, 1], "maxpool": False}
NARROW: dict[str, Any] = {
    "extractor": {"type": "TinyDINOv2", "channels": 12},
    "image_size": 28,
    "sils_size": 8,
    "Mask_Branch": {"source_dim": 12, "target_dim": 2},
    "backbone_cfg": STAGES,
    "SeparateFCs": {"in_channels": 8, "out_channels": 4, "parts_num": 4},
    "SeparateBNNecks": {"in_channels": 4, "class_num": 3, "parts_num": 4},
    "bin_num": [4],
}
OF: dict[str, dict[str, Any]] = {
    "BigGait": {
        "Denoising_Branch": {"source_dim": 48, "target_dim": 3},
        "Appearance_Branch": {"source_dim": 48, "target_dim": 3, "softmax": False},
        "AttentionFusion": {"in_channels": 4, "squeeze_ratio": 2},
    },
    "BiggerGait": {
        "source_dim": 12,
        "total_layer_num": 4,
        "group_layer_num": 2,
        "head_num": 2,
        "num_unknown": 3,
        "backbone_cfg": {**STAGES, "strides": [1, 2, 1, 1]},
    },
    "BigGaitMask": {},
}
"""A model -> what it has besides, or otherwise."""
_MASK = ("extractor", "image_size", "sils_size", "Mask_Branch")


def on_stand_in(model: str) -> dict[str, Any]:
    """Options of ``BigGait``, ``BiggerGait`` or ``BigGaitMask`` on a stand-in, for three identities."""
    options = {**NARROW, **OF[model]}
    return {key: options[key] for key in _MASK} if model == "BigGaitMask" else options
