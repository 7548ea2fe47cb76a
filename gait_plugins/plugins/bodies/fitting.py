"""Fits of options to each other, and of frames to a network."""

from __future__ import annotations

from collections.abc import Callable

import torch

from gait_plugins.errors import ConfigError


def require(where: str, option: str, found: int, expected: int, because: str) -> None:
    """Refuse an option that differs from what another one makes of it.

    Raises:
        ConfigError: names the option, both values and what determines it.
    """
    if found != expected:
        raise ConfigError(
            f"{option} is {found}, expected {expected} ({because})",
            where=where,
            hint=f"set {option} to {expected}",
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
            hint="published are frames of 64x44 (64x64 before they are cut)",
        ) from error
