"""Sequence files: every form of array is read, everything else is refused with its name."""

from __future__ import annotations

import contextlib
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.errors import DataError
from gait_plugins.io.sequence_file import inspect_frames, read_frames

FRAMES = np.zeros((4, 6, 5), np.uint8)
FRAMES[:, 2:5, 1:3] = 255
FRAMES[1, 0, 0] = 128


def pickled(path: Path, value: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(value, protocol))
    return path


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "value",
    [
        FRAMES,
        np.asfortranarray(FRAMES),
        FRAMES[:, ::-1, ::2],
        FRAMES.transpose(2, 0, 1),
        np.stack([FRAMES, FRAMES], 1),
        list(FRAMES),
        tuple(FRAMES),
    ],
    ids=["array", "fortran", "strided", "transposed", "channels", "list", "tuple"],
)
def test_pickles_of_every_protocol_are_read(tmp_path, protocol, value):
    frames = read_frames(pickled(tmp_path / "a.pkl", value, protocol))
    np.testing.assert_array_equal(frames, np.asarray(value))
    assert frames.dtype == np.uint8
    assert frames.flags.c_contiguous


@pytest.mark.parametrize(
    ("there", "here"), [(b"numpy._core", b"numpy.core"), (b"numpy.core", b"numpy._core")]
)
@pytest.mark.parametrize("protocol", [2, 3])
def test_both_names_of_numpy_core_are_read(tmp_path, there, here, protocol):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps(FRAMES, protocol).replace(there, here))
    np.testing.assert_array_equal(read_frames(path), FRAMES)


def test_pickle_of_python_2_is_read(tmp_path):
    # Protocol 2 as Python 2 wrote it: the bytes of the array are a str.
    text = b"U" + bytes([FRAMES.size]) + FRAMES.tobytes()
    dtype = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    shape = b"(K\x04K\x06K\x05t"
    start = b"\x80\x02cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00tU\x01btR"
    path = tmp_path / "a.pkl"
    path.write_bytes(start + b"(K\x01" + shape + dtype + b"\x89" + text + b"tb.")
    np.testing.assert_array_equal(read_frames(path), FRAMES)


def test_npy_and_npz_are_read(tmp_path):
    np.save(tmp_path / "a.npy", FRAMES)
    np.savez_compressed(tmp_path / "a.npz", FRAMES)
    for name in ("a.npy", "a.npz"):
        np.testing.assert_array_equal(read_frames(tmp_path / name), FRAMES)


def test_what_is_read_cannot_be_written_to(tmp_path):
    with pytest.raises(ValueError, match="read-only"):
        read_frames(pickled(tmp_path / "a.pkl", FRAMES))[0] = 1


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64, np.float16, np.float32, np.float64])
def test_masks_of_zero_and_one_are_brought_to_255(tmp_path, dtype):
    mask = FRAMES == 255
    np.save(tmp_path / "a.npy", mask.astype(dtype))
    frames, note = inspect_frames(tmp_path / "a.npy")
    np.testing.assert_array_equal(frames, mask * np.uint8(255))
    assert "0..1" in note


def test_floats_of_grey_values_are_kept(tmp_path):
    np.save(tmp_path / "a.npy", FRAMES.astype(np.float64))
    np.save(tmp_path / "b.npy", FRAMES / 255)
    np.testing.assert_array_equal(read_frames(tmp_path / "a.npy"), FRAMES)
    np.testing.assert_array_equal(read_frames(tmp_path / "b.npy"), FRAMES)


def test_black_frames_stay_black(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros((2, 4, 4), np.uint8))
    assert inspect_frames(tmp_path / "a.npy")[1] is None


class Bomb:
    def __init__(self, *call):
        self.call = call

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("value", "named"),
    [
        (Bomb(os.system, ("touch PATH",)), "system"),
        (Bomb(eval, ("1",)), ".eval"),
        ([FRAMES, Bomb(print, ("x",))], ".print"),
        (np.float64(1), "scalar"),
        (np.ma.masked_array(FRAMES), "numpy.ma"),
        (Path("x"), "pathlib"),
    ],
)
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_pickle_that_would_run_code_is_refused_by_name(tmp_path, monkeypatch, value, named, protocol):
    monkeypatch.chdir(tmp_path)
    path = pickled(tmp_path / "a.pkl", value, protocol)
    with pytest.raises(DataError, match="would run code") as caught:
        read_frames(path)
    assert named in str(caught.value)
    assert str(path) in str(caught.value)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.pkl"]


def test_objects_in_an_array_are_refused(tmp_path):
    objects = np.array([Bomb(print, ("x",)), 2], dtype=object)
    plain = np.array([[1, None]], dtype=object)
    np.save(tmp_path / "a.npy", plain, allow_pickle=True)
    np.savez(tmp_path / "b.npz", plain)
    for path in (pickled(tmp_path / "c.pkl", plain), tmp_path / "a.npy", tmp_path / "b.npz"):
        with pytest.raises(DataError, match="Python objects"):
            read_frames(path)
    with pytest.raises(DataError, match=r"builtins\.print"):
        read_frames(pickled(tmp_path / "d.pkl", objects))


@pytest.mark.parametrize("target", [b"numpy\ndtype\n", b"numpy.core.multiarray\n_reconstruct\n"])
@pytest.mark.parametrize("state", [b"N}U\x01xK\x01s\x86b", b"}U\x01xK\x01sb"])
def test_pickle_cannot_change_what_it_is_given(tmp_path, target, state):
    path = tmp_path / "a.pkl"
    path.write_bytes(b"\x80\x02c" + target + state + b".")
    with pytest.raises(DataError, match="sets attributes"):
        read_frames(path)


@pytest.mark.parametrize("content", [b"\x80\x02cnumpy\nndarray\n)\x81.", b"\x80\x02cnumpy\nndarray\n)R."])
def test_classes_cannot_be_instantiated(tmp_path, content):
    (tmp_path / "a.pkl").write_bytes(content)
    with pytest.raises(DataError, match="truncated or damaged"):
        read_frames(tmp_path / "a.pkl")


@pytest.mark.parametrize("name", ["a.pkl", "a.npy", "a.npz"])
def test_truncated_files_are_named_wherever_they_end(tmp_path, name):
    path = tmp_path / name
    if name == "a.pkl":
        pickled(path, FRAMES)
    elif name == "a.npy":
        np.save(path, FRAMES)
    else:
        np.savez(path, FRAMES)
    whole = path.read_bytes()
    for size in sorted({1, 3, 10, len(whole) // 2, len(whole) - 40, len(whole) - 1}):
        path.write_bytes(whole[:size])
        with pytest.raises(DataError, match=f"truncated or damaged \\({size} bytes\\)") as caught:
            read_frames(path)
        assert str(path) in str(caught.value)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damage_escapes_as_another_error(tmp_path_factory, data):
    content = bytearray(pickle.dumps(FRAMES, data.draw(st.sampled_from([0, 2, 4, 5]))))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, min(len(content), 200) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "damaged.pkl"
    path.write_bytes(content)
    with contextlib.suppress(DataError):
        assert read_frames(path).dtype == np.uint8


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (np.zeros((0, 64, 44), np.uint8), "no frames"),
        ([], "no frames"),
        (np.zeros((64, 44), np.uint8), r"shape \[64, 44\]"),
        (np.zeros((2, 0, 4), np.uint8), r"shape \[2, 0, 4\]"),
        (np.zeros((1, 2, 3, 4, 5), np.uint8), r"shape \[1, 2, 3, 4, 5\]"),
        (np.zeros((9, 64, 64, 3), np.uint8), "with the channels last"),
        ([np.zeros((4, 4), np.uint8), np.zeros((4, 5), np.uint8)], "different shapes"),
        (np.full((2, 3, 4), -1), "from -1"),
        (np.full((2, 3, 4), 256, np.int32), "to 256"),
        (np.full((2, 3, 4), 1.5), "not whole numbers"),
        (np.full((2, 3, 4), np.nan), "nan"),
        (np.full((2, 3, 4), 1j), "'c16'"),
        (np.full((2, 3, 4), "x"), "dtype 'U1'"),
        (np.zeros((2, 3, 4), "u1,u1"), "structured|V2"),
        ({"frames": FRAMES}, "dict"),
        ([[1, 2], [3]], "list of list"),
        ("text", "str"),
        (None, "NoneType"),
    ],
)
def test_wrong_content_says_what_was_found_and_what_expected(tmp_path, value, found):
    with pytest.raises(DataError, match=found) as caught:
        read_frames(pickled(tmp_path / "a.pkl", value))
    assert "expected" in str(caught.value) or "different" in str(caught.value)
    assert "  -> " in str(caught.value)


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("a.png", b"x", "an image"),
        ("a.txt", b"x", "a .txt file"),
        ("a.pkl", b"", "0 bytes"),
        ("a.npy", b"PK", "the numpy header is missing"),
        ("a.npz", b"x" * 80, "the directory is missing"),
    ],
)
def test_wrong_files(tmp_path, name, content, found):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=found):
        read_frames(tmp_path / name)


def test_npz_of_several_arrays_names_them(tmp_path):
    np.savez(tmp_path / "a.npz", frames=FRAMES, labels=FRAMES)
    with pytest.raises(DataError, match=r"2 arrays in the archive \(frames, labels\)"):
        read_frames(tmp_path / "a.npz")


def test_missing_file_and_folder(tmp_path):
    for path in (tmp_path / "none.pkl", tmp_path):
        with pytest.raises(DataError):
            read_frames(path)
    (tmp_path / "b.pkl").mkdir()
    with pytest.raises(DataError, match="cannot be read"):
        read_frames(tmp_path / "b.pkl")
