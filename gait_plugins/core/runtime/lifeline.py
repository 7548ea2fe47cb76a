"""Lifeline between hosts: connections that end, or fall silent, with the process or the host at their end."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

SILENCE = "GAIT_PLUGINS_SILENCE"
"""The environment variable that says how many seconds a host may be silent."""
_SILENCE = 60
_PROBES = 4
_ADDRESS_OF_INTERFACE = 0x8915
_CONNECTING = 30.0
"""Seconds in which the processes connect, once all of them have come."""


def silence() -> int:
    """Seconds after which a host that says nothing at all is lost."""
    text = os.environ.get(SILENCE, "")
    return max(_PROBES, int(text)) if text.isdecimal() else _SILENCE


@dataclass
class Lifeline:
    """The connections of this process: of rank 0 to all others, of any other one to rank 0.

    The systems of both ends answer for it, however busy a process is. A process tells whether it is still
    needed: one that has done its share may go.
    """

    ends: list[tuple[socket.socket, str]]
    """Each connection, and who is at its other end."""
    lost: str = ""
    """Who was lost, in words."""
    happened: threading.Event = field(default_factory=threading.Event)

    def watch(self, lost: Callable[[], None]) -> None:
        """Call ``lost``, in a thread of its own, once a process that is needed is gone."""
        for connection, who in self.ends:
            work = (connection, who, lost)
            threading.Thread(target=self._listen, args=work, name="lifeline", daemon=True).start()

    def tell(self, word: str) -> None:
        """Tell the other ends: ``+`` this process is needed, ``-`` it has done its share, ``!...`` a loss."""
        for connection, _ in self.ends:
            with suppress(OSError):
                connection.sendall(f"{word}\n".encode())

    def _listen(self, connection: socket.socket, who: str, lost: Callable[[], None]) -> None:
        needed, reason = True, "ended"
        try:
            with connection.makefile("r", encoding="utf-8", errors="replace") as lines:
                for line in lines:
                    if line.startswith("!"):
                        who, reason = line[1:].strip(), ""
                        break
                    needed = line.strip() == "+"
        except OSError as error:
            if not isinstance(error, ConnectionError):
                reason = f"has been silent for {silence()} seconds"
        if not needed or self.happened.is_set():
            return
        self.lost = f"{who} {reason}".strip()
        self.happened.set()
        self.tell(f"!{self.lost}")
        lost()


def open_door() -> socket.socket:
    """A listening socket of rank 0, on all addresses of its host."""
    if socket.has_dualstack_ipv6():
        return socket.create_server(("", 0), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024)
    return socket.create_server(("", 0), backlog=1024)


def received(door: socket.socket, word: str, count: int) -> Lifeline:
    """The connections of all others, at rank 0; fewer where some do not come in time.

    Args:
        door: see :func:`open_door`; it is closed.
        word: what they show: a stranger does not know it.
        count: how many there are.
    """
    ends: list[tuple[socket.socket, str]] = []
    deadline = time.monotonic() + _CONNECTING
    with door:
        while len(ends) < count and time.monotonic() < deadline:
            door.settimeout(max(0.1, deadline - time.monotonic()))
            with suppress(OSError):
                connection, _ = door.accept()
                connection.settimeout(5.0)
                shown, _, who = _line(connection).partition(" ")
                if shown == word:
                    ends.append((_kept(connection), who))
                else:
                    connection.close()
    return Lifeline(ends)


def connected(address: str, port: int, word: str, who: str, first: str) -> Lifeline:
    """The connection to rank 0.

    Args:
        address: of the host of rank 0.
        port: of its door.
        word: what shows that this process belongs to the job.
        who: this process, in words.
        first: rank 0, in words.

    Raises:
        OSError: it cannot be reached.
    """
    connection = socket.create_connection((address, port), timeout=_CONNECTING)
    connection.sendall(f"{word} {who}\n".encode())
    return Lifeline([(_kept(connection), first)])


def interface_of(lifeline: Lifeline) -> str | None:
    """The network interface by which the other hosts are reached; None where it cannot be told."""
    if fcntl is None or not sys.platform.startswith("linux"):
        return None
    used = {end.getsockname()[0].removeprefix("::ffff:") for end, _ in lifeline.ends if not _is_inside(end)}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        for _, name in socket.if_nameindex():
            with suppress(OSError):
                request = struct.pack("256s", name.encode()[:15])
                found = fcntl.ioctl(asked.fileno(), _ADDRESS_OF_INTERFACE, request)
                if socket.inet_ntoa(found[20:24]) in used:
                    return name
    return None


def _is_inside(connection: socket.socket) -> bool:
    """True where both ends are of this host."""
    return bool(connection.getsockname()[0] == connection.getpeername()[0])


def _line(connection: socket.socket) -> str:
    # Byte by byte: what follows the line is read by another.
    read = b""
    while len(read) < 400 and not read.endswith(b"\n"):
        byte = connection.recv(1)
        if not byte:
            break
        read += byte
    return read.decode("utf-8", "replace").strip()


def _kept(connection: socket.socket) -> socket.socket:
    """A connection that ends by itself where the other host has become silent."""
    connection.settimeout(None)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    period = max(1, silence() // _PROBES)
    idle = "TCP_KEEPIDLE" if hasattr(socket, "TCP_KEEPIDLE") else "TCP_KEEPALIVE"  # macOS
    wanted = {
        idle: period,
        "TCP_KEEPINTVL": period,
        "TCP_KEEPCNT": _PROBES - 1,
        "TCP_USER_TIMEOUT": silence() * 1000,
    }
    for name, value in wanted.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    return connection
