"""Conversion between galleries and files of embeddings, and reading either as embeddings."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path

import numpy as np

from gait_plugins.core.galleries.entries import Entry, check_named, check_text, check_usable
from gait_plugins.core.galleries.store import Gallery, is_gallery
from gait_plugins.core.galleries.vectors import PRIVATE
from gait_plugins.core.tools.embeddings import (
    Embeddings,
    read_embeddings,
    require_same_origin,
    write_embeddings,
)
from gait_plugins.core.tools.identification import check_gallery
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_orphans
from gait_plugins.io.printable import printable

log = logging.getLogger("gait_plugins")

ENDINGS = ("", ".gallery")
"""Endings of the name that a new gallery may have."""
_CONVERTING = ".converting"


def is_file_form(path: Path) -> bool:
    """Whether a gallery is, or is to be, a single file of embeddings (``.npz``).

    Raises:
        ConfigError: there is none under that name, and the name is of neither form.
    """
    if is_gallery(path):
        return False
    if path.suffix.lower() == ".npz" or path.exists():
        return True
    if path.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"a gallery is a folder named NAME or NAME.gallery, or a file NAME.npz; got {path.suffix}",
            where=str(path),
            hint=f"--gallery {path.with_suffix('.gallery')}",
        )
    return False


def read_any(path: Path, sample: int | None = None) -> Embeddings:
    """A gallery of either form, or a file of embeddings, in memory.

    Args:
        path: what to read.
        sample: at most so many sequences, drawn the same each time; None: all.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    if not is_gallery(path):
        found = read_embeddings(path)
        return found.rows(_drawn(len(found), sample))
    with Gallery(path) as gallery:
        rows = gallery.rows()
        places = _drawn(len(rows.ids), sample)
        values = np.ascontiguousarray(gallery.read(rows, places))
        found_entries = [gallery.entry(int(key)) for key in rows.ids[places]]
        entries = [entry for entry in found_entries if entry is not None]
        if len(entries) < len(places) or gallery.removals() != rows.removals:
            raise DataError(
                "people were removed from the gallery while it was read", where=str(path), hint="try again"
            )
        columns = zip(*(entry[:4] for entry in entries), strict=True) if entries else ((),) * 4
        people, names, conditions, views = (np.array(column, np.str_) for column in columns)
        return Embeddings(values, people, conditions, views, names, gallery.origin)


def add_embeddings(
    gallery: Gallery, new: Embeddings, origins: Sequence[tuple[int, str]] | None = None, when: str = ""
) -> int:
    """Enroll embeddings in a gallery; returns how many were new.

    Args:
        gallery: of the same origin.
        new: of known people.
        origins: of each its number of frames and its source, where known.
        when: date or time of the recording; empty: now, as the time of the enrolment.

    Raises:
        DataError: see :meth:`Gallery.add`.
    """
    moment = when or datetime.now(timezone.utc).isoformat(timespec="seconds")
    known: list[tuple[int | None, str]] = [*origins] if origins is not None else [(None, "")] * len(new)
    columns = [getattr(new, key).tolist() for key in ("labels", "names", "types", "views")]
    entries = [
        Entry(person, name, condition, view, moment, frames, printable(source))
        for person, name, condition, view, (frames, source) in zip(*columns, known, strict=True)
    ]
    return gallery.add(entries, new.embeddings)


def enroll_in(
    path: Path,
    new: Embeddings,
    origins: Sequence[tuple[int, str]] | None = None,
    *,
    when: str = "",
    dtype: str | None = None,
) -> int:
    """Enroll embeddings in the gallery of that name, or make it; see :func:`add_embeddings`.

    Args:
        dtype: of the vectors of a new gallery, ``float32`` (None) or ``float16``.

    Raises:
        CheckpointError: the gallery was made with another model or checkpoint, or of other frames.
        DataError: an embedding cannot be enrolled; nothing is made or changed then.
    """
    _, channels, parts = new.embeddings.shape
    # Before anything is made.
    check_named(new.labels.tolist(), new.names.tolist())
    check_text(chain(new.labels.tolist(), new.names.tolist()), str(path))
    check_usable(new.embeddings, new.names.tolist(), (channels, parts), str(path))
    is_there = is_gallery(path)
    made = (
        Gallery(path) if is_there else Gallery.make(path, new.origin, (channels, parts), dtype or "float32")
    )
    with made as gallery:
        require_same_origin(gallery.origin, new.origin, str(path))
        if dtype is not None and dtype != gallery.dtype:
            raise ConfigError(
                f"the gallery's vectors are {gallery.dtype}, and --dtype asks for {dtype}",
                where=str(path),
                hint="leave out --dtype; a new gallery may have another one",
            )
        return add_embeddings(gallery, new, origins, when)


def convert(source: Path, target: Path, dtype: str = "float32") -> int:
    """Write a gallery of one form in the other; returns how many sequences it holds.

    Args:
        source: a ``.npz`` file, or a gallery.
        target: what is made; there is nothing under that name yet.
        dtype: of the vectors of a new gallery.

    Raises:
        DataError: the source cannot be read or holds nobody, or there is something under the target's name.
        ConfigError: the target's name is of neither form.
    """
    to_file = is_file_form(target)
    if target.exists():
        raise DataError(
            "there is something under this name already", where=str(target), hint="choose another name"
        )
    if is_gallery(source) and not to_file:
        raise ConfigError(
            "both are galleries of the lasting form", where=str(source), hint="copy the folder instead"
        )
    data = read_any(source)
    check_gallery(data, str(source))
    if to_file:
        write_embeddings(target, data)
        target.chmod(PRIVATE)
        return len(data)
    remove_orphans(target, _CONVERTING)
    partial = target.with_name(f".{target.name}.{os.getpid()}{_CONVERTING}")
    made = datetime.fromtimestamp(source.stat().st_mtime, timezone.utc).isoformat(timespec="seconds")
    _, channels, parts = data.embeddings.shape
    try:
        with Gallery.make(partial, data.origin, (channels, parts), dtype) as gallery:
            count = add_embeddings(gallery, data, when=made)
        if count < len(data):
            log.warning("%s: %d sequences are there twice, and are taken once", source, len(data) - count)
        os.rename(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return count


def _drawn(count: int, sample: int | None) -> np.ndarray:
    if sample is None or count <= sample:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:sample])
