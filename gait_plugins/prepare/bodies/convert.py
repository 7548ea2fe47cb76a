"""Preparation of a whole data set of bodies: labels of parts, or parameters of SMPL, for each sequence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gait_plugins.api import Job, track
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_partials
from gait_plugins.prepare.bodies.labels import FEWEST, LABELS, align_labels, labels_of, resize_labels
from gait_plugins.prepare.bodies.smpl import UnreadableBody, read_body
from gait_plugins.prepare.convert import (
    SIZES,
    check_places,
    is_there,
    length_remarks,
    quiet_opencv,
    sequence_path,
    write_sequence,
)
from gait_plugins.prepare.find import DEEPEST, Sources, files_below, find_sequences
from gait_plugins.prepare.layouts import LAYOUTS, OWN, Layout, layout_named
from gait_plugins.prepare.manifest import RECORD, Record
from gait_plugins.prepare.masks.streams import DAMAGED_IMAGES, PAGES, Remarks, Stream
from gait_plugins.prepare.parallel import default_workers, in_threads
from gait_plugins.prepare.parts.preparation import preparation
from gait_plugins.prepare.parts.share import Share
from gait_plugins.prepare.patterns import Name, Rule
from gait_plugins.prepare.poses.layouts import group_poses
from gait_plugins.prepare.remarks import HIDDEN, MISFITS, NO_FRAMES, OTHERS, RATHER_SHORT, TOO_SHORT

FEW = f"frames hold no person (fewer than {FEWEST} pixels with a label)"
NO_LABELS = f"sequences are left out: pictures that are no labels of 0 to {LABELS}"
UNREADABLE = "sequences are left out: a file holds no parameters of a body"
SEVERAL = "frames hold several bodies, of which the first is taken"
REFUSALS = (NO_LABELS, UNREADABLE)
_SMPL = (".npz",)
_SHOWN = 3


@dataclass(frozen=True)
class BodyOrder:
    """What to prepare of bodies, and how.

    Args:
        source: folder of label maps, or of a file of parameters for each frame, as ``layout`` describes it.
        target: folder of the prepared data; may hold an earlier, unfinished run.
        layout: where sequences lie below the source.
        to: labels of parts, or parameters of SMPL.
        size: height and width of the labels, 64 or 128.
        min_frames: leave out sequences with fewer usable frames.
        workers: threads; None: one a core.
        share: all of the source, a part of it, or one result of parts that were prepared before.
    """

    source: Path
    target: Path
    layout: Layout
    to: Literal["parsing", "smpl"] = "parsing"
    size: int = 64
    min_frames: int = 1
    workers: int | None = None
    share: Share = "all"
    fixes: dict[str, str] = field(init=False)
    """Every remark that may be made -> what to do about it."""

    def __post_init__(self) -> None:
        _check_options(self)
        object.__setattr__(self, "fixes", _fixes(self))

    @property
    def settings(self) -> dict[str, Any]:
        """All that the prepared frames depend on, beside the files."""
        labels = {"size": self.size, "aligned by its owners": self.layout.aligned}
        return {"to": self.to, "min_frames": self.min_frames, **(labels if self.to == "parsing" else {})}


def smpl_layout(dataset: str) -> Layout:
    """Where the parameters of a data set lie: a file for each frame.

    Raises:
        ConfigError: no data set has that name; tells the nearest.
    """
    own = layout_named(dataset) is LAYOUTS[OWN]
    return Layout((Rule("{id}/{type}/{view}/{frame}"),), "a file for each frame", natural=own)


def prepare_bodies(order: BodyOrder) -> Record:
    """Prepare every sequence that the target lacks.

    A sequence's file appears once it is whole. Labels are uint8 ``[t, size, size]``, parameters float32
    ``[t, 85]``.

    Returns:
        What was written and what was left out, with reasons.

    Raises:
        DataError: source or target cannot be used, nothing fits the layout, or no sequence has a usable
            frame.
    """
    check_places(order.source, order.target)
    sources = _sources(order)
    with preparation(order, order.source, sources, lambda _, name: is_there(order.target, name)) as work:
        _make_all(order, work.missing, work.record)
    record = work.record
    if record.is_empty:
        raise _nothing_written(order, record)
    return record


def _make_all(order: BodyOrder, missing: list[tuple[Name, list[str]]], record: Record) -> None:
    make = _labels if order.to == "parsing" else _parameters

    def one(item: tuple[Name, list[str]], stopped: Callable[[], bool]) -> tuple[int, Remarks]:
        name, paths = item
        remarks: Remarks = defaultdict(list)
        frames = make(order, paths, remarks, stopped)
        remarks.update(length_remarks(str(name), len(frames), order.min_frames))
        if len(frames) >= order.min_frames and not stopped():
            folder = sequence_path(order.target, name).parent
            if folder.is_dir():
                remove_partials(folder)
            record.note_ahead(order.target, str(name), remarks, len(frames))
            write_sequence(order.target, name, np.stack(frames))
        return len(frames), remarks

    total = sum(len(paths) for _, paths in missing)
    with quiet_opencv(), Job(f"preparing {order.to}", total, "frame") as job:
        done = in_threads(one, missing, order.workers or default_workers())
        for (name, paths), (count, remarks) in zip(missing, done, strict=True):
            record.note_made(str(name), remarks, count, order.min_frames)
            job.advance(len(paths))


def _labels(
    order: BodyOrder, paths: list[str], remarks: Remarks, stopped: Callable[[], bool]
) -> list[np.ndarray]:
    """The labels of a sequence, aligned; none where one of the pictures holds something else."""
    frames = []
    for place, picture in Stream(order.source, paths, stopped).read(remarks):
        if stopped():
            break
        labels = labels_of(picture)
        if labels is None:
            remarks[NO_LABELS] = [place]
            return []
        frame = (resize_labels if order.layout.aligned else align_labels)(labels, order.size)
        if frame is None:
            remarks[FEW].append(place)
        else:
            frames.append(frame)
    return frames


def _parameters(
    order: BodyOrder, paths: list[str], remarks: Remarks, stopped: Callable[[], bool]
) -> list[np.ndarray]:
    """The parameters of a sequence; none where a frame's cannot be read: the others would be out of step."""
    frames = []
    for path in paths:
        if stopped():
            break
        try:
            frame, bodies = read_body(order.source / path)
        except (UnreadableBody, OSError) as error:
            remarks[UNREADABLE] = [f"{path} ({error})"]
            return []
        if bodies > 1:
            remarks[SEVERAL].append(path)
        frames.append(frame)
    return frames


def _sources(order: BodyOrder) -> Sources:
    if not order.source.is_dir():
        raise DataError(
            f"the source is a file, expected a folder for --to {order.to}",
            where=str(order.source),
            hint=f"give the folder above it, laid out as {order.layout.expected}",
        )
    if order.to == "parsing":
        sources = find_sequences(order.source, order.layout)
    else:
        found = Sources()
        files = track(files_below(order.source, "", found, DEEPEST), f"listing {order.source}", unit="file")
        sources = group_poses(order.source, files, order.layout, found, _SMPL)
    if not sources.sequences:
        files_found = [*sources.misfits, *sources.others]
        shown = (
            f"{len(files_found)} files, such as {', '.join(files_found[:_SHOWN])}" if files_found else "none"
        )
        raise DataError(
            f"0 sequences found: expected {order.layout.expected}, found {shown}",
            where=str(order.source),
            hint="describe where they lie: --pattern '{id}/{type}-{view}/{frame}'",
        )
    return sources


def _fixes(order: BodyOrder) -> dict[str, str]:
    return {
        NO_FRAMES: "see the remarks about its frames; the next run tries the sequence again",
        TOO_SHORT.format(order.min_frames): "take longer tracks, or lower --min-frames",
        NO_LABELS: f"save labels as grey values of 0 to {LABELS} without loss (PNG), 0 for the background, "
        "or as indices of a palette; without --to parsing, masks become silhouettes",
        UNREADABLE: "make the file again: an .npz with 'results', a dict of cam, poses and betas for a body",
        DAMAGED_IMAGES: "unpack or copy them again, delete the sequence's .pkl, and run again",
        MISFITS: "move them into the layout, or describe their layout with --pattern",
        SEVERAL: "look at them; the first body of a frame may be another person",
        PAGES: "nothing to do, if the pages are the frames of a walk",
        RATHER_SHORT: "they are written, but less than half a step is hardly enough for recognition",
        FEW: "nothing to do: silhouettes are left out by the same rule; streams of one walk must have as "
        "many frames",
        OTHERS: "nothing to do",
        HIDDEN: "nothing to do",
    }


def _check_options(order: BodyOrder) -> None:
    wrong = None
    if order.size not in SIZES:
        wrong = f"--size {order.size}: expected one of {', '.join(map(str, SIZES))}"
    elif order.min_frames < 1:
        wrong = f"--min-frames {order.min_frames}: expected 1 or more"
    elif order.workers is not None and order.workers < 1:
        wrong = f"--workers {order.workers}: expected 1 or more"
    if wrong:
        raise ConfigError(wrong, where="data prepare")


def _nothing_written(order: BodyOrder, record: Record) -> DataError:
    found = [f for f in record.findings(order.fixes) if f.problem not in (OTHERS, HIDDEN, NO_FRAMES)]
    reasons = "; ".join(f"{f.count} {f.problem} (for example {f.examples[0]})" for f in found)
    fixes = [f.fix for f in found if f.problem in REFUSALS]
    return DataError(
        f"no sequence could be written: {reasons or 'no file can be read'}",
        where=str(order.source),
        hint=fixes[0] if fixes else f"all remarks: {order.target / RECORD}",
    )
