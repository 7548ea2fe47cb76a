"""Small data sets on disk, laid out as OpenGait's."""

from __future__ import annotations

import json
import pickle
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np


def person(frames: int = 20, height: int = 64, width: int = 64, value: int = 255) -> np.ndarray:
    """An upright bar that moves with the frame number."""
    silhouettes = np.zeros((frames, height, width), np.uint8)
    for number, frame in enumerate(silhouettes):
        frame[4:-4, width // 2 - 4 : width // 2 + 2 + number % 4] = value
    return silhouettes


def write(path: Path, value: Any) -> Path:
    """Pickle to a file, with the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(value))
    return path


def partition(path: Path, train: list[str], test: list[str], **more: Any) -> Path:
    """A partition file."""
    path.write_text(json.dumps({"TRAIN_SET": train, "TEST_SET": test, **more}))
    return path


def packed(root: str) -> str:
    """The same data as one packed file beside the folder."""
    from gait_plugins.prepare.pack import pack_dataset
    from gait_plugins.prepare.sequences import every_sequence

    path = Path(root).with_suffix(".npz")
    pack_dataset(*every_sequence(Path(root)), path)
    return str(path)


def as_format_1(path: Path) -> None:
    """Make a packed file what the first version wrote: no checksums of sequences."""
    with np.load(path) as archive:
        arrays = dict(archive)
    old = [name for name in arrays["records"].dtype.names if name != "crc32"]
    records = np.empty(arrays["records"].shape, [(name, arrays["records"].dtype[name]) for name in old])
    for name in old:
        records[name] = arrays["records"][name]
    arrays["records"], arrays["format"][0] = records, 1
    np.savez(path, **arrays)


def small_set(folder: Path, **more: Any) -> tuple[str, str]:
    """Two people to train on, two to test on, two types and two views each: root and partition."""
    root = folder / "data"
    people, kinds, views = ("001", "002", "003", "004"), ("nm-01", "bg-01"), ("000", "090")
    for number, (label, kind, view) in enumerate(product(people, kinds, views)):
        frames = person()
        frames[0, 0, :number] = 255  # no walk is like another
        write(root / label / kind / view / f"{view}.pkl", frames)
    return str(root), str(partition(folder / "set.json", ["002", "001"], ["003", "004"], **more))


def picture(step: int) -> np.ndarray:
    """A raw mask: a person somewhere in a wide picture."""
    wide = np.zeros((120, 160), np.uint8)
    cv2.ellipse(wide, (60 + step, 60), (12, 40), 0, 0, 360, 255, -1)
    return wide


def image_folders(folder: Path, people: Sequence[str] = ("001", "002", "003", "004"), frames: int = 4) -> str:
    """Two walks of each person as folders of raw masks ``<id>/<type>/090/<number>.png``."""
    for person_id in people:
        for kind in ("nm-01", "bg-01"):
            view = folder / "raw" / person_id / kind / "090"
            view.mkdir(parents=True)
            for step in range(frames):
                cv2.imwrite(str(view / f"{step}.png"), picture(step))
    return str(folder / "raw")
