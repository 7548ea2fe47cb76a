"""Addresses of galleries: what they mean, and that no password is ever shown."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from gait_plugins import ConfigError
from gait_plugins.core.galleries.address import SCHEMA, ServerAddress, place_of
from gait_plugins.core.galleries.stores import is_file_form, is_lasting, require_lasting

SECRET = "0pen:Se@me/é"
WRITTEN = "0pen%3ASe%40me%2F%C3%A9"


@pytest.mark.parametrize("text", ["g", "people/g.gallery", "old.npz", "postgres", "a:b", "my postgresql:"])
def test_everything_else_is_a_path(text: str) -> None:
    assert place_of(text) == Path(text)


@pytest.mark.parametrize(
    ("text", "schema", "settings", "shown"),
    [
        ("postgresql:///gait", SCHEMA, {"dbname": "gait"}, f"postgresql:///gait?schema={SCHEMA}"),
        ("postgres://db/gait?schema=staff", "staff", {"host": "db"}, "postgresql://db/gait?schema=staff"),
        (
            f"PostgreSQL://ann:{WRITTEN}@db.example:5433/gait?schema=a_1&sslmode=require&sslkey=k",
            "a_1",
            {"user": "ann", "password": SECRET, "host": "db.example", "port": "5433", "sslkey": "k"},
            "postgresql://ann@db.example:5433/gait?sslmode=require&schema=a_1",
        ),
        (
            f"postgresql:///gait?host=/run/pg&password={WRITTEN}",
            SCHEMA,
            {"host": "/run/pg", "password": SECRET},
            f"postgresql:///gait?host=/run/pg&schema={SCHEMA}",
        ),
        (
            "postgresql://a:1,b:2/gait?target_session_attrs=read-write",
            SCHEMA,
            {"host": "a,b", "port": "1,2", "target_session_attrs": "read-write"},
            f"postgresql:///gait?host=a,b&port=1,2&schema={SCHEMA}",
        ),
        (
            "postgresql://[::1]:7/x",
            SCHEMA,
            {"host": "::1", "port": "7"},
            f"postgresql:///x?host=::1&port=7&schema={SCHEMA}",
        ),
        (
            "postgresql:///?service=staff",
            SCHEMA,
            {"service": "staff"},
            f"postgresql:///?service=staff&schema={SCHEMA}",
        ),
    ],
)
def test_addresses_of_servers(text: str, schema: str, settings: dict[str, str], shown: str) -> None:
    found = place_of(text)
    assert isinstance(found, ServerAddress)
    assert found.schema == schema
    assert settings.items() <= found.settings.items()
    assert str(found) == shown
    again = place_of(shown)  # what is shown can be given again, but for secrets
    assert isinstance(again, ServerAddress)
    assert again.shown == shown


def test_a_password_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        found = place_of(f"postgresql://ann:{WRITTEN}@db/gait")
    assert "has a password in it" in caplog.text
    assert isinstance(found, ServerAddress)
    for text in (str(found), repr(found), f"{found}", caplog.text, found.without_secrets(f"no {SECRET}!")):
        assert SECRET not in text
        assert WRITTEN not in text


@pytest.mark.parametrize(
    "text",
    [
        f"postgresql://ann:{SECRET}@db/gait",  # its own @ : / are not written as they must be
        f"postgresql://ann:{WRITTEN}@db:port/gait",
        f"postgresql://ann:{WRITTEN}@db:1:2/gait",
        f"postgresql:ann:{WRITTEN}@db/gait",
        f"postgressql://ann:{WRITTEN}@db/gait",  # as a path it would be shown, or made
        f"postgresql+psycopg://ann:{WRITTEN}@db/gait",
        f" postgresql://ann:{WRITTEN}@db/gait",
        f"postgresql://ann:{WRITTEN}@[db/gait",
        f"postgresql://ann:{WRITTEN}@db/gait?{WRITTEN}",
        f"postgresql://ann:{WRITTEN}@db/gait?schema=pg_temp",
        f"postgresql://ann:{WRITTEN}@db/gait?schema=a.b",
        f"postgresql://ann:{WRITTEN}@db/gait?schema=Über",
        f"postgresql://ann:{WRITTEN}@db/gait?schema={'x' * 64}",
        f"postgresql://ann:{WRITTEN}@db/gait?schema=",
    ],
)
def test_addresses_that_cannot_be_read_are_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        place_of(text)
    assert "postgresql://USER@HOST/DATABASE?schema=" in str(caught.value)
    assert not {SECRET, WRITTEN} & set(str(caught.value).split())
    assert "0pen" not in str(caught.value)


def test_what_is_on_a_server_is_a_lasting_gallery() -> None:
    place = place_of("postgresql:///gait")
    assert is_lasting(place)
    assert not is_file_form(place)
    require_lasting(place)
