"""Preparation of a whole data set: raw masks to aligned silhouettes, ``<id>/<type>/<view>/<view>.pkl``."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gait_plugins.api import Job
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_partials, whole_file
from gait_plugins.io.folders import suffix
from gait_plugins.io.sequence_file import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from gait_plugins.prepare.diagnose import better_layout, no_media, nothing_found
from gait_plugins.prepare.find import Sources, find_sequences
from gait_plugins.prepare.layouts import LAYOUTS, OWN, Layout
from gait_plugins.prepare.manifest import RECORD, Record, read_record
from gait_plugins.prepare.parallel import default_workers, in_threads
from gait_plugins.prepare.patterns import Name
from gait_plugins.prepare.read import (
    CUT_SHORT,
    DAMAGED_IMAGES,
    DAMAGED_VIDEOS,
    DARK,
    EMPTY_FRAMES,
    ON_WHITE,
    PICTURES,
    STRETCHED,
    ZERO_ONE,
    Made,
    Maker,
)

SIZES = (64, 128)
SHORT = 15
PROTOCOL = 4
"""Pickle protocol that every supported Python reads."""
NO_FRAMES = "sequences are left out: no usable frame"
TOO_SHORT = "sequences are left out: fewer than {} usable frames"
RATHER_SHORT = f"sequences are shorter than {SHORT} frames"
MISFITS = "images and videos do not fit the layout and are left out"
OTHERS = "other files lie among the images and are left out"
HIDDEN = "hidden files and folders are left out"


@dataclass(frozen=True)
class Order:
    """What to prepare, and how.

    Args:
        source: folder of raw masks as ``layout`` describes it, or one video of masks.
        target: folder of the prepared data; may hold an earlier, unfinished run.
        layout: where sequences lie below the source.
        size: height and width of the silhouettes, 64 or 128.
        threshold, invert: see :class:`~gait_plugins.prepare.read.Maker`.
        min_frames: leave out sequences with fewer usable frames; None: as the layout says.
        workers: threads; None: one a core.
    """

    source: Path
    target: Path
    layout: Layout
    size: int = 64
    threshold: int | None = None
    min_frames: int | None = None
    workers: int | None = None
    invert: bool = False
    fixes: dict[str, str] = field(init=False)
    """Every remark that may be made -> what to do about it."""

    def __post_init__(self) -> None:
        _check_options(self)
        object.__setattr__(self, "fixes", _fixes(self.shortest))

    @property
    def shortest(self) -> int:
        """Frames that a sequence needs at least."""
        return self.layout.min_frames if self.min_frames is None else self.min_frames

    @property
    def settings(self) -> dict[str, Any]:
        """All that the prepared frames depend on, beside the masks."""
        return {
            "size": self.size,
            "threshold": self.threshold,
            "aligned by its owners": self.layout.aligned,
            "interpolation": self.layout.interpolation,
            "min_frames": self.shortest,
        }


def prepare(order: Order) -> Record:
    """Prepare every sequence that the target lacks.

    A sequence's file appears once it is whole. The record's settings are there before the first of them,
    so that no later run mixes others in, and its remarks at the end, however it ends.

    Returns:
        What was written and what was left out, with reasons.

    Raises:
        DataError: source or target cannot be used, nothing fits the layout, or no sequence of it has a
            usable frame.
    """
    root, sources = _sources(order)
    record = read_record(order.target, order.settings)
    record.files = {MISFITS: sources.misfits, OTHERS: sources.others, HIDDEN: sources.hidden}
    maker = Maker(root, order.layout, order.size, order.threshold, order.invert)
    missing = [item for item in sources.sequences.items() if not _is_there(order.target, item[0])]
    record.present = len(sources.sequences) - len(missing)
    order.target.mkdir(parents=True, exist_ok=True)
    record.write(order.target, order.fixes)
    try:
        _make_all(order, maker, missing, record)
    finally:
        record.write(order.target, order.fixes)
    if not record.written and not record.present:
        raise _nothing_written(order, record)
    return record


def write_sequence(target: Path | str, name: Name, frames: np.ndarray) -> Path:
    """Write one prepared sequence where a training finds it; whole or not at all.

    Args:
        target: folder of the prepared data.
        name: identity, condition and view.
        frames: uint8 ``[t, h, w]``.

    Returns:
        The file, ``target/<id>/<type>/<view>/<view>.pkl``.
    """
    path = _path(Path(target), name)
    with whole_file(path) as file:
        pickle.dump(np.ascontiguousarray(frames), file, protocol=PROTOCOL)
    return path


def _make_all(order: Order, maker: Maker, missing: list[tuple[Name, list[str]]], record: Record) -> None:
    def one(item: tuple[Name, list[str]], stopped: Callable[[], bool]) -> tuple[Name, int, int, Made]:
        name, paths = item
        made = maker.make(paths, stopped)
        folder = _path(order.target, name).parent
        if folder.is_dir():
            remove_partials(folder)
        if len(made.frames) >= order.shortest and not stopped():
            write_sequence(order.target, name, made.frames)
        return name, len(paths), len(made.frames), made._replace(frames=made.frames[:0])

    total = sum(len(paths) for _, paths in missing)
    with _quiet_opencv(), Job("preparing silhouettes", total, "frame") as job:
        for name, read, kept, made in in_threads(one, missing, order.workers or default_workers()):
            record.note(str(name), {**made.remarks, **_length_remarks(str(name), kept, order.shortest)})
            record.written += kept >= order.shortest
            record.frames += kept if kept >= order.shortest else 0
            job.advance(read)


@contextmanager
def _quiet_opencv() -> Iterator[None]:
    """One thread for each call, for sequences are done side by side; no lines, for damage is our remark."""
    log = getattr(cv2.utils, "logging", cv2)  # OpenCV 4.12 and before have these functions at the top
    threads, level = cv2.getNumThreads(), log.getLogLevel()
    cv2.setNumThreads(1)
    log.setLogLevel(0)  # silent
    try:
        yield
    finally:
        cv2.setNumThreads(threads)
        log.setLogLevel(level)


def _length_remarks(name: str, frames: int, shortest: int) -> dict[str, list[str]]:
    if not frames:
        return {NO_FRAMES: [name]}
    if frames < shortest:
        return {TOO_SHORT.format(shortest): [f"{name} ({frames} frames)"]}
    return {RATHER_SHORT: [f"{name} ({frames} frames)"]} if frames < SHORT else {}


def _sources(order: Order) -> tuple[Path, Sources]:
    source, target = order.source, order.target
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
    if source.is_file():
        return source.parent, _single(order)
    sources = find_sequences(source, order.layout)
    if not sources.sequences:
        raise nothing_found(source, order.layout, sources)
    if sources.misfits and order.layout is LAYOUTS[OWN]:
        better = better_layout(source, sources)
        if better is not None:
            raise better
    return source, sources


def _single(order: Order) -> Sources:
    (rule, *_) = order.layout.rules
    if suffix(order.source.name) not in VIDEO_SUFFIXES + IMAGE_SUFFIXES:
        raise no_media(order.source)
    if any("{" in part for part in (rule.id, rule.type, rule.view)):
        raise ConfigError(
            "the source is one file: no identity, type and view given for it",
            where=str(order.source),
            hint="add --id TEXT --type TEXT --view TEXT, for example --id eve --type nm-01 --view 090",
        )
    name = replace(rule, pattern="{file}").name(order.source.name)
    assert name is not None
    return Sources({name: [order.source.name]})


def _check_options(order: Order) -> None:
    wrong = None
    if order.size not in SIZES:
        wrong = f"--size {order.size}: expected one of {', '.join(map(str, SIZES))}"
    elif order.threshold is not None and not 0 <= order.threshold <= 254:
        wrong = f"--threshold {order.threshold}: expected 0 to 254"
    elif order.shortest < 1:
        wrong = f"--min-frames {order.shortest}: expected 1 or more"
    elif order.workers is not None and order.workers < 1:
        wrong = f"--workers {order.workers}: expected 1 or more"
    if wrong:
        raise ConfigError(wrong, where="data prepare")


def _fixes(shortest: int) -> dict[str, str]:
    found_short = "take longer tracks, or lower --min-frames"
    return {
        NO_FRAMES: "see the remarks about its frames; the next run tries the sequence again",
        TOO_SHORT.format(shortest): found_short,
        DAMAGED_IMAGES: "unpack or copy them again, delete the sequence's .pkl, and run again",
        ON_WHITE: "run again with --invert: it prepares the missing sequences",
        PICTURES: "segment the people first; a mask is white where the person is and black elsewhere. For "
        "soft masks use --threshold 127",
        DARK: "use --threshold 0, which makes every pixel white that is not black, and another TARGET",
        STRETCHED: "check that these are the images that the data set's owners distribute",
        CUT_SHORT: "copy them again, delete the sequence's .pkl, and run again",
        DAMAGED_VIDEOS: "convert them: ffmpeg -i VIDEO -c:v libx264 NEW.mp4",
        MISFITS: "move them into the layout, or describe their layout with --pattern",
        RATHER_SHORT: "they are written, but less than half a step is hardly enough for recognition",
        EMPTY_FRAMES: "frames without a person are always left out; if there are many, check the masks",
        ZERO_ONE: "nothing to do",
        OTHERS: "nothing to do",
        HIDDEN: "nothing to do",
    }


def _is_there(target: Path, name: Name) -> bool:
    path = _path(target, name)
    # An empty file is what a power cut leaves of one that never reached the disk.
    return path.is_file() and path.stat().st_size > 0


def _path(target: Path, name: Name) -> Path:
    return target.joinpath(*name, f"{name.view}.pkl")


def _nothing_written(order: Order, record: Record) -> DataError:
    found = [f for f in record.findings(order.fixes) if f.problem not in (OTHERS, HIDDEN, NO_FRAMES)]
    reasons = "; ".join(f"{f.count} {f.problem} (for example {f.examples[0]})" for f in found)
    fixes = [f.fix for f in found if f.problem in (ON_WHITE, PICTURES, DARK)]
    return DataError(
        f"no sequence could be written: {reasons}",
        where=str(order.source),
        hint=fixes[0]
        if fixes
        else f"expected masks, white (255) on black, one person each; all remarks: {order.target / RECORD}",
    )
