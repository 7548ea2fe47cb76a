"""Folders of several streams: chosen by name or by place, read as they are, and told where they are wrong."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gait_plugins import ConfigError, DataError, GaitDataset, Ragged, build

NAMES = [
    "00-LiDAR-PCDs", "01-LiDAR-PCDs_depths", "02-LiDAR-PCDs_sils", "03-Camera-Pose", "04-Camera-Ratios-HW",
    "05-Camera-RGB_raw", "06-Camera-Sils_aligned", "07-Camera-Sils_raw",
]  # fmt: skip
STREAMS = {
    "points": {"type": "Points", "clock": 10},
    "silhouettes": {"type": "Silhouettes", "clock": 30},
    "keypoints": {"type": "Keypoints", "clock": "silhouettes"},
}
FILES = {"points": "00-*", "silhouettes": "06-*", "keypoints": "03-*"}


def arrays(rng: np.random.Generator) -> list[Any]:
    """What SUSTech1K's folders hold: a scanner at 10 Hz and a camera at 30 Hz, made up."""
    clouds = [rng.normal(size=(rng.integers(20, 60), 3)) for _ in range(6)]
    pictures = np.pad(rng.integers(0, 2, (18, 64, 44)).astype(np.uint8) * 255, ((0, 0), (0, 0), (10, 10)))
    joints = rng.uniform(0, 200, (18, 17, 3))
    depth = rng.integers(0, 255, (6, 3, 64, 64)).astype(np.uint8)
    film = rng.integers(0, 255, (18, 64, 64, 3)).astype(np.uint8)
    return [clouds, depth, pictures[:6], joints, rng.integers(50, 90, (18, 2)), film, pictures, pictures]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four people, each with a view folder of 16 pickles."""
    for who in ("0001", "0002", "0003", "0004"):
        folder = tmp_path / "data" / who / "00-nm" / "090"
        folder.mkdir(parents=True)
        own = arrays(np.random.default_rng(int(who)))
        for number, array in enumerate([*own, *own]):
            name = NAMES[number] if number < 8 else f"{number:02d}-sync-{NAMES[number - 8][3:]}"
            (folder / f"{name}.pkl").write_bytes(pickle.dumps(array))
    sets = {"TRAIN_SET": ["0001", "0002"], "TEST_SET": ["0003", "0004"]}
    (tmp_path / "sets.json").write_text(json.dumps(sets))
    return tmp_path


def made(root: Path, **options: Any) -> GaitDataset:
    where = {"dataset_root": str(root / "data"), "dataset_partition": str(root / "sets.json")}
    return build("dataset", {"type": "OpenGaitLayout", **where, **options})


def of(root: Path, number: int) -> Path:
    return next((root / "data" / "0001" / "00-nm" / "090").glob(f"{number:02d}-*"))


def test_streams_are_chosen_by_name(root: Path):
    walks = made(root, streams=STREAMS, files=FILES)
    points, pictures, joints = walks.load(walks.sequences("train")[0])
    assert isinstance(points, Ragged)
    assert (len(points), points.dtype) == (6, np.float32)
    assert (pictures.shape, pictures.dtype) == ((18, 64, 64), np.uint8)
    assert (joints.shape, joints.dtype) == ((18, 17, 3), np.float32)
    assert np.allclose(joints, pickle.loads(of(root, 3).read_bytes()))


def test_streams_are_chosen_by_place(root: Path):
    by_place = made(root, streams=STREAMS, data_in_use=[0, 6, 3])
    by_name = made(root, streams=STREAMS, files=FILES)
    ref = by_name.sequences("train")[0]
    assert by_place.sequences("train")[0].source == ref.source
    mask = made(root, streams={"points": {"type": "Points"}}, data_in_use=[True] + [False] * 15)
    assert len(mask.load(mask.sequences("train")[0])) == 1


def test_the_whole_data_set_is_checked(root: Path):
    report = made(root, streams=STREAMS, files=FILES).check()
    assert report.errors == []
    assert report.counts["stream keypoints"] == "72 frames of [17, 3] float32"
    assert str(report.counts["stream points"]).startswith("24 frames of [m, 3] float32, m from ")


def test_files_of_times_lie_beside_the_streams(root: Path):
    of(root, 0).with_suffix(".times.txt").write_text("\n".join(map(str, np.arange(6) / 10)))
    walks = made(root, streams=STREAMS, files=FILES)
    times = walks.times(walks.sequences("train")[0])
    assert list(times) == ["points"]
    assert np.allclose(times["points"], np.arange(6) / 10)
    of(root, 0).with_suffix(".times.txt").write_text("0.1\nsoon\n")
    with pytest.raises(DataError, match="times of the stream 'points' cannot be read"):
        walks.times(walks.sequences("train")[0])


@pytest.mark.parametrize(
    ("number", "array", "words"),
    [
        (3, np.full((18, 17, 3), np.nan), "918 values that are NaN or infinite"),
        (3, np.zeros((18, 18, 3)), r"holds 18 joints .*, expected COCO's 17 joints"),
        (3, np.zeros((18, 17)), r"frames of shape \[17\]"),
        (0, [np.zeros((3, 3)), np.zeros((0, 3))], "1 of 2 frames .* are empty"),
        (0, np.zeros((6, 20, 3)), r"shape \[6, 20, 3\], expected \[m, 3\]"),
        (6, np.full((18, 64, 64), 1.5), "float64 values that uint8 cannot hold"),
        (6, np.full((18, 64, 64), 300), "values from 300 to 300"),
    ],
)
def test_wrong_files_are_told_with_path_and_stream(root: Path, number: int, array: Any, words: str):
    of(root, number).write_bytes(pickle.dumps(array))
    walks = made(root, streams=STREAMS, files=FILES)
    with pytest.raises(DataError, match=words) as caught:
        walks.load(walks.sequences("train")[0])
    assert caught.value.where == str(of(root, number))
    [error] = [found for found in walks.check().errors if found.problem == "sequences cannot be read"]
    assert str(of(root, number)) in error.examples[0]


def test_a_missing_file_is_told_before_any_is_read(root: Path):
    of(root, 3).unlink()
    walks = made(root, streams=STREAMS, files=FILES)
    with pytest.raises(DataError, match=r"have 0 files '03-\*' of the stream 'keypoints', expected 1"):
        walks.sequences("train")


def test_settings_that_contradict_each_other_are_refused(root: Path):
    with pytest.raises(ConfigError, match="chosen twice"):
        made(root, streams=STREAMS, files=FILES, data_in_use=[0])
    with pytest.raises(ConfigError, match="streams does not say what they are"):
        made(root, files=FILES)
    with pytest.raises(ConfigError, match="files has patterns for points"):
        made(root, streams=STREAMS, files={"points": "00-*"})
