"""Residual blocks that several models share, on single frames and over time."""

from gait_plugins.nn.blocks.map_conv import MapConv, in_bfloat16
from gait_plugins.nn.blocks.map_norm import MapNorm, pixels_together
from gait_plugins.nn.blocks.residual import BasicBlock, Bottleneck, conv3x3
from gait_plugins.nn.blocks.temporal import BlockP3D, Mode, Stage, stage, stem

__all__ = [
    "BasicBlock",
    "BlockP3D",
    "Bottleneck",
    "MapConv",
    "MapNorm",
    "Mode",
    "Stage",
    "conv3x3",
    "in_bfloat16",
    "pixels_together",
    "stage",
    "stem",
]
