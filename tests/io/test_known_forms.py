"""Files of a form that was seen before are read faster, and never otherwise than by the unpickler."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.errors import DataError
from gait_plugins.io import sequence_file
from gait_plugins.io.sequence_file import inspect_frames, read_any, read_frames

RANDOM = np.random.default_rng(3)
FRAMES = RANDOM.integers(0, 256, (5, 8, 7)).astype(np.uint8)
BLACK = np.zeros_like(FRAMES)


@pytest.fixture(autouse=True)
def _nothing_known() -> Iterator[None]:
    sequence_file._forms.clear()
    yield
    sequence_file._forms.clear()


def known() -> list[Any]:
    return [form for form, _ in sequence_file._forms.values() if form is not None]


def write(path: Path, array: Any, protocol: int = 4) -> Path:
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        path.write_bytes(pickle.dumps(array, protocol))
    return path


def outcome(path: Path) -> tuple[Any, ...]:
    try:
        frames, note = inspect_frames(path)
    except DataError as error:
        return re.sub(" object at 0x[0-9a-f]+", "", str(error)), error.hint  # in what ast tells of a header
    return frames.tobytes(), frames.shape, note, frames.flags.writeable


@pytest.mark.parametrize(("name", "protocol"), [("a.pkl", 3), ("a.pkl", 4), ("a.pkl", 5), ("a.npy", 0)])
@pytest.mark.parametrize("shape", [(5, 8, 7), (2, 3, 8, 7), (40, 64, 64)])
def test_a_second_file_of_a_form_holds_its_own_pixels(tmp_path, name, protocol, shape, monkeypatch):
    for number in range(3):  # large files are learnt by their second one
        first = RANDOM.integers(0, 256, shape).astype(np.uint8)
        np.testing.assert_array_equal(
            read_frames(write(tmp_path / name, first, protocol)), first, str(number)
        )
    assert known()
    monkeypatch.setattr(sequence_file, "_read_open", lambda *_: pytest.fail("it was unpickled"))
    other = RANDOM.integers(0, 256, shape).astype(np.uint8)
    found = read_frames(write(tmp_path / name, other, protocol))
    np.testing.assert_array_equal(found, other)
    assert not found.flags.writeable
    if name == "a.npy":
        np.testing.assert_array_equal(read_any(tmp_path / name), other)


@settings(max_examples=300, deadline=None)
@given(
    protocol=st.sampled_from([0, 1, 2, 3, 4, 5, None]),
    changes=st.lists(st.tuples(st.integers(0, 500), st.integers(0, 255)), max_size=3),
    more=st.sampled_from([b"", b"."]),
    black=st.booleans(),
)
def test_whatever_is_changed_in_a_file_it_is_read_as_without_known_forms(
    tmp_path_factory, protocol, changes, more, black
):
    folder = tmp_path_factory.mktemp("forms")
    sequence_file._forms.clear()
    path = folder / ("a.npy" if protocol is None else "a.pkl")
    read_frames(write(path, FRAMES, protocol or 0))
    assert known() or protocol in (0, 1, 2)  # these spell the pixels as text
    content = bytearray(write(path, BLACK if black else FRAMES[::-1], protocol or 0).read_bytes())
    for place, value in changes:
        content[place % len(content)] = value
    path.write_bytes(bytes(content) + more)
    with_forms = outcome(path)
    sequence_file._forms.clear()
    assert with_forms == outcome(path)


def test_order_of_the_axes_is_not_learnt_from_frames_that_hide_it(tmp_path):
    path = tmp_path / "a.pkl"
    for array in (BLACK, FRAMES):
        by_columns = np.asfortranarray(array)
        np.testing.assert_array_equal(read_frames(write(path, by_columns)), array)
    assert not known()


def test_bytes_beside_the_pixels_that_are_like_them_are_not_taken_for_them(tmp_path):
    def with_double(double: np.ndarray) -> bytes:
        dropped = b"B" + double.nbytes.to_bytes(4, "little") + double.tobytes() + b"0"
        return pickle.dumps(FRAMES, 3)[:-1] + dropped + b"."

    path = tmp_path / "a.pkl"
    path.write_bytes(with_double(FRAMES))
    read_frames(path)
    assert not known()
    path.write_bytes(with_double(BLACK))
    np.testing.assert_array_equal(read_frames(path), FRAMES)


def test_files_of_one_length_and_several_forms_are_all_read(tmp_path):
    turned = FRAMES.reshape(5, 7, 8)
    for number in range(2 * sequence_file._TRIES):
        for array in (FRAMES, turned):
            found = read_frames(write(tmp_path / f"{number}.pkl", array))
            np.testing.assert_array_equal(found, array)


def test_what_is_kept_of_forms_has_a_bound(tmp_path, monkeypatch):
    monkeypatch.setattr(sequence_file, "_MOST_FORMS", 3)
    for length in range(1, 9):
        array = np.resize(FRAMES, (length, 8, 9))
        np.testing.assert_array_equal(read_frames(write(tmp_path / "a.pkl", array)), array)
    assert len(sequence_file._forms) == 3


class _Parts:
    """The functions of ``os``, and a disk that gives a part of what is asked for."""

    share = 2

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def read(self, handle: int, size: int) -> bytes:
        return os.read(handle, size // self.share)


@pytest.mark.parametrize("name", ["a.pkl", "a.npy"])
@pytest.mark.parametrize("shape", [(5, 8, 7), (40, 64, 64)])
def test_a_disk_may_give_a_file_in_parts(tmp_path, name, shape, monkeypatch):
    frames = RANDOM.integers(0, 256, shape).astype(np.uint8)
    path, disk = write(tmp_path / name, frames), _Parts()
    monkeypatch.setattr(sequence_file, "os", disk)
    for share in (2, 1, 1, 2):  # before its form is known and afterwards
        disk.share = share
        np.testing.assert_array_equal(read_frames(path), frames)
