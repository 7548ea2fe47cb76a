"""Errors for a source without sequences: what was found, and the likely mistake."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from gait_plugins.errors import DataError
from gait_plugins.io.folders import suffix
from gait_plugins.io.sequence_file import SUFFIXES
from gait_plugins.prepare.find import MASK_SUFFIXES, Sources, named
from gait_plugins.prepare.layouts import LAYOUTS, OWN, Layout

_ARCHIVES = (".zip", ".tar", ".gz", ".tgz", ".7z", ".rar")
_POSES = (".json", ".csv")
_TRIED = 100
_SHOWN = 3


def nothing_found(source: Path, layout: Layout, sources: Sources) -> DataError:
    """The error for a source that holds no sequence of the layout: what was found, and the likely reason."""
    media = sources.misfits
    others = [path for path in sources.others if suffix(path) not in MASK_SUFFIXES]
    if media:
        found = f"{len(media)} images or videos, such as {_few(media)}"
    elif others:
        found = f"no images, but {len(others)} other files, such as {_few(others)}"
    else:
        found = "no files at all"
    return DataError(
        f"0 sequences: expected {layout.expected}, found {found}",
        where=str(source),
        hint=_reason(source, layout, media[:_TRIED], others),
    )


def better_layout(source: Path, sources: Sources) -> DataError | None:
    """The error for a source that fits the plain layout here and there, but a data set's throughout."""
    media = [paths[0] for paths in sources.sequences.values()] + sources.misfits
    better = _other_layout(LAYOUTS[OWN], media, telling=True)
    if better is None:
        return None
    return DataError(
        f"{len(sources.misfits)} images or videos do not fit {LAYOUTS[OWN].expected}, such as "
        f"{_few(sources.misfits)}",
        where=str(source),
        hint=f"{better}; or state the plain layout: --pattern '{LAYOUTS[OWN].rules[0].pattern}'",
    )


def no_media(source: Path) -> DataError:
    """The error for a source that is one file, and neither a video nor an image."""
    kind = suffix(source.name)
    if kind in _ARCHIVES:
        hint = f"unpack it ({_unpacking(source)}), then give the folder that holds the images as the source"
    elif kind in SUFFIXES:
        hint = "this is a sequence file, prepared already: identify, embed and train read it as it is"
    else:
        hint = "give a folder of masks, one video of masks or a COCO annotation file (.json) as the source"
    return DataError(
        f"the source is {'an archive' if kind in _ARCHIVES else 'a file'}, expected masks: a folder of "
        "images, or a video",
        where=str(source),
        hint=hint,
    )


def _unpacking(archive: Path) -> str:
    if suffix(archive.name) in (".tar", ".gz", ".tgz"):
        return f"tar -xf {archive.name}"
    return f"unzip {archive.name}" if suffix(archive.name) == ".zip" else f"7z x {archive.name}"


def _reason(source: Path, layout: Layout, media: list[str], others: list[str]) -> str:
    if any(suffix(path) in _ARCHIVES for path in others):
        archive = next(path for path in others if suffix(path) in _ARCHIVES)
        return f"unpack the archives first, for example {archive}"
    if not media:
        if any(suffix(path) in SUFFIXES for path in others):
            return "these are sequence files, prepared already: train on this folder (data check examines it)"
        if any(suffix(path) in _POSES for path in others):
            return "if these are files of a pose estimator, say so: --to keypoints, or --to skeleton-maps"
        return "unpack the data set, then give the folder that holds the images as the source"
    return (
        _other_layout(layout, media, telling=True)
        or _level(source, layout, media, (1,))
        or _other_layout(layout, media)
        or _level(source, layout, media, (2, 3))
        or (
            "give the folder at which the pattern starts, or describe your layout: "
            "--pattern '{id}/{type}-{view}/{frame}.png'"
        )
    )


def _level(source: Path, layout: Layout, media: list[str], tried: Sequence[int]) -> str | None:
    resolved = source.resolve()
    above = resolved.parts[::-1]
    for levels in tried:
        words = "one folder level" if levels == 1 else f"{levels} folder levels"
        parts = [path.split("/") for path in media if path.count("/") >= levels]
        if _fit(layout, ["/".join(path[levels:]) for path in parts]):
            return f"the source is {words} too high: use {source.joinpath(*parts[0][:levels])}"
        prefix = "/".join(above[:levels][::-1])
        if levels < len(above) and _fit(layout, [f"{prefix}/{path}" for path in media]):
            return f"the source is {words} too deep: use {resolved.parents[levels - 1]}"
    return None


def _other_layout(layout: Layout, media: list[str], telling: bool = False) -> str | None:
    for name, other in LAYOUTS.items():
        # A layout of fields alone fits whatever lies so deep; one that names folders is no accident.
        if telling:
            other = replace(other, rules=tuple(rule for rule in other.rules if rule.names_folders))
        if other.rules != layout.rules and _fit(other, media):
            way = f"try --dataset {name}{', without --pattern' if name == OWN else ''}"
            return f"the files fit another layout ({other.expected}): {way}"
    return None


def _fit(layout: Layout, media: Sequence[str]) -> bool:
    fitting = sum(named(path, layout, suffix(path) in MASK_SUFFIXES) is not None for path in media)
    return fitting * 2 > len(media)


def _few(paths: list[str]) -> str:
    return ", ".join(paths[:_SHOWN])
