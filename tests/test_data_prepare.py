"""``data prepare``: raw masks of every layout, resumable, with a report, and never nothing in silence."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from mask_files import mask, video, walk, write_mask
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.prepare import LAYOUTS, Name, Order, align_masks, layout_named, prepare, write_sequence


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def prepared(target: Path) -> dict[str, tuple[int, ...]]:
    """Sequence files below a folder and the shapes in them."""
    files = sorted(target.rglob("*.pkl"))
    return {str(f.relative_to(target)): pickle.loads(f.read_bytes()).shape for f in files}


def frames_of(path: Path) -> np.ndarray:
    array: np.ndarray = pickle.loads(path.read_bytes())
    return array


def record_of(target: Path) -> dict:
    return json.loads((target / "prepare.json").read_text())


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    """Two walks of one person, one of another."""
    for place in ("001/nm-01/000", "001/nm-01/090", "002/bg-01/000"):
        walk(tmp_path / "raw" / place)
    return tmp_path / "raw"


RAW_FORMS = {
    "CASIA-B": (["001/nm-01/090"], ["001/nm-01/090"]),
    "OUMVLP": (["Silhouette_015-00/00007", "Silhouette_000-01/00007"], ["00007/00/015", "00007/01/000"]),
    "GREW": (
        ["train/00001/4XPn", "test/gallery/00001/zz", "test/gallery/00001/aa", "test/probe/etaG"],
        ["00001train/00/4XPn", "00001/02/zz", "00001/01/aa", "probe/03/etaG"],
    ),
    "Gait3D": (["0002/camid33_videoid2/seq0"], ["0002/camid33_videoid2/seq0"]),
    "CCPG": (["000/U0_D0/00"], ["000/U0_D0/00"]),
    "SUSTech1K": (["0000/00-nm/000/Sils_aligned"], ["0000/00-nm/000"]),
    "CASIA-E": (["forTrain/001/H/scene1/bg/000/1"], ["001/H-scene1-bg-1/000"]),
    "HID": (
        ["train/0001/12", "HID2022_test_gallery/00001/a1", "HID2022_test_probe/b2"],
        ["0001/12/default", "00001/a1/default", "probe/b2/default"],
    ),
    "own": (["ann/coat/left"], ["ann/coat/left"]),
}


@pytest.mark.parametrize("dataset", LAYOUTS)
def test_every_data_set_comes_out_as_identity_type_and_view(dataset, tmp_path):
    folders, expected = RAW_FORMS[dataset]
    for folder in folders:
        walk(tmp_path / "raw" / folder, frames=7)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--dataset", dataset.lower())
    assert code == 0, text
    found = prepared(tmp_path / "out")
    assert found == {f"{name}/{name.rpartition('/')[2]}.pkl": (7, 64, 64) for name in expected}


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


def test_jpeg_noise_counts_as_nobody(tmp_path):
    picture = np.maximum(mask(0), 2)
    write_mask(tmp_path / "raw/a/b/c/1.jpg", picture)
    assert gait("prepare", tmp_path / "raw", tmp_path / "out")[0] == 0
    found = frames_of(tmp_path / "out/a/b/c/c.pkl")[0].astype(int)
    assert np.abs(found - align_masks([mask(0)])[0]).mean() < 5


def test_masks_of_0_and_1_are_recognised_and_told(tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", mask(0, value=1))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 0
    assert "masks hold 0 and 1" in text
    np.testing.assert_array_equal(frames_of(tmp_path / "out/a/b/c/c.pkl"), align_masks([mask(0)]))


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


def test_a_second_run_does_only_what_is_missing(raw, tmp_path):
    out = tmp_path / "out"
    assert gait("prepare", raw, out)[0] == 0
    kept, made_again = out / "001/nm-01/000/000.pkl", out / "002/bg-01/000/000.pkl"
    before = kept.stat().st_mtime_ns
    content = made_again.read_bytes()
    made_again.write_bytes(b"")  # as a power cut leaves it
    (made_again.parent / ".000.pkl.77.partial").write_bytes(b"half")
    code, text = gait("prepare", raw, out)
    assert code == 0
    assert "1 sequences of 16 frames written" in text
    assert "2 sequences were there already" in text
    assert kept.stat().st_mtime_ns == before
    assert made_again.read_bytes() == content
    assert [f.name for f in made_again.parent.iterdir()] == ["000.pkl"]
    code, text = gait("prepare", raw, out, "--json")
    assert (code, json.loads(text)["present"]) == (0, 3)


def test_remarks_of_earlier_runs_are_kept_and_renewed(raw, tmp_path):
    out = tmp_path / "out"
    bad = raw / "002/bg-01/000/003.png"
    good = bad.read_bytes()
    bad.write_bytes(b"")
    gait("prepare", raw, out)
    assert "images cannot be read" in gait("prepare", raw, out)[1]
    bad.write_bytes(good)
    (out / "002/bg-01/000/000.pkl").unlink()
    assert "images cannot be read" not in gait("prepare", raw, out)[1]
    assert record_of(out)["sequences"] == {}


def test_other_settings_do_not_mix_into_one_folder(raw, tmp_path):
    assert gait("prepare", raw, tmp_path / "out")[0] == 0
    code, text = gait("prepare", raw, tmp_path / "out", "--size", 128)
    assert code == 2
    assert "size was 64, is 128" in text
    (tmp_path / "out/prepare.json").write_text("{")
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 2
    assert "not the record of a preparation" in text


def test_the_number_of_workers_changes_nothing(raw, tmp_path):
    results = []
    for workers in (1, 3):
        prepare(Order(raw, tmp_path / f"out{workers}", LAYOUTS["own"], workers=workers))
        folder = tmp_path / f"out{workers}"
        results.append({f.relative_to(folder): f.read_bytes() for f in folder.rglob("*.pkl")})
    assert results[0] == results[1]
    assert len(results[0]) == 3


# --- what goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "dataset", "told", "hint"),
    [
        ("raw/..", "CASIA-B", "expected SOURCE/{id}/{type}/{view}/{frame}.png", "one folder level too high"),
        ("raw/001", "CASIA-B", "found 32 images", "one folder level too deep"),
        ("raw/001/nm-01/000", "CASIA-B", "as 000.png, 001.png", "3 folder levels too deep"),
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
    assert f"name {tmp_path.resolve() / 'raw'}\n" in gait("prepare", raw / "001", tmp_path / "o")[1]
    assert f"name {tmp_path / 'raw'}\n" in gait("prepare", tmp_path, tmp_path.parent / "o")[1]


@pytest.mark.parametrize(
    ("files", "told", "hint"),
    [
        ({}, "found no files at all", "unpack the data set first"),
        ({"001.tar.gz": b"x"}, "1 other files, as 001.tar.gz", "unpack the archives first"),
        ({"001/nm/000/000.pkl": b"x"}, "other files", "prepared already"),
        ({"a/b.txt": b"x"}, "other files", "name the folder that holds the images"),
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
        (["--dataset", "zzz"], "known are own, CASIA-B"),
        (["--dataset", "GREW", "--view", "1"], "GREW has its own names"),
        (["--pattern", "{id}/{frame}"], "holds no {type}"),
        (["--pattern", "{id}/{type}/{view/{frame}"], "a '{' without its partner"),
        (["--pattern", "{id}/{id}/{view}/{frame}"], "names a field twice"),
        (["--type", "a/b"], "cannot be the name of a folder"),
        (["--type", ""], "cannot be the name of a folder"),
        (["--type", "{"], "cannot be read"),
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
    assert "tell them apart" in text


def test_source_and_target_are_checked(raw, tmp_path):
    for source, target, told in [
        (tmp_path / "none", tmp_path / "out", "the source does not exist"),
        (raw, raw / "out", "one inside the other"),
        (raw, raw, "one inside the other"),
        (raw, tmp_path, "one inside the other"),
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


def test_a_full_disk_ends_it_with_whole_files_only(raw, tmp_path, monkeypatch):
    import gait_plugins.core.atomic as atomic

    real = os.fsync
    calls = []

    def full(handle: int) -> None:
        calls.append(handle)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(atomic.os, "fsync", full)
    code, text = gait("prepare", raw, tmp_path / "out", "--workers", 1)
    assert code == 2
    assert "No space left on device" in text
    assert "free some space" in text
    assert all(shape == (16, 64, 64) for shape in prepared(tmp_path / "out").values())
    assert not list((tmp_path / "out").rglob("*.partial"))
    monkeypatch.undo()
    assert gait("prepare", raw, tmp_path / "out")[0] == 0
    assert len(prepared(tmp_path / "out")) == 3


def test_ctrl_c_leaves_whole_files_and_a_second_run_goes_on(tmp_path):
    walk(tmp_path / "raw/001/nm/000", frames=40)
    for number in range(60):
        (tmp_path / f"raw/{number + 2:03d}/nm").mkdir(parents=True)
        (tmp_path / f"raw/{number + 2:03d}/nm/000").symlink_to(tmp_path / "raw/001/nm/000")
    out = tmp_path / "out"
    words = [sys.executable, "-m", "gait_plugins", "data", "prepare", str(tmp_path / "raw"), str(out)]
    running = subprocess.Popen([*words, "--workers", "1"], stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 30
    while not list(out.rglob("*.pkl")):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    _, told = running.communicate(timeout=30)
    assert (running.returncode, told.strip()) == (130, "interrupted")
    done = prepared(out)
    assert 0 < len(done) < 61
    assert set(done.values()) == {(40, 64, 64)}
    assert not list(out.rglob("*.partial"))
    assert record_of(out)["last run"]["sequences written"] <= len(done)
    assert gait("prepare", tmp_path / "raw", out)[0] == 0
    assert len(prepared(out)) == 61


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


# --- images that are no masks ------------------------------------------------------------------------


def test_black_on_white_is_told_and_turned_on_request(raw, tmp_path):
    out = tmp_path / "out"
    for number in range(16):
        write_mask(raw / f"001/nm-01/000/{number:03d}.png", 255 - mask(number))
    code, text = gait("prepare", raw, out)
    assert code == 0
    assert "white background" in text
    assert "--invert" in text
    assert "001/nm-01/000/000.pkl" not in prepared(out)
    code, text = gait("prepare", raw, out, "--invert")
    assert code == 0
    assert "1 sequences of 16 frames written" in text
    found = frames_of(out / "001/nm-01/000/000.pkl")
    np.testing.assert_array_equal(found, align_masks([mask(number) for number in range(16)]))


def test_half_of_the_frames_are_not_most_of_them(tmp_path):
    for number in range(4):
        picture = mask(number)
        write_mask(tmp_path / f"raw/a/b/c/{number}.png", picture if number < 2 else 255 - picture)
    assert gait("prepare", tmp_path / "raw", tmp_path / "out")[0] == 0
    assert prepared(tmp_path / "out") == {"a/b/c/c.pkl": (4, 64, 64)}


def test_a_source_of_black_on_white_alone_is_an_error_that_names_the_way_out(tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", 255 - mask())
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert "white background" in text
    assert "-> run again with --invert" in text


def test_a_few_odd_frames_are_left_as_they_are(raw, tmp_path):
    write_mask(raw / "001/nm-01/000/003.png", 255 - mask(3))
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 0
    assert "white background" not in text
    assert prepared(tmp_path / "out")["001/nm-01/000/000.pkl"] == (16, 64, 64)


def test_a_person_cut_tightly_is_not_taken_for_a_background(tmp_path):
    picture = mask()
    rows, columns = np.flatnonzero(picture.any(1)), np.flatnonzero(picture.any(0))
    write_mask(tmp_path / "raw/a/b/c/1.png", picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    assert gait("prepare", tmp_path / "raw", tmp_path / "out")[0] == 0


def test_photographs_are_no_masks(tmp_path):
    picture = np.random.default_rng(1).integers(40, 220, (90, 90)).astype(np.uint8)
    write_mask(tmp_path / "raw/a/b/c/1.png", picture)
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert "pictures rather than masks" in text
    assert "segment the people first" in text


@pytest.mark.parametrize("value", [30, 147])
def test_a_person_who_is_not_white_is_told(value, tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", mask(0, 240, 320, value))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 0
    assert "masks hold no white" in text
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "white", "--threshold", 0)
    assert code == 0
    assert "masks hold no white" not in text
    found = frames_of(tmp_path / "white/a/b/c/c.pkl")
    np.testing.assert_array_equal(found, align_masks([mask(0, 240, 320)]))


def test_a_person_too_dark_to_be_seen_is_told(tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", mask(value=2))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out")
    assert code == 2
    assert "masks hold no white" in text
    assert "-> --threshold 0" in text


def test_aligned_images_that_are_cut_are_told(tmp_path):
    write_mask(tmp_path / "raw/train/00001/abc/1.png", mask(0, 64, 44))
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--dataset", "GREW")
    assert code == 0
    assert "not square" in text


# --- more that goes wrong ----------------------------------------------------------------------------


def test_a_link_that_leads_nowhere_is_a_damaged_image(raw, tmp_path, capfd):
    (raw / "001/nm-01/000/099.png").symlink_to("nowhere.png")
    (raw / "001/nm-01/000/004.png").write_bytes((raw / "001/nm-01/000/004.png").read_bytes()[:60])
    code, text = gait("prepare", raw, tmp_path / "out")
    assert code == 0
    assert "2 images cannot be read" in text
    assert prepared(tmp_path / "out")["001/nm-01/000/000.pkl"] == (15, 64, 64)
    assert "WARN" not in capfd.readouterr().err  # the remark says it


def test_a_kill_leaves_the_settings_behind(raw, tmp_path, monkeypatch):
    out = tmp_path / "out"

    class Killed(BaseException):
        pass

    def killed(*args: object) -> None:
        # kill -9 runs no handler: what is on disk now is all that a second run will find.
        shutil.copytree(write_sequence(out, Name("001", "nm-01", "000"), mask()[None]).parents[3], left)
        raise Killed

    left = tmp_path / "left"
    monkeypatch.setattr("gait_plugins.prepare.preparing._make_all", killed)
    order = Order(raw, out, LAYOUTS["own"])
    with pytest.raises(Killed):
        prepare(order)
    monkeypatch.undo()
    assert record_of(left)["settings"] == order.settings
    code, text = gait("prepare", raw, left, "--size", 128)
    assert code == 2
    assert "size was 64, is 128" in text
    assert "2 sequences of 32 frames written" in gait("prepare", raw, left)[1]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.zip", "unzip a.zip"),
        ("a.tar.gz", "tar -xf a.tar.gz"),
        ("a.7z", "7z x a.7z"),
        ("a.pkl", "prepared already"),
        ("a.txt", "name a folder of masks"),
    ],
)
def test_a_source_that_is_no_folder_and_no_video_is_told(name, told, tmp_path):
    (tmp_path / name).write_bytes(b"x")
    one = ["--id", "p1", "--type", "nm-01", "--view", "090"]
    code, text = gait("prepare", tmp_path / name, tmp_path / "out", *one)
    assert code == 2
    assert told in text
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("pattern", [r"{id}\{type}\{view}\{frame}", "./{id}/{type}/{view}/{frame}"])
def test_patterns_may_be_written_as_on_windows_or_from_here(raw, tmp_path, pattern):
    code, text = gait("prepare", raw, tmp_path / "out", "--pattern", pattern)
    assert code == 0, text
    assert len(prepared(tmp_path / "out")) == 3


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


def test_settings_of_a_run_that_wrote_nothing_bind_nobody(tmp_path):
    write_mask(tmp_path / "raw/a/b/c/1.png", mask(value=2))
    assert gait("prepare", tmp_path / "raw", tmp_path / "out")[0] == 2
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--threshold", 0)
    assert code == 0, text
    assert len(prepared(tmp_path / "out")) == 1
