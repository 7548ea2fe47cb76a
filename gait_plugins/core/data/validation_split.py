"""Held-out identities: training identities that are scored during training and never trained on."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import GaitDataset, SequenceRef, SequenceTable, Stream, Subset
from gait_plugins.api.sequence import chosen
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import write_text
from gait_plugins.io.printable import printable
from gait_plugins.suggest import did_you_mean

SETTING = "data_cfg.validation"
LISTED = "validation_set.json"

Wanted = int | float | list[str] | None
"""How many identities, which share of them, or which ones; None: none."""


class HeldOutDataset(GaitDataset):
    """The held-out part of another data set, as its test subset.

    Where the data set lists its probes, the first sequence of each identity is one here, and the others are
    the gallery.

    Args:
        of: the data set.
        refs: the training sequences that are held out.
    """

    def __init__(self, of: GaitDataset, refs: Sequence[SequenceRef]) -> None:
        self.of = of
        self.refs = refs if isinstance(refs, SequenceTable) else list(refs)

    def sequences(self, subset: Subset) -> Sequence[SequenceRef]:
        """The held-out ones as ``test``; nothing to train on."""
        return self.refs if subset == "test" else []

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
        """The first sequence of each identity, or None."""
        if self.of.probe_set() is None:
            return None
        _, first = np.unique(SequenceTable.of(self.refs).codes[0], return_index=True)
        return frozenset(self.refs[place].name for place in first.tolist())


def split(refs: Sequence[SequenceRef], wanted: Wanted) -> tuple[Sequence[SequenceRef], Sequence[SequenceRef]]:
    """Training sequences that are trained on, and those that are held out.

    Raises:
        ConfigError: there are too few identities, none would be left, or a name is unknown.
    """
    if wanted is None:
        return refs, []
    table = SequenceTable.of(refs)
    out = set(_chosen(_in_order(table), wanted))
    held = np.array([name in out for name in table.names[0]], bool)[table.codes[0]]
    return chosen(refs, ~held), chosen(refs, held)


def list_identities(folder: Path, refs: Sequence[SequenceRef]) -> None:
    """Write the held-out identities into a run folder; where there are none, no such file stays there."""
    if not refs:
        (folder / LISTED).unlink(missing_ok=True)
        return
    write_text(folder / LISTED, json.dumps(SequenceTable.of(refs).distinct(0), indent=2) + "\n")


def check_same(folder: Path, refs: Sequence[SequenceRef], step: int) -> None:
    """Check that a resumed training holds out the identities that it began with.

    Raises:
        ConfigError: other identities are held out now than at the beginning.
    """
    path = folder / LISTED
    then = set(json.loads(path.read_text(encoding="utf-8"))) if path.is_file() else set()
    now = set(SequenceTable.of(refs).distinct(0))
    if then != now:
        raise ConfigError(
            f"up to step {step}, {len(then)} identities were held out; now {len(now)} are, {len(then & now)} "
            "of them the same: identities that were trained on cannot be used for validation",
            where=SETTING,
            hint="continue with the setting that the run began with, or start again with --overwrite",
        )


def unscorable_error(error: DataError, refs: Sequence[SequenceRef]) -> DataError:
    """The error of a protocol about held-out sequences, with their identities named."""
    labels = _in_order(SequenceTable.of(refs))
    return DataError(
        f"the {len(labels)} held-out identities ({', '.join(map(printable, labels[:4]))}"
        f"{', ...' * (len(labels) > 4)}) cannot be scored: {error.message}",
        where=SETTING,
        hint="hold out other identities (a list of names), or more of them",
    )


def _in_order(table: SequenceTable) -> list[str]:
    """The identities, in the order of their first sequences."""
    codes, first = np.unique(table.codes[0], return_index=True)
    return list(dict.fromkeys(table.names[0][code] for code in codes[np.argsort(first)].tolist()))


def _chosen(labels: list[str], wanted: int | float | list[str]) -> list[str]:
    if isinstance(wanted, list):
        return _named(labels, wanted)
    count = round(wanted * len(labels)) if isinstance(wanted, float) else wanted
    if count < 2:
        raise ConfigError(
            f"{wanted} of {len(labels)} training identities is {count}: at least two must be held out to "
            "compare people",
            where=SETTING,
            hint="give a larger share, or a number of 2 or more",
        )
    if count >= len(labels):
        raise _none_left(count, labels)
    # Evenly spaced: whatever the order follows, both parts have of all of it.
    return [labels[k * len(labels) // count] for k in range(count)]


def _named(labels: list[str], wanted: list[str]) -> list[str]:
    known = set(labels)
    for name in wanted:
        if name not in known:
            first = ", ".join(map(printable, labels[:3]))
            raise ConfigError(
                f"there is no training identity {name!r} among the {len(labels)}",
                where=SETTING,
                hint=did_you_mean(name, labels, 3) or f"the first names are {first}",
            )
    if len(set(wanted)) == len(labels):
        raise _none_left(len(labels), labels)
    return wanted


def _none_left(count: int, labels: list[str]) -> ConfigError:
    return ConfigError(
        f"{count} of {len(labels)} training identities are held out: none is left to train on",
        where=SETTING,
        hint="hold out fewer identities",
    )
