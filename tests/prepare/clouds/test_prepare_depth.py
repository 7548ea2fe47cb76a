"""``data prepare --to depth``: every form of file, whole files, no work twice, and refusals in words."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.clouds.golden import cloud, cloud_size
from helpers.files.prepare_runs import frames_of, gait, prepared, record_of

from gait_plugins.prepare.clouds.projection import depth_image

DEPTH = ("--to", "depth")


def walk(frames: int = 5) -> list[np.ndarray]:
    """A person on the other side of the seam, who moves."""
    return [cloud(0, t, cloud_size(0, t, 150)) * [-1, 1, 1] for t in range(frames)]


def pcd(points: np.ndarray, data: str) -> bytes:
    """A file of the Point Cloud Library, with a field between those of the place."""
    rows = np.concatenate([points, np.ones((len(points), 1))], 1)[:, [0, 1, 3, 2]].astype("<f4")
    header = (
        "# .PCD v0.7\nVERSION 0.7\nFIELDS x y intensity z\nSIZE 4 4 4 4\nTYPE F F F F\nCOUNT 1 1 1 1\n"
        f"WIDTH {len(rows)}\nHEIGHT 1\nVIEWPOINT 0 0 0 1 0 0 0\nPOINTS {len(rows)}\nDATA {data}\n"
    )
    if data == "binary":
        return header.encode() + rows.tobytes()
    return (header + "\n".join(" ".join(f"{value:.9g}" for value in row) for row in rows)).encode()


def text(points: np.ndarray, mark: str) -> bytes:
    return "\n".join(mark.join(f"{value:.9g}" for value in row) for row in points).encode()


FORMS: dict[str, Callable[[np.ndarray], bytes]] = {
    "pcd": lambda points: pcd(points, "ascii"),
    "binary.pcd": lambda points: pcd(points, "binary"),
    "bin": lambda points: np.pad(points, ((0, 0), (0, 1))).astype("<f4").tobytes(),
    "txt": lambda points: b"# x y z\n" + text(points, " "),
    "csv": lambda points: text(points, ", "),
    "pkl": pickle.dumps,
}


def write_walk(folder: Path, form: str = "bin", frames: int = 5) -> None:
    folder.mkdir(parents=True)
    for number, points in enumerate(walk(frames)):
        (folder / f"frame{number + 8}.{form}").write_bytes(FORMS[form](points))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file_becomes_the_same_images(form: str, tmp_path: Path) -> None:
    write_walk(tmp_path / "raw/001/nm-01/090", form)
    code, told = gait("prepare", tmp_path / "raw", tmp_path / "out", *DEPTH)
    assert code == 0, told
    assert "1 sequences of 5 frames written" in told
    images = frames_of(tmp_path / "out/001/nm-01/090/090.pkl")
    assert (images.dtype, images.shape) == (np.uint8, (5, 3, 64, 64))
    expected = np.stack([depth_image(points.astype(np.float32)) for points in walk()])
    assert np.abs(images.astype(int) - expected).mean() < 0.5


def test_files_of_whole_sequences_are_read(tmp_path: Path) -> None:
    sustech = tmp_path / "sustech/0000/00-nm/000"
    sustech.mkdir(parents=True)
    (sustech / "00-000-LiDAR-PCDs.pkl").write_bytes(pickle.dumps(walk()))
    (sustech / "01-000-LiDAR-PCDs_depths.pkl").write_bytes(pickle.dumps(np.zeros((5, 3, 64, 64), np.uint8)))
    write_walk(tmp_path / "raw/0000/00-nm/000/PCDs", "binary.pcd")
    own = tmp_path / "own/ann/coat"
    own.mkdir(parents=True)
    (own / "left.pkl").write_bytes(pickle.dumps(walk()))
    for source, place, more in (
        ("sustech", "0000/00-nm/000/000.pkl", ("--dataset", "SUSTech1K")),
        ("raw", "0000/00-nm/000/000.pkl", ("--dataset", "sustech1k")),
        ("own", "ann/coat/left/left.pkl", ()),
    ):
        code, told = gait("prepare", tmp_path / source, tmp_path / f"{source}-out", *DEPTH, *more)
        assert code == 0, told
        assert prepared(tmp_path / f"{source}-out") == {place: (5, 3, 64, 64)}


def test_a_second_run_does_only_what_is_missing(tmp_path: Path) -> None:
    for view in ("000", "090"):
        write_walk(tmp_path / f"raw/001/nm-01/{view}")
    words = ("prepare", tmp_path / "raw", tmp_path / "out", *DEPTH)
    assert gait(*words)[0] == 0
    (tmp_path / "out/001/nm-01/090/090.pkl").unlink()
    told = gait(*words)[1]
    assert "1 sequences of 5 frames written" in told
    assert "1 sequences were already present" in told
    code, told = gait(*words, "--size", 128)
    assert code == 2
    assert "prepared with other settings: size was 64, is 128" in told


def test_frames_without_a_person_are_left_out_and_told(tmp_path: Path) -> None:
    folder = tmp_path / "raw/001/nm-01/090"
    write_walk(folder)
    (folder / "frame1.bin").write_bytes(b"")
    (folder / "frame2.bin").write_bytes(b"123")
    (folder / "frame3.bin").write_bytes(np.array([-1, 0, 9, 0], "<f4").tobytes())
    (folder / "frame4.bin").write_bytes(np.array([-1, 0, np.nan, 0], "<f4").tobytes())
    (folder / "readme.md").write_text("no cloud")
    code, told = gait("prepare", tmp_path / "raw", tmp_path / "out", *DEPTH)
    assert code == 0, told
    assert "1 sequences of 5 frames written" in told
    remarks = record_of(tmp_path / "out")["sequences"]["001/nm-01/090"]
    assert remarks["files of clouds cannot be read"] == [
        "001/nm-01/090/frame2.bin (3 bytes, expected a multiple of 16: x, y, z and the reflection as float32)"
    ]
    assert remarks["frames hold no point and are left out"] == ["001/nm-01/090 (2 frames)"]
    assert any("above or below" in remark for remark in remarks)


def test_published_images_are_padded_where_they_are_narrow(tmp_path: Path) -> None:
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    (folder / "1.pkl").write_bytes(pickle.dumps(cloud(0, 0, 300)))  # its middle is near the right edge
    for name, more in (("a", ()), ("b", ("--published",))):
        assert gait("prepare", tmp_path / "raw", tmp_path / name, *DEPTH, *more)[0] == 0
    ours, published = (frames_of(tmp_path / name / "001/nm-01/090/090.pkl") for name in "ab")
    assert ours.shape == published.shape == (1, 3, 64, 64)
    assert not published[..., 32:].any()
    assert ours[..., :32].any()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"VERSION 0.7\nFIELDS x y z\n", "its header does not end with DATA"),
        (b"FIELDS x y\nSIZE 4 4\nTYPE F F\nPOINTS 1\nDATA ascii\n1 2", "header and points do not fit"),
        (
            b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 9\nDATA binary\n12345678",
            "header and points do not fit",
        ),
        (
            b"FIELDS x y z\nSIZE 4 4 4\nTYPE F F F\nPOINTS 1\nDATA binary_compressed\n",
            "with binary_compressed points, which this package does not read",
        ),
    ],
)
def test_damaged_pcd_files_are_refused_in_words(content: bytes, words: str, tmp_path: Path) -> None:
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    (folder / "1.pcd").write_bytes(content)
    code, told = gait("prepare", tmp_path / "raw", tmp_path / "out", *DEPTH)
    assert code == 2
    assert "no sequence could be written: 1 files of clouds cannot be read" in " ".join(told.split())
    assert words in " ".join(told.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--threshold", "3"), "--threshold: not for --to depth"),
        (("--joints", "coco17"), "--joints: not for --to depth"),
        (("--min-frames", "0"), "--min-frames 0: expected 1 or more"),
        (("--size", "65"), "--size 65: expected 64 or 128"),
        (("--dataset", "Nirvana"), "unknown data set 'Nirvana'"),
    ],
)
def test_options_that_do_not_fit_are_refused(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    write_walk(tmp_path / "raw/001/nm-01/090")
    code, told = gait("prepare", tmp_path / "raw", tmp_path / "out", *DEPTH, *words)
    assert code == 2
    assert said in " ".join(told.split())


def test_several_files_of_many_frames_are_one_sequence_too_many(tmp_path: Path) -> None:
    folder = tmp_path / "raw/001/nm-01/090"
    folder.mkdir(parents=True)
    for name in ("00", "08"):
        (folder / f"{name}.pkl").write_bytes(pickle.dumps(walk()))
    code, told = gait("prepare", tmp_path / "raw", tmp_path / "out", *DEPTH)
    assert code == 2
    assert "several files, each with many frames" in " ".join(told.split())
