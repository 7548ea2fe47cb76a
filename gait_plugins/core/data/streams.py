"""Streams of a run: which of a data set's a model gets, and their frames by one draw and by the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from gait_plugins.api import SequenceRef, Stream
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.printable import printable
from gait_plugins.io.ragged import Frames
from gait_plugins.suggest import did_you_mean

_CLOCKS = "data_cfg.clocks states frames per second, for example clocks: {%s: 30}"


@dataclass(frozen=True)
class Taken:
    """The streams that a model gets.

    Args:
        streams: in the order of the model's inputs, each with its clock; None where the data set does not
            say what it gives, and every array is an input.
        places: where each is in what the data set loads.
        chains: stream -> itself, the stream that it is in step with, and so on; for streams that are no
            inputs too, since an input may be in step with one.
        rates: stream -> frames per second, where they are known.
    """

    streams: tuple[Stream, ...] | None = None
    places: tuple[int, ...] = ()
    chains: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rates: Mapping[str, float] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """Of the inputs; empty where none is known."""
        return tuple(stream.name for stream in self.streams or ())

    def of(self, loaded: Sequence[Frames], ref: SequenceRef) -> list[Frames]:
        """The inputs' frames of what a data set has loaded, checked against what it declares.

        Raises:
            DataError: the data set has loaded something else.
        """
        if self.streams is None:
            return list(loaded)
        if len(loaded) <= max(self.places):
            raise DataError(
                f"the data set gives {len(loaded)} arrays, at least {max(self.places) + 1} are expected: "
                f"{', '.join(self.names)}",
                where=printable(ref.name),
                hint="choose other data, or a model for these: gait-plugins data check shows what there is",
            )
        return [
            stream.checked(loaded[place], ref.name)
            for stream, place in zip(self.streams, self.places, strict=True)
        ]

    @property
    def own_clocks(self) -> tuple[str, ...]:
        """Names of the inputs that have frames of their own clock."""
        return tuple(stream.name for stream in self.streams or () if stream.own_clock)


def take(
    given: tuple[Stream, ...] | None,
    wanted: tuple[Stream, ...] | None,
    clocks: Mapping[str, float],
    where: str | None = None,
    model: str = "the model",
) -> Taken:
    """Choose a model's streams from a data set's.

    Args:
        given: what the data set declares.
        wanted: what the model declares.
        clocks: ``data_cfg.clocks``.
        where: place of the data set in the configuration, for messages.
        model: name of the model, for messages.

    Raises:
        ConfigError: the data lack one, or a clock is stated for none of them.
    """
    if given is None:
        if clocks:
            raise ConfigError(
                "clocks are stated, but the data set does not say which streams it gives",
                where=where,
                hint="name them: data_cfg.streams, for data sets of files",
            )
        # Its arrays are taken for the model's streams, in their order, and are checked when they are read.
        return _taken(wanted, tuple(range(len(wanted))), wanted, where) if wanted else Taken()
    names = [stream.name for stream in given]
    for name in clocks:
        if name not in names:
            raise ConfigError(
                f"data_cfg.clocks has a clock for {name!r}, but the data have {', '.join(names)}",
                where=where,
                hint=did_you_mean(name, names),
            )
    timed = [stream.changed(clock=clocks.get(stream.name, stream.clock)) for stream in given]
    for stream in timed:
        if isinstance(stream.clock, str) and stream.clock not in names:
            raise ConfigError(
                f"the stream {stream.name!r} is in step with {stream.clock!r}, which the data do not have",
                where=where,
                hint=_CLOCKS % stream.name,
            )
    if wanted is None:
        return _taken(tuple(timed), tuple(range(len(timed))), timed, where)
    absent = [stream.name for stream in wanted if stream.name not in names]
    if absent:
        raise ConfigError(
            f"{model} takes {', '.join(s.name for s in wanted)}, but the data have {', '.join(names)}: "
            f"missing is {', '.join(absent)}",
            where=where,
            hint=did_you_mean(absent[0], names)
            or "choose another model, or data with this stream (data_cfg.streams names the streams of files)",
        )
    places = tuple(names.index(stream.name) for stream in wanted)
    chosen = zip(places, wanted, strict=True)
    inputs = tuple(timed[place].changed(own_clock=want.own_clock) for place, want in chosen)
    return _taken(inputs, places, timed, where)


def _taken(
    inputs: tuple[Stream, ...], places: tuple[int, ...], known: Sequence[Stream], where: str | None
) -> Taken:
    """The inputs with the clocks of all streams that are known.

    Raises:
        ConfigError: streams are in step with each other in a circle.
    """
    by_name = {stream.name: stream for stream in known}
    chains = {}
    for stream in known:
        chain = [stream.name]
        while (leader := by_name[chain[-1]].clock) in by_name:
            if leader in chain:
                raise ConfigError(
                    f"the clocks lead in a circle: {' in step with '.join([*chain, str(leader)])}",
                    where=where,
                    hint=_CLOCKS % stream.name,
                )
            chain.append(str(leader))
        chains[stream.name] = tuple(chain)
    rates = {s.name: float(s.clock) for s in known if isinstance(s.clock, int | float)}
    return Taken(inputs, places, chains, rates)


def pick(
    taken: Taken,
    frames: Sequence[Frames],
    times: Mapping[str, np.ndarray],
    picked: np.ndarray,
    ref: SequenceRef,
) -> list[Frames]:
    """Frames of every input for those that were drawn of the first one.

    An input with the clock of the first one gives the same frames, one with another clock the nearest in
    time, or those of its own clock between the first and the last moment that were drawn.

    Raises:
        DataError: streams have unequal lengths and no clocks, or one covers too little of the time.
    """
    if len(frames) == 1:
        return [frames[0].take(picked, axis=0)]
    if taken.streams is None:
        for place, other in enumerate(frames[1:], 1):
            if len(other) != len(frames[0]):
                raise DataError(
                    f"the input sources have unequal lengths: {len(frames[0])} and {len(other)} frames "
                    f"(the first and number {place + 1})",
                    where=printable(ref.name),
                    hint="leave the other out by data_cfg.data_in_use; or name the streams "
                    "(data_cfg.streams) and state their clocks (data_cfg.clocks)",
                )
        return [source.take(picked, axis=0) for source in frames]
    clock = _Clock(taken, [len(source) for source in frames], times, ref)
    return [source.take(clock.frames(place, picked), axis=0) for place, source in enumerate(frames)]


class _Clock:
    """Says which frames of a stream belong to frames of the first one."""

    def __init__(
        self,
        taken: Taken,
        lengths: Sequence[int],
        times: Mapping[str, np.ndarray],
        ref: SequenceRef,
    ) -> None:
        self.streams = taken.streams or ()
        self.taken = taken
        self.lengths = lengths
        self.times = times
        self.ref = ref

    def frames(self, place: int, picked: np.ndarray) -> np.ndarray:
        """Frames of the input at a place, for those that were drawn of the first, int64 ``[s]``."""
        first, other = self.streams[0], self.streams[place]
        if place == 0:
            return picked
        in_step = self._beat(first) == self._beat(other)
        known = self._moments(0) is not None and self._moments(place) is not None
        if in_step or not known:
            if self.lengths[0] != self.lengths[place]:
                raise self._unequal(place)
            return picked
        return self._own(place, picked) if other.own_clock else self._nearest(place, self._at(picked))

    def _leader(self, stream: Stream) -> str:
        """The stream whose times, or whose clock, this one goes by."""
        chain = self.taken.chains.get(stream.name, (stream.name,))
        return next((name for name in chain if name in self.times), chain[-1])

    def _beat(self, stream: Stream) -> object:
        """What two streams in step have in common."""
        leader = self._leader(stream)
        return leader if leader in self.times else self.taken.rates.get(leader)

    def _moments(self, place: int) -> np.ndarray | None:
        """When the frames of an input were taken, in seconds, ``[t]``; None where no clock is known."""
        leader, length = self._leader(self.streams[place]), self.lengths[place]
        if leader in self.times:
            return _checked_times(self.times[leader], length, leader, self.ref)
        rate = self.taken.rates.get(leader)
        return None if rate is None else np.arange(length) / rate

    def _at(self, picked: np.ndarray) -> np.ndarray:
        moments = self._moments(0)
        assert moments is not None
        at: np.ndarray = moments[picked]
        return at

    def _nearest(self, place: int, at: np.ndarray) -> np.ndarray:
        moments = self._moments(place)
        assert moments is not None
        right = np.searchsorted(moments, at).clip(1, max(1, len(moments) - 1))
        left = right - 1
        right = np.minimum(right, len(moments) - 1)
        nearest = np.where(at - moments[left] <= moments[right] - at, left, right)
        gap = float(np.abs(moments[nearest] - at).max())
        # Half a frame of either clock is what rounding costs; a whole one of both is a stream that ended.
        allowed = self._period(0) + self._period(place)
        if gap > allowed:
            raise DataError(
                f"the stream {self.streams[place].name!r} ({self.lengths[place]} frames, "
                f"{moments[0]:.2f} to {moments[-1]:.2f} s) has no frame within {allowed:.2f} s of one of "
                f"{self.streams[0].name!r}: the nearest is {gap:.2f} s away",
                where=printable(self.ref.name),
                hint="correct the clocks (data_cfg.clocks), or leave the sequence out",
            )
        return nearest.astype(np.int64)

    def _own(self, place: int, picked: np.ndarray) -> np.ndarray:
        # Their number follows from that of the frames drawn and from the clocks, so that it is the same for
        # all sequences of equal draws; files of times may make it differ: the batch says how many each has.
        at = self._at(picked)
        count = max(1, round(len(picked) * self._period(0) / self._period(place)))
        first, last = self._nearest(place, np.array([at.min(), at.max()]))
        return np.rint(np.linspace(first, last, count)).astype(np.int64)

    def _period(self, place: int) -> float:
        """Seconds between two frames; of a stream of one moment, those of the first."""
        leader, moments = self._leader(self.streams[place]), self._moments(place)
        assert moments is not None
        if leader not in self.times:
            return 1 / self.taken.rates[leader]
        span = float(moments[-1] - moments[0])
        if span > 0:
            return span / (len(moments) - 1)
        return self._period(0) if place else 1.0

    def _unequal(self, place: int) -> DataError:
        first, other = self.streams[0], self.streams[place]
        return DataError(
            f"streams in step have unequal lengths: {first.name!r} has {self.lengths[0]} frames, "
            f"{other.name!r} has {self.lengths[place]}",
            where=printable(self.ref.name),
            hint=f"leave the sequence out; or, where they were taken by clocks of their own, "
            f"{_CLOCKS % other.name}",
        )


def _checked_times(moments: np.ndarray, length: int, name: str, ref: SequenceRef) -> np.ndarray:
    moments = np.asarray(moments, np.float64)
    if moments.shape != (length,) or not np.isfinite(moments).all() or (np.diff(moments) < 0).any():
        raise DataError(
            f"the times of the stream {name!r} have shape {list(moments.shape)}, expected {length} numbers: "
            "one for each frame, in seconds, rising",
            where=printable(ref.name),
            hint="correct the file of times, or delete it and state data_cfg.clocks",
        )
    return moments
