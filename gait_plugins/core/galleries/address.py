"""Addresses of galleries: a path, or a database server with the schema that holds the gallery."""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlsplit

from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import printable

log = logging.getLogger("gait_plugins")

SCHEMA = "gait_gallery"
"""Name of a gallery in a database where the address gives none."""
_SCHEMES = ("postgresql", "postgres")
_LIKE = "postgresql://USER@HOST/DATABASE?schema=NAME"
_NAME = re.compile(r"[a-z_][a-z0-9_]{0,62}")
_HOST = re.compile(r"(?P<host>\[[0-9A-Fa-f:.%]+\]|[^:\[\]]*)(:(?P<port>\d{1,5})?)?")
_ADDRESS = re.compile(r"\s*[\w+.-]+://")
_SECRETS = ("password", "sslpassword", "oauth_client_secret")
_SHOWN = ("host", "port", "user", "dbname", "service", "sslmode")


@dataclass(frozen=True)
class ServerAddress:
    """A gallery on a PostgreSQL server. As text it has no password in it."""

    schema: str
    """The schema of the database that holds the gallery."""
    settings: dict[str, str] = field(repr=False, hash=False)
    """What libpq is told, a password too."""
    shown: str
    """The address without anything secret."""

    def __str__(self) -> str:
        return self.shown

    def without_secrets(self, text: str) -> str:
        """A text of the server or its library, with a password in it covered."""
        for name in _SECRETS:
            secret = self.settings.get(name)
            if secret:
                text = text.replace(secret, "***")
        return text


Place = Path | ServerAddress
"""Where a gallery is, or is to be."""


def place_of(text: str) -> Place:
    """The place that a user names: a path, or ``postgresql://[USER@]HOST[:PORT]/DATABASE[?schema=NAME]``.

    Other settings of libpq may follow, as in its own addresses (``sslmode``, ``service``, ``passfile``, ...).

    Raises:
        ConfigError: the address of a server cannot be read, or is of another kind of server. Its text is not
            shown: it may hold a password.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or scheme.lower() not in _SCHEMES:
        if _ADDRESS.match(text):  # as a path it would be shown, or made
            raise _unreadable("it does not begin with postgresql://")
        return Path(text)
    try:
        split = urlsplit(f"postgresql:{rest}", allow_fragments=False)
        given = dict(parse_qsl(split.query, keep_blank_values=True, strict_parsing=bool(split.query)))
    except ValueError as error:
        raise _unreadable("it is no URL") from error
    if not rest.startswith("//"):
        raise _unreadable("there is no // after postgresql:")
    schema = given.pop("schema", SCHEMA)
    if not _NAME.fullmatch(schema) or schema.startswith("pg_"):
        raise ConfigError(
            f"schema={printable(schema)} cannot be the name of a gallery: expected at most 63 lower-case "
            "letters, digits and _, and not pg_ in front",
            where="the address of the gallery",
            hint=_LIKE.replace("NAME", SCHEMA),
        )
    settings = {**_authority(split), **given}
    if any(settings.get(name) for name in _SECRETS):
        log.warning(
            "the address of the gallery has a password in it, which others on this machine may see among the "
            "processes: keep it in a password file (PGPASSFILE) or a service file"
        )
    return ServerAddress(schema, settings, _shown(settings, schema))


def _authority(split: SplitResult) -> dict[str, str]:
    """The settings before the question mark."""
    account, _, hosts = split.netloc.rpartition("@")
    user, _, password = account.partition(":")
    found = [_HOST.fullmatch(one) for one in hosts.split(",")]
    # An @ after the host is the end of a password that has a / in it.
    if not all(found) or "@" in split.path:
        raise _unreadable(
            "its host or port is none; letters such as @ : / in a password are written as %40 %3A %2F"
        )
    names = [unquote(one["host"].strip("[]")) for one in found if one]
    ports = [one["port"] or "" for one in found if one]
    settings = {
        "host": ",".join(names),
        "port": ",".join(ports) if any(ports) else "",
        "user": unquote(user),
        "password": unquote(password),
        "dbname": unquote(split.path.removeprefix("/")),
    }
    return {name: value for name, value in settings.items() if value.strip(",")}


def _shown(settings: dict[str, str], schema: str) -> str:
    # Of what follows the question mark, only names that hold no secret are shown.
    known = {name: settings[name] for name in _SHOWN if settings.get(name)}
    user, database = known.pop("user", ""), known.pop("dbname", "")
    host, port = known.pop("host", ""), known.pop("port", "")
    more = {**known, "schema": schema}
    if "/" in host or "," in host or "," in port or ":" in host:
        more = {"host": host, **({"port": port} if port else {}), **more}
        host = port = ""
    asked = "&".join(f"{name}={quote(value, safe='/,:')}" for name, value in more.items())
    where = f"{quote(user)}@" if user else ""
    return f"postgresql://{where}{quote(host)}{':' + port if port else ''}/{quote(database)}?{asked}"


def _unreadable(reason: str) -> ConfigError:
    return ConfigError(
        f"the address of the server cannot be read: {reason}", where="the address of the gallery", hint=_LIKE
    )
