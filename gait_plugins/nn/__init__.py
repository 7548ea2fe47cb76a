"""Network parts that several models share, named and keyed as OpenGait's, and sums over triplets."""

from gait_plugins.nn.contrastive_views import views_of
from gait_plugins.nn.hardest import hardest_pairs
from gait_plugins.nn.heads import HorizontalPooling, SeparateBNNecks, SeparateFCs
from gait_plugins.nn.labels import check_axes, check_labels, in_parts
from gait_plugins.nn.packed_batches import (
    FrameWise,
    PackedMax,
    SequenceWise,
    each_sequence,
    frame_peaks,
    frames_of,
    packed_temporal_conv,
    split_lengths,
)
from gait_plugins.nn.parameter_groups import split_by_weight_decay
from gait_plugins.nn.triplets import pairs_of, pairwise_distance, triplet_sums

__all__ = [
    "FrameWise",
    "HorizontalPooling",
    "PackedMax",
    "SeparateBNNecks",
    "SeparateFCs",
    "SequenceWise",
    "check_axes",
    "check_labels",
    "each_sequence",
    "frame_peaks",
    "frames_of",
    "hardest_pairs",
    "in_parts",
    "packed_temporal_conv",
    "pairs_of",
    "pairwise_distance",
    "split_by_weight_decay",
    "split_lengths",
    "triplet_sums",
    "views_of",
]
