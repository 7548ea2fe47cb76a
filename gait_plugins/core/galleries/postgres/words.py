"""Errors of PostgreSQL in words: what happened, at which address, and what to do; never with a password."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gait_plugins.core.galleries.address import ServerAddress
from gait_plugins.errors import DataError, GaitPluginsError
from gait_plugins.io.printable import printable

if TYPE_CHECKING:
    import psycopg

PATIENCE = 30.0
"""Seconds that a writer waits for another one."""
AGAIN = (
    "what was told as enrolled or removed before is so; the last change was made whole or not at all: run "
    "the command again, and what is enrolled already is left out"
)
_GRANTS = (
    "the owner of the gallery grants it: to identify, USAGE on the schema and SELECT on its tables; to "
    "enroll and remove, INSERT, UPDATE and DELETE too"
)
_OTHER_TABLES = "use a version of gait-plugins-trackletgait that fits, or another schema: ?schema=NAME"

_STATES: dict[str, tuple[str, str]] = {
    "08": ("the connection was lost", AGAIN),
    "28": ("the server lets nobody in with this account or password", ""),
    "3D000": ("the server has no such database", "createdb makes one; enroll makes the gallery in it"),
    "25006": (
        "the server takes no changes here: it is a standby, or set to read only",
        "give the address of the primary server, or add target_session_attrs=read-write to that of several",
    ),
    "42501": ("the account may not do this", _GRANTS),
    "42P01": ("the tables of the gallery are not those that this version knows", _OTHER_TABLES),
    "42703": ("the tables of the gallery are not those that this version knows", _OTHER_TABLES),
    "42804": ("the tables of the gallery are not those that this version knows", _OTHER_TABLES),
    "22P05": (
        "the encoding of the database lacks a letter of a name",
        "createdb --encoding UTF8 --template template0 makes a database that holds every letter",
    ),
    "53100": ("the server's disk is full", "what was enrolled before is intact; free some disk space there"),
    "53300": ("the server has no connection left", "try again later, or raise max_connections there"),
    "53": (
        "the server has no resources left for this",
        "what was enrolled before is intact; try again later",
    ),
    "54000": ("a name is too long for the server", "rename the sequence or the person"),
    "55P03": (
        f"another process has been using the gallery for {PATIENCE:.0f} seconds",
        "wait for it, and try again",
    ),
    "57014": (
        "the server has ended the statement",
        "its statement_timeout may be too short for this gallery",
    ),
    "57P03": ("the server is starting or stopping", "wait for it, and try again"),
    "57P": ("the server has ended the connection", AGAIN),
    "40": ("another change came between", "nothing was changed: try again"),
    "XX": ("the server reports damage", "stop writing to it, and restore its backup"),
}
"""Class or state of SQL -> what happened, and what to do."""

_PHRASES: tuple[tuple[str, str], ...] = (
    ("password authentication failed", "28"),
    ("no password supplied", "28"),
    ("no pg_hba.conf entry", "28"),
    ("authentication failed", "28"),
    ("role", "28"),
    ("database", "3D000"),
    ("too many connections", "53300"),
    ("too many clients", "53300"),
    ("starting up", "57P03"),
    ("shutting down", "57P03"),
)
"""What libpq says as a connection is refused, which has no state -> its state."""


@contextmanager
def in_words(address: ServerAddress, is_lost: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Errors of psycopg as errors that say what to do.

    Args:
        address: of the gallery.
        is_lost: whether the connection is no more; asked after an error.

    Raises:
        DataError: in place of any of psycopg's.
    """
    import psycopg

    try:
        yield
    except psycopg.Error as error:
        # Not chained: what is under it may show the settings of the connection.
        raise named(error, address, is_lost()) from None


def named(error: psycopg.Error, address: ServerAddress, is_lost: bool) -> GaitPluginsError:
    """The error that says what to do."""
    said = _said(error, address)
    state = error.sqlstate or ("08" if is_lost else "")
    for length in (5, 3, 2):
        if state[:length] in _STATES:
            what, hint = _STATES[state[:length]]
            return DataError(f"{what}: {said}", where=str(address), hint=hint or _access())
    return DataError(f"the server refuses: {said}", where=str(address), hint="see the log of the server")


def unreached(error: psycopg.Error, address: ServerAddress) -> GaitPluginsError:
    """The error of a connection that could not be made."""
    said = _said(error, address)
    if error.sqlstate:
        return named(error, address, False)
    # The server has answered where its word FATAL is there, in whatever language the rest is.
    if "FATAL" in said or "password" in said:
        found = next((state for phrase, state in _PHRASES if phrase in said), "28")
        what, hint = _STATES[found]
        return DataError(f"{what}: {said}", where=str(address), hint=hint or _access())
    return DataError(
        f"the server is not reached: {said}",
        where=str(address),
        hint="see that it runs and that the address is right: postgresql://USER@HOST:PORT/DATABASE; "
        "for a socket of this machine postgresql:///DATABASE?host=/var/run/postgresql",
    )


def _access() -> str:
    return (
        "name the account in the address (postgresql://USER@HOST/DATABASE), and keep its password in a "
        "password file (PGPASSFILE) or a service file (?service=NAME); see pg_hba.conf of the server"
    )


def _said(error: psycopg.Error, address: ServerAddress) -> str:
    """The first line of what the server or libpq says."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = (lines[0] if lines else type(error).__name__).removeprefix("connection failed: ")
    return printable(address.without_secrets(told))
