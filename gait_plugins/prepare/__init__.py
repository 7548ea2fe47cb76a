"""Preparation of raw masks for training: alignment, whole data sets, partitions, packed data files.

Names are imported on first use: what reads prepared data needs none of them, and OpenCV takes long to import.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gait_plugins.prepare.align import align_mask, align_masks, grey_mask
    from gait_plugins.prepare.convert import Order, prepare, write_sequence
    from gait_plugins.prepare.layouts import LAYOUTS, Layout, layout_named
    from gait_plugins.prepare.manifest import Record
    from gait_plugins.prepare.patterns import Name, Rule

_MODULES = {
    "LAYOUTS": "layouts",
    "Layout": "layouts",
    "Name": "patterns",
    "Order": "convert",
    "Record": "manifest",
    "Rule": "patterns",
    "align_mask": "align",
    "align_masks": "align",
    "grey_mask": "align",
    "layout_named": "layouts",
    "prepare": "convert",
    "write_sequence": "convert",
}

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


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)
