"""Streams: what the frames of a sequence are, for each of its sources."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from typing_extensions import Self

from gait_plugins.api.options import HasExample
from gait_plugins.api.report import FindingLog
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.printable import printable
from gait_plugins.io.ragged import Frames, Ragged

Axis = int | str | None
"""Size of an axis of a frame: a number; a letter, for a size that the data decide, the same in every frame
(one letter stands for one size within a frame); None for one that differs from frame to frame."""


@dataclass(frozen=True)
class Stream(HasExample):
    """One source of a sequence: its name, its frames and their clock.

    Data sets say which streams they give, models which ones they take; both are compared before any work.
    A plugin offers kinds of streams as subclasses (hook ``gait_streams``), so that data sets of files can be
    told what they hold.

    Args:
        name: how data sets, models, transforms and configurations call it: ``silhouettes``, ``keypoints``.
        shape: of one frame: ``[h, w]`` with letters for sizes that the data decide, ``[17, 3]``, or
            ``[null, 3]`` for frames with unequal numbers of rows.
        dtype: numpy's name.
        low: smallest value that may occur.
        high: largest value that may occur.
        clock: frames per second, or the name of the stream in step with it.
        own_clock: for what a model takes: frames of its own clock.
        about: what the values mean, in a line.
    """

    name: str = ""
    """How data sets, models, transforms and configurations call it."""
    shape: Sequence[Axis] = ("h", "w")
    """Of one frame. None may stand first only."""
    dtype: str = "uint8"
    """numpy's name. Frames are brought to it where no value is lost, and keep it from there on."""
    low: float | None = None
    """Smallest value that may occur; None: any finite one."""
    high: float | None = None
    """Largest value that may occur."""
    clock: float | str | None = None
    """Frames per second, or the name of the stream whose frames were taken at the same moments. None: not
    known, which is enough where all streams of a sequence have as many frames."""
    own_clock: bool = False
    """For what a model takes. False: it has a frame for each frame of the model's first stream, the nearest
    in time. True: it has the frames of its own clock between the first and the last of them, so many that
    their number follows from the number of those."""
    about: str = ""
    """What the values mean, in a line: units, order of the joints, labels."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", tuple(self.shape))
        if None in self.shape[1:]:
            raise ConfigError(
                f"the stream {self.name!r} has the frame shape {self.described}: only the first axis may be "
                "ragged",
                where=self.name,
            )
        wrong = self._wrong()
        if wrong is not None:
            raise ConfigError(f"the stream {self.name!r} has {wrong}", where=self.name)

    def _wrong(self) -> str | None:
        """What of the declaration is impossible, in words."""
        try:
            is_number = np.dtype(self.dtype).kind in "biuf"
        except TypeError:
            is_number = False
        if not is_number:
            return f"the dtype {self.dtype!r}, expected one of numbers, such as float32"
        if any(isinstance(axis, int) and axis < 1 for axis in self.shape):
            return f"the frame shape {self.described}, expected sizes of 1 or more"
        if isinstance(self.clock, int | float) and not (0 < self.clock < float("inf")):
            return f"the clock {self.clock}, expected frames per second above 0"
        if self.low is not None and self.high is not None and self.low > self.high:
            return f"values from {self.low:g} to {self.high:g}, expected the smaller one first"
        return None

    @property
    def ragged(self) -> bool:
        """Whether frames differ in their number of rows."""
        return bool(self.shape) and self.shape[0] is None

    @property
    def described(self) -> str:
        """The shape of a frame as people read it: ``[m, 3]`` with m for what differs from frame to frame."""
        return f"[{', '.join('m' if axis is None else str(axis) for axis in self.shape)}]"

    @property
    def summary(self) -> str:
        """Name, frame, dtype, values and clock in a line."""
        limits = (
            "" if self.low is None and self.high is None else f", {_limit(self.low)}..{_limit(self.high)}"
        )
        clock = {float: "{:g} frames/s", int: "{} frames/s", str: "in step with {}"}.get(type(self.clock))
        ticks = "" if clock is None else f", {clock.format(self.clock)}"
        return f"{self.name}: {self.described} {self.dtype}{limits}{ticks}"

    def changed(self, **fields: Any) -> Self:
        """The same stream with another name, clock or whatever field."""
        other = copy.copy(self)
        for name, value in fields.items():
            object.__setattr__(other, name, value)
        return other

    def converted(self, frames: Frames) -> tuple[Frames, str | None]:
        """Frames as a file holds them, as this stream wants them, and what was done in words.

        For forms of storing that mean the same, such as silhouettes of 0 and 1; a subclass knows them.
        """
        return frames, None

    def examine(self, frames: Frames, name: str, log: FindingLog) -> None:
        """Add to a data check's findings what is odd about a sequence's frames; a subclass knows what is."""

    def misfit(self, given: Stream) -> str | None:
        """Why frames of ``given`` are none of this stream, in words; None where they are.

        A letter fits any size; a dtype fits one that holds all its values.
        """
        if given.ragged != self.ragged or len(given.shape) != len(self.shape):
            return f"frames {given.described}, expected {self.described}"
        for ours, theirs in zip(self.shape, given.shape, strict=True):
            if isinstance(ours, int) and isinstance(theirs, int) and ours != theirs:
                return f"frames {given.described}, expected {self.described}"
        if not _holds(np.dtype(self.dtype), np.dtype(given.dtype)):
            return f"dtype {given.dtype}, expected {self.dtype}"
        return None

    def checked(self, frames: Frames, where: str) -> Frames:
        """Frames in this stream's dtype.

        Args:
            frames: ``[t, *shape]``, or ragged.
            where: the file or sequence, for messages.

        Raises:
            DataError: they have no frame, or another rank, size or dtype, or values out of range, NaN among
                them; or a ragged frame is empty.
        """
        if not isinstance(frames, np.ndarray | Ragged) or not len(frames):
            raise self._error("no frame", where)
        array = frames.values if isinstance(frames, Ragged) else frames
        self._check_shape(frames, where)
        if array.dtype.kind not in "biuf":
            raise self._error(f"dtype {array.dtype}", where)
        self._check_values(array, where)
        wanted = np.dtype(self.dtype)
        if array.dtype == wanted:
            return frames
        with np.errstate(over="ignore", invalid="ignore"):
            converted = array.astype(wanted)
        # Of floating-point numbers, digits may be lost and nothing else.
        exact = wanted.kind in "biu" or array.dtype.kind in "biu"
        kept = np.array_equal(converted, array) if exact else bool(np.isfinite(converted).all())
        if not kept:
            raise self._error(f"{array.dtype} values that {self.dtype} cannot hold", where)
        return Ragged(converted, frames.offsets) if isinstance(frames, Ragged) else converted

    def _check_shape(self, frames: Frames, where: str) -> None:
        if isinstance(frames, Ragged) != self.ragged:
            found = "frames of unequal size" if isinstance(frames, Ragged) else f"shape {list(frames.shape)}"
            raise self._error(found, where)
        array = frames.values if isinstance(frames, Ragged) else frames
        shape = array.shape if isinstance(frames, Ragged) else array.shape[1:]
        known: dict[str, int] = {}
        fits = len(shape) == len(self.shape)
        for axis, size in zip(self.shape, shape, strict=False):
            wanted = known.setdefault(axis, size) if isinstance(axis, str) else axis
            fits = fits and wanted in (None, size) and (axis is None or size > 0)
        if not fits:
            raise self._error(f"frames of shape {list(shape)}", where)
        if isinstance(frames, Ragged) and not frames.sizes.all():
            empty = np.flatnonzero(frames.sizes == 0)
            raise DataError(
                f"{len(empty)} of {len(frames)} frames of the stream {self.name!r} are empty, the first is "
                f"frame {empty[0]}",
                where=printable(where),
                hint="leave out the frames in which nobody was seen, in every stream of the sequence",
            )

    def _check_values(self, array: np.ndarray, where: str) -> None:
        # uint8 has no other values than 0 to 255: silhouettes cost no look at them.
        full = array.dtype == np.uint8 and (self.low or 0) <= 0 and (self.high is None or self.high >= 255)
        if full or not array.size:
            return
        low, high = array.min(), array.max()
        if not np.isfinite(low) or not np.isfinite(high):
            raise self._error(
                f"{np.count_nonzero(~np.isfinite(array))} values that are NaN or infinite", where
            )
        if (self.low is not None and low < self.low) or (self.high is not None and high > self.high):
            raise self._error(f"{array.dtype} values from {low:g} to {high:g}", where)

    def _error(self, found: str, where: str) -> DataError:
        return DataError(
            f"the stream {self.name!r} holds {found}, expected {self.summary.partition(': ')[2]}",
            where=printable(where),
            hint=f"{self.about}; save it so, or choose another stream"
            if self.about
            else "save it so, or choose another stream",
        )


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _holds(wanted: np.dtype, given: np.dtype) -> bool:
    return np.can_cast(given, wanted, "same_kind") or (given.kind in "biu" and wanted.kind == "f")
