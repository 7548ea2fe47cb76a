"""Entries of a gallery: what is known of a sequence, and what may be enrolled."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from gait_plugins.errors import DataError


class Entry(NamedTuple):
    """A sequence of a person, as a gallery knows it."""

    person: str
    name: str
    """``id-type-view``, or the path of a sequence without such a name."""
    condition: str = ""
    view: str = ""
    when: str = ""
    """When it was recorded, or else enrolled, in ISO 8601."""
    frames: int | None = None
    """How many frames it had; None where nothing tells."""
    source: str = ""
    """The file or folder that it came from."""


def check_usable(embeddings: np.ndarray, names: Sequence[str], shape: tuple[int, int], where: str) -> None:
    """See that embeddings can be enrolled.

    Args:
        embeddings: ``[n, c, p]``.
        names: of their sequences.
        shape: channels and parts of the gallery.
        where: the gallery, for messages.

    Raises:
        DataError: they have another shape, or one is NaN, infinite, or zero throughout.
    """
    if embeddings.ndim != 3 or embeddings.shape[1:] != shape:
        found = " x ".join(map(str, embeddings.shape[1:]))
        raise DataError(
            f"the gallery holds embeddings of {shape[0]} channels x {shape[1]} parts, the new embeddings "
            f"have {found}",
            where=where,
            hint="use the model that the gallery was made with, or begin another gallery",
        )
    finite = np.isfinite(embeddings).all((1, 2))
    for usable, kind in ((finite, "NaN or infinite"), (embeddings.any((1, 2)), "of length zero")):
        broken = np.flatnonzero(~usable)
        if len(broken):
            raise DataError(
                f"{len(broken)} of {len(embeddings)} embeddings are {kind}, the first of {names[broken[0]]}",
                where=where,
                hint="leave out these sequences, or look at their frames: gait-plugins data check; nothing "
                "was enrolled",
            )


def check_named(people: Sequence[str], names: Sequence[str]) -> None:
    """See that each sequence has a person.

    Raises:
        DataError: one has none; names it.
    """
    for person, name in zip(people, names, strict=True):
        if not person:
            raise DataError(
                f"no identity given for {name}",
                where="enroll",
                hint="give the identity with --id, or give a folder ID/TYPE/VIEW/FILES",
            )


def check_text(names: Iterable[str], where: str) -> None:
    """See that a database can hold names: those of files may be any bytes.

    Raises:
        DataError: one is no UTF-8; names it.
    """
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                f"a name is no UTF-8, and a gallery holds no other: {name!a}",
                where=where,
                hint="rename the file or folder, or give another identity",
            ) from error


def row_crc(entry: Entry) -> int:
    """The checksum of what is known of a sequence."""
    return zlib.crc32(json.dumps(entry, ensure_ascii=True).encode("ascii"))
