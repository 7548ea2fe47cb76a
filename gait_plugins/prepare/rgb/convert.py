"""Preparation of a whole data set of pictures: ``<view>-aligned-rgbs.pkl`` and ``<view>-ratios.pkl``."""

from __future__ import annotations

import pickle
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from gait_plugins.api import Job
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_partials, whole_file
from gait_plugins.io.folders import suffix
from gait_plugins.io.images import UnreadableImage, read_image
from gait_plugins.io.sequence_file import VIDEO_SUFFIXES
from gait_plugins.prepare.convert import PROTOCOL, check_places, length_remarks, quiet_opencv, sequence_path
from gait_plugins.prepare.find import MASK_SUFFIXES, Sources, find_sequences
from gait_plugins.prepare.layouts import Layout
from gait_plugins.prepare.manifest import RECORD, Record, Remarks
from gait_plugins.prepare.parallel import default_workers, in_threads
from gait_plugins.prepare.parts.preparation import preparation
from gait_plugins.prepare.parts.share import Share
from gait_plugins.prepare.patterns import Name
from gait_plugins.prepare.remarks import HIDDEN, MISFITS, NO_FRAMES, OTHERS, RATHER_SHORT, TOO_SHORT
from gait_plugins.prepare.rgb.cut import FOREGROUND, cut_to_mask, laid_on_frame

RGB = "rgb"
PICTURES, RATIOS = "aligned-rgbs", "ratios"
"""What the files of a sequence are called after the view."""
DAMAGED = "pictures cannot be read and are left out"
NO_MASK = "pictures have no mask and are left out"
OTHER_SIZE = "pictures are left out: their mask has another size"
EMPTY = "pictures are left out: their mask is empty"
_SHOWN = 3


@dataclass(frozen=True)
class PictureOrder:
    """What to prepare of pictures, and how.

    Args:
        source: folder of pictures as ``layout`` describes it.
        target: folder of the prepared data; may hold an earlier, unfinished run.
        layout: where sequences lie below the source.
        masks: folder of the same frames' masks, under the same folders and names, to which pictures are cut.
            None: the pictures are the people's boxes already.
        min_frames: leave out sequences with fewer usable frames.
        workers: threads; None: one a core.
        share: all of the source, a part of it, or one result of parts that were prepared before.
    """

    source: Path
    target: Path
    layout: Layout
    masks: Path | None = None
    min_frames: int = 1
    workers: int | None = None
    share: Share = "all"
    fixes: dict[str, str] = field(init=False)
    """Every remark that may be made -> what to do about it."""

    def __post_init__(self) -> None:
        for option, value in (("--min-frames", self.min_frames), ("--workers", self.workers)):
            if value is not None and value < 1:
                raise ConfigError(f"{option} {value}: expected 1 or more", where="data prepare")
        object.__setattr__(self, "fixes", _fixes(self.min_frames))

    @property
    def settings(self) -> dict[str, Any]:
        """All that the prepared frames depend on, beside the pictures."""
        return {"to": RGB, "cut to masks": self.masks is not None, "min_frames": self.min_frames}


def prepare_pictures(order: PictureOrder) -> Record:
    """Prepare every sequence that the target lacks: uint8 RGB ``[t, 3, 256, 128]``, and float32 ``[t]``.

    The ratios are width divided by height of the person's box. A sequence's files appear once they are
    whole.

    Returns:
        What was written and what was left out, with reasons.

    Raises:
        DataError: source, masks or target cannot be used, nothing fits the layout, or no sequence has a
            usable picture.
    """
    check_places(order.source, order.target)
    if order.masks is not None:
        check_places(order.masks, order.target)
    sources = _sources(order)
    with preparation(order, order.source, sources, lambda _, name: _is_there(order.target, name)) as work:
        _make_all(order, work.missing, work.record)
    record = work.record
    if record.is_empty:
        raise _nothing_written(order, record)
    return record


def _make_all(order: PictureOrder, missing: list[tuple[Name, list[str]]], record: Record) -> None:
    masks = {} if order.masks is None else _masks_below(order.masks)

    def one(item: tuple[Name, list[str]], stopped: Callable[[], bool]) -> tuple[int, Remarks]:
        name, paths = item
        remarks: Remarks = defaultdict(list)
        boxes = (
            []
            if stopped()
            else [box for path in paths if (box := _box(order, path, masks, remarks)) is not None]
        )
        remarks.update(length_remarks(str(name), len(boxes), order.min_frames))
        if len(boxes) >= order.min_frames and not stopped():
            record.note_ahead(order.target, str(name), remarks, len(boxes))
            _write(order.target, name, boxes)
        return len(boxes), remarks

    total = sum(len(paths) for _, paths in missing)
    with quiet_opencv(), Job("preparing pictures", total, "frame") as job:
        done = in_threads(one, missing, order.workers or default_workers())
        for (name, paths), (count, remarks) in zip(missing, done, strict=True):
            record.note_made(str(name), remarks, count, order.min_frames)
            job.advance(len(paths))


def _box(order: PictureOrder, path: str, masks: dict[str, Path], remarks: Remarks) -> np.ndarray | None:
    """The person in a picture, RGB ``[h, w, 3]``; None where the picture cannot be used."""
    try:
        picture = cv2.cvtColor(read_image(order.source / path, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
        if order.masks is None:
            return picture
        file = masks.get(path.rpartition(".")[0])
        if file is None:
            remarks[NO_MASK].append(path)
            return None
        mask = read_image(file)
    except (UnreadableImage, OSError) as error:
        remarks[DAMAGED].append(f"{path} ({error})")
        return None
    if mask.shape != picture.shape[:2]:
        remarks[OTHER_SIZE].append(f"{path} ({mask.shape} for {picture.shape[:2]})")
        return None
    box = cut_to_mask(picture, mask)
    if box is None:
        remarks[EMPTY].append(path)
    return box


def _write(target: Path, name: Name, boxes: list[np.ndarray]) -> None:
    folder = sequence_path(target, name).parent
    if folder.is_dir():
        remove_partials(folder)
    frames = np.stack([laid_on_frame(box).transpose(2, 0, 1) for box in boxes])
    ratios = np.array([box.shape[1] / box.shape[0] for box in boxes], np.float32)
    for kind, values in ((RATIOS, ratios), (PICTURES, frames)):
        with whole_file(_file(target, name, kind)) as file:
            pickle.dump(np.ascontiguousarray(values), file, protocol=PROTOCOL)


def _file(target: Path, name: Name, kind: str) -> Path:
    return sequence_path(target, name).with_name(f"{name.view}-{kind}.pkl")


def _is_there(target: Path, name: Name) -> bool:
    files = [_file(target, name, kind) for kind in (PICTURES, RATIOS)]
    return all(file.is_file() and file.stat().st_size > 0 for file in files)


def _masks_below(folder: Path) -> dict[str, Path]:
    """Path below the folder, without its ending -> the mask."""
    found = (path for path in folder.rglob("*") if suffix(path.name) in MASK_SUFFIXES)
    return {path.relative_to(folder).as_posix().rpartition(".")[0]: path for path in found}


def _sources(order: PictureOrder) -> Sources:
    if not order.source.is_dir():
        raise DataError(
            "the source is a file, expected a folder for --to rgb",
            where=str(order.source),
            hint=f"give the folder above it, laid out as {order.layout.expected}",
        )
    sources = find_sequences(order.source, order.layout)
    films = [name for name, paths in sources.sequences.items() if suffix(paths[0]) in VIDEO_SUFFIXES]
    for name in films:
        sources.misfits.extend(sources.sequences.pop(name))
    if not sources.sequences:
        files = [*sources.misfits, *sources.others]
        shown = f"{len(files)} files, such as {', '.join(files[:_SHOWN])}" if files else "no files at all"
        raise DataError(
            f"0 sequences of pictures: expected {order.layout.expected}, found {shown}",
            where=str(order.source),
            hint="describe where they lie: --pattern '{id}/{type}-{view}/{frame}'; of films, save the frames",
        )
    return sources


def _fixes(shortest: int) -> dict[str, str]:
    return {
        NO_FRAMES: "see the remarks about its pictures; the next run tries the sequence again",
        TOO_SHORT.format(shortest): "take longer tracks, or lower --min-frames",
        DAMAGED: "copy them again, delete the sequence's files, and run again",
        NO_MASK: "masks lie below --masks as the pictures lie below SOURCE, by the same names",
        OTHER_SIZE: "make the masks of the whole pictures",
        EMPTY: f"masks are white on black: the person is above {FOREGROUND}",
        RATHER_SHORT: "they are written, but less than half a step is hardly enough for recognition",
        MISFITS: "move them into the layout, or describe their layout with --pattern",
        OTHERS: "nothing to do",
        HIDDEN: "nothing to do",
    }


def _nothing_written(order: PictureOrder, record: Record) -> DataError:
    found = [f for f in record.findings(order.fixes) if f.problem not in (OTHERS, HIDDEN, NO_FRAMES)]
    reasons = "; ".join(f"{f.count} {f.problem} (for example {f.examples[0]})" for f in found)
    return DataError(
        f"no sequence could be written: {reasons or 'there is no usable picture'}",
        where=str(order.source),
        hint=found[0].fix if found else f"all remarks: {order.target / RECORD}",
    )
