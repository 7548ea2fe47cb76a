"""Sample images of a contrastive model's batch."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from gait_plugins.api import GaitBatch
from gait_plugins.nn import frames_of


def pictures_of(views: Iterable[GaitBatch]) -> dict[str, Tensor]:
    """``image/view1`` and so on: the frames ``[m, c, h, w]`` of each view."""
    return {
        f"image/view{number}": frames_of(view.inputs[0]).transpose(1, 2).flatten(0, 1)
        for number, view in enumerate(views, 1)
    }
