"""Single frames of another data set, each a sequence of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gait_plugins.api import GaitDataset, Ragged, SequenceRef, Stream, Subset, track
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.printable import printable
from gait_plugins.plugins.hybrid.subsets import ChosenSequences


class SilhouetteFrames(ChosenSequences):
    """Frames in place of sequences: each is a sample with the identity, type and view of its sequence.

    Works over any data set: prepared silhouettes, packed ones, folders of raw images; streams must be in
    step with each other. The number of a frame within its sequence is ``batch.targets["frame"]``.

    Args:
        of: the data set, as ``data_cfg`` would name it: ``{type: OpenGaitLayout, dataset_root: DIR, ...}``.
        frames_per_sequence: frames taken of a longer sequence, evenly spaced from its first one; left out:
            all.
        types: types that are used; ``*`` stands for any text (``[nm-*, bg-01]``); left out: all.
        views: views that are used, likewise.
        train_identities: number of training identities, the first ones of the data set; left out: all.
        test_identities: number of test identities, likewise.
        subsets: the subsets that ``types`` and ``views`` apply to.
    """

    def __init__(
        self,
        of: GaitDataset,
        frames_per_sequence: int | None = None,
        types: list[str] | None = None,
        views: list[str] | None = None,
        train_identities: int | None = None,
        test_identities: int | None = None,
        subsets: Sequence[Subset] = ("train", "test"),
    ) -> None:
        super().__init__(of, types, views, train_identities, test_identities, subsets)
        if frames_per_sequence is not None and frames_per_sequence < 1:
            raise ConfigError(
                f"frames_per_sequence is {frames_per_sequence}, expected at least 1",
                where="data_cfg",
                hint="leave it out to take all frames",
            )
        self.frames_per_sequence = frames_per_sequence
        self._listed: dict[Subset, list[SequenceRef]] = {}
        self._last: tuple[SequenceRef, list[Any]] | None = None

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"of": {"type": "walkers", "train": 2, "test": 2, "frames": 5}, "frames_per_sequence": 3}

    def __getstate__(self) -> dict[str, Any]:
        # What this process has read stays here: a worker reads for itself.
        return {**self.__dict__, "_last": None, "_listed": {}}

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        if subset not in self._listed:
            self.streams()  # frames of several clocks are refused before any is counted
            walks = super().sequences(subset)
            counted = track(walks, f"counting {subset} frames", total=len(walks), unit="seq")
            self._listed[subset] = [frame for walk in counted for frame in self._frames(walk)]
        return list(self._listed[subset])

    def load(self, ref: SequenceRef) -> list[Any]:
        """One frame of each stream.

        Raises:
            DataError: the streams of the sequence have unequal lengths, or other moments.
        """
        walk, number = ref.source
        # Neighbours in a pass over the data are frames of one sequence: it is read once for all of them.
        if self._last is None or self._last[0] != walk:
            loaded = super().load(walk)
            self._require_in_step(walk, loaded)
            self._last = (walk, loaded)
        return [_frame(source, number) for source in self._last[1]]

    def streams(self) -> tuple[Stream, ...] | None:
        """As the data set says.

        Raises:
            ConfigError: they have clocks of their own.
        """
        given = super().streams()
        beats = {beat for beat in _beats(given or (), {}) if beat is not None}
        if given is not None and len(beats) > 1:
            raise ConfigError(
                "single frames are cut of streams in step, but these have clocks of their own: "
                + "; ".join(stream.summary for stream in given),
                where="data_cfg",
                hint="leave the others out of the data set (data_cfg.of: streams, or data_in_use)",
            )
        return given

    def times(self, ref: SequenceRef) -> Mapping[str, np.ndarray]:
        """When the frame was taken, where the data set knows it."""
        walk, number = ref.source
        return {name: moments[number : number + 1] for name, moments in super().times(walk).items()}

    def length(self, ref: SequenceRef) -> int:
        """One."""
        return 1

    def targets(self, ref: SequenceRef) -> Mapping[str, Any]:
        """``frame``: the number within the sequence, from 0; and what the data set itself knows."""
        walk, number = ref.source
        return {**super().targets(walk), "frame": number}

    def _frames(self, walk: SequenceRef) -> list[SequenceRef]:
        length, most = super().length(walk), self.frames_per_sequence
        numbers: Iterable[int] = range(length)
        if most is not None and length > most:
            numbers = (k * length // most for k in range(most))
        return [walk._replace(source=(walk, number)) for number in numbers]

    def _require_in_step(self, walk: SequenceRef, loaded: Sequence[Any]) -> None:
        if len(loaded) < 2:
            return
        given = self.streams() or ()
        names = [stream.name for stream in given] or [f"number {place + 1}" for place in range(len(loaded))]
        lengths = {name: len(source) for name, source in zip(names, loaded, strict=False)}
        beats = [beat for beat in _beats(given, super().times(walk)) if beat is not None]
        unequal = len(set(lengths.values())) > 1
        if not unequal and all(beat == beats[0] for beat in beats):
            return
        shown = ", ".join(f"{name} ({count} frames)" for name, count in lengths.items())
        raise DataError(
            f"single frames are cut of streams in step, but these have unequal "
            f"{'lengths' if unequal else 'times'}: {shown}",
            where=printable(walk.name),
            hint="leave the others out of the data set (data_cfg.of: streams, or data_in_use), or leave the "
            "sequence out",
        )


def _frame(source: Any, number: int) -> Any:
    return source.take(np.array([number])) if isinstance(source, Ragged) else source[number : number + 1]


def _beats(streams: Sequence[Stream], times: Mapping[str, np.ndarray]) -> list[object]:
    """The clock, or the times, that each stream goes by; None where neither is known."""
    by_name = {stream.name: stream for stream in streams}
    found: list[object] = []
    for stream in streams:
        leader = stream
        for _ in streams:  # no longer chain of leaders is possible
            if leader.name not in times and leader.clock in by_name:
                leader = by_name[str(leader.clock)]
        own = times.get(leader.name)
        clock = leader.clock
        found.append(tuple(own) if own is not None else float(clock) if isinstance(clock, int) else clock)
    return found
