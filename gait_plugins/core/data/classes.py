"""Classes of sequences, where what is to be learnt is no identity: found by the type level of a walk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gait_plugins.api import SequenceIndex, SequenceRef, SequenceTable, fits_any
from gait_plugins.errors import DataError
from gait_plugins.io.printable import printable


@dataclass(frozen=True)
class Classes:
    """Classes by the patterns of types, in the order of their numbers.

    Args:
        patterns: class -> patterns of the types that belong to it (``positive*``).
    """

    patterns: Mapping[str, Sequence[str]]

    def of(self, ref: SequenceRef) -> int:
        """The number of a sequence's class.

        Raises:
            DataError: its type fits none, or several.
        """
        found = [n for n, own in enumerate(self.patterns.values()) if fits_any(ref.type, own)]
        if len(found) != 1:
            raise DataError(
                f"the type {printable(ref.type)!r} belongs to {len(found)} of the classes "
                f"{', '.join(self.patterns)}, expected one",
                where=printable(ref.name),
                hint="correct data_cfg.classes: class -> patterns of types",
            )
        return found[0]

    def check(self, refs: Sequence[SequenceRef]) -> None:
        """See that each of these sequences has a class; raises as :meth:`of`."""
        last = {code: place for place, code in enumerate(SequenceTable.of(refs).codes[1].tolist())}
        for place in last.values():
            self.of(refs[place])


def number_of_classes(refs: Sequence[SequenceRef], patterns: Mapping[str, Sequence[str]]) -> int:
    """How many classes the labels of these sequences are of.

    Args:
        refs: the sequences that are trained on.
        patterns: those of ``data_cfg.classes``; empty where identities are learnt.
    """
    return len(patterns) or len(SequenceIndex(refs).identities)
