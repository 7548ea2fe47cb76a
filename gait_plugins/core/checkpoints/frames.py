"""Frames that weights were trained on, as their checkpoint records them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gait_plugins.errors import CheckpointError


def trained_frames(checkpoint: Mapping[str, Any]) -> tuple[int, int] | dict[str, list[int | None]] | None:
    """The frames that the weights were trained on: height and width, or a shape for each stream."""
    streams, size = checkpoint.get("streams"), checkpoint.get("input_size")
    if isinstance(streams, dict):
        return {str(name): list(shape) for name, shape in streams.items()}
    return None if size is None else (int(size[0]), int(size[1]))


def check_frame_record(loaded: Mapping[str, Any], path: Path) -> None:
    """See that a checkpoint's record of its frames can be read.

    Raises:
        CheckpointError: it cannot.
    """
    if not _is_size(loaded.get("input_size")):
        raise CheckpointError(
            f"the checkpoint's 'input_size' is {loaded['input_size']!r}, expected height and width",
            where=str(path),
        )
    if not _is_streams(loaded.get("streams")):
        raise CheckpointError(
            f"the checkpoint's 'streams' is {loaded['streams']!r:.80}, expected the shape of a frame by the "
            "name of each stream",
            where=str(path),
        )


def _is_streams(streams: Any) -> bool:
    return streams is None or (
        isinstance(streams, dict)
        and all(
            isinstance(name, str)
            and isinstance(shape, list | tuple)
            and all(axis is None or isinstance(axis, int) for axis in shape)
            for name, shape in streams.items()
        )
    )


def _is_size(size: Any) -> bool:
    pair = isinstance(size, tuple | list) and len(size) == 2
    return size is None or (pair and all(isinstance(side, int) for side in size))
