"""``data prepare``: raw masks of every layout, with a report, and never nothing in silence."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.files.mask_files import mask, video, walk, write_mask
from helpers.files.prepare_runs import RAW_FORMS, frames_of, gait, prepared, raw_walks, record_of

from gait_plugins.prepare import LAYOUTS, Order, align_masks, layout_named, prepare


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return raw_walks(tmp_path / "raw")


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_every_data_set_comes_out_as_identity_type_and_view(dataset, tmp_path):
    folders, expected = RAW_FORMS[dataset]
    for folder in folders:
        walk(tmp_path / "raw" / folder, frames=7)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--dataset", dataset.lower())
    assert code == 0, text
    found = prepared(tmp_path / "out")
    assert found == {f"{name}/{name.rpartition('/')[2]}.pkl": (7, 64, 64) for name in expected}


@pytest.mark.smoke
def test_frames_are_those_of_the_rule(raw, tmp_path):
    assert gait("prepare", raw, tmp_path / "out", "--size", 128)[0] == 0
    found = frames_of(tmp_path / "out/001/nm-01/090/090.pkl")
    np.testing.assert_array_equal(found, align_masks([mask(number) for number in range(16)], 128))


def test_images_that_are_aligned_already_are_kept_or_only_resized(tmp_path):
    picture = np.zeros((64, 64), np.uint8)
    picture[5:60, 3:20] = 255
    write_mask(tmp_path / "raw/train/00001/abc/001.png", picture)
    write_mask(tmp_path / "raw/train/00001/abc/gei.png", picture)
    assert gait("prepare", tmp_path / "raw", tmp_path / "out", "--dataset", "GREW")[0] == 0
    np.testing.assert_array_equal(frames_of(tmp_path / "out/00001train/00/abc/abc.pkl"), picture[None])
    assert gait("prepare", tmp_path / "raw", tmp_path / "big", "--dataset", "GREW", "--size", 128)[0] == 0
    assert prepared(tmp_path / "big") == {"00001train/00/abc/abc.pkl": (1, 128, 128)}


@pytest.mark.parametrize(
    ("paths", "options", "expected"),
    [
        (["p1/nm-01-090"], ["--pattern", "{id}/{type}-{view}/{frame}.png"], "p1/nm-01/090"),
        (["2024/p1/bag"], ["--pattern", "*/{id}/{type}/{frame}", "--view", "000"], "p1/bag/000"),
        (
            ["x/y/p1/bag"],
            ["--pattern", "**/{id}/{kind}/{frame}", "--type", "c-{kind}", "--view", "0"],
            "p1/c-bag/0",
        ),
        (["."], ["--id", "me", "--type", "walk", "--view", "side"], "me/walk/side"),
    ],
)
def test_own_folders_are_told_by_a_pattern(paths, options, expected, tmp_path):
    for path in paths:
        walk(tmp_path / "raw" / path, frames=3)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", *options)
    assert code == 0, text
    assert prepared(tmp_path / "out") == {f"{expected}/{expected.rpartition('/')[2]}.pkl": (3, 64, 64)}


def test_frames_of_own_folders_are_ordered_by_their_numbers(tmp_path):
    for number in range(12):
        write_mask(tmp_path / f"raw/a/b/c/{number}.png", mask(number))
    assert gait("prepare", tmp_path / "raw", tmp_path / "out")[0] == 0
    found = frames_of(tmp_path / "out/a/b/c/c.pkl")
    np.testing.assert_array_equal(found, align_masks([mask(number) for number in range(12)]))


def test_films_of_masks_are_taken_like_folders(tmp_path):
    film = video(tmp_path / "raw/p1/nm-01-090.avi", frames=6)
    rule = ["--pattern", "{id}/{type}-{view}.avi"]
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", *rule)
    assert code == 0, text
    one = ["--id", "p1", "--type", "nm-01", "--view", "090"]
    assert gait("prepare", film, tmp_path / "one", *one)[0] == 0
    assert prepared(tmp_path / "out") == prepared(tmp_path / "one") == {"p1/nm-01/090/090.pkl": (6, 64, 64)}
    exact = align_masks([mask(number) for number in range(6)]).astype(int)
    found = frames_of(tmp_path / "out/p1/nm-01/090/090.pkl").astype(int)
    assert np.abs(found - exact).mean() < 5  # the film is compressed, the silhouette is the same


def test_what_is_left_out_is_told_with_reasons(raw, tmp_path):
    write_mask(raw / "001/nm-01/000/003.png", np.zeros((90, 90), np.uint8))
    (raw / "001/nm-01/000/004.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    (raw / "001/nm-01/000/005.png").write_bytes(b"")
    write_mask(raw / "002/cl-01/000/000.png", np.zeros((90, 90), np.uint8))
    write_mask(raw / "001/loose.png", mask())
    (raw / ".DS_Store").write_bytes(b"x")
    (raw / "readme.txt").write_text("x")
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 0
    assert "3 sequences of 45 frames written" in text
    record = record_of(tmp_path / "out")
    told = {remark["remark"]: (remark["count"], remark["examples"]) for remark in record["remarks"]}
    assert told["images cannot be read"] == (2, ["001/nm-01/000/004.png", "001/nm-01/000/005.png"])
    assert told["frames hold no person (grey-sum of 10,000 or less)"] == (
        2,
        ["001/nm-01/000/003.png", "002/cl-01/000/000.png"],
    )
    assert told["sequences are left out: no usable frame"] == (1, ["002/cl-01/000"])
    assert told["sequences are shorter than 15 frames"] == (1, ["001/nm-01/000 (13 frames)"])
    assert told["images and videos do not fit the layout and are left out"] == (1, ["001/loose.png"])
    assert told["hidden files and folders are left out"] == (1, [".DS_Store"])
    assert told["other files lie among the images and are left out"] == (1, ["readme.txt"])
    for remark in record["remarks"]:
        assert remark["remark"] in text
        assert f"  -> {remark['fix']}" in text


def test_short_sequences_may_be_left_out(raw, tmp_path):
    walk(raw / "003/nm-01/000", frames=4)
    code, text = gait("prepare", raw, tmp_path / "out", "--min-frames", 5)
    assert code == 0
    assert "fewer than 5 usable frames" in text
    assert not (tmp_path / "out/003").exists()


def test_the_number_of_workers_changes_nothing(raw, tmp_path):
    results = []
    for workers in (1, 3):
        prepare(Order(raw, tmp_path / f"out{workers}", LAYOUTS["own"], workers=workers))
        folder = tmp_path / f"out{workers}"
        results.append({f.relative_to(folder): f.read_bytes() for f in folder.rglob("*.pkl")})
    assert results[0] == results[1]
    assert len(results[0]) == 3


def test_a_path_with_any_letters_is_read(tmp_path):
    walk(tmp_path / "daten größe 步态/ann/coat/left", frames=3)
    assert gait("prepare", tmp_path / "daten größe 步态", tmp_path / "out")[0] == 0
    assert prepared(tmp_path / "out") == {"ann/coat/left/left.pkl": (3, 64, 64)}


def test_names_of_data_sets_are_taken_in_any_spelling():
    assert layout_named("casia_b") is layout_named("CASIAB") is LAYOUTS["CASIA-B"]


def test_opencv_has_its_threads_back(raw, tmp_path):
    before = cv2.getNumThreads()
    prepare(Order(raw, tmp_path / "out", LAYOUTS["own"]))
    assert cv2.getNumThreads() == before


@pytest.mark.parametrize("pattern", [r"{id}\{type}\{view}\{frame}", "./{id}/{type}/{view}/{frame}"])
def test_patterns_may_be_written_as_on_windows_or_from_here(raw, tmp_path, pattern):
    code, text = gait("prepare", raw, tmp_path / "out", "--pattern", pattern)
    assert code == 0, text
    assert len(prepared(tmp_path / "out")) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse such names")
def test_names_that_are_no_utf8_are_prepared_from_images_and_videos(tmp_path):
    name = os.fsdecode(b"Ren\xe9\x1b")
    walk(tmp_path / "raw" / name / "nm-090")
    (tmp_path / "raw" / name / "nm-090" / "\x1bbroken.png").write_bytes(b"")
    pattern = "{id}/{type}-{view}/{frame}.png"
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--pattern", pattern)
    assert code == 0, text
    assert "\x1b" not in text
    assert prepared(tmp_path / "out") == {f"{name}/nm/090/090.pkl": (16, 64, 64)}
    record = (tmp_path / "out" / "prepare.json").read_bytes().decode()
    assert "\x1b" not in record
    assert name in "".join(json.loads(record)["sequences"])

    os.makedirs(tmp_path / "films" / name)
    video(tmp_path / "film.avi").rename(tmp_path / "films" / name / "nm-090.avi")
    code, text = gait("prepare", tmp_path / "films", tmp_path / "of", "--pattern", "{id}/{type}-{view}.avi")
    assert code == 0, text
    assert prepared(tmp_path / "of") == {f"{name}/nm/090/090.pkl": (16, 64, 64)}
