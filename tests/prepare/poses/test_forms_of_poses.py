"""Forms of pose files: each becomes the same keypoints, and what is none says what it seems to be."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.files.pose_files import (
    alphapose,
    body,
    gaitgraph_table,
    grew_text,
    mmpose,
    openpose,
    openpose_walk,
    walk,
    write_json,
)

from gait_plugins.errors import DataError
from gait_plugins.prepare import Name
from gait_plugins.prepare.poses.found import UnreadablePose
from gait_plugins.prepare.poses.json_forms import read_json
from gait_plugins.prepare.poses.read import PoseMaker, Poses
from gait_plugins.prepare.poses.remarks import (
    CUT,
    DAMAGED,
    MIXED,
    NEVER,
    NO_CONFIDENCE,
    NOBODY,
    NOT_FINITE,
    OTHER_KIND,
    SEVERAL_FILES,
)
from gait_plugins.prepare.poses.tables import GAPS, PoseTable
from gait_plugins.skeleton import ORDERS, joint_order

EVE = Name("eve", "nm-01", "090")


def made(root: Path, **options: object) -> Poses:
    """What becomes of all files of a folder, as one sequence."""
    paths = sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())
    return PoseMaker(root, **options).make(EVE, paths)


def _pickled(path: Path, value: object) -> None:
    path.write_bytes(pickle.dumps(value))


def _saved_pair(root: Path, points: np.ndarray) -> None:
    np.save(root / "a_keypoints.npy", points[:, None, :, :2])
    np.save(root / "a_scores.npy", points[:, None, :, 2])


def _texts(root: Path, points: np.ndarray) -> None:
    for frame, one in enumerate(points):
        (root / f"{frame:04d}_2d_pose.txt").write_text(grew_text(one))


def _coco_results(points: np.ndarray) -> list[dict]:
    return [
        {"image_id": 100 + 7 * frame, "category_id": 1, "keypoints": one.ravel().tolist(), "score": 0.9}
        for frame, one in enumerate(points)
    ]


def _by_image(points: np.ndarray, key: str = "people", numbers: str = "pose_keypoints_2d") -> dict:
    return {
        f"{frame}.jpg": {"version": "AlphaPose v0.2", key: [{numbers: one.ravel().tolist()}]}
        for frame, one in enumerate(points)
    }


def _api(points: np.ndarray) -> dict:
    return {"predictions": [one["instances"] for one in mmpose(points)["instance_info"]]}


WRITERS: dict[str, Callable[[Path, np.ndarray], object]] = {
    "openpose": openpose_walk,
    "alphapose": lambda root, points: write_json(
        root / "a.json", alphapose([[(1.0, one)] for one in points])
    ),
    "alphapose by image": lambda root, points: write_json(root / "a.json", _by_image(points)),
    "alphapose cmu": lambda root, points: write_json(root / "a.json", _by_image(points, "bodies", "joints")),
    "coco results": lambda root, points: write_json(root / "a.json", _coco_results(points)),
    "mmpose film": lambda root, points: write_json(root / "a.json", mmpose(points)),
    "mmpose list": lambda root, points: write_json(root / "a.json", mmpose(points)["instance_info"]),
    "mmpose api": lambda root, points: write_json(root / "a.json", _api(points)),
    "mmpose frames": lambda root, points: [
        write_json(root / f"{frame:03d}.json", one["instances"])
        for frame, one in enumerate(mmpose(points)["instance_info"])
    ],
    "text": _texts,
    "pickle": lambda root, points: _pickled(root / "a.pkl", points),
    "pickled frames": lambda root, points: _pickled(root / "a.pkl", list(points)),
    "flat pickle": lambda root, points: _pickled(root / "a.pkl", points.reshape(len(points), -1)),
    "flat pickle, two ahead": lambda root, points: _pickled(
        root / "a.pkl", np.hstack([np.ones((len(points), 2)), points.reshape(len(points), -1)])
    ),
    "npy a frame": lambda root, points: [
        np.save(root / f"{frame:03d}.npy", one) for frame, one in enumerate(points)
    ],
    "rtmlib npz": lambda root, points: np.savez(
        root / "a.npz", keypoints=points[:, None, :, :2], scores=points[:, None, :, 2]
    ),
    "rtmlib npy": _saved_pair,
    "people in an array": lambda root, points: np.save(root / "a.npy", points[:, None]),
}


@pytest.mark.parametrize("joints", [17, 18])
@pytest.mark.parametrize("form", WRITERS)
def test_every_form_becomes_the_same_keypoints(form: str, joints: int, tmp_path: Path):
    points = walk(12, joints)
    WRITERS[form](tmp_path, points)
    poses = made(tmp_path)
    assert poses.order is joint_order(str(joints))
    np.testing.assert_allclose(poses.points, points, rtol=0, atol=1e-4)
    assert {remark: places for remark, places in poses.remarks.items() if places} == {}


def test_openpose_has_25_joints_too(tmp_path: Path):
    openpose_walk(tmp_path, walk(3, 25))
    assert made(tmp_path).order is ORDERS["25"]


def test_coco_annotations_tell_what_is_labelled(tmp_path: Path):
    points = walk(3)
    flags = np.where(np.arange(17) == 5, 0, 1 + np.arange(17) % 2)
    content = {
        "images": [{"id": 9 - frame, "file_name": f"f{frame}.jpg"} for frame in range(4)],
        "annotations": [
            {
                "id": frame,
                "image_id": 9 - frame,
                "keypoints": np.column_stack([one[:, :2], flags]).ravel().tolist(),
            }
            for frame, one in enumerate(points)
        ],
        "categories": [{"id": 1, "name": "person", "keypoints": list(ORDERS["coco17"].joints)}],
    }
    write_json(tmp_path / "a.json", content)
    poses = made(tmp_path)
    others = np.delete(np.arange(17), 5)
    np.testing.assert_allclose(poses.points[:, others, :2], points[:, others, :2])
    assert np.unique(poses.points[:, others, 2]).tolist() == [1]
    assert poses.points[:, 5, 2].tolist() == [0, 0, 0]
    assert poses.remarks[NOBODY] == ["a.json frame f3.jpg"]


@pytest.mark.parametrize("joints", [26, 133, 136])
def test_larger_skeletons_begin_with_those_of_coco(joints: int, tmp_path: Path):
    points = np.arange(3 * joints * 3, dtype=float).reshape(3, joints, 3) + 1
    write_json(tmp_path / "a.json", alphapose([[(1, one)] for one in points]))
    poses = made(tmp_path)
    assert poses.order is ORDERS["coco17"]
    np.testing.assert_allclose(poses.points, points[:, :17])
    assert str(joints) in poses.remarks[CUT][0]


# --- gaps --------------------------------------------------------------------------------------


def test_frames_without_anybody_are_left_out_and_counted(tmp_path: Path):
    points = walk(5)
    points[3] = 0
    openpose_walk(tmp_path, points)
    write_json(tmp_path / "walk_000000000001_keypoints.json", openpose())
    poses = made(tmp_path)
    np.testing.assert_allclose(poses.points, points[[0, 2, 4]])
    assert len(poses.remarks[NOBODY]) == 2


def test_confidence_that_is_absent_is_1_for_joints_that_were_found(tmp_path: Path):
    points = walk(4)[..., :2]
    points[1, 3] = 0
    np.save(tmp_path / "a.npy", points)
    poses = made(tmp_path)
    expected = np.ones((4, 17))
    expected[1, 3] = 0
    np.testing.assert_array_equal(poses.points[..., 2], expected)
    assert poses.remarks[NO_CONFIDENCE] == ["eve/nm-01/090"]


def test_nan_is_not_found_and_told_once(tmp_path: Path):
    points = walk(4)
    points[1, 3] = np.nan
    points[2, 4, 1] = np.inf
    points[2, 5, 0] = 1e9
    np.save(tmp_path / "a.npy", points)
    poses = made(tmp_path)
    assert poses.points[1, 3].tolist() == poses.points[2, 4].tolist() == [0, 0, 0]
    assert poses.points[2, 5].tolist() == [0, 0, 0]
    assert np.isfinite(poses.points).all()
    assert poses.remarks[NOT_FINITE] == ["eve/nm-01/090 (3 joints)"]


def test_a_joint_that_is_never_found_is_told(tmp_path: Path):
    points = walk(4)
    points[:, 9] = 0
    np.save(tmp_path / "a.npy", points)
    assert made(tmp_path).remarks[NEVER] == ["eve/nm-01/090 (1 joints)"]


def test_rows_of_the_table_with_gaps_are_left_out(tmp_path: Path):
    points = walk(4)
    broken = points.copy()
    broken[2, 5, 1] = np.nan
    table = PoseTable(gaitgraph_table(tmp_path / "p.csv", {"001-nm-01-090": broken}))
    poses = PoseMaker(tmp_path, table).make(EVE, list(table.rows))
    np.testing.assert_allclose(poses.points, points[[0, 1, 3]], atol=1e-3)
    assert poses.remarks[GAPS] == ["x/001-nm-01-090/000002.jpg"]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "1 columns"),
        ("image_name,a,b\nx,1,2\n", "3 columns"),
        ("image_name" + 51 * ",n" + "\n", "0 images"),
    ],
)
def test_a_table_of_other_columns_is_refused(text: str, named: str, tmp_path: Path):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(DataError, match=named):
        PoseTable(tmp_path / "p.csv")


# --- what is no file of poses ------------------------------------------------------------------

OTHERS = {
    "a partition": {"TRAIN_SET": [], "TEST_SET": []},
    "prepare.json": {"settings": {}, "sequences": {}},
    "masks or boxes": {"images": [], "annotations": [{"segmentation": []}]},
    "LabelMe": {"shapes": [], "version": "5"},
    "boxes of a detector": [{"image_id": 1, "bbox": [0, 0, 1, 1], "score": 1}],
    "a JSON object with a, b": {"a": 1, "b": 2},
    "no keys": {},
    "a list of int": [1, 2],
    "int in JSON": 7,
    "three a joint": {"people": [{"pose_keypoints_2d": [1.0] * 52 + [1.0]}]},
    "no list of numbers": {"people": [{"pose_keypoints_2d": ["a", "b", "c"]}]},
    "of MMPose, but": [{"instances": 5}],
}


@pytest.mark.parametrize("named", OTHERS)
def test_json_of_another_kind_says_what_it_seems_to_be(named: str):
    with pytest.raises(UnreadablePose, match=named) as caught:
        read_json(json.dumps(OTHERS[named]).encode())
    assert not caught.value.damaged


@pytest.mark.parametrize("data", [b"", b"  \n", b'{"people": [', b"\xff\xfe\x00", b"[" * 100_000])
def test_json_that_is_empty_or_cut_off_is_damaged(data: bytes):
    with pytest.raises(UnreadablePose) as caught:
        read_json(data)
    assert caught.value.damaged


def test_a_damaged_file_costs_its_frame_alone(tmp_path: Path):
    points = walk(5)
    openpose_walk(tmp_path, points)
    (tmp_path / "walk_000000000002_keypoints.json").write_text('{"people": [')
    write_json(tmp_path / "walk_000000000004_keypoints.json", {"TRAIN_SET": []})
    poses = made(tmp_path)
    np.testing.assert_allclose(poses.points, points[[0, 1, 3]])
    assert "no whole JSON" in poses.remarks[DAMAGED][0]
    assert "a partition" in poses.remarks[OTHER_KIND][0]


def test_several_sequences_in_a_folder_are_not_joined(tmp_path: Path):
    for name in ("a", "b"):
        write_json(tmp_path / f"{name}.json", alphapose([[(1, one)] for one in walk(3)]))
    poses = made(tmp_path)
    assert not len(poses.points)
    assert len(poses.remarks[SEVERAL_FILES]) == 2


@pytest.mark.parametrize(
    "value",
    [np.zeros((4, 64, 64)), np.zeros((4, 17, 5)), np.zeros((4, 50)), np.zeros(7), np.zeros((2, 2, 2, 2, 3))],
    ids=lambda value: str(value.shape),
)
def test_arrays_of_another_shape_are_named(value: np.ndarray, tmp_path: Path):
    np.save(tmp_path / "a.npy", value)
    poses = made(tmp_path)
    assert not len(poses.points)
    assert str(list(value.shape)) in poses.remarks[OTHER_KIND][0]


def test_a_pickle_that_would_run_code_is_not_read(tmp_path: Path):
    _pickled(tmp_path / "a.pkl", Path("x"))
    assert "would run code" in made(tmp_path).remarks[DAMAGED][0]


@pytest.mark.parametrize("end", ["\n", ",\n", "\r\n"])
def test_texts_may_end_and_part_their_numbers_as_they_like(end: str, tmp_path: Path):
    parts = grew_text(body(0)).strip().split(",")
    (tmp_path / "a.txt").write_text(", ".join(parts[:20]) + ",\n" + ",".join(parts[20:]) + end)
    (tmp_path / "b.txt").write_text(",".join(parts[2:9]) + ",," + ",".join(parts[10:]) + end)  # no number
    poses = made(tmp_path)
    np.testing.assert_allclose(poses.points[0], body(0), atol=1e-4)
    assert np.flatnonzero(poses.points[1, :, 2] == 0).tolist() == [2]


def test_texts_of_other_fields_are_named(tmp_path: Path):
    (tmp_path / "a.txt").write_text("1,2,3,4\n")
    (tmp_path / "b.txt").write_text("")
    poses = made(tmp_path)
    assert "4 fields" in poses.remarks[OTHER_KIND][0]
    assert "empty" in poses.remarks[DAMAGED][0]


# --- orders of joints --------------------------------------------------------------------------


def test_a_stated_order_that_contradicts_the_files_is_an_error_that_names_both(tmp_path: Path):
    openpose_walk(tmp_path, walk(3, 18))
    with pytest.raises(
        DataError, match=r"hold 18 joints with a neck.*but --joints coco17 says COCO's 17 joints"
    ):
        made(tmp_path, joints=ORDERS["coco17"])
    assert made(tmp_path, joints=ORDERS["18"]).order is ORDERS["18"]


def test_a_number_of_joints_that_no_order_has_is_an_error(tmp_path: Path):
    openpose_walk(tmp_path, walk(3, 14))
    with pytest.raises(DataError, match="there are 14 joints"):
        made(tmp_path)


def test_names_of_joints_in_the_file_that_are_others_are_an_error(tmp_path: Path):
    names = ("root", *ORDERS["coco17"].joints[1:])
    write_json(tmp_path / "a.json", mmpose(walk(3), names))
    with pytest.raises(DataError, match="calls its joints root"):
        made(tmp_path)
    assert made(tmp_path, joints=ORDERS["coco17"]).order is ORDERS["coco17"]
    write_json(tmp_path / "a.json", mmpose(walk(3), ORDERS["coco17"].joints))
    assert made(tmp_path).order is ORDERS["coco17"]


def test_frames_of_different_joints_are_no_sequence(tmp_path: Path):
    openpose_walk(tmp_path, walk(3))
    write_json(tmp_path / "walk_000000000001_keypoints.json", openpose(body(1, 18)))
    assert made(tmp_path).remarks[MIXED] == ["eve/nm-01/090 (17 and 18 joints)"]


def test_36_numbers_are_12_joints_or_18_without_confidence(tmp_path: Path):
    pairs = walk(3, 18)[..., :2] + 5
    np.save(tmp_path / "a.npy", pairs.reshape(3, 36))
    poses = made(tmp_path)
    assert poses.order is ORDERS["18"]
    np.testing.assert_allclose(poses.points[..., :2], pairs)
    triples = walk(3, 12)
    np.save(tmp_path / "a.npy", triples.reshape(3, 36))
    assert made(tmp_path).order is ORDERS["limbs12"]


def test_36_numbers_of_a_person_in_json_are_told_apart_too():
    pairs = (walk(1, 18)[0, :, :2] + 5).ravel().tolist()
    (frame,) = read_json(json.dumps([{"image_id": "1.jpg", "keypoints": pairs, "score": 1}]).encode()).frames
    assert frame.people.shape == (1, 18, 2)
