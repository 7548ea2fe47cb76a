"""``video segment`` of a long film: a run that was cut off goes on, and gives what it would have given."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.files.films import write_film
from typer.testing import CliRunner, Result

from gait_plugins.cli import app
from gait_plugins.core.tools import contact_sheet
from gait_plugins.films.following import Follower
from gait_plugins.films.workplace import Workplace
from gait_plugins.plugins.films.background import Background
from gait_plugins.testing.films import example_film

CHAPTER = "video_cfg.chapter=0.08"
"""4.8 seconds: each of the three times that the street is walked through is a chapter."""
OPTIONS = ("-o", CHAPTER, "-o", "video_cfg.tracker.memory=0.5")


def segment(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["video", "segment", *map(str, arguments)])


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three times the same walk, with nobody in the picture between them."""
    once = [frame.pixels for frame in example_film(frames=62).frames]
    return write_film(tmp_path_factory.mktemp("films") / "street.avi", once * 3)


@pytest.fixture(scope="module")
def whole(film: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a run writes that is not cut off."""
    target = tmp_path_factory.mktemp("whole")
    result = segment(film, target, *OPTIONS)
    assert result.exit_code == 0, result.output
    return files(target)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def pixels(film: bytes, folder: Path) -> list[np.ndarray]:
    """Frames of an .mp4, whose header tells when it was written."""
    path = folder / "compared.mp4"
    path.write_bytes(film)
    video = cv2.VideoCapture(str(path))
    found = []
    while (read := video.read())[0]:
        found.append(read[1])
    return found


def cut_off(
    monkeypatch: pytest.MonkeyPatch, frame: int, raised: type[BaseException] = KeyboardInterrupt
) -> None:
    see = Follower.see

    def until(self: Follower, seen: object) -> object:
        if seen.number == frame:  # type: ignore[attr-defined]
            raise raised
        return see(self, seen)  # type: ignore[arg-type]

    monkeypatch.setattr(Follower, "see", until)


def test_chapters_end_where_nobody_is_seen(whole: dict[str, bytes]):
    report = json.loads(whole["street.json"])
    assert [track["sequence"] for track in report["tracks"]] == sorted(
        track["sequence"] for track in report["tracks"]
    )
    assert len(report["tracks"]) == 6
    assert len({track["sequence"] for track in report["tracks"]}) == 6


@pytest.mark.parametrize("frame", [70, 150])
def test_a_run_that_was_cut_off_gives_what_a_whole_one_gives(
    film: Path, whole: dict[str, bytes], tmp_path: Path, frame: int
):
    target = tmp_path / "out"
    with pytest.MonkeyPatch.context() as patch:
        cut_off(patch, frame)
        result = segment(film, target, *OPTIONS)
    assert result.exit_code == 130
    assert "the same command goes on from there (--fresh begins anew)" in result.output
    assert len(list(target.iterdir())) == 1
    looked: list[int] = []
    with pytest.MonkeyPatch.context() as patch:
        people = Background.people
        patch.setattr(
            Background, "people", lambda self, seen: looked.append(seen.number) or people(self, seen)
        )
        result = segment(film, target, *OPTIONS)
    assert result.exit_code == 0, result.output
    assert "where an earlier run was cut off" in result.output
    assert looked[0] > 40  # what was done is not done again
    made = files(target)
    assert made.keys() == whole.keys()
    one, other = (pixels(each.pop("street.mp4"), tmp_path) for each in (made, dict(whole)))
    assert len(one) == 186
    assert np.array_equal(one, other)
    assert {name: made[name] == whole[name] for name in made} == dict.fromkeys(made, True)


def test_without_the_annotated_film_frames_are_only_passed(
    film: Path, whole: dict[str, bytes], tmp_path: Path
):
    with pytest.MonkeyPatch.context() as patch:
        cut_off(patch, 150)
        assert segment(film, tmp_path, *OPTIONS, "--no-annotated").exit_code == 130
    result = segment(film, tmp_path, *OPTIONS, "--no-annotated")
    assert result.exit_code == 0, result.output
    made = files(tmp_path)
    assert made == {name: content for name, content in whole.items() if name != "street.mp4"}


def other_settings(film: Path) -> list[object]:
    return ["-o", "video_cfg.min_frames=21"]


def another_film(film: Path) -> list[object]:
    about = film.stat()
    os.utime(film, ns=(about.st_atime_ns, about.st_mtime_ns + 10**9))
    return []


def told_to(film: Path) -> list[object]:
    return ["--fresh"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_settings, "not the same settings; the film begins anew"),
        (another_film, "not the same film; the film begins anew"),
        (told_to, "what an earlier run has done is thrown away: the film begins anew"),
    ],
)
def test_what_differs_begins_anew(
    film: Path, tmp_path: Path, change: Callable[[Path], list[object]], said: str
):
    with pytest.MonkeyPatch.context() as patch:
        cut_off(patch, 70)
        segment(film, tmp_path, *OPTIONS, "--no-annotated")
    words = change(film)
    with pytest.MonkeyPatch.context() as patch:
        cut_off(patch, 0)  # the first frame is looked at again
        result = segment(film, tmp_path, *OPTIONS, "--no-annotated", *words)
    assert result.exit_code == 130
    assert said in result.output
    assert list(tmp_path.iterdir()) == []


def test_before_the_first_chapter_is_done_nothing_is_left(film: Path, tmp_path: Path):
    with pytest.MonkeyPatch.context() as patch:
        cut_off(patch, 20)
        result = segment(film, tmp_path, *OPTIONS)
    assert result.exit_code == 130
    assert "goes on" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_what_fails_after_the_last_frame_loses_no_chapter(
    film: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(contact_sheet, "contact_sheet", full)
        result = segment(film, tmp_path, *OPTIONS, "--no-annotated")
    assert result.exit_code == 2
    assert "the same command goes on from there" in result.output
    result = segment(film, tmp_path, *OPTIONS, "--no-annotated")
    assert "where an earlier run was cut off" in result.output
    assert files(tmp_path) == {name: content for name, content in whole.items() if name != "street.mp4"}


def test_killed_while_tracks_appear_it_begins_anew(
    film: Path, whole: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """What has appeared is removed by the user; a run that went on from there would be without it."""
    moved: list[Path] = []

    def rename(self: Path, target: Path) -> Path:
        if len(moved) == 2:
            raise KeyboardInterrupt
        os.rename(self, target)
        moved.append(target)
        return target

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        patch.setattr(Workplace, "remove", Workplace.leave)  # as if killed
        assert segment(film, tmp_path, *OPTIONS, "--no-annotated").exit_code == 130
    assert segment(film, tmp_path, *OPTIONS).exit_code == 2  # there are tracks of that film already
    for path in moved:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    result = segment(film, tmp_path, *OPTIONS, "--no-annotated")
    assert result.exit_code == 0, result.output
    assert files(tmp_path) == {name: content for name, content in whole.items() if name != "street.mp4"}


@pytest.mark.parametrize("damage", ["{", '{"identity": {}}'])
def test_a_checkpoint_that_is_damaged_begins_anew(film: Path, tmp_path: Path, damage: str):
    with pytest.MonkeyPatch.context() as patch:
        cut_off(patch, 70)
        segment(film, tmp_path, *OPTIONS, "--no-annotated")
    [hidden] = tmp_path.iterdir()
    (hidden / ".work" / "checkpoint.json").write_text(damage)
    result = segment(film, tmp_path, *OPTIONS, "--no-annotated")
    assert result.exit_code == 0, result.output
    assert len(json.loads((tmp_path / "street.json").read_text())["tracks"]) == 6


def test_the_camera_is_turned_in_one_chapter(tmp_path: Path):
    """Hours of a film are not lost: of that chapter it is said that nobody was looked for."""
    once = [frame.pixels for frame in example_film(frames=62).frames]
    rng = np.random.default_rng(1)
    wide = rng.integers(0, 255, (30, 200, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    pan = [wide[:, 4 * number : 4 * number + 160] for number in range(45)]
    film = write_film(tmp_path / "pan.avi", [*once, *pan])
    result = segment(film, tmp_path / "out", *OPTIONS)
    assert result.exit_code == 0, result.output
    [remark] = json.loads((tmp_path / "out" / "pan.json").read_text())["remarks"]
    assert remark.startswith("from ")
    assert "nobody is looked for in 0.08 minutes of the film: the camera moves" in remark


@pytest.mark.heavy
def test_a_killed_run_goes_on(film: Path, whole: dict[str, bytes], tmp_path: Path):
    """SIGKILL: whatever was in memory is gone, and nothing is tidied up."""
    import signal
    import subprocess
    import sys
    import time

    command = [
        sys.executable,
        "-m",
        "gait_plugins",
        "video",
        "segment",
        str(film),
        str(tmp_path / "out"),
        *OPTIONS,
    ]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    end = time.monotonic() + 120
    while not list(tmp_path.glob("out/.*.partial/.work/checkpoint.json")):
        assert run.poll() is None, run.stderr.read() if run.stderr else ""
        assert time.monotonic() < end
        time.sleep(0.005)
    run.send_signal(signal.SIGKILL)
    run.communicate()
    result = segment(film, tmp_path / "out", *OPTIONS)
    assert result.exit_code == 0, result.output
    assert "where an earlier run was cut off" in result.output
    made = files(tmp_path / "out")
    assert made.keys() == whole.keys()
    assert all(made[name] == whole[name] for name in made if name != "street.mp4")
