"""Downloads by HTTP: what came of an interrupted one is kept, and the next one goes on from there."""

from __future__ import annotations

import errno
import http.client
import shutil
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gait_plugins.api.progress import Job
from gait_plugins.errors import CheckpointError
from gait_plugins.version import __version__

TIMEOUT = 30.0
"""Seconds without a byte after which a connection is given up."""
TRIES = 3
"""Requests in a row that bring nothing new."""
_CHUNK = 2**18
_UNIT = 1000

_BUSY = (408, 425, 429, 500, 502, 503, 504)
_STATUS = {
    401: ("the server wants to know who asks (401)", "the file is not public: ask its owner for access"),
    403: ("the server refuses access to it (403)", "the file is not public: ask its owner for access"),
    404: ("there is no such file on the server (404)", "the address is out of date: tell its package"),
    410: ("the file is no longer on the server (410)", "the address is out of date: tell its package"),
}
_AGAIN = "the same command goes on from what came"


@dataclass(frozen=True)
class Source:
    """Where bytes come from."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    shown: str = ""
    """What messages call it; empty: the address."""

    @property
    def title(self) -> str:
        """What messages call it."""
        return self.shown or self.url


class NotWhole(Exception):
    """A connection ended before the file did."""


def download(source: Source, partial: Path, size: int, title: str) -> bool:
    """Bring a file to its full size, from what there is of it on.

    Args:
        source: where it lies.
        partial: the file that grows; it stays where something fails.
        size: what it must come to, in bytes.
        title: what is fetched, for the progress.

    Returns:
        Whether some of it was there before.

    Raises:
        CheckpointError: the server cannot be reached, refuses, has another file, or ends early; or the disk
            is full.
    """
    had = _length(partial)
    if had > size:
        partial.unlink()
        had = 0
    _check_space(partial, size - had)
    job = Job(title, -(-size // _UNIT), "kB")
    job.done = had // _UNIT
    left = TRIES
    with job:
        while _length(partial) < size:
            before = _length(partial)
            try:
                _request(source, partial, size, job)
            except NotWhole as error:
                left = TRIES - 1 if _length(partial) > before else left - 1
                if not left:
                    raise _ended_early(source, _length(partial), size, error) from error
    return had > 0


def _request(source: Source, partial: Path, size: int, job: Job) -> None:
    """One request; its bytes are added to the file.

    Raises:
        NotWhole: the connection ended early, or the server is busy.
        CheckpointError: another request would end in the same way.
    """
    start = _length(partial)
    headers = {"User-Agent": f"gait-plugins/{__version__}", "Accept-Encoding": "identity", **source.headers}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(source.url, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as response:
            if start and not _goes_on(response, start):  # a server that knows no ranges sends the whole
                start = 0
            _check_size(response, source, start, size)
            _write(response, partial, start, size, job)
    except urllib.error.HTTPError as error:
        with error:
            _refused(error, source, partial)
    except urllib.error.URLError as error:
        raise NotWhole(f"the server cannot be reached: {error.reason}") from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise NotWhole(f"the connection broke off: {_said(error)}") from error


def _write(response: Any, partial: Path, start: int, size: int, job: Job) -> None:
    count = start
    with open(partial, "r+b" if partial.exists() else "wb") as file:
        file.seek(start)
        file.truncate()
        try:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                count += len(chunk)
                if count > size:
                    break
                job.advance(count // _UNIT - job.done)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise _full(partial, size) from error
            raise
    if count > size:
        partial.unlink()
        raise CheckpointError(f"the server sends more than the {size} bytes of the published file")
    if count < size:
        raise NotWhole("the server sent less than it said")


def _goes_on(response: Any, start: int) -> bool:
    told = str(response.headers.get("Content-Range", ""))
    return response.status == 206 and told.startswith(f"bytes {start}-")


def _check_size(response: Any, source: Source, start: int, size: int) -> None:
    """See at once that another file lies there now."""
    told = str(response.headers.get("Content-Length", ""))
    if told.isdecimal() and start + int(told) != size:
        raise CheckpointError(
            f"the server has a file of {start + int(told)} bytes, the published one has {size}",
            where=source.title,
            hint="the file was replaced since it was published: tell its package",
        )


def _refused(error: urllib.error.HTTPError, source: Source, partial: Path) -> None:
    if error.code == 416:  # what is there does not fit the server's file
        partial.unlink(missing_ok=True)
        raise NotWhole("the server cannot go on from there") from error
    if error.code in _BUSY:
        raise NotWhole(f"the server is busy or out of order ({error.code})") from error
    said, hint = _STATUS.get(error.code, (f"the server answers {error.code} {error.reason}", "try it later"))
    raise CheckpointError(said, where=source.title, hint=hint) from error


def _ended_early(source: Source, count: int, size: int, reason: NotWhole) -> CheckpointError:
    came = f"{count} of {size} bytes came" if count else "nothing came"
    hint = f"{_AGAIN}, which is kept" if count else "check the connection, and try it again"
    return CheckpointError(f"{reason}; {came}", where=source.title, hint=hint)


def _check_space(partial: Path, needed: int) -> None:
    free = shutil.disk_usage(partial.parent).free
    if free < needed:
        raise CheckpointError(
            f"the disk has {free} bytes free, {needed} are needed",
            where=str(partial.parent),
            hint="free some disk space, or name another folder: --to DIR, or GAIT_PLUGINS_CACHE",
        )


def _full(partial: Path, size: int) -> CheckpointError:
    return CheckpointError(
        f"the disk is full after {_length(partial)} of {size} bytes",
        where=str(partial),
        hint=f"free some disk space: {_AGAIN}, which is kept",
    )


def _length(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__
