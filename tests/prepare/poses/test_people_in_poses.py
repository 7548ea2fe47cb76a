"""Several people in a frame: by track, by place, by an index file, by who goes on, and told."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers.files.pose_files import alphapose, body, openpose, walk, write_json

from gait_plugins.errors import DataError
from gait_plugins.prepare import Name
from gait_plugins.prepare.poses.people import BY_PLACE, BY_TRACK, FIRST
from gait_plugins.prepare.poses.read import INDEX, PoseMaker, Poses
from gait_plugins.prepare.poses.remarks import GONE

EVE = Name("eve", "nm-01", "090")
FRAMES = 8


def weak(frame: int, right: float) -> np.ndarray:
    """Somebody else, of little confidence."""
    return body(frame, right=right) * [1, 1, 0.3]


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """Two people, whose places in the list change from frame to frame."""
    for frame in range(FRAMES):
        people = [body(frame), weak(frame, 200)]
        write_json(tmp_path / f"{frame:04d}.json", openpose(*(people if frame % 2 else people[::-1])))
    return tmp_path


def made(root: Path, **options: object) -> Poses:
    return PoseMaker(root, **options).make(EVE, sorted(path.name for path in root.glob("*.json")))


def test_the_one_who_goes_on_is_taken(crowd: Path):
    poses = made(crowd)
    np.testing.assert_allclose(poses.points, walk(FRAMES))
    assert poses.remarks[BY_PLACE] == ["eve/nm-01/090 (up to 2 people)"]


def test_who_is_alone_elsewhere_is_not_taken_for_the_person(crowd: Path):
    write_json(crowd / "0003.json", openpose(weak(3, 200)))
    poses = made(crowd)
    np.testing.assert_allclose(poses.points, np.delete(walk(FRAMES), 3, 0))
    assert poses.remarks[GONE] == ["0003.json"]


def test_a_place_can_be_chosen(crowd: Path):
    poses = made(crowd, person="1")
    assert BY_PLACE not in poses.remarks
    np.testing.assert_allclose(poses.points[1], weak(1, 200))
    np.testing.assert_allclose(poses.points[2], body(2))
    assert len(made(crowd, person="2").points) == 0
    assert len(made(crowd, person="x").remarks[GONE]) == FRAMES


def test_the_longest_track_is_taken_and_another_can_be_chosen(tmp_path: Path):
    frames = [[(3, body(frame)), (7.0, weak(frame, 200))] for frame in range(FRAMES)]
    frames[2] = frames[2][:1]
    write_json(tmp_path / "a.json", alphapose(frames))
    poses = made(tmp_path)
    np.testing.assert_allclose(poses.points, walk(FRAMES))
    assert poses.remarks[BY_TRACK] == ["eve/nm-01/090 (track 3 of 3, 7)"]
    other = made(tmp_path, person="7")
    assert len(other.points) == FRAMES - 1
    assert other.remarks[GONE] == ["a.json frame 2.jpg"]


def test_equal_numbers_are_no_tracks(tmp_path: Path):
    write_json(tmp_path / "a.json", alphapose([[(0, body(f)), (0, weak(f, 200))] for f in range(FRAMES)]))
    poses = made(tmp_path)
    np.testing.assert_allclose(poses.points, walk(FRAMES))
    assert BY_PLACE in poses.remarks


def test_one_track_is_not_worth_a_remark(tmp_path: Path):
    write_json(tmp_path / "a.json", alphapose([[(4, body(f))] for f in range(FRAMES)]))
    assert not any(made(tmp_path).remarks.values())


@pytest.mark.parametrize("number", [int, np.int64])
def test_an_index_file_tells_who_is_meant(crowd: Path, tmp_path_factory, number: type):
    folder = tmp_path_factory.mktemp("index")
    places = {f"{frame:04d}": number(frame % 2 == 0) for frame in range(FRAMES)}
    del places["0001"]  # the first person, who is the right one there
    path = folder.joinpath(*EVE, INDEX)
    path.parent.mkdir(parents=True)
    path.write_bytes(pickle.dumps(places))
    poses = made(crowd, index=folder)
    np.testing.assert_allclose(poses.points, walk(FRAMES))
    assert not any(poses.remarks.values())


def test_a_bad_index_file_is_an_error(crowd: Path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("index")
    path = folder.joinpath(*EVE, INDEX)
    path.parent.mkdir(parents=True)
    for content, named in (
        (pickle.dumps({"0001": Path("x")}), "would run code"),
        (pickle.dumps([1, 2]), "a pickled list"),
        (pickle.dumps({"0001": "one"}), "whole numbers"),
        (b"", "cannot be read"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=named):
            made(crowd, index=folder)


def test_the_first_person_is_taken_where_the_data_set_has_it_so(crowd: Path):
    poses = made(crowd, first=True)
    np.testing.assert_allclose(poses.points[0], weak(0, 200))
    assert poses.remarks[FIRST] == ["eve/nm-01/090"]
    # So it is where the index of a sequence is missing.
    assert FIRST in made(crowd, first=True, index=crowd).remarks


def test_rows_that_fill_up_an_array_are_nobody(tmp_path: Path):
    points = np.zeros((FRAMES, 3, 17, 3))
    points[:, 0] = walk(FRAMES)
    np.save(tmp_path / "a.npy", points)
    poses = PoseMaker(tmp_path).make(EVE, ["a.npy"])
    np.testing.assert_allclose(poses.points, walk(FRAMES))
    assert not any(poses.remarks.values())
