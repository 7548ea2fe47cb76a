"""What ``data prepare`` refuses, in words: wrong folders, wrong options, sources that are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers.files.mask_files import video, walk, write_mask
from helpers.files.prepare_runs import RAW_FORMS, gait, prepared, raw_walks, record_of


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return raw_walks(tmp_path / "raw")


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "dataset", "told", "hint"),
    [
        ("raw/..", "CASIA-B", "expected SOURCE/{id}/{type}/{view}/{frame}.png", "one folder level too high"),
        ("raw/001", "CASIA-B", "found 32 images", "one folder level too deep"),
        ("raw/001/nm-01/000", "CASIA-B", "such as 000.png, 001.png", "3 folder levels too deep"),
        ("raw", "OUMVLP", "SOURCE/Silhouette_{view}-{type}", "--dataset own"),
        ("raw", "GREW", "SOURCE/train/{id}/{view}", "--dataset own"),
    ],
)
def test_wrong_depth_and_wrong_data_set_are_told(raw, source, dataset, told, hint):
    target = raw.parent.parent / f"{raw.parent.name}-out"
    code, text = gait("prepare", raw.parent / source, target, "--dataset", dataset)
    assert code == 2
    assert "0 sequences" in text
    assert told in text
    assert hint in text
    assert not target.exists()


def test_the_hint_for_a_wrong_level_names_the_folder(raw, tmp_path):
    assert f"use {tmp_path.resolve() / 'raw'}\n" in gait("prepare", raw / "001", tmp_path / "o")[1]
    assert f"use {tmp_path / 'raw'}\n" in gait("prepare", tmp_path, tmp_path.parent / "o")[1]


@pytest.mark.parametrize(
    ("files", "told", "hint"),
    [
        ({}, "found no files at all", "unpack the data set, then give the folder"),
        ({"001.tar.gz": b"x"}, "1 other files, such as 001.tar.gz", "unpack the archives first"),
        ({"001/nm/000/000.pkl": b"x"}, "other files", "prepared already"),
        ({"a/b.txt": b"x"}, "other files", "give the folder that holds the images"),
    ],
)
def test_folders_without_images_are_told(files, told, hint, tmp_path):
    (tmp_path / "raw").mkdir()
    for name, content in files.items():
        (tmp_path / "raw" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / name).write_bytes(content)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--dataset", "CASIA-B")
    assert code == 2
    assert told in text
    assert hint in text


@pytest.mark.parametrize("content", [b"", b"no picture", None])
def test_nothing_written_is_an_error_with_the_reasons(content, tmp_path):
    path = write_mask(tmp_path / "raw/a/b/c/1.png", np.zeros((90, 90), np.uint8))
    if content is not None:
        path.write_bytes(content)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert "no sequence could be written" in text
    assert ("cannot be read" if content is not None else "hold no person") in text
    assert "white (255) on black" in text
    assert list((tmp_path / "out").iterdir()) == [tmp_path / "out/prepare.json"]


def test_a_film_that_is_none_is_told(tmp_path):
    (tmp_path / "walk.mp4").write_bytes(b"no film")
    one = ["--id", "p1", "--type", "nm-01", "--view", "090"]
    code, text = gait("prepare", tmp_path / "walk.mp4", tmp_path / "out", *one)
    assert code == 2
    assert "videos cannot be read" in text
    code, text = gait("prepare", tmp_path / "walk.mp4", tmp_path / "out")
    assert code == 2
    assert "--id TEXT" in text


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--dataset", "CASIAB2"], "did you mean 'CASIA-B'?"),
        (["--dataset", "zzz"], "known data sets: own, CASIA-B"),
        (["--dataset", "GREW", "--view", "1"], "GREW has its own names"),
        (["--pattern", "{id}/{frame}"], "has no field {type}"),
        (["--pattern", "{id}/{type}/{view/{frame}"], "unmatched '{'"),
        (["--pattern", "{id}/{id}/{view}/{frame}"], "a field occurs twice"),
        (["--type", "a/b"], "cannot be the name of a folder"),
        (["--type", ""], "cannot be the name of a folder"),
        (["--type", "{"], "is not a valid pattern"),
        (["--size", "32"], "expected one of 64, 128"),
        (["--threshold", "300"], "expected 0 to 254"),
        (["--workers", "0"], "expected 1 or more"),
        (["--min-frames", "0"], "expected 1 or more"),
    ],
)
def test_options_that_cannot_be_are_refused_before_any_work(raw, tmp_path, words, told):
    code, text = gait("prepare", raw, tmp_path / "out", *words)
    assert code == 2
    assert told in text
    assert not (tmp_path / "out").exists()


def test_two_walks_never_become_one(raw, tmp_path):
    code, text = gait("prepare", raw, tmp_path / "out", "--view", "all")
    assert code == 2
    assert "001/nm-01/000 and 001/nm-01/090 would both become the sequence 001/nm-01/all" in text
    assert "distinguish them" in text


def test_source_and_target_are_checked(raw, tmp_path):
    for source, target, told in [
        (tmp_path / "none", tmp_path / "out", "the source does not exist"),
        (raw, raw / "out", "must not contain each other"),
        (raw, raw, "must not contain each other"),
        (raw, tmp_path, "must not contain each other"),
        (raw, raw / "001/nm-01/000/000.png", "the target is a file"),
    ]:
        code, text = gait("prepare", source, target)
        assert code == 2
        assert told in text


def test_a_target_that_cannot_be_written_is_told(raw, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    code, text = gait("prepare", raw, tmp_path / "file" / "out")
    assert code == 2
    assert "Not a directory" in text


# --- more that goes wrong ----------------------------------------------------------------------------


def test_a_link_that_leads_nowhere_is_a_damaged_image(raw, tmp_path, capfd):
    (raw / "001/nm-01/000/099.png").symlink_to("nowhere.png")
    (raw / "001/nm-01/000/004.png").write_bytes((raw / "001/nm-01/000/004.png").read_bytes()[:60])
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 0
    assert "2 images cannot be read" in text
    assert prepared(tmp_path / "out")["001/nm-01/000/000.pkl"] == (15, 64, 64)
    assert "WARN" not in capfd.readouterr().err  # the remark says it


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.zip", "unzip a.zip"),
        ("a.tar.gz", "tar -xf a.tar.gz"),
        ("a.7z", "7z x a.7z"),
        ("a.pkl", "prepared already"),
        ("a.txt", "give a folder of masks"),
    ],
)
def test_a_source_that_is_no_folder_and_no_video_is_told(name, told, tmp_path):
    (tmp_path / name).write_bytes(b"x")
    one = ["--id", "p1", "--type", "nm-01", "--view", "090"]
    code, text = gait("prepare", tmp_path / name, tmp_path / "out", *one)
    assert code == 2
    assert told in text
    assert not (tmp_path / "out").exists()


def test_a_film_that_breaks_off_is_told(tmp_path):
    film = video(tmp_path / "walk.avi", frames=40)
    film.write_bytes(film.read_bytes()[: film.stat().st_size // 2])
    one = ["--id", "p1", "--type", "nm-01", "--view", "090"]
    code, text = gait("prepare", film, tmp_path / "out", *one)
    assert code == 0, text
    assert "videos end before the length that they state" in text


@pytest.mark.parametrize("dataset", ["OUMVLP", "GREW", "SUSTech1K", "CASIA-E", "HID"])
def test_a_data_set_that_is_taken_for_a_plain_folder_is_recognised(dataset, tmp_path):
    for folder in RAW_FORMS[dataset][0]:
        walk(tmp_path / "raw" / folder, frames=3)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert f"--dataset {dataset}" in text
    assert not (tmp_path / "out").exists()


def test_links_that_lead_in_circles_are_left_alone(raw, tmp_path):
    (raw / "001/up").symlink_to("..")
    (raw / "002/nm-01").symlink_to("../001/nm-01")  # one that only leads elsewhere is followed
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 0
    assert len(prepared(tmp_path / "out")) == 5
    assert "do not fit the layout" not in text
    assert record_of(tmp_path / "out")["files"]["other files lie among the images and are left out"] == [
        "001/up"
    ]
