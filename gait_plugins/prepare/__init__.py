"""Preparation of raw masks for training: alignment, whole data sets, partitions, packed data files."""

from gait_plugins.prepare.align import align_mask, align_masks, grey_mask
from gait_plugins.prepare.convert import Order, prepare, write_sequence
from gait_plugins.prepare.layouts import LAYOUTS, Layout, layout_named
from gait_plugins.prepare.manifest import Record
from gait_plugins.prepare.patterns import Name, Rule

__all__ = [
    "LAYOUTS",
    "Layout",
    "Name",
    "Order",
    "Record",
    "Rule",
    "align_mask",
    "align_masks",
    "grey_mask",
    "layout_named",
    "prepare",
    "write_sequence",
]
