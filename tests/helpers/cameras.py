"""A camera on the network, as a server of JPEG pictures in this process, which goes away and comes back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import cv2
import numpy as np


class NetworkCamera:
    """Serves ``http://127.0.0.1:PORT/live``: the frames over and over, or once; to be used by ``with``."""

    def __init__(self, frames: Sequence[np.ndarray], rate: float = 25.0, once: bool = False) -> None:
        self.pictures = [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames]
        self.rate, self.once = rate, once
        self.place = 0
        self.asked: list[str] = []
        self._broken = threading.Event()
        self._hangs = 0.0
        self._server: ThreadingHTTPServer | None = None
        self.port = 0

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/live"

    def go(self) -> None:
        """Be there."""
        camera = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                camera.asked.append(self.headers.get("Authorization") or "")
                self.send_response(200)
                self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
                self.end_headers()
                with suppress(OSError):
                    camera.send(self.wfile.write)

            def log_message(self, *_: object) -> None:
                pass

        self._broken.clear()
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def send(self, write: Callable[[bytes], object]) -> None:
        while not self._broken.is_set():
            if self.once and self.place >= len(self.pictures):
                return
            picture = self.pictures[self.place % len(self.pictures)]
            self.place += 1
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}\r\n\r\n"
            write(head.encode() + picture + b"\r\n")
            self._broken.wait(1 / self.rate)
            while time.monotonic() < self._hangs and not self._broken.is_set():
                time.sleep(0.05)

    def hang(self, seconds: float) -> None:
        """Send nothing for a while, with the connection open."""
        self._hangs = time.monotonic() + seconds

    def leave(self) -> None:
        """Be gone."""
        self._broken.set()
        time.sleep(1.5 / self.rate)
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def __enter__(self) -> NetworkCamera:
        self.go()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
