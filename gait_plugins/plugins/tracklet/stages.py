"""The options of TrackletGait's stages, one record each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.tracklet.layers import UNSTRIDED, Stride


class Stage(NamedTuple):
    """One stage of blocks of equal width."""

    number: int
    """As in the state-dict key ``layer2``."""
    width: int
    stride: Stride
    """Over (frames, height, width)."""
    temporal: bool
    depth: int


def stages_of(
    widths: Sequence[int],
    strides: Sequence[Sequence[int]],
    temporal: Sequence[bool],
    depths: Sequence[int] | None,
    numbers: Sequence[int] | None,
) -> list[Stage]:
    """The stages that the lists describe, item by item.

    Raises:
        ConfigError: the lists differ in length, or a value makes no stage.
    """
    count = len(widths)
    depths = (1,) * count if depths is None else depths
    numbers = range(1, count + 1) if numbers is None else numbers
    lists: dict[str, Sequence[Any]] = {
        "strides": strides,
        "temporal": temporal,
        "depths": depths,
        "stage_numbers": numbers,
    }
    for name, values in lists.items():
        if len(values) != count:
            raise ConfigError(
                f"{name} has {len(values)} items, but there are {count} widths",
                hint="give one item for each stage; all of these lists describe the same stages",
            )
    if count == 0 or len(set(numbers)) != count or min(depths) < 1 or min(widths) < 1:
        raise ConfigError(
            f"widths {list(widths)}, depths {list(depths)} and stage_numbers {list(numbers)} make no valid "
            "network",
            hint="give at least one stage, widths and depths of at least 1, and no number twice",
        )
    return [
        Stage(number, width, as_stride(stride), bool(branch), depth)
        for number, width, stride, branch, depth in zip(
            numbers, widths, strides, temporal, depths, strict=True
        )
    ]


def as_stride(stride: Sequence[int]) -> Stride:
    """Three numbers over (frames, height, width)."""
    if len(stride) != len(UNSTRIDED):
        raise ConfigError(
            f"the stride {list(stride)} has {len(stride)} numbers, expected 3",
            hint="a stride is [frames, height, width], for example [1, 2, 2]",
        )
    frames, height, width = (int(step) for step in stride)
    return frames, height, width
