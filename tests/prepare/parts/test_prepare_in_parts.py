"""``data prepare --shard I/N`` and ``--merge``: the result of one run, byte for byte, in any order."""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.children import import_path
from helpers.clouds.golden import cloud, cloud_size
from helpers.files.coco_files import annotated
from helpers.files.mask_files import mask, video, walk, write_mask
from helpers.files.mask_forms import labelled, walkers
from helpers.files.pose_files import gaitgraph_table, openpose_walk
from helpers.files.pose_files import walk as pose_walk
from helpers.files.prepare_runs import gait, record_of

from gait_plugins.prepare.parts.files import FOLDER, PartFiles
from gait_plugins.prepare.parts.share import Part

PLACES = {
    "001/nm-01/000": 3,
    "001/nm-01/090": 16,
    "001-b/nm-01/090": 9,
    "002/bg-01/000": 5,
    "003/cl-01/018": 2,
}
"""Walks and their frames."""
Files = dict[str, bytes]


def masks(folder: Path) -> Path:
    for place, frames in PLACES.items():
        walk(folder / place, frames)
    (folder / "002/bg-01/000/001.png").write_bytes(b"")
    (folder / "003/cl-01/018/notes.txt").write_text("")
    write_mask(folder / "odd.png", mask())
    return folder


def films(folder: Path) -> Path:
    for number, (place, frames) in enumerate(PLACES.items()):
        video(folder / f"{place}-{number}.avi", frames)
    return folder


def people(folder: Path) -> Path:
    """Masks of two people; one is short in one of the walks, and nobody is in another."""
    first, second = walkers((120, 160))
    for place, both in (("eve/nm/000", 10), ("eve/nm/090", 1), ("ann/nm/000", 0), ("ann/nm/090", 7)):
        for number, (one, other) in enumerate(zip(first, second, strict=True)):
            there = other if number < both else other * 0
            write_mask(folder / f"{place}/{number:03d}.png", labelled(one, there).astype(np.uint8))
    walk(folder / "bob/nm/000", 2)
    return folder


def coco(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "walks.json").write_text(json.dumps(annotated()))
    return folder / "walks.json"


def poses(folder: Path) -> Path:
    for place, frames in PLACES.items():
        openpose_walk(folder / place, pose_walk(frames))
    (folder / "001/nm-01/090/notes.json").write_text("{}")
    return folder


def table(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return gaitgraph_table(folder / "walks.csv", {f"00{n}-nm-01-090": pose_walk(3 + n) for n in range(1, 5)})


def labels(folder: Path) -> Path:
    for place, frames in PLACES.items():
        for number in range(frames):
            write_mask(folder / place / f"{number:03d}.png", mask(number, value=5))
    write_mask(folder / "003/cl-01/018/000.png", mask(value=200))
    return folder


def parameters(folder: Path) -> Path:
    for place, frames in PLACES.items():
        (folder / place).mkdir(parents=True)
        for number in range(frames):
            body = {"cam": np.ones(3), "poses": np.full(72, number), "betas": np.ones(10)}
            data = io.BytesIO()
            np.savez(data, results=np.array([body], object))
            (folder / place / f"{number:03d}.npz").write_bytes(data.getvalue())
    (folder / "003/cl-01/018/000.npz").write_bytes(b"no")
    return folder


def clouds(folder: Path) -> Path:
    for place, frames in PLACES.items():
        (folder / place).mkdir(parents=True)
        for number in range(frames):
            points = cloud(0, number, cloud_size(0, number, 150)) * [-1, 1, 1]
            (folder / place / f"{number:03d}.pkl").write_bytes(pickle.dumps(points))
    (folder / "003/cl-01/018/000.pkl").write_bytes(b"no")
    return folder


def pictures(folder: Path) -> Path:
    for place, frames in PLACES.items():
        (folder / place).mkdir(parents=True)
        for number in range(frames):
            frame = np.full((100, 40, 3), number, np.uint8)
            assert cv2.imwrite(str(folder / place / f"{number}.png"), frame)
    (folder / "002/bg-01/000/001.png").write_bytes(b"")
    return folder


FORMS: dict[str, tuple[Callable[[Path], Path], tuple[str, ...]]] = {
    "masks": (masks, ("--min-frames", "3")),
    "films": (films, ("--pattern", "{id}/{type}/{view}.avi")),
    "people": (people, ("--each-label", "--min-frames", "2")),
    "coco": (coco, ()),
    "keypoints": (poses, ("--to", "keypoints", "--min-frames", "3")),
    "table": (table, ("--to", "keypoints")),
    "skeleton-maps": (poses, ("--to", "skeleton-maps")),
    "parsing": (labels, ("--to", "parsing")),
    "smpl": (parameters, ("--to", "smpl")),
    "depth": (clouds, ("--to", "depth")),
    "rgb": (pictures, ("--to", "rgb", "--min-frames", "5")),
}


def files(folder: Path) -> Files:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def told(*words: object) -> str:
    code, text = gait("prepare", *words)
    assert code == 0, text
    return text


def in_parts(source: Path, target: Path, *words: str, order: tuple[int, ...] = (3, 1, 2)) -> None:
    for number in order:
        told(source, target, *words, "--shard", f"{number}/{max(order)}")
    told(source, target, *words, "--merge")


@pytest.mark.parametrize("form", FORMS)
def test_parts_in_any_order_become_the_result_of_one_run(form: str, tmp_path: Path):
    write, words = FORMS[form]
    source = write(tmp_path / "raw")
    once = told(source, tmp_path / "whole", *words)
    for number in (3, 1, 2):
        told(source, tmp_path / "parts", *words, "--shard", f"{number}/3")
    merged = told(source, tmp_path / "parts", *words, "--merge")
    assert files(tmp_path / "parts") == files(tmp_path / "whole")
    assert merged.replace(f"{tmp_path}/parts", "") == once.replace(f"{tmp_path}/whole", "")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    return masks(tmp_path / "raw")


@pytest.fixture
def whole(raw: Path, tmp_path: Path) -> Files:
    """What one run makes of it."""
    told(raw, tmp_path / "whole")
    return files(tmp_path / "whole")


def test_more_parts_than_sequences_and_a_single_part(raw: Path, whole: Files, tmp_path: Path):
    in_parts(raw, tmp_path / "many", order=tuple(range(7, 0, -1)))
    in_parts(raw, tmp_path / "one", order=(1,))
    assert files(tmp_path / "many") == whole
    assert files(tmp_path / "one") == whole


def test_a_part_says_what_it_did(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    text = told(raw, out, "--shard", "1/2")
    assert f"part 1/2: 2 sequences of 18 frames written to {out}" in text
    assert "--merge" in text
    assert not (out / "prepare.json").exists()
    data = json.loads(told(raw, out, "--shard", "2/2", "--json"))
    assert (data["part"], data["sequences"], data["frames"]) == ("2/2", 3, 16)


def test_a_part_repeated_changes_nothing(raw: Path, whole: Files, tmp_path: Path):
    out = tmp_path / "out"
    for number in (1, 2, 1, 1):
        text = told(raw, out, "--shard", f"{number}/2")
    assert "2 sequences were already present" in text
    told(raw, out, "--merge")
    assert files(out) == whole


@pytest.mark.parametrize(("form", "after"), [("masks", 2), ("people", 2), ("people", 3)])
def test_a_part_cut_off_goes_on(form: str, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The process ends right after a note, right before the sequence of it is written."""
    write, words = FORMS[form]
    source, out = write(tmp_path / "raw"), tmp_path / "out"
    told(source, tmp_path / "whole", *words)
    code = (
        "import os, gait_plugins.prepare.convert as convert\n"
        "from gait_plugins.cli import main\n"
        "real, count = convert.write_sequence, 0\n"
        "def write(*args):\n"
        "    global count\n"
        "    count += 1\n"
        f"    os._exit(9) if count == {after} else real(*args)\n"
        "convert.write_sequence = write\n"
        "main()\n"
    )
    line = [sys.executable, "-c", code, "data", "prepare", str(source), str(out), *words, "--workers", "1"]
    done = subprocess.run([*line, "--shard", "2/2"], env=_env(), capture_output=True, text=True, timeout=60)
    assert done.returncode == 9, done.stderr
    told(source, out, *words, "--shard", "1/2")
    code_, text = gait("prepare", source, out, *words, "--merge")
    assert code_ == 2
    assert "parts are missing: 2 of 2 not finished" in text
    told(source, out, *words, "--shard", "2/2")
    told(source, out, *words, "--merge")
    assert files(out) == files(tmp_path / "whole")


def _env() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": import_path()}


def test_parts_at_the_same_time(raw: Path, whole: Files, tmp_path: Path):
    line = [sys.executable, "-m", "gait_plugins", "data", "prepare", str(raw), str(tmp_path / "out")]
    parts = [
        subprocess.Popen([*line, "--shard", f"{n}/3"], env=_env(), stderr=subprocess.PIPE, text=True)
        for n in (1, 2, 3)
    ]
    ends = [(part.communicate(timeout=120)[1], part.returncode) for part in parts]
    assert [code for _, code in ends] == [0, 0, 0], ends
    told(raw, tmp_path / "out", "--merge")
    assert files(tmp_path / "out") == whole


def test_a_part_under_way_is_not_prepared_twice_nor_merged(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    told(raw, out, "--shard", "1/2")
    told(raw, out, "--shard", "2/2")
    with PartFiles(out, Part(2, 2)).alone():
        for words in (("--shard", "2/2"), ("--merge",), ()):
            code, text = gait("prepare", raw, out, *words)
            assert code == 2
            assert "another process prepares part 2/2 just now" in text
    told(raw, out, "--merge")


def test_missing_parts_are_told(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    code, text = gait("prepare", raw, out, "--merge")
    assert code == 2
    assert "no parts to merge" in text
    told(raw, out, "--shard", "2/9")
    before = files(out)
    code, text = gait("prepare", raw, out, "--merge")
    assert code == 2
    assert "parts are missing: 1, 3, 4, 5, 6 and 3 more of 9 not prepared" in " ".join(text.split())
    assert "--shard 1/9" in text
    assert files(out) == before


def test_another_number_of_parts_is_told_and_one_run_takes_over(raw: Path, whole: Files, tmp_path: Path):
    out = tmp_path / "out"
    told(raw, out, "--shard", "2/3")
    told(raw, out, "--shard", "3/3")
    code, text = gait("prepare", raw, out, "--shard", "1/4")
    assert code == 2
    assert "3/3" in text or "2/3" in text
    assert "--shard I/3" in text
    told(raw, out)
    assert files(out) == whole


def test_other_settings_do_not_mix_into_the_parts(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    told(raw, out, "--shard", "1/2")
    for words in (("--shard", "2/2"), ("--merge",), ()):
        code, text = gait("prepare", raw, out, "--size", 128, *words)
        assert code == 2
        assert "size was 64, is 128" in text or "parts are missing" in text
    told(raw, tmp_path / "one", "--size", "128")
    code, text = gait("prepare", raw, tmp_path / "one", "--shard", "1/2")
    assert (code, "size was 128, is 64" in text) == (2, True)


def test_parts_after_a_run_keep_its_remarks(raw: Path, tmp_path: Path):
    """The folder holds some of the sequences: as after one run of it, and then the rest."""
    first = tmp_path / "first"
    shutil.copytree(raw / "002", first / "002")
    for target in ("whole", "out"):
        told(first, tmp_path / target)
    told(raw, tmp_path / "whole")
    in_parts(raw, tmp_path / "out")
    assert files(tmp_path / "out") == files(tmp_path / "whole")
    assert record_of(tmp_path / "out")["last run"]["sequences there before"] == 1


def test_a_source_that_grew_is_told(raw: Path, tmp_path: Path):
    out = tmp_path / "out"
    told(raw, out, "--shard", "1/2")
    told(raw, out, "--shard", "2/2")
    walk(raw / "009/nm-01/000")
    code, text = gait("prepare", raw, out, "--merge")
    assert code == 2
    assert "1 sequences of the source were prepared by no part" in text
    assert "009/nm-01/000" in text
    told(raw, out, "--shard", "1/2")
    told(raw, out, "--shard", "2/2")
    told(raw, out, "--merge")
    told(raw, tmp_path / "whole")
    assert files(out) == files(tmp_path / "whole")


def test_nothing_usable_is_told_by_the_merge(tmp_path: Path):
    for number in range(3):
        write_mask(tmp_path / f"raw/00{number}/nm-01/000/000.png", np.zeros((50, 50), np.uint8))
    for number in (1, 2):
        told(tmp_path / "raw", tmp_path / "out", "--shard", f"{number}/2")
    code, text = gait("prepare", tmp_path / "raw", tmp_path / "out", "--merge")
    assert (code, "no sequence could be written" in text) == (2, True)


@pytest.mark.parametrize("wrong", ["3/2", "0/4", "x", "1", "1/0", "-1/4", "1/2/3", "1/", "", "1.0/2", "²/3"])
def test_a_part_that_is_none_is_told(wrong: str, raw: Path, tmp_path: Path):
    code, text = gait("prepare", raw, tmp_path / "out", f"--shard={wrong}")
    assert code == 2
    assert "expected I/N" in text
    assert "Traceback" not in text
    assert not (tmp_path / "out").exists()


def test_a_part_and_a_merge_at_once_are_told(raw: Path, tmp_path: Path):
    code, text = gait("prepare", raw, tmp_path / "out", "--shard", "1/2", "--merge")
    assert (code, "cannot be combined" in text) == (2, True)


def test_a_damaged_file_of_a_part_is_told(raw: Path, tmp_path: Path):
    told(raw, tmp_path / "out", "--shard", "1/1")
    (tmp_path / "out" / FOLDER / "1-of-1.json").write_text("{")
    code, text = gait("prepare", raw, tmp_path / "out", "--merge")
    assert (code, "not the record of a part" in text) == (2, True)
