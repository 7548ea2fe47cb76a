"""Preparation of a whole data set: raw masks to aligned silhouettes, ``<id>/<type>/<view>/<view>.pkl``."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gait_plugins.api import Job
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_partials, whole_file
from gait_plugins.io.folders import suffix
from gait_plugins.io.sequence_file import VIDEO_SUFFIXES
from gait_plugins.prepare.diagnose import better_layout, no_media, nothing_found
from gait_plugins.prepare.find import MASK_SUFFIXES, Sources, find_sequences, grouped, single_file
from gait_plugins.prepare.layouts import LAYOUTS, OWN, Layout
from gait_plugins.prepare.manifest import RECORD, Record, Remarks
from gait_plugins.prepare.masks.coco import Annotations
from gait_plugins.prepare.parallel import default_workers, in_threads
from gait_plugins.prepare.parts.preparation import preparation
from gait_plugins.prepare.parts.share import Share
from gait_plugins.prepare.patterns import Name
from gait_plugins.prepare.read import Made, Maker
from gait_plugins.prepare.remarks import (
    HIDDEN,
    NO_FRAMES,
    OTHERS,
    RATHER_SHORT,
    REFUSALS,
    SHORT,
    TOO_SHORT,
    fixes_of,
)

SIZES = (64, 128)
ANNOTATIONS = ".json"
"""What a file of annotations ends in."""
PROTOCOL = 4
"""Pickle protocol that every supported Python reads."""


@dataclass(frozen=True)
class Order:
    """What to prepare, and how.

    Args:
        source: folder of raw masks as ``layout`` describes it, one video of masks, or a file of COCO
            annotations.
        target: folder of the prepared data; may hold an earlier, unfinished run.
        layout: where sequences lie below the source.
        size: height and width of the silhouettes, 64 or 128.
        threshold, invert, label, largest: see :class:`~gait_plugins.prepare.read.Maker`.
        each_label: every label is a person: the identity ``ID`` becomes ``ID-LABEL``, one for each.
        min_frames: leave out sequences with fewer usable frames; None: as the layout says.
        workers: threads; None: one a core.
        share: all of the source, a part of it, or one result of parts that were prepared before.
    """

    source: Path
    target: Path
    layout: Layout
    size: int = 64
    threshold: int | None = None
    min_frames: int | None = None
    workers: int | None = None
    invert: bool = False
    label: int | None = None
    each_label: bool = False
    largest: bool = False
    share: Share = "all"
    fixes: dict[str, str] = field(init=False)
    """Every remark that may be made -> what to do about it."""

    def __post_init__(self) -> None:
        _check_options(self)
        object.__setattr__(self, "fixes", fixes_of(self.shortest, self.invert))

    @property
    def shortest(self) -> int:
        """Frames that a sequence needs at least."""
        return self.layout.min_frames if self.min_frames is None else self.min_frames

    @property
    def settings(self) -> dict[str, Any]:
        """All that the prepared frames depend on, beside the masks."""
        chosen = {"label": self.label, "each_label": self.each_label, "largest": self.largest}
        return {
            "size": self.size,
            "threshold": self.threshold,
            "aligned by its owners": self.layout.aligned,
            "interpolation": self.layout.interpolation,
            "min_frames": self.shortest,
            # Records of version 0.1.0 lack these.
            **{key: value for key, value in chosen.items() if value not in (None, False)},
        }


def prepare(order: Order) -> Record:
    """Prepare every sequence that the target lacks.

    A sequence's file appears once it is whole. The record's settings are there before the first of them,
    so that no later run mixes others in; its remarks are there at the end, and a later run keeps those of a
    killed one.

    Returns:
        What was written and what was left out, with reasons.

    Raises:
        DataError: source or target cannot be used, nothing fits the layout, or no sequence of it has a
            usable frame.
    """
    check_places(order.source, order.target)
    root, sources, annotations = _sources(order)
    maker = Maker(
        root,
        order.layout,
        order.size,
        order.threshold,
        order.invert,
        order.label,
        order.each_label,
        order.largest,
        annotations,
    )
    with preparation(order, root, sources, partial(_is_done, order)) as work:
        _make_all(order, maker, work.missing, work.record)
    record = work.record
    if record.is_empty:
        raise _nothing_written(order, record)
    return record


def write_sequence(target: Path | str, name: Name, frames: np.ndarray) -> Path:
    """Write one prepared sequence where a training finds it; whole or not at all.

    Args:
        target: folder of the prepared data.
        name: identity, condition and view.
        frames: uint8 ``[t, h, w]``, or whatever a training reads.

    Returns:
        The file, ``target/<id>/<type>/<view>/<view>.pkl``.
    """
    path = sequence_path(Path(target), name)
    with whole_file(path) as file:
        pickle.dump(np.ascontiguousarray(frames), file, protocol=PROTOCOL)
    return path


_Outcome = tuple[Name, int, Remarks]
"""A sequence, the number of its frames, and the remarks."""


def _make_all(order: Order, maker: Maker, missing: list[tuple[Name, list[str]]], record: Record) -> None:
    def one(item: tuple[Name, list[str]], stopped: Callable[[], bool]) -> tuple[int, list[_Outcome]]:
        name, paths = item
        people = maker.people(paths, stopped)
        found = [(_person(name, who), made) for who, made in people.items()]
        return len(paths), [_write(order, record, name, who, made, stopped) for who, made in found]

    total = sum(len(paths) for _, paths in missing)
    with quiet_opencv(), Job("preparing silhouettes", total, "frame") as job:
        done = in_threads(one, missing, order.workers or default_workers())
        for (name, _), (read, outcomes) in zip(missing, done, strict=True):
            _note(order, record, name, outcomes)
            job.advance(read)


@contextmanager
def quiet_opencv(threads: int | None = 1) -> Iterator[None]:
    """No lines of OpenCV, for damage is our remark; and one thread for each call, where several run.

    Args:
        threads: of each call; None leaves their number as it is.
    """
    log = getattr(cv2.utils, "logging", cv2)  # OpenCV 4.12 and before have these functions at the top
    before, level = cv2.getNumThreads(), log.getLogLevel()
    cv2.setNumThreads(before if threads is None else threads)
    log.setLogLevel(0)  # silent
    try:
        yield
    finally:
        cv2.setNumThreads(before)
        log.setLogLevel(level)


def _write(
    order: Order, record: Record, of: Name, name: Name, made: Made, stopped: Callable[[], bool]
) -> _Outcome:
    folder = sequence_path(order.target, name).parent
    if folder.is_dir():
        remove_partials(folder)
    kept = len(made.frames)
    remarks = {**made.remarks, **length_remarks(str(name), kept, order.shortest)}
    if kept >= order.shortest and not stopped():
        record.note_ahead(order.target, str(name), remarks, kept, str(of))
        write_sequence(order.target, name, made.frames)
    return name, kept, remarks


def _note(order: Order, record: Record, name: Name, outcomes: list[_Outcome]) -> None:
    written = [who for who, frames, _ in outcomes if frames >= order.shortest]
    if order.each_label:
        record.people[str(name)] = [who.id for who in written]
    for who, frames, remarks in outcomes:
        record.note_made(str(who), remarks, frames, order.shortest, of=str(name))


def _person(name: Name, label: str) -> Name:
    """The sequence of one of several people: labels hold no hyphen, so that no two become one."""
    return name._replace(id=f"{name.id}-{label}") if label else name


def length_remarks(name: str, frames: int, shortest: int) -> dict[str, list[str]]:
    """The remark about the number of usable frames of a sequence, if there is one."""
    if not frames:
        return {NO_FRAMES: [name]}
    if frames < shortest:
        return {TOO_SHORT.format(shortest): [f"{name} ({frames} frames)"]}
    return {RATHER_SHORT: [f"{name} ({frames} frames)"]} if frames < SHORT else {}


def check_places(source: Path, target: Path) -> None:
    """Refuse a source that does not exist, and a target that is a file or one with the source.

    Raises:
        DataError: that is so.
    """
    if not source.exists():
        raise DataError(
            "the source does not exist",
            where=str(source),
            hint=f"relative paths start at the working directory ({os.getcwd()})",
        )
    if target.exists() and not target.is_dir():
        raise DataError(
            "the target is a file, expected a folder",
            where=str(target),
            hint="choose a folder, or a path that does not exist yet",
        )
    inner, outer = target.resolve(), source.resolve()
    if source.is_dir() and (inner.is_relative_to(outer) or outer.is_relative_to(inner)):
        raise DataError(
            f"source and target must not contain each other: {source} and {target}",
            where="data prepare",
            hint="choose a target beside the source",
        )


def _sources(order: Order) -> tuple[Path, Sources, Annotations | None]:
    source = order.source
    if source.is_file() and suffix(source.name) == ANNOTATIONS:
        return source.parent, *_annotated(order)
    if source.is_file():
        return source.parent, _single(order), None
    sources = find_sequences(source, order.layout)
    if not sources.sequences:
        raise nothing_found(source, order.layout, sources)
    if sources.misfits and order.layout is LAYOUTS[OWN]:
        better = better_layout(source, sources)
        if better is not None:
            raise better
    return source, sources, None


def _annotated(order: Order) -> tuple[Sources, Annotations]:
    annotations = Annotations(order.source)
    (rule, *others) = order.layout.rules
    layout = order.layout
    if rule.pattern == "{frame}" and not others:
        # Fixed names for all of it: folders in the names of images say nothing.
        layout = replace(layout, rules=(replace(rule, pattern="**/{frame}"),))
    sources = grouped(order.source, annotations.images, layout)
    if not sources.sequences:
        raise nothing_found(order.source, layout, sources)
    return sources, annotations


def _single(order: Order) -> Sources:
    if suffix(order.source.name) not in VIDEO_SUFFIXES + MASK_SUFFIXES:
        raise no_media(order.source)
    return single_file(order.source, order.layout)


def _check_options(order: Order) -> None:
    wrong = None
    if order.size not in SIZES:
        wrong = f"--size {order.size}: expected one of {', '.join(map(str, SIZES))}"
    elif order.threshold is not None and not 0 <= order.threshold <= 254:
        wrong = f"--threshold {order.threshold}: expected 0 to 254"
    elif order.shortest < 1:
        wrong = f"--min-frames {order.shortest}: expected 1 or more"
    elif order.label is not None and order.each_label:
        wrong = "--label and --each-label cannot be combined: give one"
    elif order.each_label and order.largest:
        wrong = "--each-label and --largest cannot be combined: give one"
    elif order.workers is not None and order.workers < 1:
        wrong = f"--workers {order.workers}: expected 1 or more"
    if wrong:
        raise ConfigError(wrong, where="data prepare")


def is_there(target: Path, name: Name) -> bool:
    """Whether a sequence was prepared already."""
    path = sequence_path(target, name)
    # An empty file is what a power cut leaves of one that never reached the disk.
    return path.is_file() and path.stat().st_size > 0


def _is_done(order: Order, record: Record, name: Name) -> bool:
    if not order.each_label:
        return is_there(order.target, name)
    people = record.people.get(str(name))
    return bool(people) and all(is_there(order.target, name._replace(id=who)) for who in people or ())


def sequence_path(target: Path, name: Name) -> Path:
    """The file of a prepared sequence."""
    return target.joinpath(*name, f"{name.view}.pkl")


def _nothing_written(order: Order, record: Record) -> DataError:
    found = [
        f for f in record.findings_of_source(order.fixes) if f.problem not in (OTHERS, HIDDEN, NO_FRAMES)
    ]
    reasons = "; ".join(f"{f.count} {f.problem} (for example {f.examples[0]})" for f in found)
    fixes = [f.fix for f in found if f.problem in REFUSALS]
    return DataError(
        f"no sequence could be written: {reasons}",
        where=str(order.source),
        hint=fixes[0]
        if fixes
        else f"expected masks, white (255) on black, one person each; all remarks: {order.target / RECORD}",
    )
