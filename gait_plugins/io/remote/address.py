"""Addresses of remote files: told apart from paths, joined, and kept free of credentials.

Credentials in an address never leave this module but for the store: everything else is given the masked
address, which messages and run folders may hold. The process remembers what it stands for.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

HIDDEN = "***"
"""What stands for a credential."""
_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]+"
_ADDRESS = re.compile(rf"{_SCHEME}://")
_USER = re.compile(rf"({_SCHEME})://([^/?#\s@'\"]*@)")
_QUERY = re.compile(rf"({_SCHEME}://[^\s?#'\"]*)\?([^\s#'\"]+)")
_VALUE = re.compile(r"=[^&]*")
_known: dict[tuple[str, str], str] = {}
"""Masked part and where it stands -> what it stands for."""


class Address(str):
    """A masked address that takes along what it stands for when it is pickled, to a worker process."""

    def __reduce__(self) -> tuple[Any, ...]:
        return _learnt, (str(self), _parts_of(self))


def is_address(text: object) -> bool:
    """Whether a text is an address and no path."""
    return isinstance(text, str) and _ADDRESS.match(text) is not None


def taken(text: str) -> str:
    """A path as it is, or an address that holds no credentials; the process remembers them."""
    return Address(masked(text)) if is_address(text) else text


def path_or_address(text: str) -> Any:
    """What a command line names: a ``Path``, or an address without credentials, a ``str``."""
    return taken(text) if is_address(text) else Path(text)


def address_meant(path: object) -> str | None:
    """The masked address that a ``Path`` was made of, which drops one of its slashes; None of other paths."""
    text = str(path).replace(":/", "://", 1)
    return masked(text) if isinstance(path, Path) and is_address(text) else None


def masked(text: str) -> str:
    """A text whose addresses hold no credentials; the process remembers them."""
    text = _USER.sub(_masked_user, text)
    return _QUERY.sub(_masked_query, text)


def revealed(address: str) -> str:
    """The address as it was given; a ``ValueError`` where nobody in this process was given it."""
    found = address
    user = _USER.match(address)
    if user and HIDDEN in user[2]:
        host = _host(address)
        found = _recalled("user", host) + address[user.end() :]
    place, mark, query = found.partition("?")
    if mark and f"={HIDDEN}" in query:
        found = f"{place}?{_recalled(_folder(address), query)}"
    return found


def joined(address: str, *names: str) -> str:
    """The address of what lies below another one."""
    place, mark, query = address.partition("?")
    return "/".join([place.rstrip("/"), *names]) + mark + query


def beside(address: str, name: str) -> str:
    """The address of the file of that name in the same folder; it keeps the query, a token as a rule."""
    place, mark, query = address.partition("?")
    return f"{place.rpartition('/')[0]}/{name}{mark}{query}"


def has_suffix(address: str, suffix: str) -> bool:
    """Whether what an address names ends so; capitals do not count."""
    return without_query(address).lower().endswith(suffix)


def without_query(address: str) -> str:
    """An address up to its query."""
    return address.partition("?")[0]


def protocol_of(address: str) -> str:
    """``s3`` of ``s3://bucket``."""
    return address.partition("://")[0].lower()


def _masked_user(match: re.Match[str]) -> str:
    scheme, user = match[1], match[2]
    # A user alone is no secret, and Azure's is the container; a server of the web takes tokens so.
    secret = ":" in user or scheme.lower() in ("http", "https")
    if not secret or user == f"{HIDDEN}@":
        return match[0]
    _known["user", _host(match.string[match.start() :])] = match[0]
    return f"{scheme}://{HIDDEN}@"


def _masked_query(match: re.Match[str]) -> str:
    place, query = match[1], match[2]
    hidden = _VALUE.sub(f"={HIDDEN}", query)
    if query != hidden:
        _known[_folder(place), hidden] = query
    return f"{place}?{hidden}"


def _host(address: str) -> str:
    """Scheme and host, without a user: what a user's credentials belong to."""
    scheme, _, rest = address.partition("://")
    return f"{scheme}://{re.split('[/?#]', rest)[0].rpartition('@')[2]}"


def _folder(address: str) -> str:
    return without_query(address).rpartition("/")[0]


def _recalled(part: str, masked_part: str) -> str:
    try:
        return _known[part, masked_part]
    except KeyError:
        raise ValueError("its credentials are not known: run folders do not keep them") from None


def _parts_of(address: str) -> dict[tuple[str, str], str]:
    keys = [("user", _host(address)), (_folder(address), address.partition("?")[2])]
    return {key: _known[key] for key in keys if key in _known}


def _learnt(address: str, parts: dict[tuple[str, str], str]) -> Address:
    _known.update(parts)
    return Address(address)
