"""Store: what fsspec reads from an address, tried again where it may help, and errors in words."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Any, NamedTuple, TypeVar

from gait_plugins.errors import DataError
from gait_plugins.io.remote.address import masked, protocol_of, revealed

T = TypeVar("T")
TRIES = 5
"""Attempts at a request that may succeed later."""
_FIRST_WAIT = 0.4
"""Seconds before the second attempt; twice as long before each further one."""
_STALLED, _UNANSWERED = 60, 20
"""Seconds without a byte, and without a connection, after which an attempt has failed."""
CACHED = 64 << 20
"""Bytes of frames that a process keeps."""
_STAMPS = (
    "ETag",
    "etag",
    "md5Hash",
    "Content-MD5",
    "content_md5",
    "generation",
    "VersionId",
    "LastModified",
    "Last-Modified",
    "last_modified",
    "mtime",
    "created",
)
"""What stores tell of a file that changes when it is written anew."""
_AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Answers of a server that may be others later."""
_EXTRA = "pip install 'gait-plugins-trackletgait[remote]'"


class Found(NamedTuple):
    """What a store says of a file."""

    size: int
    stamp: str
    """Another one when the file is written anew; empty where the store does not say."""


class _Short(Exception):
    """Fewer bytes came than were asked for."""


class _Recent:
    """Bytes that were read last, up to a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """Keep nothing; also of what another thread was about to keep when the process was forked."""
        self.held = 0
        self._kept: OrderedDict[Any, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Any) -> bytes | None:
        with self._lock:
            data = self._kept.get(key)
            if data is not None:
                self._kept.move_to_end(key)
            return data

    def put(self, key: Any, data: bytes) -> None:
        with self._lock:
            if len(data) > self._limit or key in self._kept:
                return
            self._kept[key] = data
            self.held += len(data)
            while self.held > self._limit:
                self.held -= len(self._kept.popitem(last=False)[1])


recent = _Recent(CACHED)
"""Of this process."""


def found(address: str) -> Found:
    """Size and stamp of a file.

    Raises:
        DataError: it is not there, may not be read, or the store does not tell its size.
    """
    told = _tried(address, lambda system, path: system.info(path))
    if told.get("type") == "directory":
        raise DataError(
            "this is a folder, expected a file",
            where=address,
            hint="give the address of a packed data file (.npz)",
        )
    if told.get("size") is None:
        raise DataError(
            "the server does not tell the size of the file",
            where=address,
            hint="copy the file to this machine, or serve it as it is, without compression",
        )
    stamp = ", ".join(f"{key} {told[key]}" for key in _STAMPS if told.get(key) is not None)
    return Found(int(told["size"]), stamp)


def read(address: str, start: int, count: int, stamp: str = "") -> bytes:
    """So many bytes from a place on; what was read last is kept.

    Raises:
        DataError: they cannot be had.
    """
    key = (address, start, count, stamp)
    data = recent.get(key)
    if data is None:
        data = _range(address, start, count)
        recent.put(key, data)
    return data


def fetched(address: str, start: int, count: int) -> bytes:
    """As :func:`read`, and nothing of it is kept.

    Raises:
        DataError: they cannot be had.
    """
    return _range(address, start, count)


def read_whole(address: str) -> bytes:
    """The content of a small file; what was read last is kept.

    Raises:
        DataError: it cannot be had.
    """
    key = (address,)
    data = recent.get(key)
    if data is None:
        data = _tried(address, lambda system, path: bytes(system.cat_file(path)))
        recent.put(key, data)
    return data


def listed(address: str) -> dict[str, int]:
    """All files below a folder: path below it, with slashes, -> size, sorted.

    Raises:
        DataError: the folder is not there, or cannot be listed.
    """

    def below(system: Any, path: str) -> dict[str, int]:
        root = path.rstrip("/") + "/"
        entries = system.find(path, detail=True)
        names = {name: entry for name, entry in entries.items() if name.startswith(root)}
        return {name[len(root) :]: int(entry.get("size") or 0) for name, entry in sorted(names.items())}

    return _tried(address, below)


def needs_ranges(address: str, size: int) -> None:
    """See that a server gives parts of files: one that does not would send all of it each time.

    Raises:
        DataError: it does not.
    """
    if protocol_of(address) not in ("http", "https") or size < 2:
        return

    def second_byte(system: Any, path: str) -> bytes:
        with system.open(path, "rb", cache_type="none", size=size) as file:
            file.seek(1)
            data: bytes = file.read(1)
        return data

    try:
        told = _tried(address, second_byte)
    except _NoRanges:
        told = b""
    if len(told) != 1:
        raise DataError(
            "the server does not give parts of files (range requests)",
            where=address,
            hint="copy the file to this machine, or put it on a server that does, such as an object store",
        )


class _NoRanges(Exception):
    """A server sends files as a whole only."""


def _range(address: str, start: int, count: int) -> bytes:
    def part(system: Any, path: str) -> bytes:
        if not count:
            return b""
        data = bytes(system.cat_file(path, start=start, end=start + count))
        if len(data) < count:
            raise _Short(f"{len(data)} bytes of {count} came")
        if len(data) > count:
            raise _NoRanges
        return data

    try:
        return _tried(address, part)
    except _NoRanges:
        raise DataError(
            "the server does not give parts of files (range requests)",
            where=address,
            hint="copy the file to this machine, or put it on a server that does, such as an object store",
        ) from None


def _tried(address: str, work: Callable[[Any, str], T]) -> T:
    """What some work on a file comes to, tried again where that may help.

    The cause of an error is not kept: it may spell out the address, with credentials.
    """
    for attempt in range(1, TRIES + 1):
        try:
            return work(*_system(address))
        except (DataError, _NoRanges):
            raise
        except Exception as error:  # stores raise whatever their packages do
            if "range requests" in str(error):
                raise _NoRanges from None
            if attempt == TRIES or not _may_pass(error):
                raise _in_words(address, error, attempt) from None
        time.sleep(_FIRST_WAIT * 2 ** (attempt - 1))
    raise AssertionError("the last attempt returns or raises")


def _system(address: str) -> tuple[Any, str]:
    """fsspec's file system and its path for an address; made in this process, never before a fork."""
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise DataError(
            "addresses need the package fsspec, which is not installed", where=address, hint=_EXTRA
        ) from None
    try:
        whole = revealed(address)
    except ValueError as error:
        raise DataError(
            f"the address cannot be used: {error}",
            where=address,
            hint="give it again as it is: -o data_cfg.dataset_root=ADDRESS",
        ) from None
    whole, options = _options(whole)
    try:
        system, path = url_to_fs(whole, **options)
    except (ImportError, ValueError) as error:
        raise _no_protocol(address, error) from None
    return system, str(path)


def _options(whole: str) -> tuple[str, dict[str, Any]]:
    """An address and options as fsspec takes them."""
    protocol, _, rest = whole.partition("://")
    if protocol.lower() in ("http", "https"):
        try:
            from aiohttp import ClientTimeout
        except ImportError:
            return whole, {}
        timeout = ClientTimeout(total=None, sock_read=_STALLED, sock_connect=_UNANSWERED)
        return whole, {"client_kwargs": {"timeout": timeout}}
    user, mark, place = rest.partition("@")
    if protocol.lower() in ("s3", "s3a") and mark and "/" not in user and ":" in user:
        key, _, secret = user.partition(":")
        return f"{protocol}://{place}", {"key": key, "secret": secret}
    return whole, {}


def _no_protocol(address: str, error: Exception) -> DataError:
    from fsspec.registry import known_implementations

    protocol = protocol_of(address)
    known = known_implementations.get(protocol)
    if known is None:
        return DataError(
            f"no kind of store is known by {protocol}://",
            where=address,
            hint="write it like s3://bucket/file, gs://bucket/file, https://host/file",
        )
    if not isinstance(error, ImportError):
        return DataError(f"the address cannot be used: {masked(str(error))}", where=address)
    package = known["class"].partition(".")[0]
    if package == "fsspec":
        return DataError(f"{protocol}:// needs more packages: {known.get('err')}", where=address, hint=_EXTRA)
    name = package.replace("_", "-")
    return DataError(
        f"{protocol}:// needs the package {name}, which is not installed",
        where=address,
        hint=f"pip install {name}",
    )


def _causes(error: BaseException) -> list[BaseException]:
    found = [error]
    while (cause := found[-1].__cause__) is not None and len(found) < 8:
        found.append(cause)
    return found


def _status(error: BaseException) -> int | None:
    """What a server answered."""
    for each in _causes(error):
        response = getattr(each, "response", None)
        told = getattr(each, "status", None) or getattr(response, "status_code", None)
        if isinstance(response, dict):  # botocore
            told = response.get("ResponseMetadata", {}).get("HTTPStatusCode")
        if isinstance(told, int):
            return told
    return None


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may succeed."""
    status = _status(error)
    if status is not None and status >= 400:
        return status in _AGAIN
    causes = _causes(error)
    if any(isinstance(each, _Short | ConnectionError | TimeoutError) for each in causes):
        return True
    packages = {type(each).__module__.partition(".")[0] for each in causes}
    if packages & {"aiohttp", "asyncio", "botocore", "urllib3", "requests"}:
        return True
    return type(error) is OSError  # s3fs and others tell so of what is none of the usual


def _in_words(address: str, error: BaseException, attempts: int) -> DataError:
    status = _status(error)
    causes = _causes(error)
    again = f" ({attempts} attempts)" if attempts > 1 else ""
    if status in (401, 403) or any(isinstance(each, PermissionError) for each in causes):
        told = f" (the server answers {status})" if status else ""
        return DataError(
            f"the file may not be read{told}",
            where=address,
            hint="check the credentials: the store's own tools keep some, or the address may hold them",
        )
    if status == 404 or (status is None and isinstance(error, FileNotFoundError) and len(causes) == 1):
        return DataError(
            "there is no such file or folder",
            where=address,
            hint="check the address; where a saved listing is old, gait-plugins data check lists anew",
        )
    if status is not None and status >= 400:
        return DataError(f"the server answers {status}{again}", where=address, hint="try again later")
    if isinstance(error, _Short):
        return DataError(
            f"the connection ended in the middle of the file: {error}{again}",
            where=address,
            hint="try again; if it stays so, the file is shorter than it was",
        )
    last = causes[-1]
    reason = masked(str(last)) or type(last).__name__
    return DataError(
        f"the file cannot be read: {reason}{again}", where=address, hint="check the network and the address"
    )


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=recent.forget)
