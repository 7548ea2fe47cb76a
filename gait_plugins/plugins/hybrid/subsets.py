"""A selection from another data set: some types, some views, some identities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, SequenceTable, Stream, Subset, fits_any
from gait_plugins.api.sequence import chosen
from gait_plugins.errors import ConfigError, DataError


class ChosenSequences(GaitDataset):
    """Selected sequences of any data set, for example few labelled identities.

    Args:
        of: the data set, as ``data_cfg`` would name it: ``{type: OpenGaitLayout, dataset_root: DIR, ...}``.
        types: types that are used; ``*`` stands for any text (``[nm-*, bg-01]``); left out: all.
        views: views that are used, likewise.
        train_identities: number of training identities, the first ones of the data set; left out: all.
        test_identities: number of test identities, likewise.
        subsets: the subsets that ``types`` and ``views`` apply to.
    """

    def __init__(
        self,
        of: GaitDataset,
        types: list[str] | None = None,
        views: list[str] | None = None,
        train_identities: int | None = None,
        test_identities: int | None = None,
        subsets: Sequence[Subset] = ("train", "test"),
    ) -> None:
        for name, count in (("train_identities", train_identities), ("test_identities", test_identities)):
            if count is not None and count < 1:
                raise ConfigError(
                    f"{name} is {count}, expected at least 1",
                    where="data_cfg",
                    hint="leave it out to take all identities",
                )
        self.of = of
        self.types, self.views, self.subsets = types, views, tuple(subsets)
        self.identities: dict[Subset, int | None] = {"train": train_identities, "test": test_identities}

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        walkers = {"type": "walkers", "train": 2, "test": 2, "frames": 5}
        return {"of": walkers, "types": ["nm-*"], "train_identities": 1}

    def sequences(self, subset: Subset) -> Sequence[SequenceRef]:
        """Raises ``DataError`` where types and views leave nothing of what there is."""
        everything = self.of.sequences(subset)
        kept = self._of_types_and_views(everything) if subset in self.subsets else everything
        if everything and not kept:
            raise self._nothing_left(subset, everything)
        count = self.identities[subset]
        if count is None:
            return kept
        labels = SequenceTable.of(kept).codes[0]
        _, first = np.unique(labels, return_index=True)
        return chosen(kept, np.isin(labels, labels[np.sort(first)[:count]]))

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        return self.of.load(ref)

    def streams(self) -> tuple[Stream, ...] | None:
        """As the data set says."""
        return self.of.streams()

    def times(self, ref: SequenceRef) -> Mapping[str, np.ndarray]:
        """As the data set says."""
        return self.of.times(ref)

    def length(self, ref: SequenceRef) -> int:
        """As the data set says."""
        return self.of.length(ref)

    def targets(self, ref: SequenceRef) -> Mapping[str, Any]:
        """As the data set says."""
        return self.of.targets(ref)

    def probe_set(self) -> frozenset[str] | None:
        """Those of the data set's probes that are used."""
        probes = self.of.probe_set()
        return None if probes is None else probes & {ref.name for ref in self.sequences("test")}

    def _of_types_and_views(self, refs: Sequence[SequenceRef]) -> Sequence[SequenceRef]:
        table = SequenceTable.of(refs)
        wanted = ((1, self.types), (2, self.views))
        fits = [
            np.array([_fits(name, own) for name in table.names[part]], bool)[table.codes[part]]
            for part, own in wanted
        ]
        return chosen(refs, fits[0] & fits[1])

    def _nothing_left(self, subset: str, refs: Sequence[SequenceRef]) -> DataError:
        types, views = (SequenceTable.of(refs).distinct(part) for part in (1, 2))
        return DataError(
            f"no {subset} sequence has types {self.types or 'any'} and views {self.views or 'any'}: the "
            f"types are {', '.join(types)}; the views {', '.join(views)}",
            where="data_cfg",
            hint="correct types and views, or leave them out; * stands for any text",
        )


def _fits(value: str, patterns: list[str] | None) -> bool:
    return patterns is None or fits_any(value, patterns)
