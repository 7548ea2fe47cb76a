"""Streams of these models: pictures, how wide the person was, masks, and a diffusion model's features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from gait_plugins.api import SILHOUETTES, Stream
from gait_plugins.errors import ConfigError

RGB = Stream("rgb", (3, "h", "w"), "float32", about="red, green, blue, as BaseRgbTransform leaves them")
RATIOS = Stream("ratios", (), "float32", 0, about="width of the person's box divided by its height")
MASKS = SILHOUETTES
LATENTS = Stream("latents", (4, "h", "w"), "float32", about="features of a latent diffusion model")

USUAL: Mapping[str, Mapping[str, Any]] = {
    "ratios": {"type": "Ratios"},
    "rgb": {"type": "Film"},
    "silhouettes": {"type": "Silhouettes"},
    "latents": {"type": "Stream", "shape": [4, "h", "w"], "dtype": "float32"},
}
"""Stream -> what its file holds, before any transform."""


def called(owner: str, streams: Sequence[Stream], names: Sequence[str] | None) -> tuple[Stream, ...]:
    """Streams under the names that the data have for them.

    Args:
        owner: the model, for messages.
        streams: as the model knows them.
        names: one for each, or None: their usual names.

    Raises:
        ConfigError: there are more or fewer names, or one of them twice.
    """
    if names is None:
        return tuple(streams)
    usual = ", ".join(stream.name for stream in streams)
    if len(names) != len(streams) or len(set(names)) != len(names):
        raise ConfigError(
            f"streams is {list(names)}, expected a name for each of {usual}, in this order",
            where=owner,
            hint="leave streams out where the data have the usual names",
        )
    return tuple(stream.changed(name=name) for stream, name in zip(streams, names, strict=True))


def usual(names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """What the files of these streams hold, where nothing else is said."""
    return {name: USUAL[name] for name in names}


def require_inputs(owner: str, inputs: Sequence[Any], streams: Sequence[Stream]) -> None:
    """Refuse a batch without one of the streams."""
    if len(inputs) < len(streams):
        raise ConfigError(
            f"the batch has {len(inputs)} inputs, expected {len(streams)}: {_listed(streams)}",
            where=owner,
            hint="choose the files with data_cfg.data_in_use",
        )


def require_one_size(owner: str, one: Tensor, other: Tensor, names: Sequence[str]) -> None:
    """Refuse two streams whose frames differ in height or width."""
    first, second = one.shape[-2:], other.shape[-2:]
    if first != second:
        sizes = [f"{name} of {h}x{w}" for name, (h, w) in zip(names, (first, second), strict=True)]
        raise ConfigError(
            f"frames come as {' and '.join(sizes)}; expected is one size",
            where=owner,
            hint="choose data that were cut alike",
        )


def _listed(streams: Sequence[Stream]) -> str:
    return ", ".join(stream.name for stream in streams)
