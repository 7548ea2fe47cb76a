"""Checks that the parts of a model fit each other and its input."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch

from gait_plugins.errors import ConfigError

_KEY_POINT = 4
"""Values of a key point: two or three coordinates, and a confidence."""


class Fit(NamedTuple):
    """One option that another one determines."""

    option: str
    found: int
    expected: int
    because: str
    """What determines it."""


def require_fits(where: str, fits: Iterable[Fit]) -> None:
    """Refuse the first option that differs from what it has to be.

    Raises:
        ConfigError: names the option, both values and what determines it.
    """
    for option, found, expected, because in fits:
        if found != expected:
            raise ConfigError(
                f"{option} is {found}, expected {expected} ({because})",
                where=where,
                hint=f"set {option} to {expected}",
            )


def require_strips(where: str, height: int, width: int, strides: Sequence[int], strips: int) -> None:
    """Refuse frames whose maps, after stages of these strides, do not divide into the strips.

    Raises:
        ConfigError: names both sizes.
    """
    h, w = height, width
    for stride in strides:
        h, w = -(-h // stride), -(-w // stride)
    if (h * w) % strips:
        raise ConfigError(
            f"frames of {height}x{width} become maps of {h}x{w}, which do not divide into {strips} strips",
            where=where,
            hint="OpenGait's silhouettes are 64x44 (or 64x64 before BaseSilCuttingTransform)",
        )


def require_frame_size(where: str, height: int, width: int, attempt: Callable[[], object]) -> None:
    """Refuse frames that ``attempt``, a pass of a blank one, does not get through.

    Raises:
        ConfigError: names the size and what stopped the frame.
    """
    try:
        with torch.no_grad():
            attempt()
    except (ConfigError, RuntimeError) as error:
        reason = error.message if isinstance(error, ConfigError) else str(error).splitlines()[0]
        raise ConfigError(
            f"frames of {height}x{width} do not fit: {reason}",
            where=where,
            hint=f"{_otherwise(width)}OpenGait's silhouettes are 64x44 (or 64x64 before "
            "BaseSilCuttingTransform)",
        ) from error


def _otherwise(width: int) -> str:
    if width > _KEY_POINT:
        return ""
    return (
        "rows that short are key points of a skeleton, but this model takes silhouettes: set "
        "data_cfg.dataset_root to silhouettes, or choose their file with data_cfg.data_in_use. "
    )
