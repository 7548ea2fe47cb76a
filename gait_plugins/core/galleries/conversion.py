"""Conversion between galleries and files of embeddings, and reading either as embeddings."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path

import numpy as np

from gait_plugins.core.galleries.address import Place
from gait_plugins.core.galleries.contract import GalleryStore, Rows
from gait_plugins.core.galleries.entries import Entry, check_named, check_text, check_usable
from gait_plugins.core.galleries.stores import (
    is_file_form,
    is_lasting,
    is_there,
    make_gallery,
    new_gallery,
    open_gallery,
)
from gait_plugins.core.galleries.vectors import PRIVATE
from gait_plugins.core.tools.embeddings import (
    Embeddings,
    read_embeddings,
    require_same_origin,
    write_embeddings,
)
from gait_plugins.core.tools.identification import check_gallery
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.printable import printable

log = logging.getLogger("gait_plugins")

_BLOCK = 2**22
"""Numbers that are copied at once from gallery to gallery."""


def read_any(path: Place, sample: int | None = None) -> Embeddings:
    """A gallery of either form, or a file of embeddings, in memory.

    Args:
        path: what to read.
        sample: at most so many sequences, drawn the same each time; None: all.

    Raises:
        DataError: it cannot be read, or is damaged.
    """
    if isinstance(path, Path) and not is_lasting(path):
        found = read_embeddings(path)
        return found.rows(_drawn(len(found), sample))
    with open_gallery(path) as gallery:
        rows = gallery.rows()
        places = _drawn(len(rows.ids), sample)
        values = np.ascontiguousarray(gallery.read(rows, places))
        entries = _entries(gallery, rows, places)
        columns = zip(*(entry[:4] for entry in entries), strict=True) if entries else ((),) * 4
        people, names, conditions, views = (np.array(column, np.str_) for column in columns)
        return Embeddings(values, people, conditions, views, names, gallery.origin)


def add_embeddings(
    gallery: GalleryStore, new: Embeddings, origins: Sequence[tuple[int, str]] | None = None, when: str = ""
) -> int:
    """Enroll embeddings in a gallery; returns how many were new.

    Args:
        gallery: of the same origin.
        new: of known people.
        origins: of each its number of frames and its source, where known.
        when: date or time of the recording; empty: now, as the time of the enrolment.

    Raises:
        DataError: see :meth:`GalleryStore.add`.
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
    path: Place,
    new: Embeddings,
    origins: Sequence[tuple[int, str]] | None = None,
    *,
    when: str = "",
    dtype: str | None = None,
) -> int:
    """Enroll embeddings in the gallery of that address, or make it; see :func:`add_embeddings`.

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
    shape = (channels, parts)
    made = open_gallery(path) if is_there(path) else make_gallery(path, new.origin, shape, dtype or "float32")
    with made as gallery:
        require_same_origin(gallery.origin, new.origin, str(path))
        if dtype is not None and dtype != gallery.dtype:
            raise ConfigError(
                f"the gallery's vectors are {gallery.dtype}, and --dtype asks for {dtype}",
                where=str(path),
                hint="leave out --dtype; a new gallery may have another one",
            )
        return add_embeddings(gallery, new, origins, when)


def convert(source: Place, target: Place, dtype: str | None = None) -> int:
    """Write a gallery of one form, or of one store, in another; returns how many sequences it holds.

    Args:
        source: a ``.npz`` file, or a gallery.
        target: what is made; there is nothing under that address yet.
        dtype: of the vectors of a new gallery; None: as in the source, ``float32`` for that of a file.

    Raises:
        DataError: the source cannot be read or holds nobody, or there is something under the target's
            address; or people were removed from the source meanwhile.
        ConfigError: the target's name is of no form, or both are folders.
    """
    to_file = is_file_form(target)
    if is_there(target):
        raise DataError(
            "there is something under this name already", where=str(target), hint="choose another name"
        )
    if isinstance(source, Path) and is_lasting(source) and isinstance(target, Path) and not to_file:
        raise ConfigError("both are galleries in folders", where=str(source), hint="copy the folder instead")
    if is_lasting(source) and not to_file:
        return _copy(source, target, dtype)
    data = read_any(source)
    check_gallery(data, str(source))
    if is_file_form(target):
        write_embeddings(target, data)
        target.chmod(PRIVATE)
        return len(data)
    assert isinstance(source, Path)
    made = datetime.fromtimestamp(source.stat().st_mtime, timezone.utc).isoformat(timespec="seconds")
    _, channels, parts = data.embeddings.shape
    with new_gallery(target, data.origin, (channels, parts), dtype or "float32") as gallery:
        count = add_embeddings(gallery, data, when=made)
    if count < len(data):
        log.warning("%s: %d sequences are there twice, and are taken once", source, len(data) - count)
    return count


def _copy(source: Place, target: Place, dtype: str | None) -> int:
    """Write a gallery of one store in another with all that is known, a block at a time."""
    count = 0
    with open_gallery(source) as held:
        rows = held.rows()
        if not len(rows.ids):
            raise DataError("the gallery is empty: no sequence is enrolled", where=held.where)
        channels, parts = held.shape
        size = max(_BLOCK // (channels * parts), 1)
        with new_gallery(target, held.origin, held.shape, dtype or held.dtype) as gallery:
            for start in range(0, len(rows.ids), size):
                places = np.arange(start, min(start + size, len(rows.ids)))
                values = held.read(rows, places)
                count += gallery.add(_entries(held, rows, places), values)
            for metric, record in held.thresholds().items():
                # It is of the same people as before, if it was; in the copy nobody has been removed yet.
                is_of_now = record.get("removals") == rows.removals
                gallery.keep_threshold(metric, {**record, "removals": 0 if is_of_now else -1})
    return count


def _entries(gallery: GalleryStore, rows: Rows, places: np.ndarray) -> list[Entry]:
    """What is known of some rows, whose vectors were read before.

    Raises:
        DataError: something was removed since the rows were read.
    """
    entries = [entry for entry in gallery.entries_of(rows.ids[places]) if entry is not None]
    if len(entries) < len(places) or gallery.removals() != rows.removals:
        raise DataError(
            "people were removed from the gallery while it was read", where=gallery.where, hint="try again"
        )
    return entries


def _drawn(count: int, sample: int | None) -> np.ndarray:
    if sample is None or count <= sample:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:sample])
