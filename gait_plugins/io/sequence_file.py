"""Sequence files: reading the frames of one walk without running code from the file."""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import IO, Any, BinaryIO, NamedTuple

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
"""Bytes of a file that is read at once, whatever it holds."""
_LEARNT = 1 << 20
"""Bytes of a file whose form is learnt; of larger ones the most time goes into their pixels."""
_BEFORE_NO_SUFFIX = ("", "/", os.sep, ".")
"""What stands before a dot that begins a name."""
_MOST_FORMS = 4096
_TRIES = 8
"""Files of one length whose form is sought."""
_FEWEST_PIXELS = 64
"""So many random ones are not hit by chance."""
_MOST_BESIDE = 1024
"""Bytes of a form."""
_UINT8 = np.dtype(np.uint8)
_find_white = re.compile(b"\xff").search

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
    found = _read_array(path)
    frames, note = as_frames(found, path)
    flags = frames.flags
    if flags.writeable or not flags.c_contiguous:
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
    frames: Frames = _read_array(path, _ANY)
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


def _suffix(path: str) -> str:
    return os.path.splitext(path)[1].lower()


def _read_array(path: str, readers: Mapping[str, Reader] | None = None) -> Any:
    # As a rule the name tells at once; other names are looked at closely.
    suffix = path[-4:] if path[-4:] in SUFFIXES and path[-5:-4] not in _BEFORE_NO_SUFFIX else _suffix(path)
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
    reader = (readers or _ARRAYS)[suffix]
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
            if stat.S_ISREG(found.st_mode) and found.st_size <= _LEARNT and suffix != ".npz":
                return _read_small(reader, handle, path, found.st_size)
            return _read_whole(reader, handle, path, found.st_size)
        finally:
            os.close(handle)
    except OSError as error:
        raise DataError(
            f"the file cannot be read: {error.strerror or error}",
            where=path,
            hint="check that the file exists and that you may read it",
        ) from error


class _Form(NamedTuple):
    """What files of one length have in common: all but their pixels."""

    before: bytes
    after: bytes
    pixels: int
    """Between them, one byte each."""
    shape: tuple[int, ...]

    def array(self, data: bytes) -> np.ndarray | None:
        """The array in a file of this form, read-only; None: the file has another one."""
        size = len(self.before) + self.pixels + len(self.after)
        if len(data) != size or not data.startswith(self.before) or not data.endswith(self.after):
            return None
        return np.ndarray(self.shape, _UINT8, data, len(self.before))


_forms: dict[tuple[Reader, int], tuple[_Form | None, int]] = {}
"""Reader and length of a file -> the form of such files, if they have one, and how often it was sought."""


def _read_small(reader: Reader, handle: int, path: str, size: int) -> Frames:
    """A file that can be held twice; one of a known form takes a fraction of the time."""
    key = (reader, size)
    small = size <= _SMALL
    form, sought = _forms.get(key) or (None, 0)
    data = os.read(handle, size) if small or key in _forms else b""
    known = None if form is None else form.array(data)
    if known is not None:
        return known
    if small and len(data) == size:  # a disk of the network may give a part at a time
        found = _read_open(reader, io.BytesIO(data), path, size)
    else:
        found = _read_whole(reader, handle, path, size)
    if len(data) != size:
        _note_form(key, form, sought)
    elif sought < _TRIES and isinstance(found, np.ndarray) and found.dtype == _UINT8:
        _note_form(key, _form_of(reader, data, found), sought + 1)
    return found


def _read_whole(reader: Reader, handle: int, path: str, size: int) -> Frames:
    # Straight from the file: a second buffer of the same size costs more than the parsing.
    os.lseek(handle, 0, os.SEEK_SET)
    with open(handle, "rb", closefd=False) as file:
        return _read_open(reader, file, path, size)


def _note_form(key: tuple[Reader, int], form: _Form | None, sought: int) -> None:
    if key in _forms or len(_forms) < _MOST_FORMS:
        _forms[key] = form, sought


def _form_of(reader: Reader, data: bytes, array: np.ndarray) -> _Form | None:
    """The form of a file, whose array its reader has read; None: it has none.

    What is before the pixels and after them decides what the reader does. So another file with both, and
    other pixels, holds an array of the same shape with those pixels. Random ones show whether they are taken
    as they lie there: a pickle may hold them by columns, encoded as text, or beside bytes that are like them.
    """
    if array.size < _FEWEST_PIXELS or len(data) - array.size > _MOST_BESIDE:
        return None
    pixels = array.tobytes()
    place = data.rfind(pixels)
    if place < 0:
        return None
    form = _Form(data[:place], data[place + len(pixels) :], len(pixels), array.shape)
    drawn = os.urandom(len(pixels))
    try:
        found = reader(io.BytesIO(form.before + drawn + form.after))
    except Exception:  # these were not the pixels but something else, and the reader may do anything
        return None
    if not isinstance(found, np.ndarray) or found.dtype != _UINT8 or found.shape != array.shape:
        return None
    return form if found.tobytes() == drawn else None


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


_ARRAYS: dict[str, Reader] = {".pkl": load_arrays, ".npy": _read_npy, ".npz": _read_npz}
_ANY: dict[str, Reader] = {".pkl": _any_pickle, ".npy": _read_npy, ".npz": _any_npz}


def as_frames(array: np.ndarray, path: str | PathLike[str]) -> tuple[np.ndarray, str | None]:
    """An array as frames of 0..255, and in words what was converted; see :func:`read_frames`."""
    _check_shape(array, path)
    if array.dtype == _UINT8:
        # One value above 1 says that this is no 0/1 mask: as a rule a white pixel, which is found at once.
        if array.flags.c_contiguous and _find_white(array.data):
            return array, None
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
    if array.ndim == 3 and array.size:
        return
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
