"""``data prepare`` of poses: every layout, whole files, no work twice, and refusals in words."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers.files.pose_files import (
    body,
    gaitgraph_table,
    grew_text,
    openpose,
    openpose_walk,
    walk,
    write_json,
)
from helpers.files.prepare_runs import frames_of, gait, prepared, record_of

from gait_plugins.prepare.poses import MapRule, skeleton_maps
from gait_plugins.prepare.sequences import every_sequence
from gait_plugins.skeleton import ORDERS, reorder

KEYPOINTS = ("--to", "keypoints")
MAPS = ("--to", "skeleton-maps")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    for place in ("001/nm-01/000", "001/nm-01/090", "002/bg-01/000"):
        openpose_walk(tmp_path / "raw" / place, walk())
    return tmp_path / "raw"


def test_keypoints_and_maps_are_written_as_a_training_reads_them(raw: Path, tmp_path: Path):
    code, text = gait("prepare", raw, tmp_path / "kp", *KEYPOINTS)
    assert code == 0
    assert "3 sequences of 48 frames written" in text
    assert "warning" not in text
    points = frames_of(tmp_path / "kp/001/nm-01/090/090.pkl")
    assert points.dtype == np.float32
    np.testing.assert_allclose(points, walk(), rtol=1e-6)
    # Maps come from the files, and from a tree of keypoints alike.
    for source, target in ((raw, "a"), (tmp_path / "kp", "b")):
        code, text = gait("prepare", source, tmp_path / target, *MAPS)
        assert code == 0
        assert "warning" not in text
        assert set(prepared(tmp_path / target).values()) == {(16, 2, 64, 64)}
    assert "--published" in text
    assert "--published" not in gait("prepare", raw, tmp_path / "c", *MAPS, "--published")[1]
    maps = frames_of(tmp_path / "a/002/bg-01/000/000.pkl")
    np.testing.assert_array_equal(maps, skeleton_maps(walk()))
    assert np.abs(maps - frames_of(tmp_path / "b/002/bg-01/000/000.pkl").astype(int)).max() <= 1
    dataset, refs = every_sequence(tmp_path / "kp", options={"streams": {"keypoints": {"type": "Keypoints"}}})
    assert dataset.load(refs[0])[0].shape == (16, 17, 3)


def test_a_second_run_does_only_what_is_missing(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert gait("prepare", raw, out, *KEYPOINTS)[0] == 0
    kept, again = out / "001/nm-01/000/000.pkl", out / "002/bg-01/000/000.pkl"
    before, content = kept.stat().st_mtime_ns, again.read_bytes()
    again.write_bytes(b"")
    (again.parent / ".000.pkl.77.partial").write_bytes(b"half")
    code, text = gait("prepare", raw, out, *KEYPOINTS)
    assert code == 0
    assert "1 sequences of 16 frames written" in text
    assert "2 sequences were already present" in text
    assert (kept.stat().st_mtime_ns, again.read_bytes()) == (before, content)
    assert [path.name for path in again.parent.iterdir()] == ["000.pkl"]


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        (KEYPOINTS, MAPS, "to was 'keypoints', is 'skeleton-maps'"),
        (MAPS, (*MAPS, "--published"), "published was False, is True"),
        (MAPS, (*MAPS, "--sigma", "3"), "sigma was 8.0, is 3.0"),
        (KEYPOINTS, (*KEYPOINTS, "--person", "0"), "person was None, is '0'"),
        ((), KEYPOINTS, "to was None"),
    ],
)
def test_other_settings_do_not_mix_into_one_folder(first, second, named, raw, tmp_path):
    if first:
        assert gait("prepare", raw, tmp_path / "out", *first)[0] == 0
    else:
        (tmp_path / "out/001/nm-01/000").mkdir(parents=True)
        (tmp_path / "out/001/nm-01/000/000.pkl").write_bytes(pickle.dumps(np.zeros((2, 64, 64), np.uint8)))
        (tmp_path / "out/prepare.json").write_text('{"settings": {"size": 64}, "sequences": {}}')
    code, text = gait("prepare", raw, tmp_path / "out", *second)
    assert code == 2
    assert named in text if first else "other settings" in text


def test_one_worker_and_several_make_the_same(raw: Path, tmp_path: Path):
    for workers in (1, 4):
        assert gait("prepare", raw, tmp_path / str(workers), *MAPS, "--workers", workers)[0] == 0
    for path in prepared(tmp_path / "1"):
        assert (tmp_path / "1" / path).read_bytes() == (tmp_path / "4" / path).read_bytes()


# --- layouts -----------------------------------------------------------------------------------

LAYOUTS = {
    "OUMVLP": (["00007/015_01/0001.json"], ["00007/01/015"]),
    "GREW": (
        [
            "train/00001/4XPn/a_2d_pose.txt",
            "test/gallery/00001/zz/a_2d_pose.txt",
            "test/probe/etaG/a_2d_pose.txt",
        ],
        ["00001train/00/4XPn", "00001/01/zz", "probe/03/etaG"],
    ),
    "Gait3D": (["0002/camid33_videoid2/seq0/seq0.pkl"], ["0002/camid33_videoid2/seq0"]),
    "CCPG": (["000/U0_D0/00/00.pkl"], ["000/U0_D0/00"]),
    "SUSTech1K": (["0000/00-nm/000/03-000-Camera-Pose.pkl"], ["0000/00-nm/000"]),
    "own": (["ann/coat/left.json", "ann/coat/right.npy"], ["ann/coat/left", "ann/coat/right"]),
}


def _write(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".json":
        write_json(path, openpose(body(0, 18)))
    elif path.suffix == ".txt":
        path.write_text(grew_text(body(0)))
    elif path.suffix == ".npy":
        np.save(path, walk(3, 18))
    else:
        path.write_bytes(pickle.dumps(walk(3)))


@pytest.mark.parametrize("name", LAYOUTS)
def test_data_sets_are_read_as_they_are_distributed(name: str, tmp_path: Path):
    files, names = LAYOUTS[name]
    for file in files:
        _write(tmp_path / "raw" / file)
    if name == "SUSTech1K":
        other = tmp_path / "raw/0000/00-nm/000/06-000-Camera-Sils_aligned.pkl"
        other.write_bytes(pickle.dumps(np.zeros((3, 64, 64), np.uint8)))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", *KEYPOINTS, "--dataset", name)
    assert code == 0, text
    assert sorted(str(Path(path).parent) for path in prepared(tmp_path / "out")) == sorted(names)


def test_gaitgraphs_table_holds_all_sequences(tmp_path: Path):
    walks = {"001-nm-01-090": walk(70), "001-bg-02-000": walk(61), "002-nm-01-018": walk(60)}
    table = gaitgraph_table(tmp_path / "casia-b_pose_coco.csv", walks)
    code, text = gait("prepare", table, tmp_path / "out", *KEYPOINTS)
    assert code == 0
    assert prepared(tmp_path / "out") == {
        "001/bg-02/000/000.pkl": (61, 17, 3),
        "001/nm-01/090/090.pkl": (70, 17, 3),
        "002/nm-01/018/018.pkl": (60, 17, 3),
    }
    assert "sequences have 60 frames or fewer, which GaitGraph leaves out" in text
    assert "--min-frames 61" in text
    np.testing.assert_allclose(frames_of(tmp_path / "out/002/nm-01/018/018.pkl"), walk(60), atol=1e-3)
    gait("prepare", table, tmp_path / "as-theirs", *KEYPOINTS, "--min-frames", 61)
    assert len(prepared(tmp_path / "as-theirs")) == 2
    code, text = gait("prepare", tmp_path, tmp_path.parent / "other", *KEYPOINTS)
    assert code == 2
    assert "give the table itself as the source" in text


def test_one_file_is_one_sequence(tmp_path: Path):
    np.save(tmp_path / "walk.npy", walk())
    names = ("--id", "eve", "--type", "nm-01", "--view", "090")
    code, text = gait("prepare", tmp_path / "walk.npy", tmp_path / "out", *MAPS)
    assert code == 2
    assert "no identity, type and view given" in text
    assert gait("prepare", tmp_path / "walk.npy", tmp_path / "out", *MAPS, *names)[0] == 0
    assert prepared(tmp_path / "out") == {"eve/nm-01/090/090.pkl": (16, 2, 64, 64)}


def test_joints_are_written_in_another_order(tmp_path: Path):
    openpose_walk(tmp_path / "raw/001/nm/000", walk(4, 18))
    gait("prepare", tmp_path / "raw", tmp_path / "out", *KEYPOINTS, "--reorder", "coco17")
    expected = reorder(walk(4, 18), ORDERS["18"], ORDERS["coco17"])
    np.testing.assert_allclose(frames_of(tmp_path / "out/001/nm/000/000.pkl"), expected, rtol=1e-6)


# --- remarks -----------------------------------------------------------------------------------


def test_one_remark_for_each_thing_with_what_to_do(raw: Path, tmp_path: Path):
    points = walk()
    points[4] = 0
    openpose_walk(raw / "001/nm-01/000", points)
    write_json(raw / "002/bg-01/000/walk_000000000003_keypoints.json", openpose(body(3), body(3, right=300)))
    (raw / "notes.txt").write_text("x")
    (raw / "001/readme.md").write_text("x")
    code, text = gait("prepare", raw, tmp_path / "out", *KEYPOINTS)
    assert code == 0
    assert text.count("warning") == 4
    for said in (
        "frames show nobody",
        "sequences show several people",
        "--person N chooses another",
        "files do not fit the layout",
        "other files lie among the images",
    ):
        assert said in text
    record = record_of(tmp_path / "out")
    assert set(record["sequences"]) == {"001/nm-01/000", "002/bg-01/000"}
    code, text = gait("prepare", raw, tmp_path / "out", *KEYPOINTS, "--json")
    assert {remark["count"] for remark in json.loads(text)["remarks"]} == {1}


def test_a_frame_of_one_height_is_left_out_of_maps_but_not_as_published(tmp_path: Path):
    points = walk(5)
    points[2, :, 1] = 60
    points[3] = 0
    path = tmp_path / "kp/001/nm/000/000.npy"
    path.parent.mkdir(parents=True)
    np.save(path, points)
    code, text = gait("prepare", tmp_path / "kp", tmp_path / "ours", *MAPS)
    assert code == 0
    assert "frames whose joints all have one height are left out" in text
    assert "frames show nobody" in text
    assert prepared(tmp_path / "ours") == {"001/nm/000/000.pkl": (3, 2, 64, 64)}
    gait("prepare", tmp_path / "kp", tmp_path / "theirs", *MAPS, "--published")
    maps = frames_of(tmp_path / "theirs/001/nm/000/000.pkl")
    np.testing.assert_array_equal(maps, skeleton_maps(points, MapRule(published=True)))
    assert maps.any((1, 2, 3)).tolist() == [True, True, False, False, True]


def test_a_sequence_of_other_joints_than_the_first_is_left_out_and_told(raw: Path, tmp_path: Path):
    openpose_walk(raw / "003/nm/000", walk(16, 18))
    openpose_walk(raw / "004/nm/000", walk(16, 14))
    code, text = gait("prepare", raw, tmp_path / "out", *KEYPOINTS)
    assert code == 0
    assert "2 sequences are left out: their joints are of another order" in text
    assert "18 joints with a neck" in text
    assert "there are 14 joints" in text
    assert len(prepared(tmp_path / "out")) == 3
    # Of maps it does not matter, and a stated order is written of both.
    assert gait("prepare", raw, tmp_path / "maps", *MAPS)[0] == 0
    assert len(prepared(tmp_path / "maps")) == 4
    gait("prepare", raw, tmp_path / "both", *KEYPOINTS, "--reorder", "coco17")
    assert set(prepared(tmp_path / "both").values()) == {(16, 17, 3)}


REFUSALS = {
    "contradiction": (("--joints", "18"), "hold COCO's 17 joints, but --joints 18 says 18 joints"),
    "unknown order": (("--joints", "coco71"), "coco17"),
    "person and index": (("--person", "1", "--index", "."), "--person and --index cannot be combined"),
    "no index folder": (("--index", "nowhere"), "no such folder"),
    "for maps alone": (("--published",), "--published: not for --to keypoints"),
    "for masks alone": (("--threshold", "3", "--largest"), "--threshold, --largest: not for --to keypoints"),
    "no frames": (("--min-frames", "0"), "expected 1 or more"),
    "no workers": (("--workers", "0"), "expected 1 or more"),
    "missing joints": (("--reorder", "18"), "hold no neck"),
    "too long": (("--min-frames", "99"), "fewer than 99 usable frames"),
    "no file of it": (("--dataset", "GREW", "--pattern", "{id}/{view}.csv", "--type", "a"), "0 sequences"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_what_cannot_be_done_is_one_error_in_words(case: str, raw: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options, named = REFUSALS[case]
    code, text = gait("prepare", raw, tmp_path / "out", *KEYPOINTS, *options)
    assert code == 2
    assert named in " ".join(text.split())
    assert "Traceback" not in text


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("--to", "maps"), "expected one of silhouettes, parsing, smpl, keypoints, skeleton-maps"),
        (("--joints", "17"), "--joints: not for --to silhouettes"),
        ((*MAPS, "--sigma", "0"), "sigma 0.0"),
        ((*MAPS, "--reorder", "18"), "skeleton maps are drawn of COCO's 17 joints"),
    ],
)
def test_options_that_do_not_go_together_are_refused(options, named, raw, tmp_path):
    code, text = gait("prepare", raw, tmp_path / "out", *options)
    assert code == 2
    assert named in " ".join(text.split())


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("", "an empty file"),
        ('{"people": [', "no whole JSON"),
        ('{"TRAIN_SET": [], "TEST_SET": []}', "a partition (TRAIN_SET, TEST_SET)"),
        ("[]", "frames show nobody"),
        ('{"people": []}', "frames show nobody"),
    ],
)
def test_a_source_without_poses_is_an_error_that_says_why(content: str, named: str, tmp_path: Path):
    path = tmp_path / "raw/001/nm/000/a.json"
    path.parent.mkdir(parents=True)
    path.write_text(content)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", *KEYPOINTS)
    assert code == 2
    assert "no sequence could be written" in text
    assert named in " ".join(text.split())


def test_poses_given_as_masks_are_told_what_to_say(raw: Path, tmp_path: Path):
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 2
    assert "--to keypoints" in text
    write_json(tmp_path / "a.json", [{"image_id": 1, "keypoints": [1] * 51}])
    code, text = gait("prepare", tmp_path / "a.json", tmp_path / "out")
    assert code == 2
    assert "--to keypoints" in text
