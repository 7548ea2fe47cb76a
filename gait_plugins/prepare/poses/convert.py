"""Preparation of a whole data set of poses: keypoints or skeleton maps, ``<id>/<type>/<view>/<view>.pkl``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gait_plugins.api import Job
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_partials
from gait_plugins.io.folders import suffix
from gait_plugins.prepare.convert import (
    check_places,
    is_there,
    length_remarks,
    quiet_opencv,
    sequence_path,
    write_sequence,
)
from gait_plugins.prepare.find import Sources, single_file
from gait_plugins.prepare.layouts import Layout
from gait_plugins.prepare.manifest import RECORD, Record, Remarks
from gait_plugins.prepare.parallel import default_workers, in_threads
from gait_plugins.prepare.parts.preparation import preparation
from gait_plugins.prepare.parts.share import Share
from gait_plugins.prepare.patterns import Name
from gait_plugins.prepare.poses.layouts import SUFFIXES, TABLE_RULE, find_poses, group_poses
from gait_plugins.prepare.poses.maps import MapRule, maps_of, placed
from gait_plugins.prepare.poses.read import PoseMaker, Poses
from gait_plugins.prepare.poses.remarks import BRIEF, FLAT, JOINTS, MISFITS, REFUSALS, fixes_of
from gait_plugins.prepare.poses.tables import PoseTable
from gait_plugins.prepare.remarks import HIDDEN, NO_FRAMES, OTHERS
from gait_plugins.skeleton import ORDERS, JointOrder, reorder

_COCO = ORDERS["coco17"]
_SAMPLED = 5
"""Sequences that are looked at for the order of joints."""
_BRIEF = 60
_SHOWN = 3


@dataclass(frozen=True)
class PoseOrder:
    """What to prepare of poses, and how.

    Args:
        source: folder of pose files as ``layout`` describes it, one file, or a table (.csv).
        target: folder of the prepared data; may hold an earlier, unfinished run.
        layout: where sequences lie below the source.
        to: keypoints, or maps of them.
        joints: the order of joints in the files; None: told by their number.
        wanted: the order that keypoints are written in; None: the files' own.
        person: a track, or a place among the people of a frame; None: chosen.
        index: folder of index files that tell who is meant (OU-MVLP's).
        first: take the first person where nothing else decides.
        rule: how maps are drawn.
        min_frames: leave out sequences with fewer usable frames.
        workers: threads; None: one a core.
        share: all of the source, a part of it, or one result of parts that were prepared before.
    """

    source: Path
    target: Path
    layout: Layout
    to: Literal["keypoints", "skeleton-maps"] = "keypoints"
    joints: JointOrder | None = None
    wanted: JointOrder | None = None
    person: str | None = None
    index: Path | None = None
    first: bool = False
    rule: MapRule = field(default_factory=MapRule)
    min_frames: int = 1
    workers: int | None = None
    share: Share = "all"
    fixes: dict[str, str] = field(init=False)
    """Every remark that may be made -> what to do about it."""

    def __post_init__(self) -> None:
        _check_options(self)
        object.__setattr__(self, "fixes", fixes_of(self.min_frames))

    @property
    def drawn_anew(self) -> bool:
        """Whether maps are made that differ from OpenGait's."""
        return self.to == "skeleton-maps" and not self.rule.published

    @property
    def settings(self) -> dict[str, Any]:
        """All that the prepared frames depend on, beside the poses."""
        maps = {"sigma": self.rule.sigma, "impute": self.rule.impute, "published": self.rule.published}
        return {
            "to": self.to,
            "joints": self.joints and self.joints.name,
            "reorder": self.wanted and self.wanted.name,
            "person": self.person,
            "index": self.index is not None,
            "first person": self.first,
            "min_frames": self.min_frames,
            **(maps if self.to == "skeleton-maps" else {}),
        }


def prepare_poses(order: PoseOrder) -> Record:
    """Prepare every sequence that the target lacks.

    A sequence's file appears once it is whole. Keypoints are float32 ``[t, v, 3]``: x, y in pixels,
    confidence, 0 where a joint was not found. Maps are uint8 ``[t, 2, 64, 64]``: limbs, joints.

    Returns:
        What was written and what was left out, with reasons.

    Raises:
        DataError: source or target cannot be used, nothing fits the layout, the joints are of no known order
            or another than stated, or no sequence has a usable frame.
    """
    check_places(order.source, order.target)
    root, sources, table = _sources(order)
    keep_empty = order.to == "skeleton-maps" and order.rule.published
    maker = PoseMaker(root, table, order.joints, order.person, order.index, order.first, keep_empty)
    expected = _order_of(maker, sources)
    with preparation(
        order, root, sources, lambda _, name: is_there(order.target, name), misfits=MISFITS
    ) as work:
        _make_all(order, maker, work.missing, work.record, expected)
    record = work.record
    if record.is_empty:
        raise _nothing_written(order, record)
    return record


def _make_all(
    order: PoseOrder,
    maker: PoseMaker,
    missing: list[tuple[Name, list[str]]],
    record: Record,
    expected: JointOrder | None,
) -> None:
    def one(item: tuple[Name, list[str]], stopped: Callable[[], bool]) -> tuple[int, Remarks]:
        name, paths = item
        frames, remarks = _made(order, maker, name, paths, expected, stopped)
        if maker.table is not None and 0 < len(frames) <= _BRIEF:
            remarks[BRIEF] = [f"{name} ({len(frames)} frames)"]
        remarks.update(length_remarks(str(name), len(frames), order.min_frames))
        if len(frames) >= order.min_frames and not stopped():
            _write(order, record, name, frames, remarks)
        return len(frames), remarks

    with quiet_opencv(), Job(f"preparing {order.to}", len(missing), "sequence") as job:
        done = in_threads(one, missing, order.workers or default_workers())
        for (name, _), (count, remarks) in zip(missing, done, strict=True):
            record.note_made(str(name), remarks, count, order.min_frames)
            job.advance(1)


def _write(order: PoseOrder, record: Record, name: Name, frames: np.ndarray, remarks: Remarks) -> None:
    folder = sequence_path(order.target, name).parent
    if folder.is_dir():
        remove_partials(folder)
    record.note_ahead(order.target, str(name), remarks, len(frames))
    write_sequence(order.target, name, frames)


def _made(
    order: PoseOrder,
    maker: PoseMaker,
    name: Name,
    paths: list[str],
    expected: JointOrder | None,
    stopped: Callable[[], bool],
) -> tuple[np.ndarray, Remarks]:
    """The frames of a sequence and what there is to say about it; there may be no frame."""
    nothing = np.zeros((0,), np.float32)
    try:
        poses = maker.make(name, paths, stopped)
        if poses.order is None:
            return nothing, dict(poses.remarks)
        if order.to == "skeleton-maps":
            return _maps(order, name, poses)
        if order.wanted is not None:
            return _as_written(reorder(poses.points, poses.order, order.wanted)), dict(poses.remarks)
    except (DataError, ConfigError) as error:
        return nothing, {JOINTS: [f"{name} ({error.message})"]}
    if expected is not None and poses.order != expected:
        other = f"{name} ({poses.order.title}; the first sequence has {expected.title})"
        return nothing, {JOINTS: [other]}
    return _as_written(poses.points), dict(poses.remarks)


def _maps(order: PoseOrder, name: Name, poses: Poses) -> tuple[np.ndarray, Remarks]:
    remarks = dict(poses.remarks)
    assert poses.order is not None
    skeletons, flat = placed(poses.points, order.rule, poses.order)
    if flat.any() and not order.rule.published:
        remarks[FLAT] = [f"{name} ({np.count_nonzero(flat)} frames)"]
        skeletons = skeletons[~flat]
    return maps_of(skeletons, order.rule), remarks


def _as_written(points: np.ndarray) -> np.ndarray:
    return points.astype(np.float32)


def _order_of(maker: PoseMaker, sources: Sources) -> JointOrder | None:
    """The order of joints of the first sequence that tells one; contradictions are errors before any work."""
    for name, paths in list(sources.sequences.items())[:_SAMPLED]:
        found = maker.make(name, paths).order
        if found is not None:
            return found
    return None


def _sources(order: PoseOrder) -> tuple[Path, Sources, PoseTable | None]:
    source, layout = order.source, order.layout
    table = None
    if source.is_file() and suffix(source.name) == ".csv":
        table = PoseTable(source)
        with_table = replace(layout, rules=(*layout.rules, TABLE_RULE))
        sources = group_poses(source, table.rows, with_table, Sources())
    elif source.is_file():
        return source.parent, _single(order), None
    else:
        sources = find_poses(source, layout)
    if not sources.sequences:
        raise _nothing_found(order, sources)
    return source, sources, table


def _single(order: PoseOrder) -> Sources:
    if suffix(order.source.name) not in SUFFIXES:
        raise DataError(
            f"the source is a file, expected poses: a folder, or one file ({', '.join(SUFFIXES)}, .csv)",
            where=str(order.source),
            hint="run a pose estimator on pictures and films first",
        )
    return single_file(order.source, order.layout)


def _nothing_found(order: PoseOrder, sources: Sources) -> DataError:
    files = [*sources.misfits, *sources.others]
    shown = f"{len(files)} files, such as {', '.join(files[:_SHOWN])}" if files else "no files at all"
    tables = [path for path in files if suffix(path) == ".csv"]
    hint = (
        "describe where they lie: --pattern '{id}/{type}-{view}/{frame}.json' for a file a frame, "
        "'{id}/{type}-{view}.json' for one a sequence"
    )
    if tables:
        hint = f"give the table itself as the source: {order.source / tables[0]}"
    return DataError(
        f"0 sequences of poses: expected {order.layout.expected}, found {shown}",
        where=str(order.source),
        hint=hint,
    )


def _check_options(order: PoseOrder) -> None:
    wrong = None
    if order.min_frames < 1:
        wrong = f"--min-frames {order.min_frames}: expected 1 or more"
    elif order.workers is not None and order.workers < 1:
        wrong = f"--workers {order.workers}: expected 1 or more"
    elif order.person is not None and order.index is not None:
        wrong = "--person and --index cannot be combined: give one"
    elif order.wanted is not None and order.to == "skeleton-maps" and order.wanted is not _COCO:
        wrong = f"--reorder {order.wanted.name}: skeleton maps are drawn of {_COCO.title}"
    elif order.index is not None and not order.index.is_dir():
        wrong = f"--index {order.index}: there is no such folder"
    if wrong:
        raise ConfigError(wrong, where="data prepare")


def _nothing_written(order: PoseOrder, record: Record) -> DataError:
    found = [
        f for f in record.findings_of_source(order.fixes) if f.problem not in (OTHERS, HIDDEN, NO_FRAMES)
    ]
    reasons = "; ".join(f"{f.count} {f.problem} (for example {f.examples[0]})" for f in found)
    fixes = [f.fix for f in found if f.problem in REFUSALS]
    return DataError(
        f"no sequence could be written: {reasons or 'the files show nobody'}",
        where=str(order.source),
        hint=fixes[0] if fixes else f"all remarks: {order.target / RECORD}",
    )
