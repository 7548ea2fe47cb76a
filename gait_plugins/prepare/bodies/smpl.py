"""Parameters of SMPL in files of single frames, as the program ROMP writes them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from gait_plugins.io.archive import Archive, DamagedArchive
from gait_plugins.io.folders import is_special
from gait_plugins.io.safe_pickle import RefusedPickle, load_dicts

PARTS = {"cam": 3, "poses": 72, "betas": 10}
"""Name in the file -> how many numbers: camera, pose, shape."""
MEMBER = "results"


class UnreadableBody(Exception):
    """The file holds no parameters that can be read; says why."""


def read_body(path: Path) -> tuple[np.ndarray, int]:
    """The parameters of the first body in a frame's file, and how many bodies there are.

    The file is an archive whose member ``results`` is a pickle of a dict for each body. No object of it is
    made but numpy arrays.

    Returns:
        float32 ``[85]``: camera 3, pose 72 (axis and angle, radians), shape 10.

    Raises:
        UnreadableBody: it is damaged, or holds something else.
    """
    if is_special(path):
        raise UnreadableBody("not a regular file")
    try:
        with path.open("rb") as file:
            bodies = _bodies(Archive(file))
    except UnreadableBody:
        raise
    except (DamagedArchive, RefusedPickle) as error:
        raise UnreadableBody(str(error)) from error
    except Exception as error:  # a damaged pickle may raise anything
        raise UnreadableBody(f"damaged: {type(error).__name__}: {error}") from error
    if not bodies:
        raise UnreadableBody("nobody was found in the frame")
    return _in_a_row(bodies[0]), len(bodies)


def _bodies(archive: Archive) -> list[dict[str, np.ndarray]]:
    if f"{MEMBER}.npy" not in archive.members:
        names = ", ".join(name.removesuffix(".npy") for name in archive.members) or "nothing"
        raise UnreadableBody(f"holds {names}, expected {MEMBER}")
    content = io.BytesIO(archive.read(f"{MEMBER}.npy"))
    version = npy.read_magic(content)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    _, _, dtype = header(content)
    if not dtype.hasobject:
        raise UnreadableBody(f"{MEMBER} holds {dtype} numbers, expected a dict for each body")
    return load_dicts(content, tuple(PARTS))


def _in_a_row(body: dict[str, np.ndarray]) -> np.ndarray:
    for name, size in PARTS.items():
        found = body.get(name)
        if found is None or found.size != size:
            what = "no" if found is None else f"{found.size} numbers of"
            raise UnreadableBody(f"holds {what} {name}, expected {size} numbers")
    row = np.concatenate([body[name].ravel() for name in PARTS]).astype(np.float32)
    if not np.isfinite(row).all():
        raise UnreadableBody("holds NaN or infinity")
    return row
