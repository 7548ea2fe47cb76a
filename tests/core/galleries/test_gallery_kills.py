"""Kills of writers: whoever was enrolled is there, whoever was removed is gone with every byte."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from helpers.files.gallery_files import ORIGIN, SHAPE, embeddings, entries
from helpers.places import PROGRAMS
from helpers.postgres_server import PostgresServer
from helpers.stores import values_of

from gait_plugins import DataError
from gait_plugins.core.galleries.stores import make_gallery, open_gallery

KILLS, SERVER_KILLS = 20, 4


pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL"),
]


def test_kills_lose_nobody_and_leave_nothing(tmp_path: Path) -> None:
    _kill(str(tmp_path / "gallery"))


def test_kills_lose_nobody_on_a_server(postgres: PostgresServer) -> None:
    _kill(postgres.text(postgres.place().schema))
    assert postgres.execute("SELECT count(*) FROM pg_prepared_xacts") == [(0,)]


def test_a_server_that_is_killed_has_what_was_told_as_enrolled(postgres: PostgresServer) -> None:
    place = postgres.place()
    told: list[int] = []
    make_gallery(place, ORIGIN, SHAPE).close()

    def enroll() -> None:
        with suppress(DataError), open_gallery(place) as gallery:
            for number in range(len(told), 10_000):
                data = embeddings(1, 2, first=number)
                gallery.add(entries(data), data.embeddings)
                told.append(number)

    for turn in range(SERVER_KILLS):
        worker = threading.Thread(target=enroll)
        before = len(told)
        worker.start()
        while len(told) < before + 3 + turn and worker.is_alive():
            time.sleep(0.003)
        postgres.stop()
        worker.join()
        postgres.start()
        with open_gallery(place) as gallery:
            held = [entry.name for entry in gallery.entries()]
            found = values_of(gallery)
        # The last one may have been committed, and not told any more.
        assert len(held) in (2 * len(told), 2 * len(told) + 2)
        right = embeddings(len(held) // 2, 2)
        assert set(held) == set(right.names.tolist())
        assert all(
            np.array_equal(found[f"person-{n:03d}-s0-0"], embeddings(1, 2, first=n).embeddings[0])
            for n in told
        )
        told[:] = range(len(held) // 2)
    assert len(told) >= 3 * SERVER_KILLS


def _kill(gallery: str) -> None:
    words = [sys.executable, str(PROGRAMS / "kill_gallery.py"), gallery, str(KILLS)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert (seen["errors"], seen["reader"], seen["names_left"]) == ([], 0, 0), (seen, done.stderr[-2000:])
    assert seen["kills"] == KILLS
    assert seen["steps"] >= KILLS
    assert seen["in_hand"] > KILLS // 2
