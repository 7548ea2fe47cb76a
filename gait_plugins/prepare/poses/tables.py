"""Poses as numbers in text and arrays: GREW's text, GaitGraph's table, pickles, rtmlib's arrays."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.archive import Archive, DamagedArchive
from gait_plugins.io.ragged import Ragged
from gait_plugins.io.sequence_file import read_any
from gait_plugins.prepare.poses.found import LARGER, Frame, PoseFile, UnreadablePose, are_pairs, frame_of
from gait_plugins.skeleton import ORDERS

ARRAYS = (".pkl", ".npy", ".npz")
GAPS = "rows of the table have gaps and are left out"
_AHEAD = 2
"""Fields before the joints in GREW's text: no numbers of joints."""
_COUNTS = {len(order) for order in ORDERS.values()} | set(LARGER)
_BETWEEN = re.compile(r"\s*,\s*|\s+")
_SCORES = re.compile(r"scores?", re.IGNORECASE)


def read_text(data: bytes) -> PoseFile:
    """One frame of numbers with commas, x, y and confidence of each joint; two fields ahead are dropped.

    Raises:
        UnreadablePose: there are not three numbers a joint.
    """
    cells = _BETWEEN.split(data.decode("utf-8-sig", "replace").strip().rstrip(","))
    if not any(cells):
        raise UnreadablePose("an empty file", damaged=True)
    ahead = _AHEAD if len(cells) % 3 == _AHEAD else 0
    numbers = np.array([_number(cell) for cell in cells[ahead:]])
    if len(numbers) % 3 or np.isnan(numbers).all():
        raise UnreadablePose(
            f"a text of {len(cells)} fields, expected two and then three numbers a joint (53 fields for 17)"
        )
    return PoseFile("text", [frame_of("", [numbers])], one=True)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return np.nan


class PoseTable:
    """A table of poses: a row a frame, the name of its image and three numbers for each joint.

    As GaitGraph's ``casia-b_pose_coco.csv``. Rows are read when they are asked for.

    Args:
        path: the table, with a line of headings.

    Raises:
        DataError: it cannot be read, or has other columns.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, tuple[int, int]] = {}
        """Name of an image -> where its row begins, and its length."""
        try:
            with path.open("rb") as file:
                self.headings = [cell.strip() for cell in file.readline().decode("utf-8-sig").split(",")]
                place = file.tell()
                for line in file:
                    name = line.partition(b",")[0].strip().decode("utf-8")
                    if name:
                        self.rows[name.replace("\\", "/").lstrip("/")] = (place, len(line))
                    place += len(line)
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(f"the table cannot be read: {error}", where=str(path)) from error
        if len(self.headings) % 3 != 1 or len(self.headings) // 3 not in _COUNTS or not self.rows:
            shown = ", ".join(self.headings[:3])
            raise DataError(
                f"the table has {len(self.headings)} columns ({shown}, ...) and {len(self.rows)} images",
                where=str(path),
                hint="expected a line of headings, then rows of the image's name and x, y and confidence of "
                "17 joints (or 18, or 25), with commas: id-type-01-view/000001.jpg,12.5,80.1,0.9,...",
            )

    def frames(self, names: list[str]) -> Iterator[Frame | None]:
        """The frames of these images; None for a row with gaps."""
        with self.path.open("rb") as file:
            for name in names:
                place, length = self.rows[name]
                file.seek(place)
                cells = file.read(length).decode("utf-8", "replace").strip().split(",")[1:]
                try:
                    numbers = np.array(cells, np.float64)
                except ValueError:
                    numbers = np.array([np.nan])
                whole = len(numbers) == len(self.headings) - 1 and np.isfinite(numbers).all()
                yield frame_of(name, [numbers]) if whole else None


def read_arrays(paths: list[Path]) -> PoseFile:
    """Poses of a sequence, or a frame, in arrays: keypoints with scores, or one of keypoints alone.

    ``[t, v, 3]`` or ``[t, v, 2]``; ``[t, people, v, 2]`` with scores ``[t, people, v]`` (rtmlib), or
    ``[t, people, v, 3]``; flat ones ``[t, 3 v]``, with or without two columns ahead; one frame ``[v, 3]``.

    Args:
        paths: one file, or one of keypoints and one of scores (named so).

    Raises:
        UnreadablePose: the arrays have another shape.
    """
    scores = [path for path in paths if _SCORES.search(path.stem)]
    points = [path for path in paths if path not in scores] or scores
    found = _arrays(points[0])
    if scores and points != scores:
        found["scores"] = _arrays(scores[0])["keypoints"]
    keypoints = found["keypoints"]
    if isinstance(keypoints, Ragged):
        return PoseFile("arrays", [_frame(place, people) for place, people in enumerate(keypoints)])
    if "scores" in found:
        keypoints = _with_scores(keypoints, np.asarray(found["scores"]))
    assert isinstance(keypoints, np.ndarray)
    shape = list(keypoints.shape)
    if keypoints.ndim == 2 and keypoints.shape[1] in (2, 3) and len(keypoints) in _COUNTS:
        return PoseFile("an array", [_frame("", keypoints[None])], one=True)
    if keypoints.ndim == 2:
        keypoints = _unflat(keypoints)
    if keypoints.ndim == 3:
        keypoints = keypoints[:, None]
    if keypoints.ndim != 4 or keypoints.shape[-1] not in (2, 3) or keypoints.shape[2] not in _COUNTS:
        raise UnreadablePose(f"an array of shape {shape}, expected [t, joints, 3]")
    return PoseFile("an array", [_frame(place, people) for place, people in enumerate(keypoints)])


def _frame(name: object, people: np.ndarray) -> Frame:
    if people.ndim != 3 or people.shape[-1] not in (2, 3) or people.dtype.kind not in "iuf":
        raise UnreadablePose(f"a frame of shape {list(people.shape)}, expected [people, joints, 3]")
    there = np.flatnonzero(np.nan_to_num(people).any((1, 2)))
    # Rows that fill up to the largest number of people are nobody.
    return Frame(str(name), people[: max(1, 1 + there.max(initial=0))].astype(np.float64))


def _arrays(path: Path) -> dict[str, np.ndarray | Ragged]:
    if path.suffix.lower() == ".npz":
        with path.open("rb") as file:
            try:
                archive = Archive(file)
                if "keypoints.npy" in archive.members:
                    names = [name for name in ("keypoints", "scores") if f"{name}.npy" in archive.members]
                    return {name: archive.array(name) for name in names}
            except (DamagedArchive, ValueError) as error:
                raise UnreadablePose(f"no whole archive: {error}", damaged=True) from error
    try:
        return {"keypoints": read_any(path)}
    except DataError as error:
        raise UnreadablePose(error.message, damaged=True) from error


def _with_scores(keypoints: np.ndarray | Ragged, scores: np.ndarray) -> np.ndarray:
    if isinstance(keypoints, Ragged) or keypoints.shape[:-1] != scores.shape:
        size = "of unequal frames" if isinstance(keypoints, Ragged) else list(keypoints.shape)
        raise UnreadablePose(f"keypoints {size} and scores {list(scores.shape)}, expected the same joints")
    return np.concatenate([keypoints[..., :2], scores[..., None]], -1)


def _unflat(rows: np.ndarray) -> np.ndarray:
    """Rows ``[t, 3 v]``, or with two columns ahead, as ``[t, v, 3]``; 18 pairs as ``[t, 18, 2]``."""
    if are_pairs(rows):
        return rows.reshape(len(rows), -1, 2)
    ahead = _AHEAD if rows.shape[1] % 3 == _AHEAD else 0
    if (rows.shape[1] - ahead) % 3:
        raise UnreadablePose(f"an array of shape {list(rows.shape)}, expected [t, joints, 3]")
    return rows[:, ahead:].reshape(len(rows), -1, 3)
