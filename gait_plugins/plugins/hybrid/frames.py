"""Single frames of another data set, each a sequence of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, Subset, track
from gait_plugins.errors import ConfigError, DataError


class SilhouetteFrames(GaitDataset):
    """Frames in place of sequences: each is a sample with the identity, type and view of its sequence.

    Works over any data set: prepared silhouettes, packed ones, folders of raw images. The number of a
    frame within its sequence is ``batch.targets["frame"]``.

    Args:
        of: the data set, as ``data_cfg`` would name it: ``{type: OpenGaitLayout, dataset_root: DIR, ...}``.
        frames_per_sequence: frames taken of a longer sequence, evenly spaced from its first one; left out:
            all.
        types: types that are used; ``*`` stands for any text (``[nm-*, bg-01]``); left out: all.
        views: views that are used, likewise.
        subsets: training or test, where the two choices apply to one of them only.
    """

    def __init__(
        self,
        of: GaitDataset,
        frames_per_sequence: int | None = None,
        types: list[str] | None = None,
        views: list[str] | None = None,
        subsets: Sequence[Subset] = ("train", "test"),
    ) -> None:
        if frames_per_sequence is not None and frames_per_sequence < 1:
            raise ConfigError(
                f"frames_per_sequence is {frames_per_sequence}, expected at least 1",
                where="data_cfg",
                hint="leave it out to take all frames",
            )
        self.of = of
        self.frames_per_sequence = frames_per_sequence
        self.types, self.views, self.subsets = types, views, tuple(subsets)
        self._listed: dict[Subset, list[SequenceRef]] = {}
        self._last: tuple[SequenceRef, list[np.ndarray]] | None = None

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"of": {"type": "walkers", "train": 2, "test": 2, "frames": 5}, "frames_per_sequence": 3}

    def __getstate__(self) -> dict[str, Any]:
        # What this process has read stays here: a worker reads for itself.
        return {**self.__dict__, "_last": None, "_listed": {}}

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        """Raises ``DataError`` where types and views leave nothing of what there is."""
        if subset not in self._listed:
            everything = self.of.sequences(subset)
            kept = self._kept(everything) if subset in self.subsets else everything
            if everything and not kept:
                raise self._nothing_left(subset, everything)
            found = track(kept, f"counting {subset} frames", total=len(kept), unit="seq")
            self._listed[subset] = [frame for ref in found for frame in self._frames(ref)]
        return list(self._listed[subset])

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        sequence, number = ref.source
        # Neighbours in a pass over the data are frames of one sequence: it is read once for all of them.
        if self._last is None or self._last[0] != sequence:
            self._last = (sequence, self.of.load(sequence))
        return [source[number : number + 1] for source in self._last[1]]

    def targets(self, ref: SequenceRef) -> Mapping[str, Any]:
        """``frame``: the number within the sequence, from 0; and what the data set itself knows."""
        sequence, number = ref.source
        return {**self.of.targets(sequence), "frame": number}

    def _frames(self, ref: SequenceRef) -> Iterable[SequenceRef]:
        length, most = self.of.length(ref), self.frames_per_sequence
        numbers = range(length)
        if most is not None and length > most:
            numbers = [k * length // most for k in range(most)]  # type: ignore[assignment]
        return [ref._replace(source=(ref, number)) for number in numbers]

    def _kept(self, refs: Iterable[SequenceRef]) -> list[SequenceRef]:
        return [ref for ref in refs if _fits(ref.type, self.types) and _fits(ref.view, self.views)]

    def _nothing_left(self, subset: str, refs: list[SequenceRef]) -> DataError:
        types, views = ({getattr(ref, name) for ref in refs} for name in ("type", "view"))
        return DataError(
            f"no {subset} sequence is of types {self.types or 'any'} and views {self.views or 'any'}: the "
            f"types are {', '.join(sorted(types))}; the views {', '.join(sorted(views))}",
            where="data_cfg",
            hint="correct types and views, or leave them out; * stands for any text",
        )


def _fits(value: str, patterns: list[str] | None) -> bool:
    return patterns is None or any(fnmatchcase(value, pattern) for pattern in patterns)
