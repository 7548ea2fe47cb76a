"""Counterparts: models of this package that the checkout has too, with the same data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from gait_plugins.errors import GaitPluginsError
from gait_plugins.registry.manager import default_manager

STACKED: Mapping[str, Sequence[str]] = {"SkeletonGaitPP": ("skeleton_maps", "silhouettes")}
"""Models whose ``inputs_pretreament`` does no more than lay files of a sequence on each other, as channels
-> the streams; here the streams are laid on each other on the device, after joint transforms."""

TIME_SECOND = frozenset({"GaitGraph1"})
"""Models that take the channels of joints before the frames, ``[n, c, t, v, 1]``."""
TIME_SECOND_AFTER = frozenset({"GaitGraph1Input", "TwoView"})
"""Transforms that leave them so, ``[c, t, v, 1]``. Here frames lead, between any transform and any model."""


def usual_streams(name: str, options: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    """What files hold for the checkout's model of this name; empty where this package has none."""
    with suppress(GaitPluginsError, KeyError, TypeError):
        own: Any = default_manager().find("model", name).load()
        streams: Mapping[str, Mapping[str, Any]] = own.usual_streams(**options)
        return streams
    return {}
