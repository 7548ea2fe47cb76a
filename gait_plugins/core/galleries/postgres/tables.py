"""Tables of a gallery on a server: how they are made and recognised."""

from __future__ import annotations

from collections.abc import Mapping

from gait_plugins.core.galleries.postgres.connection import Connection
from gait_plugins.errors import DataError

FORMAT = 1
"""Raised when an older version could no longer read what this one writes."""
KIND = "gait-plugins gallery"
# Names are compared byte by byte, as Python and SQLite do. Vectors are not compressed: numbers do not shrink.
_TABLES = """
CREATE TABLE @.about (key text PRIMARY KEY, value text NOT NULL);
CREATE TABLE @.person (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text COLLATE "C" NOT NULL UNIQUE
);
CREATE TABLE @.sequence (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person bigint NOT NULL REFERENCES @.person (id),
    name text COLLATE "C" NOT NULL,
    condition text NOT NULL,
    view text NOT NULL,
    recorded text NOT NULL,
    frames bigint,
    source text NOT NULL,
    vector bytea NOT NULL,
    vector_crc bigint NOT NULL,
    row_crc bigint NOT NULL,
    UNIQUE (person, name)
);
CREATE INDEX ON @.sequence (name);
ALTER TABLE @.sequence ALTER COLUMN vector SET STORAGE EXTERNAL;
CREATE TABLE @.threshold (metric text PRIMARY KEY, record text NOT NULL);
"""


def is_made(connection: Connection) -> bool:
    """Whether the schema holds a gallery, or other tables of its name."""
    found = connection.one("SELECT to_regclass(%s)::text", (connection.sql("@.about").decode(),))
    return bool(found and found[0])


def make_tables(connection: Connection, about: Mapping[str, str]) -> None:
    """Make an empty gallery, whole or not at all; where one has come meanwhile, that one stays.

    Args:
        connection: to the server.
        about: what it is to know of itself.

    Raises:
        DataError: the schema holds something else, or the account may make nothing there.
    """
    schema = connection.address.schema
    with connection.making():
        if is_made(connection):
            return
        # Asked first: IF NOT EXISTS wants the right to make schemas even where this one is there.
        if not connection.one("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)):
            connection.run("CREATE SCHEMA @")
        asked = "SELECT relname FROM pg_class WHERE relnamespace = %s::regnamespace LIMIT 1"
        other = connection.one(asked, (connection.sql("@").decode(),))
        if other is not None:
            raise DataError(
                f"the schema {schema} holds something else: {other[0]}",
                where=str(connection.address),
                hint="choose a schema for the gallery alone: ?schema=NAME",
            )
        for statement in _TABLES.split(";\n"):
            if statement.strip():
                connection.run(statement)
        known = {**about, "kind": KIND, "format": str(FORMAT), "removals": "0", "vacuumed": "0"}
        for key, value in known.items():
            connection.run("INSERT INTO @.about VALUES (%s, %s)", (key, value))


def read_about(connection: Connection) -> dict[str, str]:
    """What a gallery says of itself.

    Raises:
        DataError: there is none, or it is of a future format.
    """
    where = str(connection.address)
    if not is_made(connection):
        raise DataError(
            f"the database has no gallery in the schema {connection.address.schema}",
            where=where,
            hint="gait-plugins enroll CONFIG DATA --gallery ADDRESS makes one; ?schema=NAME chooses another",
        )
    about = {str(key): str(value) for key, value in connection.run("SELECT key, value FROM @.about")}
    if about.get("kind") != KIND:
        raise DataError(
            f"the tables of the schema {connection.address.schema} are those of something else",
            where=where,
            hint="choose a schema for the gallery alone: ?schema=NAME",
        )
    number = int(about["format"]) if about.get("format", "").isdecimal() else 0
    if number > FORMAT:
        raise DataError(
            f"the gallery has format {number}, this version reads up to {FORMAT}",
            where=where,
            hint="update gait-plugins-trackletgait",
        )
    return about
