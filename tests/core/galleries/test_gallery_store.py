"""Galleries in folders give up for good what is removed, are private, and tell of damage."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from helpers.damage import flipped, spread
from helpers.files.gallery_files import ORIGIN, SHAPE, content, embeddings, entries, gallery_of
from helpers.stores import values_of

from gait_plugins import DataError
from gait_plugins.core.galleries import database
from gait_plugins.core.galleries.store import Gallery
from gait_plugins.core.galleries.vectors import VectorFile, note_pending, read_pending, runs


def stored(values: np.ndarray) -> list[bytes]:
    """Embeddings ``[n, c, p]`` as they lie in the file."""
    return [np.ascontiguousarray(value.T).tobytes() for value in values]


def test_adding_and_removing_touch_nothing_else(tmp_path: Path) -> None:
    data = embeddings(5, 2)
    file = tmp_path / "g" / database.VECTORS
    with gallery_of(tmp_path / "g", data) as gallery:
        before = file.read_bytes()
        gallery.remove(["person-001"])
        size = len(before) // 10
        zeros = bytes(2 * size)
        assert file.read_bytes() == before[: 2 * size] + zeros + before[4 * size :]
        new = embeddings(1, 3, first=7)
        gallery.add(entries(new), new.embeddings)
        after = file.read_bytes()
        # The slots that were given up bear others, and one is new.
        assert (
            after
            == before[: 2 * size]
            + b"".join(stored(new.embeddings)[:2])
            + before[4 * size :]
            + stored(new.embeddings)[2]
        )
        assert gallery.rows().people.max() > 5  # numbers of people are never given twice


def test_removal_leaves_no_byte_of_vectors_and_no_name(tmp_path: Path) -> None:
    data = embeddings(30, 4)
    with gallery_of(tmp_path / "g", data) as gallery:
        assert b"person-007" in content(tmp_path / "g")
        assert gallery.remove(["person-007"], []) == 4
        assert gallery.remove([], ["person-008-s0-2"]) == 1
        assert gallery.remove(["person-009"], ["person-009-s0-0", "person-009-s0-1"]) == 2
        assert (len(gallery), gallery.people) == (113, 29)
        held = content(tmp_path / "g")
    for held_bytes in (held, content(tmp_path / "g")):
        assert b"person-007" not in held_bytes
        assert b"person-008-s0-2" not in held_bytes
        gone = np.array([str(name).startswith("person-007") for name in data.names])
        assert all(row[:32] not in held_bytes for row in stored(data.embeddings[gone]))
        assert sum(row in held_bytes for row in stored(data.embeddings)) == 113


@pytest.mark.skipif(os.name != "posix", reason="modes of POSIX")
def test_every_file_is_private(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with gallery_of(tmp_path / "g", embeddings(2, 2)) as gallery:
            note_pending(tmp_path / "g", [99])
            modes = {p.name: p.stat().st_mode & 0o777 for p in (tmp_path / "g").iterdir()}
            gallery.remove(["person-000"])
    finally:
        os.umask(before)
    assert (tmp_path / "g").stat().st_mode & 0o777 == 0o700
    assert len(modes) == 5
    assert set(modes.values()) == {0o600}


def test_what_a_kill_left_is_wiped_by_the_next_writer(tmp_path: Path) -> None:
    folder = tmp_path / "g"
    with gallery_of(folder, embeddings(3, 1)) as gallery:
        gallery.remove(["person-001"])
        # As if a writer had died after its vectors and before its commit: in a free slot, and beyond the end.
        note_pending(folder, [1, 3])
        with open(folder / database.VECTORS, "r+b") as file:
            file.seek(96)
            file.write(b"secret" * 16)
            file.seek(3 * 96)
            file.write(b"secret" * 16)
        (folder / "pending-half.json").write_text("[4, ")
        assert b"secret" in content(folder)
        gallery.settle()
        assert b"secret" not in content(folder)
        assert read_pending(folder) == {}
        assert (folder / database.VECTORS).stat().st_size == 3 * 96
        new = embeddings(2, 1, first=5)
        gallery.add(entries(new), new.embeddings)
        assert gallery.rows().slots.tolist() == [0, 1, 2, 3]
        assert len(values_of(gallery)) == 4


def test_removing_again_ends_a_removal_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = embeddings(3, 1)
    vector = np.ascontiguousarray(data.embeddings[1].T).tobytes()
    with gallery_of(tmp_path / "g", data) as gallery:
        with monkeypatch.context() as killed:
            # Killed between the commit of the rows and the vectors.
            killed.setattr(VectorFile, "erase", _killed)
            with pytest.raises(KeyboardInterrupt):
                gallery.remove(["person-001"])
        assert vector in content(tmp_path / "g")
        with pytest.raises(DataError, match="holds no person 'person-001'"):
            gallery.remove(["person-001"])
        assert vector not in content(tmp_path / "g")


def _killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_damage_is_told(tmp_path: Path) -> None:
    with gallery_of(tmp_path / "g", embeddings(4, 3)) as gallery:
        file = tmp_path / "g" / database.VECTORS
        whole = file.read_bytes()
        for _, damaged in flipped(whole, spread(whole, 40)):
            file.write_bytes(damaged)
            with pytest.raises(DataError, match=r"vectors\.bin: the vectors are damaged: 1 of 12"):
                values_of(gallery)
        file.write_bytes(whole[:-50])
        with pytest.raises(DataError, match="are damaged"):
            values_of(gallery)
        file.write_bytes(whole)
        values_of(gallery)
    file.unlink()
    with pytest.raises(DataError, match=r"not whole: it has no vectors\.bin"):
        Gallery(tmp_path / "g")
    file.write_bytes(whole)
    with sqlite3.connect(tmp_path / "g" / database.DATABASE) as db:
        db.execute("UPDATE person SET name = 'mallory' WHERE name = 'person-002'")
    db.close()
    with Gallery(tmp_path / "g") as gallery, pytest.raises(DataError, match=r"'mallory'.* its checksum"):
        gallery.entries()
    with sqlite3.connect(tmp_path / "g" / database.DATABASE) as db:
        db.execute("UPDATE person SET name = x'0041' WHERE name = 'mallory'")  # bytes in place of a text
    db.close()
    with Gallery(tmp_path / "g") as gallery, pytest.raises(DataError, match="match its checksum"):
        gallery.entries()


def test_what_is_no_gallery_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        Gallery(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"has no gallery\.sqlite"):
        Gallery(tmp_path)
    gallery_of(tmp_path / "g", embeddings(1, 1)).close()
    file = tmp_path / "g" / database.DATABASE
    with sqlite3.connect(file) as db:
        db.execute("UPDATE about SET value = '99' WHERE key = 'format'")
    db.close()
    with pytest.raises(DataError, match="format 99, this version reads up to 1"):
        Gallery(tmp_path / "g")
    with sqlite3.connect(file) as db:
        db.execute("DELETE FROM about WHERE key = 'channels'")
        db.execute("UPDATE about SET value = '1' WHERE key = 'format'")
    db.close()
    with pytest.raises(DataError, match="does not say what it holds"):
        Gallery(tmp_path / "g")
    file.write_bytes(b"something else" * 500)
    with pytest.raises(DataError, match="damaged, or not of a gallery"):
        Gallery(tmp_path / "g")


def test_a_second_maker_gets_the_gallery_of_the_first(tmp_path: Path) -> None:
    with gallery_of(tmp_path / "g", embeddings(2, 1)), Gallery.make(tmp_path / "g", ORIGIN, (1, 1)) as again:
        assert (len(again), again.shape) == (2, SHAPE)
    orphan = tmp_path / ".h.999999999.making"
    orphan.mkdir()
    Gallery.make(tmp_path / "h", ORIGIN, SHAPE).close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["g", "h"]


def test_writers_wait_for_each_other_and_readers_do_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.2)
    with gallery_of(tmp_path / "g", embeddings(2, 1)) as first, Gallery(tmp_path / "g") as second:
        new = embeddings(1, 1, first=5)
        with database.writing(first._db):
            assert len(second) == 2
            with pytest.raises(DataError, match="another process has been writing"):
                second.add(entries(new), new.embeddings)
        assert second.add(entries(new), new.embeddings) == 1
        assert len(first) == 3


def test_many_write_and_read_at_once(tmp_path: Path) -> None:
    gallery_of(tmp_path / "g", embeddings(1, 1)).close()
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with Gallery(tmp_path / "g") as gallery:
                for turn in range(3):
                    data = embeddings(1, 2, first=10 * number + turn + 1)
                    gallery.add(entries(data), data.embeddings)
                    values_of(gallery)
                    time.sleep(0.001)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with Gallery(tmp_path / "g") as gallery:
        assert (len(gallery), gallery.people) == (25, 13)
        assert gallery.rows().slots.tolist() == list(range(25))
        assert len(values_of(gallery)) == 25


def test_runs_of_slots() -> None:
    assert list(runs([3, 4, 5, 9, 2])) == [(0, 3, 3), (3, 4, 9), (4, 5, 2)]
    assert list(runs([])) == []


def test_the_log_is_chosen_once_and_writers_wait_from_their_first_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gallery_of(tmp_path / "g", embeddings(1, 1)).close()
    said: list[str] = []
    connecting = sqlite3.connect

    def heard(*given: object, **more: object) -> sqlite3.Connection:
        link = connecting(*given, **more)
        link.set_trace_callback(said.append)
        return link

    monkeypatch.setattr(sqlite3, "connect", heard)
    new = embeddings(1, 1, first=5)
    with Gallery(tmp_path / "g") as gallery:
        assert gallery._db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert gallery._db.execute("PRAGMA busy_timeout").fetchone() == (1000 * database.PATIENCE,)
        said.clear()
        gallery.add(entries(new), new.embeddings)
        gallery.remove(["person-005"])
    # A transaction that reads first and writes then is refused at once where another has written meanwhile.
    assert {line for line in said if line.startswith("BEGIN")} == {"BEGIN IMMEDIATE"}
    said.clear()
    Gallery(tmp_path / "g").close()
    assert not [line for line in said if "journal_mode" in line]


def test_opening_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gallery_of(tmp_path / "g", embeddings(1, 1)).close()
    opening, refused = database._opened, ["SQLITE_CANTOPEN", "SQLITE_BUSY_RECOVERY"]

    def opened(path: Path, folder: Path) -> sqlite3.Connection:
        if refused:
            error = sqlite3.OperationalError("unable to open database file")
            error.sqlite_errorname = refused.pop()
            raise error
        return opening(path, folder)

    monkeypatch.setattr(database, "_opened", opened)
    with Gallery(tmp_path / "g") as gallery:
        assert len(gallery) == 1


def test_errors_without_a_name_are_told_by_their_text(tmp_path: Path) -> None:
    """Python 3.10 gives the errors of SQLite no name."""
    said = {
        "database is locked": "another process has been writing",
        "attempt to write a readonly database": "cannot be opened for this",
        "database or disk is full": "the disk refuses",
        "file is not a database": "the database is damaged",
    }
    for text, words in said.items():
        with pytest.raises(DataError, match=words), database.in_words(tmp_path):
            raise sqlite3.OperationalError(text)
