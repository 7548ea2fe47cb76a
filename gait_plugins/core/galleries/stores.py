"""Stores of galleries: which one an address means, a folder or a server; nothing else decides it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeGuard

from gait_plugins.core.galleries.address import Place
from gait_plugins.core.galleries.contract import GalleryStore
from gait_plugins.core.galleries.store import Gallery, is_gallery
from gait_plugins.core.tools.embeddings import Origin
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import remove_orphans

ENDINGS = ("", ".gallery")
"""Endings of the name that a new gallery in a folder may have."""
_CONVERTING = ".converting"


def open_gallery(place: Place) -> GalleryStore:
    """The gallery of that address, open.

    Raises:
        ConfigError: what a server needs is not installed, or its address has unknown settings.
        DataError: there is none, or it is damaged, of a future format, or cannot be opened or reached.
    """
    if isinstance(place, Path):
        return Gallery(place)
    from gait_plugins.core.galleries.postgres.store import ServerGallery

    return ServerGallery(place)


def make_gallery(
    place: Place, origin: Origin, shape: tuple[int, int], dtype: str = "float32"
) -> GalleryStore:
    """Make an empty gallery, private to its owner, and open it; one that is there is opened as it is.

    Args:
        place: where.
        origin: what its embeddings are made with.
        shape: channels and parts of each.
        dtype: of the stored numbers, ``float32`` or ``float16``.

    Raises:
        ConfigError, DataError: as :func:`open_gallery`; or nothing can be made there.
    """
    if isinstance(place, Path):
        return Gallery.make(place, origin, shape, dtype)
    from gait_plugins.core.galleries.postgres.store import ServerGallery

    return ServerGallery.make(place, origin, shape, dtype)


@contextmanager
def new_gallery(place: Place, origin: Origin, shape: tuple[int, int], dtype: str) -> Iterator[GalleryStore]:
    """A gallery that is there, with all that the block adds, once the block has ended; else nothing is.

    Args and errors as of :func:`make_gallery`; nothing is under that address yet.
    """
    if not isinstance(place, Path):
        from gait_plugins.core.galleries.postgres.store import ServerGallery

        with ServerGallery.making(place, origin, shape, dtype) as made:
            yield made
        return
    remove_orphans(place, _CONVERTING)
    partial = place.with_name(f".{place.name}.{os.getpid()}{_CONVERTING}")
    try:
        with Gallery.make(partial, origin, shape, dtype) as gallery:
            yield gallery
        os.rename(partial, place)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def is_there(place: Place) -> bool:
    """Whether there is anything under that address.

    Raises:
        ConfigError, DataError: the server is not reached, or lets nobody in.
    """
    if isinstance(place, Path):
        return place.exists()
    from gait_plugins.core.galleries.postgres.connection import Connection
    from gait_plugins.core.galleries.postgres.tables import is_made

    connection = Connection(place)
    try:
        return is_made(connection)
    finally:
        connection.close()


def is_lasting(place: Place) -> bool:
    """True for the folder of a gallery, and for what is on a server; False for a file, and for nothing."""
    return not isinstance(place, Path) or is_gallery(place)


def is_file_form(place: Place) -> TypeGuard[Path]:
    """Whether a gallery is, or is to be, a single file of embeddings (``.npz``).

    Raises:
        ConfigError: there is none under that name, and the name is of neither form.
    """
    if not isinstance(place, Path) or is_gallery(place):
        return False
    if place.suffix.lower() == ".npz" or place.exists():
        return True
    if place.suffix.lower() not in ENDINGS:
        raise ConfigError(
            f"a gallery is a folder named NAME or NAME.gallery, or a file NAME.npz; got {place.suffix}",
            where=str(place),
            hint=f"--gallery {place.with_suffix('.gallery')}",
        )
    return False


def require_lasting(place: Place) -> None:
    """See that a gallery is none of the old form.

    Raises:
        DataError: it is a file.
    """
    if isinstance(place, Path) and place.is_file():
        raise DataError(
            "this is a file, which is only read and enrolled in",
            where=str(place),
            hint=f"gait-plugins gallery convert {place} {place.with_suffix('.gallery')}",
        )
