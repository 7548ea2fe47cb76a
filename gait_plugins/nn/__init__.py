"""Network parts that several models share, named and keyed as OpenGait's."""

from gait_plugins.nn.heads import HorizontalPooling, SeparateBNNecks, SeparateFCs
from gait_plugins.nn.packed import PackedMax, frames_of, packed_temporal_conv, split_lengths

__all__ = [
    "HorizontalPooling",
    "PackedMax",
    "SeparateBNNecks",
    "SeparateFCs",
    "frames_of",
    "packed_temporal_conv",
    "split_lengths",
]
