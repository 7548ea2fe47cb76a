"""Galleries on a server: people are added, removed and read, from several machines at once.

A change is a transaction under a lock that only writers of the same gallery ask for. Vectors are read a page
at a time, by numbers of rows; no transaction stays open between two pages, so that no search keeps the
server from clearing what was removed.
"""

from __future__ import annotations

import json
import logging
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np

from gait_plugins.core.galleries.address import ServerAddress
from gait_plugins.core.galleries.contract import GalleryStore, Rows, described, stored_type, wanted
from gait_plugins.core.galleries.entries import Entry, row_crc
from gait_plugins.core.galleries.postgres.connection import Connection
from gait_plugins.core.galleries.postgres.tables import make_tables, read_about
from gait_plugins.core.galleries.vectors import runs
from gait_plugins.core.tools.embeddings import Origin
from gait_plugins.errors import DataError
from gait_plugins.io.printable import printable

log = logging.getLogger("gait_plugins")

PAGE = 2**23
"""Bytes of vectors that are fetched at once."""
_ROWS = 20_000
"""Rows without vectors that are fetched at once."""
_FEW = 2000
"""Names that are looked through for one that was meant."""
_COLUMNS = "person.name, sequence.name, condition, view, recorded, frames, source, row_crc"
_JOINED = "FROM @.sequence AS sequence JOIN @.person AS person ON person.id = sequence.person"
_COPIED = "person, name, condition, view, recorded, frames, source, vector, vector_crc, row_crc"
_TYPES = ["int8", "text", "text", "text", "text", "int8", "text", "bytea", "int8", "int8"]


class ServerGallery(GalleryStore):
    """An open gallery on a PostgreSQL server; to be closed, or used in a ``with`` block.

    Args:
        address: of the server, with the schema that holds the gallery.
        connection: to it; None makes one.

    Raises:
        ConfigError: psycopg is not installed, or the address has a setting that libpq does not know.
        DataError: the server is not reached or lets nobody in, or there is no gallery, or one of a future
            format.
    """

    remains = (
        "the server's write-ahead log, its replicas and backups, and copies of the gallery hold them still; "
        "so do the tables' files, until other rows lie there or gallery remove --rewrite writes them anew"
    )

    def __init__(self, address: ServerAddress, connection: Connection | None = None) -> None:
        self.address = address
        self.where = self.vectors_where = str(address)
        self._server = connection or Connection(address)
        try:
            self._know_itself(read_about(self._server))
        except BaseException:
            self._server.close()
            raise
        self._type = stored_type(self.dtype)

    @classmethod
    def make(
        cls, address: ServerAddress, origin: Origin, shape: tuple[int, int], dtype: str = "float32"
    ) -> ServerGallery:
        """Make an empty gallery, private to the account, and open it; or open the one that is there."""
        connection = Connection(address)
        try:
            make_tables(connection, described(origin, shape, dtype))
        except BaseException:
            connection.close()
            raise
        return cls(address, connection)

    @classmethod
    @contextmanager
    def making(
        cls, address: ServerAddress, origin: Origin, shape: tuple[int, int], dtype: str
    ) -> Iterator[ServerGallery]:
        """A new gallery that is there, with all that the block adds, when the block has ended; or not."""
        connection = Connection(address)
        try:
            with connection.making():
                make_tables(connection, described(origin, shape, dtype))
                yield cls(address, connection)
        finally:
            connection.close()

    def close(self) -> None:
        """Close the connection."""
        self._server.close()

    def __len__(self) -> int:
        return self._count("sequence")

    @property
    def people(self) -> int:
        return self._count("person")

    def settle(self) -> None:
        """Clear dead rows that a removal has left: it was killed, or another transaction was still open."""
        asked = (
            "SELECT (SELECT value::bigint FROM @.about WHERE key = 'vacuumed') < "
            "(SELECT value::bigint FROM @.about WHERE key = 'removals')"
        )
        if self._first(asked) and self._may_vacuum():
            self._vacuum()

    def rewrite(self) -> None:
        """Write the tables anew: the room of cleared rows keeps its bytes until something is written there.

        Nobody reads or writes the gallery meanwhile, and the server's disk must have room for it twice.

        Raises:
            DataError: somebody reads or writes it for too long, or the account may not do it.
        """
        warnings = self._server.vacuum(["@.sequence", "@.person"], full=True)
        if warnings:
            raise DataError(
                f"the server has not rewritten the tables: {printable('; '.join(warnings))}",
                where=self.where,
                hint="the owner of the tables may do it",
            )

    def entries(self) -> list[Entry]:
        asked = f"SELECT {_COLUMNS} {_JOINED} ORDER BY person.name, sequence.name"
        with self._server.stream(asked, _ROWS) as rows:
            return [self._entry(row) for row in rows]

    def entry(self, key: int) -> Entry | None:
        return self.entries_of(np.array([key]))[0]

    def entries_of(self, keys: np.ndarray) -> list[Entry | None]:
        asked = f"SELECT sequence.id, {_COLUMNS} {_JOINED} WHERE sequence.id = ANY(%s)"
        found: dict[int, Entry] = {}
        for start in range(0, len(keys), _ROWS):
            for row in self._server.run(asked, (keys[start : start + _ROWS].tolist(),)):
                found[row[0]] = self._entry(row[1:])
        return [found.get(key) for key in keys.tolist()]

    def rows(self) -> Rows:
        asked = "SELECT id, person, vector_crc FROM @.sequence ORDER BY id"
        with self._server.stream(asked, _ROWS) as rows:
            removals = self.removals()
            found = np.fromiter(rows, np.dtype("i8,i8,i8"))
        return Rows(found["f0"], found["f1"], found["f0"], found["f2"], removals)

    def removals(self) -> int:
        return int(self._first("SELECT value FROM @.about WHERE key = 'removals'"))

    def thresholds(self) -> dict[str, dict[str, Any]]:
        found = self._server.run("SELECT metric, record FROM @.threshold")
        return {str(metric): json.loads(record) for metric, record in found}

    def keep_threshold(self, metric: str, record: dict[str, Any]) -> None:
        with self._server.writing():
            self._server.run(
                "INSERT INTO @.threshold VALUES (%s, %s) "
                "ON CONFLICT (metric) DO UPDATE SET record = EXCLUDED.record",
                (metric, json.dumps(record)),
            )

    def _enroll(self, entries: Sequence[Entry], stored: np.ndarray) -> int:
        for text in chain.from_iterable(entries):
            if isinstance(text, str) and "\0" in text:
                raise DataError(
                    f"a name has the character NUL in it, which the server cannot hold: {printable(text)}",
                    where=self.where,
                    hint="rename the sequence",
                )
        with self._server.writing():
            new = self._new(entries)
            if not new:
                return 0
            numbers = self._numbers(sorted({entries[position].person for position in new}))
            with self._server.copying(
                f"COPY @.sequence ({_COPIED}) FROM STDIN (FORMAT BINARY)", _TYPES
            ) as copy:
                for position in new:
                    entry, value = entries[position], stored[position].tobytes()
                    known = (numbers[entry.person], *entry[1:], value, zlib.crc32(value), row_crc(entry))
                    copy.write_row(known)
        return len(new)

    def _give_up(self, people: Sequence[str], sequences: Sequence[str]) -> int:
        with self._server.writing():
            gone = sorted(self._found(people, sequences))
            whose = self._server.run("DELETE FROM @.sequence WHERE id = ANY(%s) RETURNING person", (gone,))
            self._server.run(
                "DELETE FROM @.person AS person WHERE id = ANY(%s) AND NOT EXISTS "
                "(SELECT FROM @.sequence AS sequence WHERE sequence.person = person.id)",
                (sorted({int(person) for (person,) in whose}),),
            )
            self._server.run("UPDATE @.about SET value = (value::bigint + 1)::text WHERE key = 'removals'")
        if not self._may_vacuum():
            self._remark("this account may not clear dead rows (VACUUM): the owner of the tables may")
            return len(gone)
        for warning in self._vacuum():
            self._remark(warning)
        return len(gone)

    def _stored(self, rows: Rows, positions: np.ndarray) -> np.ndarray:
        places, order = np.unique(positions, return_inverse=True)
        if not np.array_equal(places, positions):
            return self._stored(rows, places)[order]
        channels, parts = self.shape
        found = np.zeros((len(positions), parts, channels), self._type)
        stride = parts * channels * self._type.itemsize
        keys = rows.slots[positions]
        page = max(PAGE // stride, 1)
        for start in range(0, len(keys), page):
            some = keys[start : start + page]
            for key, value in self._page(positions[start : start + page], some):
                if len(value) == stride:
                    place = start + int(np.searchsorted(some, key))
                    found[place] = np.frombuffer(value, self._type).reshape(parts, channels)
        return found

    def _page(self, positions: np.ndarray, keys: np.ndarray) -> Iterator[tuple[int, bytes]]:
        """Vectors of some sequences with their numbers: a stretch of the gallery in its order, or any."""
        if sum(1 for _ in runs(positions)) == 1:
            asked = "SELECT id, vector FROM @.sequence WHERE id BETWEEN %s AND %s ORDER BY id"
            return iter(self._server.run(asked, (int(keys[0]), int(keys[-1]))))
        asked = "SELECT id, vector FROM @.sequence WHERE id = ANY(%s) ORDER BY id"
        return iter(self._server.run(asked, (keys.tolist(),)))

    def _new(self, entries: Sequence[Entry]) -> list[int]:
        """Places of the entries that are not enrolled yet, each once."""
        first: dict[tuple[str, str], int] = {}
        for position, entry in enumerate(entries):
            first.setdefault((entry.person, entry.name), position)
        asked = (
            f"SELECT person.name, sequence.name {_JOINED} "
            "JOIN unnest(%s::text[], %s::text[]) AS given (person, name) "
            "ON person.name = given.person AND sequence.name = given.name"
        )
        people, names = [key[0] for key in first], [key[1] for key in first]
        known = set(self._server.run(asked, (people, names)))
        return [position for key, position in first.items() if key not in known]

    def _numbers(self, people: list[str]) -> dict[str, int]:
        """Numbers of people, who are made where they are not there yet."""
        self._server.run(
            "INSERT INTO @.person (name) SELECT given FROM unnest(%s::text[]) AS given "
            "WHERE NOT EXISTS (SELECT FROM @.person AS person WHERE person.name = given)",
            (people,),
        )
        found = self._server.run("SELECT name, id FROM @.person WHERE name = ANY(%s)", (people,))
        return {str(name): int(number) for name, number in found}

    def _found(self, people: Sequence[str], sequences: Sequence[str]) -> set[int]:
        """Numbers of the sequences that are asked for."""
        gone: set[int] = set()
        for person, name in wanted(people, sequences):
            asked = {"person.name": person, "sequence.name": name}
            given = {column: value for column, value in asked.items() if value is not None}
            condition = " AND ".join(f"{column} = %s" for column in given)
            sought = f"SELECT sequence.id {_JOINED} WHERE {condition}"
            found = self._server.run(sought, tuple(given.values())).fetchall()
            if not found:
                kind = "person" if name is None else "sequence"
                known = self._server.run(f"SELECT DISTINCT name FROM @.{kind} LIMIT {_FEW}")
                raise self._absent(kind, list(given.values()), [str(row[0]) for row in known])
            gone.update(int(row[0]) for row in found)
        return gone

    def _may_vacuum(self) -> bool:
        asked = (
            "SELECT pg_has_role(relowner, 'USAGE') FROM pg_class WHERE oid = %s::regclass AND "
            "NOT pg_is_in_recovery()"
        )
        return bool(self._first(asked, (self._server.sql("@.sequence").decode(),)))

    def _vacuum(self) -> list[str]:
        """Clear dead rows; returns what the server has to remark, and notes the removals that are settled."""
        settled = self.removals()
        tables = ["@.sequence", "@.person"]
        warnings = self._server.vacuum(tables)
        # The rows themselves, and the pieces of long ones, which lie in a table of their own.
        dead = self._first(
            "SELECT coalesce(sum(pg_stat_get_dead_tuples(oid) + pg_stat_get_dead_tuples(reltoastrelid)), 0)::"
            "bigint FROM pg_class WHERE oid = ANY(%s::regclass[])",
            ([self._server.sql(table).decode() for table in tables],),
        )
        if dead:
            warnings.append(
                "another transaction is open on the server: rows of what was removed stay in its files until "
                "a later change of the gallery, or the server's own vacuum"
            )
        if not warnings:
            with self._server.writing():
                self._server.run(
                    "UPDATE @.about SET value = greatest(value::bigint, %s)::text WHERE key = 'vacuumed'",
                    (settled,),
                )
        return warnings

    def _remark(self, text: str) -> None:
        log.warning("%s: %s", self.where, printable(self.address.without_secrets(text)))

    def _count(self, table: str) -> int:
        return int(self._first(f"SELECT count(*) FROM @.{table}"))

    def _first(self, text: str, values: Any = None) -> Any:
        """The first number or text that a query gives.

        Raises:
            DataError: it gives none: rows of the gallery's own are missing.
        """
        found = self._server.one(text, values)
        if found is None or found[0] is None:
            raise DataError(
                "the gallery does not say what it holds: a row of its table about is missing",
                where=self.where,
                hint="restore a backup of the database, or enroll the sequences again in another schema",
            )
        return found[0]
