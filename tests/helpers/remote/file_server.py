"""A web server of a folder on this machine: parts of files, and the ways in which a server fails."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


@dataclass
class FileServer:
    """What the server gives, how it behaves, and what it was asked."""

    folder: Path
    url: str = ""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of every request."""
    statuses: list[int] = field(default_factory=list)
    """What the next requests for files are answered with; used up one by one. 0: as usual."""
    always: int = 0
    """What all requests are answered with; 0: as usual."""
    breaks_after: list[int] = field(default_factory=list)
    """Bytes of the next answers after which the connection ends; used up one by one."""
    knows_ranges: bool = True
    token: str = ""
    """A query that is asked for, and refused without."""
    users: list[str] = field(default_factory=list)
    """The authorisation of every request that brought one."""

    def ranges(self) -> list[str]:
        """The ranges that were asked for."""
        return [asked for method, _, asked in self.asked if method == "GET" and asked]


@contextmanager
def serving(folder: Path) -> Iterator[FileServer]:
    """A server of that folder, while the block runs."""
    told = FileServer(folder)

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def _answer(self) -> None:
            place, _, query = self.path.partition("?")
            told.asked.append((self.command, place, self.headers.get("Range", "")))
            if self.headers.get("Authorization"):
                told.users.append(self.headers["Authorization"])
            status = told.always or (told.statuses.pop(0) if told.statuses else 0)
            if told.token and query != told.token:
                status = 403
            if status:
                self.send_error(status)
                return
            path = Path(self.translate_path(place))
            if path.is_file():
                self._file(path)
            elif self.command == "GET":
                super().do_GET()
            else:
                super().do_HEAD()

        def _file(self, path: Path) -> None:
            data, size = path.read_bytes(), path.stat().st_size
            match = _RANGE.fullmatch(self.headers.get("Range", "")) if told.knows_ranges else None
            first, last = 0, size - 1
            if match:
                first = int(match[1])
                last = min(int(match[2] or size - 1), size - 1)
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
            else:
                self.send_response(200)
            part = data[first : last + 1]
            if told.knows_ranges:
                self.send_header("Accept-Ranges", "bytes")
            self.send_header("ETag", f'"{path.stat().st_mtime_ns:x}-{size}"')
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            if self.command == "HEAD":
                return
            if told.breaks_after:
                part = part[: told.breaks_after.pop(0)]
                self.close_connection = True
            with suppress(ConnectionError):
                self.wfile.write(part)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
