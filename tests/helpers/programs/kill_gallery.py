"""Kills writers of a gallery: ``kill_gallery.py GALLERY KILLS [SEED]``, prints JSON.

A writer enrolls people and removes others, one after the other, and tells what it has begun and what it has
ended. It is killed at a random moment, and its successor goes on. After each kill everybody whose enrolment
was told must be there whole, everybody whose removal was told must be gone with every byte, and the one in
hand is there whole or not at all. A reader searches for one person all the time. The gallery is a folder, or
the address of one on a server, of which the files are not looked at.
"""

from __future__ import annotations

import json
import os
import random
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.core.galleries import vectors
from gait_plugins.core.galleries.address import Place, place_of
from gait_plugins.core.galleries.contract import GalleryStore
from gait_plugins.core.galleries.entries import Entry
from gait_plugins.core.galleries.search import identify_in
from gait_plugins.core.galleries.stores import make_gallery, open_gallery
from gait_plugins.core.tools.embeddings import Embeddings, Origin

SHAPE = (16, 4)
EACH = 3
ORIGIN = Origin("m", "c", (64, 44))
ANCHOR = "anchor"


def walks(person: str) -> np.ndarray:
    """The embeddings of a person, float32 ``[EACH, c, p]``."""
    seed = int.from_bytes(person.encode(), "little")
    return np.random.default_rng(seed).normal(size=(EACH, *SHAPE)).astype(np.float32)


def enroll(gallery: GalleryStore, person: str) -> None:
    """Enroll all walks of a person at once."""
    gallery.add([Entry(person, f"{person}-walk-{i}") for i in range(EACH)], walks(person))


def writer(place: Place, pipe: int, draw: random.Random, first: int, present: list[str]) -> None:
    """Enroll and remove until killed; each step is told before and after it."""
    slow_disk = os.fsync
    vectors.os.fsync = lambda handle: (time.sleep(0.002), slow_disk(handle))[1]
    present = list(present)
    with open_gallery(place) as gallery:
        for number in range(first, first + 100_000):
            remove = len(present) > 4 and draw.random() < 0.5
            person = draw.choice(present) if remove else f"person-{number:06d}"
            os.write(pipe, f"{'remove' if remove else 'enroll'} {person} ".encode())
            if remove:
                gallery.remove([person])
                present.remove(person)
            else:
                enroll(gallery, person)
                present.append(person)
            os.write(pipe, b"done\n")


def reader(place: Place) -> None:
    """Search for one person until told to end; the exit code tells whether it was always found."""
    going = [True]
    signal.signal(signal.SIGTERM, lambda *_: going.clear())
    value = walks(ANCHOR)[:1]
    texts = np.array(["probe"])
    probes = Embeddings(value, texts, texts, texts, texts, ORIGIN)
    searches = 0
    with open_gallery(place) as gallery:
        while going:
            [answer] = identify_in(gallery, probes, top=1)
            assert answer.identity == ANCHOR, answer
            searches += 1
    assert searches > 10, searches


def forked(work: Any, *arguments: Any) -> int:
    """Start a piece of work in a process of its own; returns its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work(*arguments)
        code = 0
    except BaseException as error:
        print(f"{work.__name__}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def told(place: Place, draw: random.Random, first: int, present: list[str]) -> list[list[str]]:
    """Let a writer work for a while and kill it; the steps that it told, the last one perhaps not ended."""
    into, out = os.pipe()
    child = forked(writer, place, out, draw, first, present)
    os.close(out)
    select.select([into], [], [], 20)  # it has begun
    time.sleep(draw.uniform(0, 0.4))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    text = b""
    while piece := os.read(into, 65536):
        text += piece
    os.close(into)
    return [line.split() for line in text.decode().splitlines()]


def content(place: Place) -> bytes:
    """What all files of a gallery in a folder hold; nothing of one on a server."""
    if not isinstance(place, Path):
        return b""
    return b"\0\0".join(path.read_bytes() for path in sorted(place.iterdir()) if path.is_file())


def left_bytes(place: Place, gone: set[str]) -> list[str]:
    """Those of the people that some file of the gallery still has an embedding of."""
    whole = content(place)
    rows = {name: np.ascontiguousarray(walks(name).transpose(0, 2, 1)) for name in gone}
    # A piece of each will do: nothing else looks like it.
    return [name for name, values in rows.items() if any(row[1].tobytes() in whole for row in values)]


def wrong(place: Place, present: set[str]) -> list[str]:
    """What does not hold of a gallery with just these people."""
    found: dict[str, dict[str, np.ndarray]] = {}
    with open_gallery(place) as gallery:
        gallery.settle()
        rows = gallery.rows()
        values = gallery.read(rows, np.arange(len(rows.ids)))
        for key, value in zip(rows.ids.tolist(), values, strict=True):
            entry = gallery.entry(key)
            assert entry is not None
            found.setdefault(entry.person, {})[entry.name] = value
    errors = [f"{name} is lost" for name in present - set(found)]
    errors += [f"{name} is there" for name in set(found) - present]
    for person, own in found.items():
        whole = [own.get(f"{person}-walk-{i}") for i in range(EACH)]
        if not all(
            value is not None and np.array_equal(value, right)
            for value, right in zip(whole, walks(person), strict=True)
        ):
            errors.append(f"{person} is not whole")
    return errors


def main() -> None:
    place, kills = place_of(sys.argv[1]), int(sys.argv[2])
    draw = random.Random(int(sys.argv[3]) if len(sys.argv) > 3 else 0)
    with make_gallery(place, ORIGIN, SHAPE) as gallery:
        enroll(gallery, ANCHOR)
    searcher = forked(reader, place)
    present: set[str] = set()
    ever: set[str] = set()
    seen: dict[str, Any] = {"kills": 0, "steps": 0, "in_hand": 0, "kept": 0, "pending": 0, "errors": []}
    number = 0
    while seen["kills"] < kills:
        steps = told(place, draw, number, sorted(present))
        number += 10_000
        seen["kills"] += 1
        seen["steps"] += len(steps)
        seen["pending"] += isinstance(place, Path) and bool(vectors.read_pending(place))
        unsure: set[str] = set()
        for what, person, *end in steps:
            ever.add(person)
            if not end:
                unsure.add(person)
            elif what == "enroll":
                present.add(person)
            else:
                present.discard(person)
        with open_gallery(place) as gallery:
            held = {entry.person for entry in gallery.entries()}
        seen["in_hand"] += bool(unsure)
        seen["kept"] += bool(unsure & held)
        present = (present - unsure) | (unsure & held)
        seen["errors"] += wrong(place, {*present, ANCHOR})
        seen["errors"] += [f"{name} has left bytes" for name in left_bytes(place, ever - present)]
    os.kill(searcher, signal.SIGTERM)
    seen["reader"] = os.waitpid(searcher, 0)[1]
    with open_gallery(place) as gallery:
        gallery.remove(sorted(present))
        whole = content(place)
    seen["names_left"] = sum(name.encode() in whole for name in ever)
    seen["people"] = len(ever)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
