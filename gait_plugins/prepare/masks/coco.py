"""Annotations in COCO's form, and YouTube-VIS's: run lengths and polygons of people, by image and track."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.images import UnreadableImage, check_size
from gait_plugins.prepare.masks.forms import NO_LABELS, NOT_THERE, SEVERAL

UNDECODED = "annotations cannot be decoded"
NO_TRACKS = "sequences are left out: several annotations in an image, and no track_id that tells people apart"
LIBRARY = "faster_coco_eval"
_PEOPLE = {"person", "people", "pedestrian", "human"}
_TRACKS = ("track_id", "instance_id")
_LISTED = 12
_FORM = (
    "COCO's lists images (id, file_name, height, width) and annotations (image_id, segmentation); "
    "YouTube-VIS's has videos (id, file_names, height, width) and annotations (video_id, segmentations)"
)


class Part(NamedTuple):
    """One annotation of one image."""

    track: int | None
    segmentation: Any


class Annotated(NamedTuple):
    """What is annotated of one image."""

    height: int
    width: int
    parts: list[Part]


class Annotations:
    """The annotations of an annotation file, by the names of its images.

    Where a category is called person (people, pedestrian, human), the others are left out.

    Raises:
        DataError: the file is no annotation file, or a package is missing that its masks need.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            videos = "videos" in content and "images" not in content
            self.images = _of_videos(content) if videos else _of_images(content)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            why = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise DataError(
                f"the file holds no annotations of masks: {why}",
                where=str(path),
                hint=f"expected {_FORM}; files of keypoints are read by --to keypoints",
            ) from error
        if any(_needs_library(part) for image in self.images.values() for part in image.parts):
            self._check_library()

    def masks(
        self, paths: list[str], label: int | None, each_label: bool, notes: Mapping[str, list[str]]
    ) -> Iterator[tuple[str, str, np.ndarray]]:
        """Label (empty but where each is wanted), image and uint8 mask ``[h, w]`` of every frame.

        Args:
            paths: names of images.
            label: the track that is the person.
            each_label: every track is a person.
            notes: takes remarks; one of them says why where nothing comes.
        """
        tracks = sorted(
            {part.track for path in paths for part in self.images[path].parts if part.track is not None}
        )
        loose = any(part.track is None for path in paths for part in self.images[path].parts)
        if not self._can_be_told(paths, tracks, loose, label, each_label, notes):
            return
        for path in paths:
            image = self.images[path]
            masks: dict[int | None, np.ndarray] = {}
            for part in image.parts:
                if label is not None and part.track != label:
                    continue
                mask = _decoded(part.segmentation, image.height, image.width)
                if mask is None:
                    notes[UNDECODED].append(path)
                    continue
                before = masks.get(part.track)
                masks[part.track] = mask if before is None else before | mask
            if each_label:
                yield from ((str(track), path, mask) for track, mask in masks.items())
            else:
                empty = np.zeros((image.height, image.width), np.uint8)
                yield "", path, next(iter(masks.values()), empty)

    def _can_be_told(
        self,
        paths: list[str],
        tracks: list[int],
        loose: bool,
        label: int | None,
        each_label: bool,
        notes: Mapping[str, list[str]],
    ) -> bool:
        several = any(len(self.images[path].parts) > 1 for path in paths)
        names = ", ".join(map(str, tracks[:_LISTED]))
        listed = f"{paths[0]} (label{'s' if len(tracks) != 1 else ''} {names or 'none'})"
        remark = None
        if each_label:
            remark = NO_LABELS if loose or not tracks else None
        elif label is not None:
            remark = NOT_THERE if label not in tracks else None
        elif loose and (several or tracks):
            remark = NO_TRACKS
        elif len(tracks) > 1:
            remark = SEVERAL
        if remark is not None:
            notes[remark].append(listed)
        return remark is None

    def _check_library(self) -> None:
        if importlib.util.find_spec(LIBRARY) is None:
            raise DataError(
                "the annotations are compressed run lengths or polygons, which another package reads",
                where=str(self.path),
                hint="pip install 'gait-plugins-trackletgait[coco]'",
            )


def _of_images(content: Any) -> dict[str, Annotated]:
    images = {image["id"]: (_name(image["file_name"]), _empty(image)) for image in content["images"]}
    for annotation in _of_people(content):
        if annotation.get("segmentation"):
            image = images[annotation["image_id"]][1]
            image.parts.append(Part(_track(annotation), annotation["segmentation"]))
    return dict(images.values())


def _of_videos(content: Any) -> dict[str, Annotated]:
    videos = {
        video["id"]: [(_name(name), _empty(video)) for name in video["file_names"]]
        for video in content["videos"]
    }
    for annotation in _of_people(content):
        frames = videos[annotation["video_id"]]
        for (_, image), segmentation in zip(frames, annotation["segmentations"], strict=False):
            if segmentation:
                image.parts.append(Part(_whole(annotation["id"]), segmentation))
    return dict(frame for frames in videos.values() for frame in frames)


def _of_people(content: Any) -> list[Any]:
    people = {
        category["id"]
        for category in content.get("categories") or []
        if str(category.get("name")).strip().lower() in _PEOPLE
    }
    found = [one for one in content["annotations"] if not people or one.get("category_id") in people]
    if not found:
        raise ValueError("its list of annotations of people is empty")
    return found


def _empty(entry: Any) -> Annotated:
    height, width = _whole(entry["height"]), _whole(entry["width"])
    try:
        check_size(width, height)
    except UnreadableImage as error:
        raise ValueError(str(error)) from error
    if min(height, width) < 1:
        raise ValueError(f"an image of {height}x{width} pixels")
    return Annotated(height, width, [])


def _name(given: Any) -> str:
    if not isinstance(given, str) or "\0" in given:
        raise ValueError(f"the file name {given!r}")
    return given.replace("\\", "/").removeprefix("./").lstrip("/")


def _whole(given: Any) -> int:
    if isinstance(given, str) and given.isascii() and given.isdigit():
        given = int(given[:18])
    if isinstance(given, bool) or not isinstance(given, int) or given < 0:
        raise ValueError(f"{given!r} where a whole number is expected")
    return given


def _track(annotation: Any) -> int | None:
    """The track of an annotation, its own or an attribute as CVAT writes it; None where there is none."""
    attributes = annotation.get("attributes")
    for place in (annotation, attributes if isinstance(attributes, dict) else {}):
        for key in _TRACKS:
            if place.get(key) is not None:
                return _whole(place[key])
    return None


def _needs_library(part: Part) -> bool:
    found = part.segmentation
    return isinstance(found, list) or (isinstance(found, dict) and isinstance(found.get("counts"), str))


def _decoded(segmentation: Any, height: int, width: int) -> np.ndarray | None:
    """A segmentation as uint8 mask ``[h, w]`` of 0 and 255; None where it cannot be decoded."""
    try:
        if isinstance(segmentation, list):
            mask = _polygons(segmentation, height, width)
        elif list(segmentation["size"]) != [height, width]:
            return None
        elif isinstance(segmentation["counts"], list):
            mask = _runs(segmentation["counts"], height, width)
        else:
            mask = _library().decode(
                {"size": [height, width], "counts": segmentation["counts"].encode("ascii")}
            )
    except (ValueError, TypeError, KeyError, RuntimeError, OverflowError, AttributeError):
        return None
    return np.ascontiguousarray(mask) * np.uint8(255)


def _runs(counts: list[Any], height: int, width: int) -> np.ndarray:
    """Run lengths, column by column, zeros first."""
    lengths = np.array(counts)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iu" or lengths.min() < 0:
        raise ValueError("counts")
    if lengths.max() > height * width or lengths.sum() != height * width:
        raise ValueError("sum of counts")
    values = np.arange(len(lengths)) % 2
    return np.repeat(values.astype(np.uint8), lengths).reshape(width, height).T


def _polygons(polygons: list[Any], height: int, width: int) -> np.ndarray:
    corners = []
    for polygon in polygons:
        flat = np.array(polygon, np.float64)
        if flat.ndim != 1 or len(flat) < 6 or len(flat) % 2 or not np.isfinite(flat).all():
            raise ValueError("polygon")
        points = np.clip(flat.reshape(-1, 2), -1, [width + 1, height + 1])
        corners.append(points.ravel().tolist())
    library = _library()
    mask: np.ndarray = library.decode(library.merge(library.frPyObjects(corners, height, width)))
    return mask


def _library() -> Any:
    from faster_coco_eval.core import mask

    return mask
