"""The record of a preparation: what was written and left out, as JSON beside the prepared data."""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gait_plugins.api import Finding
from gait_plugins.errors import DataError
from gait_plugins.io.atomic import write_text
from gait_plugins.io.printable import json_text
from gait_plugins.prepare.patterns import Name

RECORD = "prepare.json"
NOTES = f".{RECORD}.notes"
"""Remarks of a run that has not written its record yet, a line of JSON for each sequence."""
_LISTED = 1000
"""Places that the JSON lists of each remark about files outside of sequences."""

Remarks = dict[str, list[str]]


class Outcome(NamedTuple):
    """What became of a sequence of the source, or of one of the people in it."""

    of: str
    """The sequence of the source, ``id/type/view``."""
    sequence: str
    """The same, or the sequence of the person."""
    frames: int
    """Frames that were written; 0 where it is left out."""
    remarks: Remarks


@dataclass
class Record:
    """The settings of a preparation and its remarks, by sequence and by remark."""

    settings: dict[str, Any]
    sequences: dict[str, Remarks] = field(default_factory=dict)
    """``id/type/view`` -> remark -> places; sequences without remarks are not listed."""
    files: Remarks = field(default_factory=dict)
    """Remarks about files that belong to no sequence."""
    people: dict[str, list[str]] = field(default_factory=dict)
    """Where each label is a person: ``id/type/view`` -> the identities that were written of it."""
    written: int = 0
    frames: int = 0
    """Sequences and frames that this run wrote."""
    present: int = 0
    """Sequences that were there before."""
    of_source: set[str] = field(default_factory=set)
    """The sequences of this run's source: only their remarks are told, whatever the folder holds."""
    notes: str = NOTES
    """The file below the folder for remarks of sequences about to be written."""
    made: list[Outcome] | None = None
    """What this run made, where the record is one of several parts; None: nobody asks."""
    in_part: bool = False
    """The run prepares a part of the source alone."""

    @property
    def is_empty(self) -> bool:
        """No sequence of the source could be written; of a part, nobody can say so of the source."""
        return not self.in_part and not self.written and not self.present

    def note_made(
        self, name: str, remarks: Remarks, frames: int, shortest: int, of: str | None = None
    ) -> None:
        """Note a sequence, and count it where it has frames enough to be written.

        Args:
            name: of the sequence.
            remarks: what there is to say about it.
            frames: its usable frames.
            shortest: frames that it needs.
            of: the sequence of the source, where that shows several people.
        """
        self.note(name, remarks)
        kept = frames if frames >= shortest else 0
        self.written += kept > 0
        self.frames += kept
        if self.made is not None:
            self.made.append(Outcome(of or name, name, kept, remarks_kept(remarks)))

    def note(self, sequence: str, remarks: Mapping[str, Iterable[str]]) -> None:
        """What there is to say about a sequence now."""
        kept = remarks_kept(remarks)
        self.of_source.add(sequence)
        self.sequences.pop(sequence, None)
        if kept:
            self.sequences[sequence] = kept

    def note_ahead(
        self, target: Path, sequence: str, remarks: Mapping[str, Iterable[str]], frames: int, of: str = ""
    ) -> None:
        """Put on disk what there is to say about a sequence that is about to be written.

        No later run reads that sequence again: a killed run would lose its remarks, and a part its count.

        Args:
            target: folder of the prepared data.
            sequence: which is about to be written.
            remarks: what there is to say about it.
            frames: those that are written.
            of: the sequence of the source, where that shows several people.

        Raises:
            OSError: the disk is full, or does not take it.
        """
        kept = remarks_kept(remarks)
        line: list[object] = [sequence, kept]
        if self.made is not None:
            line += [frames, of or sequence]
        elif not kept and sequence not in self.sequences:
            return
        path = target / self.notes
        try:
            with open(path, "ab") as file:  # at once, whatever other threads append
                file.write(json.dumps(line).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            error.filename = error.filename or str(path)
            raise

    def findings(self, fixes: Mapping[str, str]) -> list[Finding]:
        """One finding for each remark, with all its places, of all that lies in the folder."""
        return self._findings(fixes, self.sequences.values())

    def findings_of_source(self, fixes: Mapping[str, str]) -> list[Finding]:
        """Those of the sequences that this run's source has."""
        own = [remarks for name, remarks in self.sequences.items() if name in self.of_source]
        return self._findings(fixes, own)

    def has(self, names: Iterable[Name]) -> None:
        """Note what the source holds; of a sequence of several people, those that were written of it."""
        for name in names:
            self.of_source.add(str(name))
            self.of_source |= {str(name._replace(id=who)) for who in self.people.get(str(name), ())}

    def _findings(self, fixes: Mapping[str, str], sequences: Iterable[Remarks]) -> list[Finding]:
        places: defaultdict[str, list[str]] = defaultdict(list, {k: list(v) for k, v in self.files.items()})
        for remarks in sequences:
            for remark, where in remarks.items():
                places[remark] += where
        return [
            Finding("warning", remark, fixes[remark], tuple(places[remark]))
            for remark in fixes
            if places[remark]
        ]

    def write(self, target: Path, fixes: Mapping[str, str]) -> None:
        """Write ``prepare.json`` whole, with what was noted ahead."""
        for sequence, remarks, *_ in noted_ahead(target / NOTES):
            if self.sequences.get(sequence, {}) != remarks:  # what this run knows keeps its order
                told = sequence in self.of_source
                self.note(sequence, remarks)
                self.of_source -= set() if told else {sequence}
        findings = [
            {"remark": f.problem, "fix": f.fix, "count": f.count, "examples": f.examples[:5]}
            for f in self.findings(fixes)
        ]
        content = {
            "settings": self.settings,
            "last run": {
                "sequences written": self.written,
                "frames written": self.frames,
                "sequences there before": self.present,
            },
            "remarks": findings,
            "sequences": dict(sorted(self.sequences.items())),
            **({"people": dict(sorted(self.people.items()))} if self.people else {}),
            "files": {remark: places[:_LISTED] for remark, places in self.files.items()},
        }
        write_text(target / RECORD, json_text(content, 1) + "\n")
        (target / NOTES).unlink(missing_ok=True)


def read_record(target: Path, settings: dict[str, Any]) -> Record:
    """The record of an earlier run into this folder, or a new one.

    Raises:
        DataError: the earlier run had other settings, or its record cannot be read.
    """
    path = target / RECORD
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        earlier, sequences = content["settings"], content["sequences"]
        people = dict(content.get("people", {}))
    except FileNotFoundError:
        return Record(settings)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"the file is not the record of a preparation: {error}",
            where=str(path),
            hint="delete it and run again",
        ) from error
    changed = changed_settings(earlier, settings)
    if changed and any(target.glob("*/*/*/*.pkl")):
        raise other_settings(target, changed)
    if changed:
        (target / NOTES).unlink(missing_ok=True)
    return Record(settings) if changed else Record(settings, sequences, people=people)


def remarks_kept(remarks: Mapping[str, Iterable[str]]) -> Remarks:
    """The remarks that have places."""
    return {remark: list(places) for remark, places in remarks.items() if places}


def changed_settings(earlier: Mapping[str, Any], settings: Mapping[str, Any]) -> list[str]:
    """What is not as it was, in words."""
    return [
        f"{key} was {earlier.get(key)!r}, is {settings.get(key)!r}"
        for key in sorted({*earlier, *settings})
        if earlier.get(key) != settings.get(key)
    ]


def other_settings(target: Path, changed: Iterable[str]) -> DataError:
    """The error of a folder that holds data by other settings."""
    return DataError(
        f"the folder holds data prepared with other settings: {'; '.join(changed)}",
        where=str(target),
        hint="choose another folder, or delete this one to prepare the data again",
    )


def noted_ahead(path: Path) -> Iterator[list[Any]]:
    """The lines of a file of notes; none where there is no file."""
    try:
        lines = path.read_bytes().splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        with suppress(ValueError):  # cut off by a kill: its sequence was not written
            yield json.loads(line)
