"""Galleries: people are added, removed and read; each change is whole, on disk, and touches nothing else.

A change goes in this order: a record of the slots that it concerns, the vectors, the commit of the
database. Whatever ends it early, the next writer finds the record and writes zeros over every slot that
no row of the database names. Removing goes the other way round: the rows first, the vectors after them.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np
import torch

from gait_plugins.core.galleries.database import VECTORS, connect, in_words, make_gallery, reading, writing
from gait_plugins.core.galleries.entries import Entry, check_named, check_text, check_usable, row_crc
from gait_plugins.core.galleries.vectors import VectorFile, note_pending, read_pending
from gait_plugins.core.tools.embeddings import Origin
from gait_plugins.errors import DataError
from gait_plugins.suggest import did_you_mean

log = logging.getLogger("gait_plugins")

_COLUMNS = "person.name, sequence.name, condition, view, recorded, frames, source, row_crc"
_JOINED = "FROM sequence JOIN person ON person.id = sequence.person"


class Rows(NamedTuple):
    """The sequences of a gallery at one moment, in the order of their slots."""

    ids: np.ndarray
    """int64 ``[n]``."""
    people: np.ndarray
    """Numbers of people from 1, int64 ``[n]``; a number is never given twice."""
    slots: np.ndarray
    crcs: np.ndarray
    removals: int
    """How often something had been removed. Slots may bear other people once it is another number."""


class Gallery(AbstractContextManager["Gallery"]):
    """An open gallery; to be closed, or used in a ``with`` block.

    Args:
        folder: of the gallery.

    Raises:
        DataError: there is none, or it is damaged, of a future format, or cannot be opened here.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._db = connect(folder)
        if not (folder / VECTORS).is_file():
            self._db.close()
            raise DataError(
                f"the gallery is not whole: it has no {VECTORS}, which holds the embeddings",
                where=str(folder),
                hint="copy the gallery again, or enroll the sequences again under another name",
            )
        with in_words(folder):
            about = dict(self._db.execute("SELECT key, value FROM about"))
        try:
            self.origin = _origin(json.loads(about["origin"]))
            """What its embeddings were made with."""
            self.shape = (int(about["channels"]), int(about["parts"]))
            """Channels and parts of each embedding."""
            self.dtype = about["dtype"]
            self._vectors = VectorFile(folder / VECTORS, self.shape, self.dtype)
        except (KeyError, ValueError, TypeError) as error:
            self._db.close()
            raise DataError(
                f"the gallery does not say what it holds: {type(error).__name__}: {error}",
                where=str(folder),
                hint="copy the gallery again, or enroll the sequences again",
            ) from error

    @classmethod
    def make(cls, folder: Path, origin: Origin, shape: tuple[int, int], dtype: str = "float32") -> Gallery:
        """Make an empty gallery, private to its owner, and open it; one that is there is opened as it is."""
        channels, parts = shape
        known = {"channels": str(channels), "parts": str(parts), "dtype": dtype}
        make_gallery(folder, {**known, "origin": json.dumps(asdict(origin))})
        return cls(folder)

    def close(self) -> None:
        """Close the files."""
        self._db.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._count("sequence")

    @property
    def people(self) -> int:
        """How many people it holds."""
        return self._count("person")

    def add(self, entries: Sequence[Entry], embeddings: np.ndarray) -> int:
        """Enroll sequences; those that are enrolled already, by person and name, are left out.

        Args:
            entries: what is known of each.
            embeddings: float32 ``[n, c, p]``.

        Returns:
            How many were new. They are on disk.

        Raises:
            DataError: an embedding is NaN, infinite or of length zero, or has another shape; or a sequence
                has no person; nothing is enrolled then.
        """
        check_named([entry.person for entry in entries], [entry.name for entry in entries])
        check_text((text for entry in entries for text in entry[:5]), str(self.folder))
        check_usable(embeddings, [entry.name for entry in entries], self.shape, str(self.folder))
        stored = self._vectors.encoded(embeddings)
        broken = np.flatnonzero(~np.isfinite(stored).all((1, 2)))
        if len(broken):
            raise DataError(
                f"the embedding of {entries[broken[0]].name} holds numbers beyond {self.dtype}",
                where=str(self.folder),
                hint="make the gallery anew with --dtype float32",
            )
        self.settle()
        with in_words(self.folder), writing(self._db):
            new = self._new(entries)
            if not new:
                return 0
            slots = self._slots(len(new))
            pending = note_pending(self.folder, slots)
            self._vectors.write(slots, stored[new])
            for slot, position in zip(slots, new, strict=True):
                self._insert(entries[position], slot, zlib.crc32(stored[position].tobytes()))
        pending.unlink(missing_ok=True)
        return len(new)

    def remove(self, people: Sequence[str] = (), sequences: Sequence[str] = ()) -> int:
        """Remove people, or sequences by their names, for good.

        The rows and the bytes of the embeddings are overwritten, and the database's log is emptied.

        Args:
            people: by name; all of their sequences where ``sequences`` is empty.
            sequences: by name; of these people, or of anybody where ``people`` is empty.

        Returns:
            How many sequences were removed.

        Raises:
            DataError: one is not there; nothing is removed then.
        """
        check_text([*people, *sequences], str(self.folder))
        self.settle()  # what an earlier removal that was killed left, whoever is removed now
        with in_words(self.folder):
            with writing(self._db):
                gone = self._found(people, sequences)
                slots = [slot for _, slot in sorted(gone)]
                note_pending(self.folder, slots)
                self._db.executemany("DELETE FROM sequence WHERE id = ?", [(key,) for key, _ in gone])
                self._db.execute("DELETE FROM person WHERE id NOT IN (SELECT person FROM sequence)")
                self._db.execute("UPDATE about SET value = value + 1 WHERE key = 'removals'")
            self.settle()
            self._empty_log()
        return len(gone)

    def settle(self) -> None:
        """End what was broken off: vectors that belong to nobody are overwritten with zeros."""
        pending = read_pending(self.folder)
        if not pending:
            return
        with in_words(self.folder), writing(self._db):
            pending = read_pending(self.folder)  # now that nobody else writes
            slots = sorted({slot for listed in pending.values() for slot in listed})
            capacity = self._capacity()
            asked = "SELECT 1 FROM sequence WHERE slot = ?"
            unnamed = [slot for slot in slots if not self._db.execute(asked, (slot,)).fetchone()]
            self._vectors.erase(unnamed, capacity)
            inside = [(slot,) for slot in unnamed if slot < capacity]
            self._db.executemany("INSERT OR IGNORE INTO free VALUES (?)", inside)
        for record in pending:
            record.unlink(missing_ok=True)

    def entries(self) -> list[Entry]:
        """Every sequence, by person and name.

        Raises:
            DataError: a row does not match its checksum.
        """
        asked = f"SELECT {_COLUMNS} {_JOINED} ORDER BY person.name, sequence.name"
        with in_words(self.folder):
            return [self._entry(row) for row in self._db.execute(asked).fetchall()]

    def entry(self, key: int) -> Entry | None:
        """One sequence by its number in :class:`Rows`; None where it has been removed."""
        with in_words(self.folder):
            row = self._db.execute(f"SELECT {_COLUMNS} {_JOINED} WHERE sequence.id = ?", (key,)).fetchone()
        return None if row is None else self._entry(row)

    def rows(self) -> Rows:
        """All sequences as numbers, as they are now."""
        asked = "SELECT id, person, slot, vector_crc FROM sequence ORDER BY slot"
        with in_words(self.folder), reading(self._db):
            removals = self._number("removals")
            found = np.fromiter(self._db.execute(asked), np.dtype("i8,i8,i8,i8"))
        return Rows(found["f0"], found["f1"], found["f2"], found["f3"], removals)

    def removals(self) -> int:
        """How often something has been removed."""
        with in_words(self.folder):
            return self._number("removals")

    def read(self, rows: Rows, positions: np.ndarray, *, verify: bool = True) -> np.ndarray:
        """Embeddings of some rows, float32 ``[n, c, p]`` (the parts in front in memory).

        Raises:
            DataError: one does not match its checksum.
        """
        with open(self._vectors.path, "rb") as file:
            stored = self._vectors.read(file, rows.slots[positions])
        if verify:
            crcs = np.fromiter((zlib.crc32(row) for row in stored), np.int64, len(stored))
            broken = np.flatnonzero(crcs != rows.crcs[positions])
            # Where something was removed meanwhile, the slot may be another's: the caller reads anew.
            if len(broken) and self.removals() == rows.removals:
                entry = self.entry(int(rows.ids[positions[broken[0]]]))
                raise DataError(
                    f"the vectors are damaged: {len(broken)} of {len(stored)} embeddings do not match their "
                    f"checksums, the first of {entry.name if entry else 'a removed sequence'}",
                    where=str(self._vectors.path),
                    hint="copy the gallery again, or remove these sequences and enroll them again",
                )
        # torch widens halves twenty times as fast as numpy.
        wide = torch.from_numpy(stored).float().numpy() if stored.dtype.itemsize == 2 else stored
        return wide.astype(np.float32, copy=False).transpose(0, 2, 1)

    def thresholds(self) -> dict[str, dict[str, Any]]:
        """Metric -> the record of its calibration."""
        with in_words(self.folder):
            found = self._db.execute("SELECT metric, record FROM threshold").fetchall()
        return {str(metric): json.loads(record) for metric, record in found}

    def keep_threshold(self, metric: str, record: dict[str, Any]) -> None:
        """Store the record of a calibration in place of an earlier one of this metric."""
        with in_words(self.folder), writing(self._db):
            self._db.execute("INSERT OR REPLACE INTO threshold VALUES (?, ?)", (metric, json.dumps(record)))

    def _new(self, entries: Sequence[Entry]) -> list[int]:
        """Places of the entries that are not enrolled yet, each once."""
        asked = f"SELECT 1 {_JOINED} WHERE person.name = ? AND sequence.name = ?"
        found: dict[tuple[str, str], int] = {}
        for position, entry in enumerate(entries):
            key = (entry.person, entry.name)
            if key not in found and not self._db.execute(asked, key).fetchone():
                found[key] = position
        return list(found.values())

    def _slots(self, count: int) -> list[int]:
        """Slots for so many sequences: free ones, then new ones at the end."""
        free = [slot for (slot,) in self._db.execute("SELECT slot FROM free ORDER BY slot LIMIT ?", (count,))]
        capacity = self._capacity()
        more = count - len(free)
        self._db.executemany("DELETE FROM free WHERE slot = ?", [(slot,) for slot in free])
        self._db.execute("UPDATE about SET value = ? WHERE key = 'slots'", (str(capacity + more),))
        return [*free, *range(capacity, capacity + more)]

    def _insert(self, entry: Entry, slot: int, vector_crc: int) -> None:
        self._db.execute("INSERT OR IGNORE INTO person (name) VALUES (?)", (entry.person,))
        (person,) = self._db.execute("SELECT id FROM person WHERE name = ?", (entry.person,)).fetchone()
        self._db.execute(
            "INSERT INTO sequence (person, name, condition, view, recorded, frames, source, slot, "
            "vector_crc, row_crc) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (person, *entry[1:], slot, vector_crc, row_crc(entry)),
        )

    def _entry(self, row: tuple[Any, ...]) -> Entry:
        entry = Entry(*row[:-1])
        if row_crc(entry) != row[-1]:
            raise DataError(
                f"the row of {entry.name!r} ({entry.person!r}) does not match its checksum",
                where=str(self.folder),
                hint="copy the gallery again, or enroll the sequences again",
            )
        return entry

    def _found(self, people: Sequence[str], sequences: Sequence[str]) -> set[tuple[int, int]]:
        """Numbers and slots of the sequences that are asked for."""
        if people and sequences:
            asked = "person.name = ? AND sequence.name = ?"
            return set().union(*(self._called(asked, (p, s)) for p in people for s in sequences))
        found = [self._called("person.name = ?", (name,)) for name in people]
        found += [self._called("sequence.name = ?", (name,)) for name in sequences]
        return set().union(*found)

    def _called(self, condition: str, names: tuple[str, ...]) -> list[tuple[int, int]]:
        found = self._db.execute(f"SELECT sequence.id, slot {_JOINED} WHERE {condition}", names).fetchall()
        if not found:
            kind = "person" if condition.startswith("person.name = ?") and len(names) == 1 else "sequence"
            known = [name for (name,) in self._db.execute(f"SELECT DISTINCT name FROM {kind}")]
            also = "gait-plugins gallery list GALLERY --sequences shows what is enrolled"
            raise DataError(
                f"the gallery holds no {kind} {' / '.join(map(repr, names))}",
                where=str(self.folder),
                hint=did_you_mean(names[-1], known, also=also),
            )
        return found

    def _empty_log(self) -> None:
        busy, *_ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if busy:
            log.warning(
                "%s: another process reads the gallery: names of what was removed stay in its log until a "
                "later change; the vectors are overwritten",
                self.folder,
            )

    def _count(self, table: str) -> int:
        with in_words(self.folder):
            return int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])

    def _capacity(self) -> int:
        return self._number("slots")

    def _number(self, key: str) -> int:
        return int(self._db.execute("SELECT value FROM about WHERE key = ?", (key,)).fetchone()[0])


def is_gallery(path: Path) -> bool:
    """True for the folder of a gallery."""
    return path.is_dir()


def _origin(known: dict[str, Any]) -> Origin:
    height, width = known.pop("input_size")
    return Origin(input_size=(int(height), int(width)), **known)
