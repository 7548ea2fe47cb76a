"""Search below a source folder for sequences, and for files that belong to none."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from gait_plugins.api import track
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.folders import by_numbers, is_hidden, is_special, suffix
from gait_plugins.io.sequence_file import IMAGE_SUFFIXES, VIDEO_SUFFIXES
from gait_plugins.prepare.layouts import Layout
from gait_plugins.prepare.patterns import NUMBER, Name

DEEPEST = 16
"""Folder levels that are looked into."""
MASK_SUFFIXES = (*IMAGE_SUFFIXES, ".gif")
"""What an image of masks may end in."""
_ENERGY_IMAGE = "gei.png"


@dataclass
class Sources:
    """What lies below a source folder; paths are relative to it, with forward slashes."""

    sequences: dict[Name, list[str]] = field(default_factory=dict)
    """The frames, or the one video, of each sequence, in order; sequences sorted by name."""
    misfits: list[str] = field(default_factory=list)
    """Images and videos that the layout has no place for."""
    hidden: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    """Files that are neither images nor videos, energy images, and links that lead in circles."""


def find_sequences(root: Path, layout: Layout) -> Sources:
    """All sequences of a source folder by the layout's rules.

    Raises:
        DataError: the folder cannot be listed, or two folders or videos would become one sequence.
    """
    found = Sources()
    files = track(files_below(root, "", found, DEEPEST), f"listing {root}", unit="file")
    return grouped(root, files, layout, found)


def grouped(root: Path, files: Iterable[str], layout: Layout, found: Sources | None = None) -> Sources:
    """The sequences that these files make up by the layout's rules.

    Args:
        root: the source, for errors.
        files: paths below it; they need not exist.
        layout: where sequences lie.
        found: takes them; may know of hidden and other files already.

    Raises:
        DataError: two folders or videos would become one sequence.
    """
    found = found or Sources()
    walks: defaultdict[Name, list[str]] = defaultdict(list)
    for path in files:
        kind = suffix(path)
        image = kind in MASK_SUFFIXES and not path.endswith(_ENERGY_IMAGE)
        if not image and kind not in VIDEO_SUFFIXES:
            found.others.append(path)
            continue
        name = named(path, layout, image)
        if name is None:
            found.misfits.append(path)
        else:
            walks[name].append(path)
    check_distinct(root, walks, lambda path: suffix(path) in VIDEO_SUFFIXES)
    for name, paths in sorted(numbered(walks).items()):
        found.sequences[name] = sorted(paths, key=by_numbers) if layout.natural else sorted(paths)
    return found


def named(path: str, layout: Layout, image: bool) -> Name | None:
    """The sequence that an image or a video belongs to, by the first rule that it fits."""
    for rule in layout.rules:
        if rule.of_videos != image:
            name = rule.name(path)
            if name is not None and not any(is_hidden(part) for part in name):
                return name
    return None


def files_below(root: Path, below: str, found: Sources, levels: int) -> Iterator[str]:
    """Files below a folder of ``root``, sorted; hidden ones and what is no file go to ``found``."""
    folder = root / below
    try:
        with os.scandir(folder) as entries:
            listed = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise DataError(
            f"the folder cannot be listed: {error.strerror or error}",
            where=str(folder),
            hint="check that the folder exists and that you may read it",
        ) from error
    for entry in listed:
        path = f"{below}{entry.name}"
        if is_hidden(entry.name):
            found.hidden.append(path)
        elif not entry.is_dir():
            if is_special(entry.path):
                found.others.append(path)
            else:
                yield path
        elif entry.is_symlink() and _leads_up(entry.path):
            found.others.append(path)
        elif levels:
            yield from files_below(root, f"{path}/", found, levels - 1)


def _leads_up(link: str) -> bool:
    """True for a link to a folder that it lies in, which would lead in circles."""
    target = os.path.realpath(link)
    here = os.path.realpath(os.path.dirname(link))
    return os.path.commonpath([target, here]) == target


def check_distinct(root: Path, grouped: dict[Name, list[str]], is_walk: Callable[[str], bool]) -> None:
    """Refuse two walks of one name: frames of one folder are one walk, a film is one by itself.

    Raises:
        DataError: two would become one sequence.
    """
    for name, paths in grouped.items():
        walks = {path if is_walk(path) else path.rpartition("/")[0] for path in paths}
        if len(walks) > 1:
            first, second, *_ = sorted(walks)
            raise DataError(
                f"{first or 'the folder itself'} and {second} would both become the sequence {name}",
                where=str(root),
                hint="distinguish them: give the part that differs a field in --pattern, and use that field "
                "in --type or --view, for example --pattern '{id}/{type}/{view}/{take}/{frame}' "
                "--type '{type}-{take}'",
            )


def single_file(source: Path, layout: Layout) -> Sources:
    """A source that is one file, and so one sequence.

    Raises:
        ConfigError: no identity, type and view are given for it.
    """
    (rule, *_) = layout.rules
    if any("{" in part for part in (rule.id, rule.type, rule.view)):
        raise ConfigError(
            "the source is one file: no identity, type and view given for it",
            where=str(source),
            hint="add --id TEXT --type TEXT --view TEXT, for example --id eve --type nm-01 --view 090",
        )
    name = replace(rule, pattern="{file}").name(source.name)
    assert name is not None
    return Sources({name: [source.name]})


def numbered(grouped: dict[Name, list[str]]) -> dict[Name, list[str]]:
    """The same sequences with ``{number}`` replaced by the place of each among its identity's."""
    counts: defaultdict[str, int] = defaultdict(int)
    result = {}
    placeholder = f"{{{NUMBER}}}"
    for name in sorted(grouped):
        final = name
        if any(placeholder in part for part in name):
            counts[name.id] += 1
            final = Name(*(part.replace(placeholder, f"{counts[name.id]:02d}") for part in name))
        result[final] = grouped[name]
    return result
