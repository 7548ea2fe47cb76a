"""Streams of sequence files: what each file of a view folder holds, and when its frames were taken."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from gait_plugins.api import Stream
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.ragged import Frames
from gait_plugins.io.remote.address import is_address
from gait_plugins.io.remote.listing import is_there
from gait_plugins.io.remote.store import read_whole
from gait_plugins.io.sequence_file import read_any

TIMES = ".times.txt"
"""Ending of the file of times that may lie beside a stream's."""


def named_streams(
    streams: Mapping[str, Stream] | None,
    files: Mapping[str, str] | None,
    data_in_use: Sequence[object] | None,
) -> tuple[Stream, ...] | None:
    """The streams of a data set of files, in the order of its inputs, each by its name.

    Raises:
        ConfigError: patterns are given for other streams, or beside ``data_in_use``.
    """
    if files is not None and data_in_use is not None:
        raise ConfigError(
            "files are chosen twice: by files and by data_in_use",
            where="data_cfg",
            hint="remove one of them",
        )
    if streams is None:
        if files is not None:
            raise ConfigError(
                "files names streams, but streams does not say what they are",
                where="data_cfg.files",
                hint=f"for example streams: {{{next(iter(files), 'points')}: {{type: Points}}}}",
            )
        return None
    if files is not None and list(files) != list(streams):
        raise ConfigError(
            f"files has patterns for {', '.join(files)}, streams are {', '.join(streams)}",
            where="data_cfg.files",
            hint="give one pattern for each stream, in the same order",
        )
    return tuple(stream.changed(name=name) for name, stream in streams.items())


def read_stream(stream: Stream, path: str) -> tuple[Frames, str | None]:
    """The frames of a stream's file, and what had to be converted.

    Raises:
        DataError: the file cannot be read, or holds something else than the stream says.
    """
    frames, note = stream.converted(read_any(path))
    return stream.checked(frames, path), note


def read_times(streams: Sequence[Stream], paths: Sequence[str]) -> dict[str, np.ndarray]:
    """Stream -> when its frames were taken, in seconds, for those with a file of times.

    Raises:
        DataError: such a file holds something else than a number a line.
    """
    found = {}
    for stream, path in zip(streams, paths, strict=True):
        beside = os.path.splitext(path)[0] + TIMES
        if is_there(beside) if is_address(path) else os.path.isfile(beside):
            try:
                text = read_whole(beside).decode() if is_address(path) else Path(beside).read_text()
                found[stream.name] = np.array([float(line) for line in text.split()])
            except (ValueError, OSError) as error:
                raise DataError(
                    f"the times of the stream {stream.name!r} cannot be read: {error}",
                    where=beside,
                    hint="write a number a line, in seconds, one for each frame",
                ) from error
    return found
