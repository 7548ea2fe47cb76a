"""Galleries in folders: people are added, removed and read; each change is whole and touches nothing else.

A change goes in this order: a record of the slots that it concerns, the vectors, the commit of the
database. Whatever ends it early, the next writer finds the record and writes zeros over every slot that
no row of the database names. Removing goes the other way round: the rows first, the vectors after them.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.core.galleries.contract import GalleryStore, Rows, described, wanted
from gait_plugins.core.galleries.database import VECTORS, connect, in_words, make_gallery, reading, writing
from gait_plugins.core.galleries.entries import Entry, row_crc
from gait_plugins.core.galleries.vectors import VectorFile, note_pending, read_pending
from gait_plugins.core.tools.embeddings import Origin
from gait_plugins.errors import DataError

log = logging.getLogger("gait_plugins")

_COLUMNS = "person.name, sequence.name, condition, view, recorded, frames, source, row_crc"
_JOINED = "FROM sequence JOIN person ON person.id = sequence.person"


class Gallery(GalleryStore):
    """An open gallery in a folder; to be closed, or used in a ``with`` block.

    Args:
        folder: of the gallery.

    Raises:
        DataError: there is none, or it is damaged, of a future format, or cannot be opened here.
    """

    remains = "copies and backups of the gallery hold them still"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.where, self.vectors_where = str(folder), str(folder / VECTORS)
        self._db = connect(folder)
        if not (folder / VECTORS).is_file():
            self._db.close()
            raise DataError(
                f"the gallery is not whole: it has no {VECTORS}, which holds the embeddings",
                where=str(folder),
                hint="copy the gallery again, or enroll the sequences again under another name",
            )
        try:
            with in_words(folder):
                about = dict(self._db.execute("SELECT key, value FROM about"))
            self._know_itself(about)
        except BaseException:
            self._db.close()
            raise
        self._vectors = VectorFile(folder / VECTORS, self.shape, self.dtype)

    @classmethod
    def make(cls, folder: Path, origin: Origin, shape: tuple[int, int], dtype: str = "float32") -> Gallery:
        """Make an empty gallery, private to its owner, and open it; one that is there is opened as it is."""
        make_gallery(folder, described(origin, shape, dtype))
        return cls(folder)

    def close(self) -> None:
        """Close the files."""
        self._db.close()

    def __len__(self) -> int:
        return self._count("sequence")

    @property
    def people(self) -> int:
        return self._count("person")

    def _enroll(self, entries: Sequence[Entry], stored: np.ndarray) -> int:
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

    def _give_up(self, people: Sequence[str], sequences: Sequence[str]) -> int:
        """Overwrite the rows and the bytes of the embeddings, and empty the database's log."""
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
        """Overwrite with zeros the vectors that belong to nobody."""
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
        asked = f"SELECT {_COLUMNS} {_JOINED} ORDER BY person.name, sequence.name"
        with in_words(self.folder):
            return [self._entry(row) for row in self._db.execute(asked).fetchall()]

    def entry(self, key: int) -> Entry | None:
        with in_words(self.folder):
            row = self._db.execute(f"SELECT {_COLUMNS} {_JOINED} WHERE sequence.id = ?", (key,)).fetchone()
        return None if row is None else self._entry(row)

    def rows(self) -> Rows:
        asked = "SELECT id, person, slot, vector_crc FROM sequence ORDER BY slot"
        with in_words(self.folder), reading(self._db):
            removals = self._number("removals")
            found = np.fromiter(self._db.execute(asked), np.dtype("i8,i8,i8,i8"))
        return Rows(found["f0"], found["f1"], found["f2"], found["f3"], removals)

    def removals(self) -> int:
        with in_words(self.folder):
            return self._number("removals")

    def _stored(self, rows: Rows, positions: np.ndarray) -> np.ndarray:
        with open(self._vectors.path, "rb") as file:
            return self._vectors.read(file, rows.slots[positions])

    def thresholds(self) -> dict[str, dict[str, Any]]:
        with in_words(self.folder):
            found = self._db.execute("SELECT metric, record FROM threshold").fetchall()
        return {str(metric): json.loads(record) for metric, record in found}

    def keep_threshold(self, metric: str, record: dict[str, Any]) -> None:
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

    def _found(self, people: Sequence[str], sequences: Sequence[str]) -> set[tuple[int, int]]:
        """Numbers and slots of the sequences that are asked for."""
        gone: set[tuple[int, int]] = set()
        for person, name in wanted(people, sequences):
            asked = {"person.name": person, "sequence.name": name}
            given = {column: value for column, value in asked.items() if value is not None}
            condition = " AND ".join(f"{column} = ?" for column in given)
            sought = f"SELECT sequence.id, slot {_JOINED} WHERE {condition}"
            found = self._db.execute(sought, tuple(given.values())).fetchall()
            if not found:
                kind = "person" if name is None else "sequence"
                known = [known for (known,) in self._db.execute(f"SELECT DISTINCT name FROM {kind}")]
                raise self._absent(kind, list(given.values()), known)
            gone.update(found)
        return gone

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
