"""Sequence files: reading the frames of one walk without running code from the file."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from gait_plugins.errors import DataError
from gait_plugins.io.archive import Archive, DamagedArchive
from gait_plugins.io.ragged import Frames, Ragged
from gait_plugins.io.remote.address import is_address
from gait_plugins.io.remote.store import read_whole
from gait_plugins.io.safe_pickle import RefusedPickle, load_arrays, load_frames

SUFFIXES = (".pkl", ".npy", ".npz")
"""What a sequence file may end in."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff")

VIDEO_SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv")

EXPECTED = "uint8 silhouettes [t, h, w] (or [t, c, h, w]), 0 for background and 255 for the person"


_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
"""A pipe is opened at once, even if nobody writes to it."""
_SMALL = 1 << 16
"""Bytes of a file that is read at once."""

Reader = Callable[[BinaryIO], Frames]


def prepare_command(source: PathLike[str]) -> str:
    """The command that makes a sequence file of one walk's masks, a folder of images or a video."""
    return f"gait-plugins data prepare {source} TARGET --id ID --type TYPE --view VIEW"


def read_frames(path: str | PathLike[str]) -> np.ndarray:
    """The frames of one sequence file.

    Masks that are stored as booleans or as 0 and 1, and floats in [0, 1], are brought to 0..255:
    every transform divides by 255, so that such a file would otherwise train on nearly black frames.

    Args:
        path: ``.pkl`` (numpy arrays only, or a list of equal frames), ``.npy`` or ``.npz``.

    Returns:
        uint8 ``[t, h, w]`` or ``[t, c, h, w]``, t >= 1; contiguous and read-only (picking frames of it
        copies them, so that a data set may keep and share the whole).

    Raises:
        DataError: the file is missing, truncated, unsafe, empty or of another dtype or shape.
    """
    return inspect_frames(path)[0]


def inspect_frames(path: str | PathLike[str]) -> tuple[np.ndarray, str | None]:
    """Like :func:`read_frames`, with what had to be converted (None: the file was as expected)."""
    path = os.fspath(path)
    frames, note = as_frames(_read_array(path), path)
    frames = np.ascontiguousarray(frames)
    frames.flags.writeable = False
    return frames, note


def read_any(path: str | PathLike[str]) -> Frames:
    """The array of a sequence file as it is, of whatever dtype and rank; frames of unequal size are ragged.

    Args:
        path: ``.pkl`` (a numpy array, or a list of one array a frame), ``.npy``, or ``.npz`` with one array
            or with ``values`` and ``offsets`` of ragged frames.

    Raises:
        DataError: the file is missing, truncated, unsafe, or holds anything but numbers.
    """
    path = os.fspath(path)
    frames: Frames = _read_array(path, {".pkl": _any_pickle, ".npy": _read_npy, ".npz": _any_npz})
    if isinstance(frames, np.ndarray):
        frames.flags.writeable = False
    return frames


def _any_pickle(file: BinaryIO) -> Frames:
    found = load_frames(file)
    if isinstance(found, np.ndarray):
        return found
    tails = {frame.shape[1:] for frame in found}
    if len(tails) > 1 or any(frame.ndim == 0 for frame in found):
        raise RefusedPickle(
            f"a list of frames of shapes {sorted({frame.shape for frame in found})[:3]}: they differ in more "
            "than their number of rows",
            hint="save one array [m, columns] a frame",
        )
    return Ragged.of(found)


def _any_npz(file: BinaryIO) -> Frames:
    archive = Archive(file)
    if set(archive.members) == {"values.npy", "offsets.npy"}:
        return Ragged(archive.array("values"), archive.array("offsets"))
    file.seek(0)
    return _read_npz(file)


def _read_array(path: str, readers: Mapping[str, Reader] | None = None) -> Any:
    suffix = os.path.splitext(path)[1].lower()
    if suffix not in SUFFIXES:
        other = f"a {suffix} file" if suffix else "a file without a suffix"
        kind = "an image" if suffix in IMAGE_SUFFIXES else other
        file_of = Path(path)
        masks = file_of if suffix in VIDEO_SUFFIXES else file_of.parent if suffix in IMAGE_SUFFIXES else None
        raise DataError(
            f"found {kind}, expected one file with all frames ({', '.join(SUFFIXES)})",
            where=path,
            hint=f"{prepare_command(masks)} makes such a file from the masks"
            if masks
            else "stack the frames of the sequence into one array and save it with numpy.save",
        )
    reader = (readers or {".pkl": load_arrays, ".npy": _read_npy, ".npz": _read_npz})[suffix]
    if is_address(path):
        content = read_whole(path)
        return _read_open(reader, io.BytesIO(content), path, len(content))
    try:
        handle = os.open(path, _FLAGS)
        try:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
                raise DataError(
                    "not a regular file: a pipe, socket or device",
                    where=path,
                    hint="move it out of the data, or copy the frames into a file",
                )
            if stat.S_ISREG(found.st_mode) and found.st_size <= _SMALL and suffix != ".npz":
                return _read_open(reader, io.BytesIO(os.read(handle, found.st_size)), path, found.st_size)
            # Straight from the file: a second buffer of the same size costs more than the parsing.
            with open(handle, "rb", closefd=False) as file:
                return _read_open(reader, file, path, found.st_size)
        finally:
            os.close(handle)
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror or error}",
            where=path,
            hint="check that the file exists and that you may read it",
        ) from error


def _read_open(reader: Reader, file: BinaryIO, path: str, size: int) -> Frames:
    if size == 0:
        raise DataError(
            f"the file is empty (0 bytes), expected {EXPECTED}",
            where=path,
            hint="copy the file again, or delete it to leave the sequence out",
        )
    try:
        return reader(file)
    except DamagedArchive as error:
        raise DataError(
            f"the file is truncated or damaged ({size} bytes): {error}",
            where=path,
            hint="copy or create the file again, or delete it to leave the sequence out",
        ) from error
    except RefusedPickle as error:
        raise DataError(f"found {error}", where=path, hint=error.hint) from error
    except Exception as error:  # a damaged file may raise anything; none of it leaves without the name
        raise DataError(
            f"the file is truncated or damaged ({size} bytes): {type(error).__name__}: {error}; "
            f"expected {EXPECTED}",
            where=path,
            hint="copy or create the file again, or delete it to leave the sequence out",
        ) from error


def _read_npy(file: IO[bytes]) -> np.ndarray:
    if file.read(6) != b"\x93NUMPY":
        raise ValueError("the numpy header is missing")
    file.seek(0)
    try:
        return np.asarray(np.load(file, allow_pickle=False))
    except ValueError as error:
        if "Object arrays" in str(error):
            raise RefusedPickle("an array of Python objects, which may run code") from error
        raise


def _read_npz(file: BinaryIO) -> np.ndarray:
    archive = Archive(file)
    members = list(archive.members)
    if len(members) != 1:
        names = ", ".join(name.removesuffix(".npy") for name in members) or "none"
        raise RefusedPickle(
            f"{len(members)} arrays in the archive ({names}), expected one",
            hint="save the frames alone: numpy.savez_compressed(path, frames)",
        )
    return _read_npy(io.BytesIO(archive.read(members[0])))


def as_frames(array: np.ndarray, path: str | PathLike[str]) -> tuple[np.ndarray, str | None]:
    """An array as frames of 0..255, and in words what was converted; see :func:`read_frames`."""
    _check_shape(array, path)
    if array.dtype == np.uint8:
        # One frame with a value above 1 says that this is no 0/1 mask; only without it look at them all.
        if array[len(array) // 2].max() > 1 or array.max() != 1:
            return array, None
    elif array.dtype.kind not in "buif":
        raise _bad_values(path, f"dtype {array.dtype}")
    low, high = array.min(), array.max()
    if not (low >= 0 and high <= 255):  # NaN fails both
        raise _bad_values(path, f"{array.dtype} values from {low} to {high}")
    if high <= 1:
        return from_zero_one(array)
    frames = array.astype(np.uint8)
    if not np.array_equal(frames, array):
        raise _bad_values(path, f"{array.dtype} values from {low} to {high} that are not whole numbers")
    return frames, f"{array.dtype} values in 0..255, converted to uint8"


def from_zero_one(array: np.ndarray) -> tuple[np.ndarray, str]:
    """Masks in 0..1 as uint8 0..255, and in words that this was done."""
    note = f"{array.dtype} masks in 0..1, converted to 0..255"
    return np.rint(array.astype(np.float32) * 255).astype(np.uint8), note


def _check_shape(array: np.ndarray, path: str | PathLike[str]) -> None:
    shape = list(array.shape)
    if shape and shape[0] == 0:
        raise DataError(
            f"the sequence has no frames: shape {shape}, expected [t, h, w] with t >= 1",
            where=str(path),
            hint="delete the file to leave the sequence out, or create it again",
        )
    if array.ndim not in (3, 4) or 0 in shape:
        single = " (one image, or frames that were flattened?)" if array.ndim == 2 else ""
        raise _bad_values(path, f"shape {shape}{single}")
    if array.ndim == 4 and shape[3] <= 4 < shape[1]:
        raise DataError(
            f"found shape {shape} with the channels last, expected [t, c, h, w]",
            where=str(path),
            hint="save array.transpose(0, 3, 1, 2)",
        )


def _bad_values(path: str | PathLike[str], found: str) -> DataError:
    return DataError(
        f"found {found}, expected {EXPECTED}",
        where=str(path),
        hint="save the sequence as numpy uint8; a configuration whose data_cfg.streams declares keypoints "
        "reads these, and data_cfg.data_in_use can leave out poses and ratios",
    )
