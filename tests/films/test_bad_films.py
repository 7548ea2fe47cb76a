"""``video segment`` with films that are not as they should be: each is an error or a remark in words."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers.files.films import pause, street, turn, write_film
from typer.testing import CliRunner, Result

from gait_plugins.api import progress
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.cli import app
from gait_plugins.config.loading import load_video
from gait_plugins.films.reading import FilmSource, Reading
from gait_plugins.films.segmenting import segment
from gait_plugins.testing.films import example_film

FEW = ("-o", "video_cfg.min_frames=8", "--no-annotated")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["video", "segment", *map(str, arguments)])


def reported(target: Path, name: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((target / f"{name}.json").read_text())
    return found


def test_240_frames_a_second_are_told(tmp_path: Path):
    frames = [frame.pixels for frame in example_film(frames=44).frames for _ in range(24)]
    result = run(write_film(tmp_path / "fast.avi", frames, 240), tmp_path / "out", *FEW)
    assert result.exit_code == 0, result.output
    assert "remark: the film has 240 frames a second: every 8. is looked at, 30 a second" in result.output
    assert len(reported(tmp_path / "out", "fast")["tracks"]) == 2  # type: ignore[arg-type]


def test_a_phone_film_is_segmented_upright(tmp_path: Path):
    lying = [np.ascontiguousarray(np.rot90(frame.pixels)) for frame in example_film(frames=44).frames]
    film = write_film(tmp_path / "phone.mp4", lying, code="mp4v")
    turn(film)
    result = run(film, tmp_path / "out", *FEW)
    assert result.exit_code == 0, result.output
    report = reported(tmp_path / "out", "phone")
    assert {key: report["film"][key] for key in ("width", "height")} == {"width": 160, "height": 120}  # type: ignore[index]
    with open(tmp_path / "out" / "phone.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["silhouette"]]
    assert all(int(r["bottom"]) - int(r["top"]) > int(r["right"]) - int(r["left"]) for r in rows)


def test_frames_at_uneven_times_keep_them_in_the_table(tmp_path: Path):
    film = street(tmp_path / "uneven.mkv", code="mp4v")
    pause(film, 8, 700)
    result = run(film, tmp_path / "out", *FEW)
    assert result.exit_code == 0, result.output
    with open(tmp_path / "out" / "uneven.csv", newline="") as file:
        times = {int(row["frame"]): float(row["time"]) for row in csv.DictReader(file)}
    assert times[9] - times[7] == pytest.approx(0.9)
    assert times[5] == pytest.approx(0.5)


def test_a_damaged_film_is_told(tmp_path: Path):
    film = street(tmp_path / "cut.avi")
    content = film.read_bytes()
    film.write_bytes(content[: len(content) * 7 // 10])
    result = run(film, tmp_path / "out", *FEW)
    assert result.exit_code == 0, result.output
    assert "s: it is cut short or damaged" in result.output
    assert len(reported(tmp_path / "out", "cut")["remarks"]) == 1  # type: ignore[arg-type]


def test_a_moving_camera_is_told_and_not_guessed(tmp_path: Path):
    rng = np.random.default_rng(1)
    wide = rng.integers(0, 255, (30, 200, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    film = write_film(tmp_path / "pan.avi", [wide[:, 4 * n : 4 * n + 160] for n in range(60)])
    result = run(film, tmp_path / "out", *FEW)
    assert result.exit_code == 2
    assert "the camera moves in 100% of the first 60 frames" in result.output
    assert "Traceback" not in result.output
    assert list((tmp_path / "out").iterdir()) == []


def test_where_nothing_can_be_written_is_told(tmp_path: Path):
    film = street(tmp_path / "street.avi", 8)
    (tmp_path / "walk.pkl").write_text("")
    result = run(film, tmp_path / "walk.pkl" / "x", *FEW)
    assert result.exit_code == 2
    assert "the folder cannot be made, or not written to: Not a directory" in result.output
    assert f"{tmp_path / 'walk.pkl'} is a file: choose a path that holds none" in result.output
    result = run(film, "/proc/x", *FEW)
    assert result.exit_code == 2
    assert "choose a folder that you may write to" in result.output


class TenHours(FilmSource):
    """A walk in each of ten hours; frames are made as they are asked for."""

    def __init__(self, path: Path) -> None:
        once = example_film(frames=44)
        self.path, self.remarks, self.every = path, [], 1
        path.write_bytes(b"")
        self.film = Film("long", once.film.width, once.film.height, 10.0, 440)
        self.once = once.frames

    def frames(self) -> Reading:
        return Reading(self._made)

    def _made(self, reading: Reading) -> Iterator[FilmFrame]:  # type: ignore[override]
        for hour in range(10):
            for frame in self.once:
                number = 44 * hour + frame.number
                if reading.wants(number):
                    yield FilmFrame(number, 3600 * hour + frame.time, frame.pixels.copy())


@pytest.mark.heavy
def test_a_film_of_10_hours_is_segmented_and_shows_how_far_it_is(tmp_path: Path):
    seen: list[tuple[str, int, int | None]] = []

    def listen(job: progress.Job) -> None:
        seen.append((job.name, job.done, job.total))

    progress.report_to(listen)
    try:
        report = segment(TenHours(tmp_path / "long"), tmp_path / "out", load_video(), False)
    finally:
        progress._listeners.remove(listen)
    assert report.frames == 440
    assert report.seconds > 9 * 3600
    assert len(report.tracks) == 20
    assert ("following people", 440, 440) in seen
    assert max(track.quality.end for track in report.tracks) > 9 * 3600
