"""Galleries on a server: several machines, other accounts, damage, lost connections; errors in words."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from helpers.files.gallery_files import ORIGIN, SHAPE, embeddings, entries, gallery_of
from helpers.postgres_server import ACCOUNT, PASSWORD, PostgresServer
from helpers.stores import values_of

from gait_plugins import ConfigError, DataError
from gait_plugins.core.galleries.address import Place, ServerAddress, place_of
from gait_plugins.core.galleries.entries import Entry
from gait_plugins.core.galleries.postgres import connection
from gait_plugins.core.galleries.postgres.store import ServerGallery
from gait_plugins.core.galleries.search import identify_in
from gait_plugins.core.galleries.stores import is_there, make_gallery, open_gallery


@pytest.fixture
def place(postgres: PostgresServer) -> ServerAddress:
    return postgres.place()


@pytest.fixture
def account(postgres: PostgresServer, place: ServerAddress) -> Iterator[tuple[str, Place]]:
    """Another account and the address with it; its password is ``other-secret``."""
    name = f"reader_{place.schema}"
    postgres.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'other-secret'")
    yield name, place_of(postgres.text(place.schema, name, "other-secret"))
    postgres.execute(f"DROP OWNED BY {name}; DROP ROLE {name}")


@contextmanager
def refused(*words: str) -> Iterator[None]:
    """An error that says all of this, and never a password."""
    with pytest.raises((DataError, ConfigError)) as caught:
        yield
    text = str(caught.value)
    assert all(word in text for word in words), text
    assert "\n  -> " in text
    assert not any(secret in text for secret in (PASSWORD, "other-secret", "wrong-secret")), text


def test_a_server_that_lets_nobody_in_is_told(postgres: PostgresServer, place: ServerAddress) -> None:
    schema = place.schema
    for text, words in (
        (
            postgres.text(schema, password="wrong-secret"),
            ("lets nobody in", "authentication failed", "PGPASSFILE"),
        ),
        (postgres.text(schema, password=""), ("lets nobody in", "no password supplied", "PGPASSFILE")),
        (postgres.text(schema, "stranger", "wrong-secret"), ("lets nobody in", "stranger")),
        (postgres.text(schema, database="nowhere"), ("has no such database", '"nowhere"', "createdb")),
        ("postgresql://a:wrong-secret@127.0.0.1:1/gait", ("is not reached", "refused", "see that it runs")),
        ("postgresql:///gait?host=/nonexistent&password=wrong-secret", ("is not reached", "/nonexistent")),
        ("postgresql:///gait?service=nowhere", ("is not reached", '"nowhere"')),
        (postgres.text(schema) + "&sslmod=require", ("setting 'sslmod'", "did you mean 'sslmode'")),
        (postgres.text(schema) + "&connect_timeout=wrong-secre", ("is not reached", "connect_timeout")),
        (postgres.text(schema), (f"no gallery in the schema {schema}", "gait-plugins enroll")),
    ):
        with refused(*words):
            open_gallery(place_of(text))


def test_psycopg_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with refused("needs psycopg", "pip install 'gait-plugins-trackletgait[postgres]'"):
        open_gallery(place_of("postgresql:///gait"))


def test_a_gallery_is_private_until_somebody_is_let_in(
    postgres: PostgresServer, place: ServerAddress, account: tuple[str, Place]
) -> None:
    name, theirs = account
    data, probes = embeddings(3, 2), embeddings(3, 1, seed=1)
    gallery_of(place, data).close()
    with refused("the account may not do this", "permission denied", "USAGE on the schema and SELECT"):
        open_gallery(theirs)
    with refused("the account may not do this"):
        is_there(theirs)
    postgres.execute(f"GRANT USAGE ON SCHEMA {place.schema} TO {name}")
    with refused("the account may not do this", "permission denied"):
        open_gallery(theirs)
    postgres.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {place.schema} TO {name}")
    with open_gallery(theirs) as gallery:
        found = identify_in(gallery, probes)
        assert [answer.identity for answer in found] == ["person-000", "person-001", "person-002"]
        assert (gallery.thresholds(), len(gallery.entries())) == ({}, 6)
        new = embeddings(1, 1, first=7)
        for change in (
            lambda: gallery.add(entries(new), new.embeddings),
            lambda: gallery.remove(["person-000"]),
            lambda: gallery.keep_threshold("euc", {}),
        ):
            with refused("the account may not do this", "INSERT, UPDATE and DELETE"):
                change()
        assert len(gallery) == 6
    with refused("the account may not do this", "permission denied for database"):
        make_gallery(place_of(postgres.text("elsewhere", name, "other-secret")), ORIGIN, SHAPE)


def test_an_account_that_may_write_and_not_vacuum_is_told(
    postgres: PostgresServer,
    place: ServerAddress,
    account: tuple[str, Place],
    caplog: pytest.LogCaptureFixture,
) -> None:
    name, theirs = account
    gallery_of(place, embeddings(3, 2)).close()
    postgres.execute(f"GRANT USAGE ON SCHEMA {place.schema} TO {name}")
    rights = "SELECT, INSERT, UPDATE, DELETE"
    postgres.execute(f"GRANT {rights} ON ALL TABLES IN SCHEMA {place.schema} TO {name}")
    with open_gallery(theirs) as gallery:
        new = embeddings(1, 1, first=7)
        assert gallery.add(entries(new), new.embeddings) == 1
        assert gallery.remove(["person-000"]) == 2
        assert "this account may not clear dead rows" in caplog.text
        with refused("has not rewritten the tables", "the owner of the tables"):
            gallery.rewrite()
        gallery.settle()
    assert dict(postgres.execute(f"SELECT key, value FROM {place.schema}.about"))["vacuumed"] == "0"
    with open_gallery(place) as gallery:
        gallery.settle()  # as the owner's next change does
    assert dict(postgres.execute(f"SELECT key, value FROM {place.schema}.about"))["vacuumed"] == "1"


def test_a_server_that_is_read_only_is_told(postgres: PostgresServer, place: ServerAddress) -> None:
    gallery_of(place, embeddings(2, 1)).close()
    still = postgres.text(place.schema) + "&options=-c%20default_transaction_read_only%3Don"
    new = embeddings(1, 1, first=7)
    with open_gallery(place_of(still)) as gallery:
        assert len(values_of(gallery)) == 2
        with refused("takes no changes here", "target_session_attrs=read-write"):
            gallery.add(entries(new), new.embeddings)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "UPDATE @.about SET value = '99' WHERE key = 'format'",
            ("format 99, this version reads up to 1", "update"),
        ),
        (
            "UPDATE @.about SET value = 'x' WHERE key = 'kind'",
            ("tables", "of something else", "?schema=NAME"),
        ),
        ("DELETE FROM @.about WHERE key = 'channels'", ("does not say what it holds",)),
        ("UPDATE @.about SET value = 'int8' WHERE key = 'dtype'", ("does not say what it holds", "int8")),
        ("DELETE FROM @.about WHERE key = 'removals'", ("a row of its table about is missing",)),
        ("DROP TABLE @.threshold", ("are not those that this version knows", "threshold")),
        (
            "ALTER TABLE @.sequence DROP COLUMN vector_crc",
            ("are not those that this version knows", "vector_crc"),
        ),
        ("ALTER TABLE @.about DROP COLUMN value", ("are not those that this version knows", "value")),
    ],
)
def test_tables_of_another_version_are_told(
    postgres: PostgresServer, place: ServerAddress, change: str, words: tuple[str, ...]
) -> None:
    gallery_of(place, embeddings(2, 1)).close()
    postgres.execute(change.replace("@", place.schema))
    with refused(*words), open_gallery(place) as gallery:
        gallery.rows()
        gallery.thresholds()


def test_a_schema_of_something_else_is_left_alone(postgres: PostgresServer, place: ServerAddress) -> None:
    postgres.execute(f"CREATE SCHEMA {place.schema}; CREATE TABLE {place.schema}.person (name text)")
    with refused("holds something else: person", "?schema=NAME"):
        make_gallery(place, ORIGIN, SHAPE)
    postgres.execute(f"CREATE TABLE {place.schema}.about (key text, value text)")
    with refused("of something else"):
        make_gallery(place, ORIGIN, SHAPE)
    postgres.execute(f"DROP SCHEMA {place.schema} CASCADE; CREATE SCHEMA {place.schema}")
    with gallery_of(place, embeddings(2, 1)) as gallery:  # an empty one may have been made for it
        assert len(gallery) == 2


def test_several_galleries_lie_in_one_database(postgres: PostgresServer) -> None:
    one, two = postgres.place(), postgres.place()
    with gallery_of(one, embeddings(2, 1)) as a, gallery_of(two, embeddings(3, 2), "float16") as b:
        a.remove(["person-000"])
        assert (len(a), len(b), a.removals(), b.removals()) == (1, 6, 1, 0)


def test_writers_wait_for_each_other_and_readers_for_nobody(
    postgres: PostgresServer, place: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "PATIENCE", 0.2)
    new = embeddings(1, 1, first=5)
    other = postgres.place()
    with (
        gallery_of(place, embeddings(2, 1)) as first,
        open_gallery(place) as second,
        gallery_of(other, new) as third,
    ):
        assert isinstance(first, ServerGallery)
        with first._server.writing():
            first._server.run("DELETE FROM @.sequence")
            assert len(values_of(second)) == 2
            assert identify_in(second, embeddings(1, 1))[0].identity == "person-000"
            with refused("another process has been using", "wait for it"):
                second.add(entries(new), new.embeddings)
            with refused("another process has been using"):
                second.rewrite()
            assert third.remove(["person-005"]) == 1  # another gallery is another's business
            first._server.run("INSERT INTO @.person (name) VALUES ('never seen')")
            with refused("the server has ended the statement"):
                first._server.run("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(10)")
        assert second.add(entries(new), new.embeddings) == 1


def test_a_removed_person_is_in_no_row_and_no_file_of_the_tables(
    postgres: PostgresServer, place: ServerAddress
) -> None:
    shape = (64, 16)  # so long that the server keeps it in pieces, elsewhere
    drawn = np.random.default_rng(0).normal(size=(30, *shape)).astype(np.float32)
    people = [
        Entry(f"somebody-{i // 3:03d}", f"walk-{i:03d}", "nm", "090", "2026", 9, f"f{i}") for i in range(30)
    ]
    pieces = [np.ascontiguousarray(value.T).tobytes()[:512] for value in drawn]
    with make_gallery(place, ORIGIN, shape) as gallery:
        gallery.add(people, drawn)
        assert postgres.holds(pieces[12])
        assert postgres.holds(b"somebody-004")
        gallery.remove(["somebody-004"])
        dead = (
            "SELECT count(*) FROM pg_stat_all_tables "
            "WHERE schemaname = %s AND relname <> 'about' AND n_dead_tup > 0"
        )
        assert postgres.execute(dead, place.schema) == [(0,)]
        assert "--rewrite" in gallery.remains
        # Until now the room was given back, with the bytes in it.
        gallery.rewrite()
        assert len(values_of(gallery)) == 27
    assert not any(postgres.holds(piece) for piece in pieces[12:15])
    assert not postgres.holds(b"somebody-004")
    assert postgres.holds(pieces[11])


def test_an_open_transaction_keeps_what_was_removed_until_a_later_change(
    postgres: PostgresServer, place: ServerAddress, caplog: pytest.LogCaptureFixture
) -> None:
    about = f"SELECT value FROM {place.schema}.about WHERE key = 'vacuumed'"
    with gallery_of(place, embeddings(5, 2)) as gallery, ServerGallery(place) as reader:
        with reader._server.stream("SELECT id FROM @.sequence", 10) as rows:
            next(iter(rows))
            gallery.remove(["person-001"])
            assert "another transaction is open on the server" in caplog.text
            assert postgres.execute(about) == [("0",)]
            # Nothing of it is seen by whoever begins now.
            assert "person-001-s0-0" not in values_of(gallery)
        caplog.clear()
        new = embeddings(1, 1, first=9)
        gallery.add(entries(new), new.embeddings)
        assert postgres.execute(about) == [("1",)]
        assert caplog.text == ""


def test_what_a_killed_removal_left_is_cleared_by_the_next_writer(
    postgres: PostgresServer, place: ServerAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = f"SELECT value FROM {place.schema}.about WHERE key = 'vacuumed'"
    with gallery_of(place, embeddings(3, 1)) as gallery:
        with monkeypatch.context() as killed:
            killed.setattr(ServerGallery, "_vacuum", _killed)
            with pytest.raises(KeyboardInterrupt):
                gallery.remove(["person-001"])
        assert (len(gallery), postgres.execute(about)) == (2, [("0",)])
        with pytest.raises(DataError, match="holds no person 'person-001'"):
            gallery.remove(["person-001"])
        assert postgres.execute(about) == [("1",)]


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            "vector = set_byte(vector, 40, 255 - get_byte(vector, 40)) WHERE name = 'person-001-s0-1'",
            ("1 of 6", "person-001-s0-1"),
        ),
        ("vector = substr(vector, 1, 95)", ("6 of 6 embeddings do not match",)),
        ("vector_crc = 5 WHERE id = 3", ("1 of 6",)),
        (
            "view = '091' WHERE id = 4",
            ("the row of 'person-001-s0-1' ('person-001') does not match its checksum",),
        ),
    ],
)
def test_damage_is_told(
    postgres: PostgresServer, place: ServerAddress, change: str, words: tuple[str, ...]
) -> None:
    with gallery_of(place, embeddings(3, 2)) as gallery:
        postgres.execute(f"UPDATE {place.schema}.sequence SET {change}")
        with refused(*words):
            gallery.entries()
            values_of(gallery)


def test_a_row_that_is_gone_without_a_removal_is_told(postgres: PostgresServer, place: ServerAddress) -> None:
    with gallery_of(place, embeddings(3, 2)) as gallery:
        rows = gallery.rows()
        postgres.execute(f"DELETE FROM {place.schema}.sequence WHERE id = 3")
        with refused("1 of 6 embeddings do not match", "a removed sequence"):
            gallery.read(rows, np.arange(6))


def test_a_name_with_nul_is_refused(place: ServerAddress) -> None:
    data = embeddings(1, 1)
    with gallery_of(place, embeddings(1, 1, first=4)) as gallery:
        with refused("has the character NUL in it", "rename"):
            gallery.add([entries(data)[0]._replace(view="0\x0090")], data.embeddings)
        with refused("too long for the server"):
            gallery.add([entries(data)[0]._replace(person=_long_name())], data.embeddings)
        assert len(gallery) == 1


def _long_name() -> str:
    return "".join(map(str, np.random.default_rng(0).integers(10**15, 10**16, 1000).tolist()))


ENDS = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'gait-plugins'"


def test_a_connection_that_was_lost_meanwhile_is_made_anew(
    postgres: PostgresServer, place: ServerAddress
) -> None:
    data, new = embeddings(3, 2), embeddings(1, 1, first=7)
    with gallery_of(place, data) as gallery:
        rows = gallery.rows()
        asked = (
            lambda: np.array_equal(gallery.read(rows, np.arange(6)), data.embeddings),
            lambda: len(gallery) == 6,
            lambda: len(gallery.entries()) == 6,
            lambda: len(gallery.rows().ids) == 6,
            lambda: gallery.add(entries(new), new.embeddings) == 1,
            lambda: gallery.remove(["person-007"]) == 1,
        )
        for ask in asked:
            postgres.execute(ENDS)
            assert ask()
        postgres.stop()
        postgres.start()
        assert identify_in(gallery, embeddings(1, 1))[0].identity == "person-000"


def test_a_connection_that_is_lost_within_a_change_is_told(
    postgres: PostgresServer, place: ServerAddress
) -> None:
    with gallery_of(place, embeddings(3, 2)) as gallery:
        assert isinstance(gallery, ServerGallery)
        # Who ended it depends on the release of psycopg: only later ones pass on the state.
        told = refused("the connection", "terminating connection", "run the command again")
        with told, gallery._server.writing():
            gallery._server.run("DELETE FROM @.sequence")
            postgres.execute(ENDS)
            gallery._server.run("DELETE FROM @.person")
        assert len(gallery) == 6
        with (
            refused("the connection", "run the command again"),
            gallery._server.stream("SELECT 1", 1) as rows,
        ):
            postgres.execute(ENDS)
            next(iter(rows))
        postgres.stop()
        try:
            for ask in (gallery.rows, lambda: gallery.remove(["person-000"]), lambda: open_gallery(place)):
                with refused("is not reached"):
                    ask()
        finally:
            postgres.start()
        assert len(values_of(gallery)) == 6


def test_the_commit_of_a_server_that_tells_too_early_is_waited_for(
    postgres: PostgresServer, place: ServerAddress
) -> None:
    hasty = place_of(postgres.text(place.schema) + "&options=-c%20synchronous_commit%3Doff")
    with gallery_of(hasty, embeddings(1, 1)) as gallery:
        assert isinstance(gallery, ServerGallery)
        asked: Any = "SELECT current_setting('synchronous_commit')"
        assert gallery._server.one(asked) == ("off",)
        with gallery._server.writing():
            assert gallery._server.one(asked) == ("on",)
    assert ACCOUNT in str(hasty)
