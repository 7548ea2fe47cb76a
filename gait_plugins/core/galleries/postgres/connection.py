"""Connections to a PostgreSQL server: how one is made, and its transactions."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gait_plugins.core.galleries.address import ServerAddress
from gait_plugins.core.galleries.postgres.words import PATIENCE, in_words, unreached
from gait_plugins.errors import ConfigError
from gait_plugins.suggest import did_you_mean

if TYPE_CHECKING:
    import psycopg

_DEFAULTS = {
    "connect_timeout": "10",
    # A server that is gone without a word is noticed within about two minutes.
    "keepalives_idle": "60",
    "keepalives_interval": "15",
    "keepalives_count": "4",
    "tcp_user_timeout": "120000",
    "fallback_application_name": "gait-plugins",
    "client_encoding": "UTF8",
}


class Connection:
    """A connection on which each statement is a transaction of its own, unless it is in one of the blocks.

    One that was lost meanwhile is made anew, once; within a block that is an error.

    Args:
        address: of the gallery.

    Raises:
        ConfigError: psycopg is not installed, or the address has a setting that libpq does not know.
        DataError: the server is not reached, or lets nobody in.
    """

    def __init__(self, address: ServerAddress) -> None:
        self.address = address
        self._link = _connected(address)
        self._blocks = 0

    def close(self) -> None:
        """Close it."""
        self._link.close()

    def sql(self, text: str) -> bytes:
        """A statement; ``@`` stands for the schema of the gallery, whose name is harmless."""
        return text.replace("@", f'"{self.address.schema}"').encode()

    def run(self, text: str, values: Any = None) -> psycopg.Cursor[tuple[Any, ...]]:
        """Execute a statement; what it gives is in memory, and in binary form on the way."""
        import psycopg

        with self.in_words():
            try:
                return self._link.execute(self.sql(text), values, binary=True)
            except psycopg.OperationalError:
                # Alone, a statement can be said again: it asks for something, or clears dead rows.
                if self._blocks or not self._link.closed:
                    raise
                self._link = _connected(self.address)
                return self._link.execute(self.sql(text), values, binary=True)

    @contextmanager
    def _block(self) -> Iterator[None]:
        """A transaction, or a part of the one that is open."""
        if not self._blocks:
            self.run("SELECT 1")  # on a connection that is there
        self._blocks += 1
        try:
            with self.in_words(), self._link.transaction():
                yield
        finally:
            self._blocks -= 1

    def one(self, text: str, values: Any = None) -> tuple[Any, ...] | None:
        """The first row that a statement gives."""
        with self.in_words():
            found: tuple[Any, ...] | None = self.run(text, values).fetchone()
        return found

    @contextmanager
    def in_words(self) -> Iterator[None]:
        """Errors of psycopg as errors that say what to do."""
        with in_words(self.address, lambda: bool(self._link.closed)):
            yield

    @contextmanager
    def writing(self) -> Iterator[None]:
        """A change that is committed whole, or not at all; other writers of this gallery wait for its end."""
        with self._block():
            self.run(f"SET LOCAL lock_timeout = {int(1000 * PATIENCE)}")
            # Whatever the server is set to, a commit is on its disk before it is told.
            self.run(
                "SELECT set_config('synchronous_commit', 'on', true) "
                "WHERE current_setting('synchronous_commit') = 'off'"
            )
            # An advisory lock, by the number of a table: readers see nothing of it.
            self.run(
                "SELECT pg_advisory_xact_lock(%s::regclass::oid::bigint)", (self.sql("@.about").decode(),)
            )
            yield

    @contextmanager
    def making(self) -> Iterator[None]:
        """A change as of :meth:`writing`, of a gallery that need not be there yet."""
        with self._block():
            self.run(f"SET LOCAL lock_timeout = {int(1000 * PATIENCE)}")
            self.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7))", (self.address.schema,))
            yield

    @contextmanager
    def stream(self, text: str, page: int) -> Iterator[psycopg.ServerCursor[tuple[Any, ...]]]:
        """What a query gives, some rows at a time, all as of the moment of the block's begin."""
        with self._block():
            self.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            with self._link.cursor("gait_rows", binary=True) as cursor:
                cursor.itersize = page
                cursor.execute(self.sql(text))
                yield cursor

    @contextmanager
    def copying(self, text: str, types: list[str]) -> Iterator[psycopg.Copy]:
        """Rows that go to the server one after the other, in binary form."""
        with self.in_words(), self._link.cursor() as cursor, cursor.copy(self.sql(text)) as copy:
            copy.set_types(types)
            yield copy

    def vacuum(self, tables: list[str], *, full: bool = False) -> list[str]:
        """Clear the dead rows of tables and of their indices; returns the warnings of the server.

        Args:
            tables: of the gallery.
            full: write their files anew; everybody else waits for that.
        """
        warnings: list[str] = []

        def heard(notice: psycopg.errors.Diagnostic) -> None:
            if notice.severity_nonlocalized == "WARNING":
                warnings.append(notice.message_primary or "")

        if self._link.info.server_version >= 150000:
            # What is counted as dead must not be told after it has been cleared.
            self.run("SELECT pg_stat_force_next_flush()")
        self._link.add_notice_handler(heard)
        try:
            if full:
                self.run(f"SET lock_timeout = {int(1000 * PATIENCE)}")
            for table in tables:
                # Indices too, however few rows are dead: they hold names. Nothing that readers wait for.
                self.run(f"VACUUM ({'FULL' if full else 'INDEX_CLEANUP ON, TRUNCATE OFF'}) {table}")
            if full:
                self.run("RESET lock_timeout")
        finally:
            self._link.remove_notice_handler(heard)
        return warnings


def _connected(address: ServerAddress) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        import psycopg
    except ImportError as error:
        raise ConfigError(
            f"a gallery on a server needs psycopg: {error}",
            where=str(address),
            hint="pip install 'gait-plugins-trackletgait[postgres]'",
        ) from error
    _check_settings(address, [option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()])
    defaults = dict(_DEFAULTS)
    if "PGCONNECT_TIMEOUT" in os.environ:
        del defaults["connect_timeout"]
    settings: dict[str, Any] = {**defaults, **address.settings}
    try:
        # No prepared statements: a pooler between may give each transaction another connection.
        return psycopg.connect(autocommit=True, prepare_threshold=None, **settings)
    except psycopg.Error as error:
        raise unreached(error, address) from None


def _check_settings(address: ServerAddress, known: list[str]) -> None:
    for name in address.settings:
        if name not in known:
            raise ConfigError(
                f"the address has a setting {name!r} that neither a gallery nor libpq knows",
                where=str(address),
                hint=did_you_mean(name, ["schema", *known], also="schema=NAME chooses the gallery"),
            )
