"""Ragged frames: what is taken, joined and read is what was there."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from gait_plugins.api import Ragged
from gait_plugins.errors import DataError
from gait_plugins.io.ragged import joined
from gait_plugins.io.sequence_file import read_any

RNG = np.random.default_rng(0)
CLOUDS = [RNG.normal(size=(rows, 3)).astype(np.float32) for rows in (4, 1, 7, 2)]


def equal(frames: object, expected: list[np.ndarray]) -> bool:
    assert isinstance(frames, Ragged)
    return len(frames) == len(expected) and all(map(np.array_equal, frames, expected))


def test_frames_come_back_one_by_one():
    ragged = Ragged.of(CLOUDS)
    assert equal(ragged, CLOUDS)
    assert all(np.array_equal(ragged[place], CLOUDS[place]) for place in range(-4, 4))
    with pytest.raises(IndexError):
        ragged[4]
    assert ragged.sizes.tolist() == [4, 1, 7, 2]


def test_frames_are_taken_in_any_order_and_more_than_once():
    picked = np.array([3, 0, 0, 2])
    assert equal(Ragged.of(CLOUDS).take(picked), [CLOUDS[i] for i in picked])


def test_sequences_are_joined():
    assert equal(joined([Ragged.of(CLOUDS[:1]), Ragged.of(CLOUDS[1:])]), CLOUDS)


def test_offsets_that_do_not_divide_the_rows_are_refused():
    with pytest.raises(ValueError, match="offsets from 0 to 3"):
        Ragged(np.zeros((3, 3)), np.array([0, 2]))
    with pytest.raises(ValueError, match="rise"):
        Ragged(np.zeros((3, 3)), np.array([0, 4, 3]))


def test_a_pickled_list_of_clouds_and_an_archive_are_read(tmp_path: Path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(CLOUDS))
    ragged = Ragged.of(CLOUDS)
    np.savez(tmp_path / "b.npz", values=ragged.values, offsets=ragged.offsets)
    assert equal(read_any(tmp_path / "a.pkl"), CLOUDS)
    assert equal(read_any(tmp_path / "b.npz"), CLOUDS)


def test_values_and_dtype_of_a_file_stay(tmp_path: Path):
    numbers = np.array([[2**40 + 1, -3]], np.int64)
    np.save(tmp_path / "a.npy", numbers)
    found = read_any(tmp_path / "a.npy")
    assert found.dtype == np.int64
    assert np.array_equal(found, numbers)


def test_a_list_of_frames_that_differ_in_more_is_refused(tmp_path: Path):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps([np.zeros((2, 3)), np.zeros((2, 4))]))
    with pytest.raises(DataError, match="differ in more than their number of rows"):
        read_any(tmp_path / "a.pkl")
