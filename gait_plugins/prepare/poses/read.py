"""Keypoints of one sequence, made from its files: who is meant, which joints, what is missing."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.folders import suffix
from gait_plugins.io.safe_pickle import RefusedPickle, load_counts
from gait_plugins.prepare.patterns import Name
from gait_plugins.prepare.poses.found import LARGER, Frame, PoseFile, UnreadablePose, in_picture
from gait_plugins.prepare.poses.json_forms import read_json
from gait_plugins.prepare.poses.people import Choice, choose
from gait_plugins.prepare.poses.remarks import (
    CUT,
    DAMAGED,
    GONE,
    MIXED,
    NEVER,
    NO_CONFIDENCE,
    NOBODY,
    NOT_FINITE,
    OTHER_KIND,
    SEVERAL_FILES,
)
from gait_plugins.prepare.poses.tables import ARRAYS, GAPS, PoseTable, read_arrays, read_text
from gait_plugins.skeleton import ORDERS, JointOrder
from gait_plugins.skeleton.orders import order_of

INDEX = "pose_selection_idx.pkl"
"""A file of the places of people, for a sequence of OU-MVLP."""
_COCO = ORDERS["coco17"]
_NUMBER = re.compile(r"(\d+)\.json$")
_FOUR = re.compile(r"\d{4}")

Remarks = defaultdict[str, list[str]]


class Poses(NamedTuple):
    """What became of the files of one sequence."""

    points: np.ndarray
    """float64 ``[t, v, 3]``; t may be 0. A joint that was not found is 0 in all three."""
    order: JointOrder | None
    """None where nothing was found."""
    remarks: dict[str, list[str]]


@dataclass(frozen=True)
class PoseMaker:
    """Makes sequences of keypoints from files.

    Args:
        root: the folder that paths are relative to.
        table: rows of the paths, where they are images of a table.
        joints: the order of the files; None: told by the number of joints.
        person: a track, or a place among the people of each frame; None: chosen.
        index: folder of index files, laid out as ID/TYPE/VIEW; None: there is none.
        first: take the first person where nothing else decides.
        keep_empty: keep the rows of an array that hold no joint.
    """

    root: Path
    table: PoseTable | None = None
    joints: JointOrder | None = None
    person: str | None = None
    index: Path | None = None
    first: bool = False
    keep_empty: bool = False

    def make(self, name: Name, paths: list[str], stopped: Callable[[], bool] = lambda: False) -> Poses:
        """The keypoints of these files; ``stopped`` is asked before each.

        Raises:
            DataError: the joints are of no known order, or of another than the one stated.
        """
        notes: Remarks = defaultdict(list)
        read = _Frames(notes)
        self._read(paths, read, stopped)
        empty = Poses(np.zeros((0, 0, 3)), None, notes)
        if SEVERAL_FILES in notes:
            return empty
        counts = {frame.people.shape[1] for frame in read.frames if len(frame.people)}
        if len(counts) > 1:
            notes[MIXED].append(f"{name} ({' and '.join(map(str, sorted(counts)))} joints)")
        if len(counts) != 1:
            notes[NOBODY] += [frame.name for frame in read.frames]
            return empty
        (count,) = counts
        order = self._order(name, count, read.joints)
        if count in LARGER and order is _COCO:
            notes[CUT].append(f"{name} ({LARGER[count]})")
        choice = choose(read.frames, self.person, self._index(name, read.frames), self.first)
        if choice.remark is not None:
            notes[choice.remark].append(f"{name} ({choice.detail})" if choice.detail else str(name))
        points = self._taken(name, read, choice, notes)[:, : len(order)]
        return Poses(points, order, notes) if len(points) else empty

    def _read(self, paths: list[str], read: _Frames, stopped: Callable[[], bool]) -> None:
        if self.table is not None:
            for path, frame in zip(paths, self.table.frames(paths), strict=True):
                read.add([frame] if frame is not None else [])
                read.notes[GAPS] += [path] if frame is None else []
            return
        arrays = [self.root / path for path in paths if suffix(path) in ARRAYS]
        if len(paths) == len(arrays) == 2 and any("score" in path.stem.lower() for path in arrays):
            read.file(paths[0], lambda: read_arrays(arrays), alone=True)
            return
        for path in paths:
            if not stopped():
                read.file(path, lambda path=path: _contents(self.root / path), alone=len(paths) == 1)  # type: ignore[misc]

    def _order(self, name: Name, count: int, named: tuple[str, ...] | None) -> JointOrder:
        stated = self.joints
        if stated is not None:
            if count != len(stated) and not (stated is _COCO and count in LARGER):
                found = LARGER.get(count) or next(
                    (order.title for order in ORDERS.values() if len(order) == count), f"{count} joints"
                )
                raise DataError(
                    f"the files hold {found}, but --joints {stated.name} says {stated.title}",
                    where=str(name),
                    hint="leave out --joints, which their number tells, or give it what the files hold",
                )
            return stated
        order = _COCO if count in LARGER else order_of(count, str(name))
        if named is not None and tuple(named[: len(order)]) != order.joints:
            raise DataError(
                f"the file calls its joints {', '.join(named[:5])}, ..., expected {order.described}",
                where=str(name),
                hint=f"if they are the same joints in this order, say so with --joints {order.name}",
            )
        return order

    def _index(self, name: Name, frames: list[Frame]) -> Mapping[str, int] | None:
        if self.index is None:
            return None
        path = self.index.joinpath(*name, INDEX)
        try:
            with path.open("rb") as file:
                places = load_counts(file)
        except FileNotFoundError:
            return None
        except RefusedPickle as error:
            raise DataError(str(error), where=str(path), hint=error.hint) from error
        except Exception as error:
            raise DataError(
                f"the file of places of people cannot be read: {error}", where=str(path), hint="copy it again"
            ) from error
        return {frame.name: places.get(_number(frame.name), 0) for frame in frames}

    def _taken(self, name: Name, read: _Frames, choice: Choice, notes: Remarks) -> np.ndarray:
        """The person's joints, ``[t, v, 3]``, cleaned; frames without any are left out."""
        bodies = []
        for frame, place in zip(read.frames, choice.places, strict=True):
            if place is not None:
                bodies.append((frame.name, frame.people[place]))
            else:
                notes[GONE if len(frame.people) else NOBODY].append(frame.name)
        if not bodies:
            return np.zeros((0, 0, 3))
        if any(body.shape[1] == 2 for _, body in bodies):
            notes[NO_CONFIDENCE].append(str(name))
        points = np.stack([_with_confidence(body) for _, body in bodies])
        broken = ~in_picture(points)
        if broken.any():
            notes[NOT_FINITE].append(f"{name} ({np.count_nonzero(broken)} joints)")
        points[broken] = 0
        found = (points[..., :2] != 0).any(-1)
        points[~found] = 0
        shown = found.any(1)
        if not (self.keep_empty and read.whole):
            notes[NOBODY] += [frame for (frame, _), there in zip(bodies, shown, strict=True) if not there]
            points, found = points[shown], found[shown]
        if len(points) and not found.any(0).all():
            notes[NEVER].append(f"{name} ({np.count_nonzero(~found.any(0))} joints)")
        return points


@dataclass
class _Frames:
    """The frames of a sequence, as its files are read."""

    notes: Remarks
    frames: list[Frame] = field(default_factory=list)
    joints: tuple[str, ...] | None = None
    whole: bool = False
    """The sequence is one array."""

    def add(self, frames: list[Frame]) -> None:
        self.frames += frames

    def file(self, path: str, contents: Callable[[], PoseFile], alone: bool) -> None:
        """Read one file; what is wrong with it goes to the remarks."""
        try:
            read = contents()
        except UnreadablePose as error:
            self.notes[DAMAGED if error.damaged else OTHER_KIND].append(f"{path} ({error})")
            return
        if not alone and not read.one and len(read.frames) > 1:
            self.notes[SEVERAL_FILES].append(path)
            return
        self.joints = self.joints or read.joints
        self.whole = alone and suffix(path) in ARRAYS
        for frame in read.frames:
            label = path if read.one or not alone else f"{path} frame {frame.name}"
            self.frames.append(frame._replace(name=label))


def _contents(path: Path) -> PoseFile:
    kind = suffix(path.name)
    if kind in ARRAYS:
        return read_arrays([path])
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UnreadablePose(error.strerror or str(error), damaged=True) from error
    return read_json(data) if kind == ".json" else read_text(data)


def _with_confidence(body: np.ndarray) -> np.ndarray:
    if body.shape[1] == 3:
        return body
    found = np.isfinite(body).all(1) & (body != 0).any(1)
    return np.column_stack([body, np.where(np.isnan(body).any(1), np.nan, found)])


def _number(path: str) -> str:
    """The digits by which an index file calls a frame: those before .json, or the first four."""
    name = path.rpartition("/")[2]
    found = _NUMBER.search(name) or _FOUR.search(name)
    return found[found.lastindex or 0] if found else name
