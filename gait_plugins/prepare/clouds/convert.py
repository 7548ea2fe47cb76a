"""Preparation of a whole data set of clouds: depth images, ``<id>/<type>/<view>/<view>.pkl``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import Job, track
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_partials
from gait_plugins.prepare.clouds.layouts import (
    DAMAGED,
    MISFITS,
    NOTHING,
    SEVERAL_FILES,
    UNSEEN,
    fixes_of,
)
from gait_plugins.prepare.clouds.projection import depth_image
from gait_plugins.prepare.clouds.read import SUFFIXES, UnreadableCloud, clouds_of
from gait_plugins.prepare.convert import (
    check_places,
    is_there,
    length_remarks,
    quiet_opencv,
    sequence_path,
    write_sequence,
)
from gait_plugins.prepare.find import DEEPEST, Sources, files_below, single_file
from gait_plugins.prepare.layouts import Layout
from gait_plugins.prepare.manifest import RECORD, Record, Remarks
from gait_plugins.prepare.parallel import default_workers, in_threads
from gait_plugins.prepare.parts.preparation import preparation
from gait_plugins.prepare.parts.share import Share
from gait_plugins.prepare.patterns import Name
from gait_plugins.prepare.poses.layouts import group_poses
from gait_plugins.prepare.remarks import HIDDEN, NO_FRAMES, OTHERS

DEPTH = "depth"
_SHOWN = 3


@dataclass(frozen=True)
class CloudOrder:
    """What to prepare of clouds, and how.

    Args:
        source: folder of clouds as ``layout`` describes it, or one file.
        target: folder of the prepared data; may hold an earlier, unfinished run.
        layout: where sequences lie below the source.
        size: height and width of the images.
        published: parity with OpenGait, which pads nothing at the edges of the panorama: an image that is
            narrower there ends the preparation of its sequence in OpenGait; here its right is black.
        min_frames: leave out sequences with fewer usable frames.
        workers: threads; None: one a core.
        share: all of the source, a part of it, or one result of parts that were prepared before.
    """

    source: Path
    target: Path
    layout: Layout
    size: int = 64
    published: bool = False
    min_frames: int = 1
    workers: int | None = None
    share: Share = "all"
    fixes: dict[str, str] = field(init=False)
    """Every remark that may be made -> what to do about it."""

    def __post_init__(self) -> None:
        for option, value in (("--min-frames", self.min_frames), ("--workers", self.workers)):
            if value is not None and value < 1:
                raise ConfigError(f"{option} {value}: expected 1 or more", where="data prepare")
        if self.size not in (64, 128):
            raise ConfigError(f"--size {self.size}: expected 64 or 128", where="data prepare")
        object.__setattr__(self, "fixes", fixes_of(self.min_frames))

    @property
    def settings(self) -> dict[str, Any]:
        """All that the prepared frames depend on, beside the clouds."""
        return {
            "to": DEPTH,
            "size": self.size,
            "published": self.published,
            "min_frames": self.min_frames,
        }


def prepare_clouds(order: CloudOrder) -> Record:
    """Prepare every sequence that the target lacks: uint8 RGB ``[t, 3, size, size]``.

    A sequence's file appears once it is whole.

    Returns:
        What was written and what was left out, with reasons.

    Raises:
        DataError: source or target cannot be used, nothing fits the layout, or no sequence has a usable
            frame.
    """
    check_places(order.source, order.target)
    root, sources = _sources(order)
    with preparation(
        order, root, sources, lambda _, name: is_there(order.target, name), misfits=MISFITS
    ) as work:
        _make_all(order, root, work.missing, work.record)
    record = work.record
    if record.is_empty:
        raise _nothing_written(order, record)
    return record


def _make_all(order: CloudOrder, root: Path, missing: list[tuple[Name, list[str]]], record: Record) -> None:
    def one(item: tuple[Name, list[str]], stopped: Callable[[], bool]) -> tuple[int, Remarks]:
        name, paths = item
        frames, remarks = _made(order, root, name, paths, stopped)
        remarks.update(length_remarks(str(name), len(frames), order.min_frames))
        if len(frames) >= order.min_frames and not stopped():
            folder = sequence_path(order.target, name).parent
            if folder.is_dir():
                remove_partials(folder)
            record.note_ahead(order.target, str(name), remarks, len(frames))
            write_sequence(order.target, name, np.stack(frames))
        return len(frames), remarks

    with quiet_opencv(), Job("preparing depth images", len(missing), "sequence") as job:
        done = in_threads(one, missing, order.workers or default_workers())
        for (name, _), (count, remarks) in zip(missing, done, strict=True):
            record.note_made(str(name), remarks, count, order.min_frames)
            job.advance(1)


def _made(
    order: CloudOrder, root: Path, name: Name, paths: list[str], stopped: Callable[[], bool]
) -> tuple[list[np.ndarray], Remarks]:
    """The images of a sequence and what there is to say about it; there may be none."""
    frames: list[np.ndarray] = []
    damaged, empty, unseen = [], 0, 0
    for path in paths:
        if stopped():
            break
        try:
            clouds = clouds_of(root / path)
        except UnreadableCloud as error:
            damaged.append(f"{path} ({error})")
            continue
        if len(paths) > 1 and len(clouds) > 1:
            return [], {SEVERAL_FILES: [f"{name} ({len(paths)} files)"]}
        for cloud in clouds:
            image = _image(order, cloud) if len(cloud) else None
            empty += image is None
            unseen += image is not None and not image.any()
            if image is not None and image.any():
                frames.append(image)
    remarks: Remarks = {DAMAGED: damaged} if damaged else {}
    if empty:
        remarks[NOTHING] = [f"{name} ({empty} frames)"]
    if unseen:
        remarks[UNSEEN] = [f"{name} ({unseen} frames)"]
    return frames, remarks


def _image(order: CloudOrder, cloud: np.ndarray) -> np.ndarray:
    image = depth_image(cloud, order.size, published=order.published)
    return np.pad(image, ((0, 0), (0, 0), (0, order.size - image.shape[2])))


def _sources(order: CloudOrder) -> tuple[Path, Sources]:
    source = order.source
    if source.is_file():
        return source.parent, single_file(source, order.layout)
    found = Sources()
    files = track(files_below(source, "", found, DEEPEST), f"listing {source}", unit="file")
    sources = group_poses(source, files, order.layout, found, SUFFIXES)
    if not sources.sequences:
        others = [*sources.misfits, *sources.others]
        shown = f"{len(others)} files, such as {', '.join(others[:_SHOWN])}" if others else "no files at all"
        raise DataError(
            f"0 sequences of clouds: expected {order.layout.expected}, found {shown}",
            where=str(source),
            hint="describe where they lie: --pattern '{id}/{type}-{view}/{frame}.pcd' for a file a frame, "
            "'{id}/{type}-{view}.pkl' for one a sequence",
        )
    return source, sources


def _nothing_written(order: CloudOrder, record: Record) -> DataError:
    found = [f for f in record.findings(order.fixes) if f.problem not in (OTHERS, HIDDEN, NO_FRAMES)]
    reasons = "; ".join(f"{f.count} {f.problem} (for example {f.examples[0]})" for f in found)
    return DataError(
        f"no sequence could be written: {reasons or 'the files hold no point'}",
        where=str(order.source),
        hint=found[0].fix if found else f"all remarks: {order.target / RECORD}",
    )
