"""``video watch``: each person is told once, with the name that the gallery has by then."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.cameras import NetworkCamera
from helpers.components.tracks import tiny_embedder, tiny_files, track
from helpers.files.films import masks, street
from typer.testing import CliRunner, Result

from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.cli import app
from gait_plugins.config.loading import load_video
from gait_plugins.core.recognition import watching
from gait_plugins.core.recognition.naming import Named, Namer
from gait_plugins.core.recognition.watching import Line, Watch
from gait_plugins.core.tools.identification import Match
from gait_plugins.errors import DataError
from gait_plugins.films.tracks import Track
from gait_plugins.testing.films import example_film

MASKS = ("-o", "video_cfg.segmenter.type=masks", "-o", "video_cfg.min_cycles=0")
BEGUN = "2026-03-31T14:05:00+00:00"


class Clip:
    """A camera that shows what is given."""

    address = "camera 0"
    clocked = True
    dropped = 0

    def __init__(
        self, frames: list[FilmFrame], before: Callable[[Clip, int], None] = lambda *_: None
    ) -> None:
        self.film = Film("clip", 160, 120, 10.0, live=True)
        self.lost, self._frames, self._before = 0, frames, before

    def frames(self) -> Iterator[FilmFrame]:
        for frame in self._frames:
            self._before(self, frame.number)
            yield frame

    def moment(self, seconds: float) -> datetime:
        return datetime(2026, 3, 31, 14, 5, tzinfo=timezone.utc) + timedelta(seconds=seconds)


def walks(times: int) -> list[FilmFrame]:
    """The same two people again and again, with six seconds between."""
    once = example_film("masks", 44).frames
    empty = [FilmFrame(0, 0, once[0].pixels * 0)] * 60
    frames = [frame.pixels for _ in range(times) for frame in (*once, *empty)]
    return [FilmFrame(number, number / 10, pixels) for number, pixels in enumerate(frames)]


def video() -> Any:
    return load_video(None, [word for word in MASKS if word != "-o"])


def watched(camera: Clip, namer: Namer | None = None) -> tuple[list[Line], list[str]]:
    said: list[Line] = []
    told: list[str] = []
    Watch(camera, video(), namer, said.append, told.append).run()  # type: ignore[arg-type]
    return said, told


def test_each_person_is_told_once_with_times():
    said, told = watched(Clip(walks(1)))
    assert len(said) == 2
    for line in said:
        assert line["who"] is None
        assert line["distance"] is None
        assert line["silhouettes"] >= 20
        assert 0 <= line["from_s"] < line["to_s"] <= 4.4
        assert datetime.fromisoformat(line["from"]).minute == 5
        span = datetime.fromisoformat(line["to"]) - datetime.fromisoformat(line["from"])
        assert span.total_seconds() == pytest.approx(line["to_s"] - line["from_s"], abs=0.002)
        assert line["source"] == "camera 0"
    assert {line["track"] for line in said} == {1, 2}
    assert told[0] == "camera 0: 160x120, 10.0 frames a second"
    assert told[-1].startswith("104 frames, 0 dropped; 2 people, 0 tracks")


def test_nobody_goes_on_through_a_lost_connection():
    def lose(camera: Clip, number: int) -> None:
        camera.lost += number == 22

    said, _ = watched(Clip(walks(1), lose))
    assert all(line["to_s"] < 2.2 or line["from_s"] >= 2.2 for line in said)
    assert len({line["track"] for line in said}) == len(said)


def test_a_machine_that_is_too_slow_is_told_and_followed_at_its_rate(monkeypatch: pytest.MonkeyPatch):
    clock = iter(range(0, 10**6))
    monkeypatch.setattr(watching.time, "monotonic", lambda: float(next(clock)))

    def drop(camera: Clip, number: int) -> None:
        camera.dropped += 9

    _, told = watched(Clip(walks(1), drop))
    assert "of 10.0 frames a second are looked at: the others are dropped" in told[1]
    _, told = watched(Clip(walks(1)))
    assert "of 10.0 frames a second are looked at: the camera gives no more" in told[1]
    file = Clip(walks(1))
    file.clocked = False
    _, told = watched(file)
    assert not any("looked at" in words for words in told)


@pytest.fixture
def people(tmp_path: Path, tiny: object) -> tuple[Path, list[Path]]:
    """A gallery of one of the two, and the folders of the tracks of both."""
    tiny_files(tmp_path)
    film = masks(tmp_path / "m.avi")
    made = CliRunner().invoke(app, ["video", "segment", str(film), str(tmp_path / "out"), *MASKS])
    assert made.exit_code == 0, made.output
    tracks = sorted((tmp_path / "out").glob("m-*"))
    enroll(tmp_path, tracks[0], "ann")
    return tmp_path / "g", tracks


def enroll(folder: Path, track: Path, name: str) -> None:
    words = ["enroll", folder / "tiny.yaml", track, "--gallery", folder / "g", "--id", name]
    words += ["--checkpoint", folder / "tiny.pt", "--device", "cpu"]
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output


def test_who_is_enrolled_meanwhile_is_named(people: tuple[Path, list[Path]], tmp_path: Path):
    gallery, tracks = people

    def meanwhile(camera: Clip, number: int) -> None:
        if number == 104:
            enroll(tmp_path, tracks[1], "ben")

    with Namer(tiny_embedder(tmp_path), gallery, unknown_above=1e-3) as namer:
        said, _ = watched(Clip(walks(2), meanwhile), namer)
    assert [line["who"] for line in said[:2]].count("ann") == 1
    assert [line["who"] for line in said[:2]].count(None) == 1
    assert {line["who"] for line in said[2:]} == {"ann", "ben"}
    assert all(line["threshold"] == 0.001 for line in said)
    assert all(line["distance"] is not None for line in said)


def test_two_at_once_do_not_bear_one_name(people: tuple[Path, list[Path]], tmp_path: Path):
    gallery, _ = people
    with Namer(tiny_embedder(tmp_path), gallery, unknown_above=1e6) as namer:
        said, _ = watched(Clip(walks(1)), namer)
    assert sorted(str(line["who"]) for line in said) == ["None", "ann"]
    [second] = [line for line in said if line["who"] is None]
    assert second["remark"].startswith("nearest to ann, as is track ")


class Known:
    """Says who each track is, by its number."""

    def __init__(self, names: dict[int, str | None]) -> None:
        self.names = names

    def name(self, tracks: list[Track]) -> list[Named]:
        near = (Match("ann", 0.1, "walk"),)
        return [Named(self.names[each.number], near, 0.5, None, np.zeros((1, 1))) for each in tracks]


def test_a_name_is_remembered_while_somebody_is_there_who_was_seen_with_it():
    """One stays in view for a quarter of an hour; another one, who passed at first, keeps the name."""
    said: list[Line] = []
    namer = Known({1: "ann", 2: "ann", 3: None, 4: "ann"})
    watch = Watch(Clip([]), video(), namer, said.append, lambda _: None)  # type: ignore[arg-type]
    watch.run()
    watch._follower.outcome = lambda _: "sequence"  # type: ignore[method-assign]
    stays = track(1, 8)
    stays.last = 900.0
    watch._follower._open = {1: stays}
    watch._pass([track(2, 8, begin=1.0)])
    watch._pass([track(3, 8, begin=700.0)])
    watch._follower._open = {}
    watch._pass([stays])
    assert [line["who"] for line in said] == ["ann", None, None]
    assert said[-1]["remark"] == "nearest to ann, as is track 2, seen at the same time"
    watch._pass([track(4, 8, begin=901.0)])  # nobody is there who was seen with others
    assert said[-1]["who"] == "ann"


def watch(*words: object) -> Result:
    return CliRunner().invoke(app, ["video", "watch", *map(str, words)])


def settings(folder: Path) -> Path:
    path = folder / "video.yaml"
    path.write_text("video_cfg: {min_frames: 10, min_cycles: 0}\n")
    return path


def lines(result: Result) -> list[Line]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def written(folder: Path) -> dict[Path, bytes]:
    """All files; of a database's own index, which is made anew by each process, the name alone."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path: b"" if path.name.endswith("-shm") else path.read_bytes() for path in found}


def test_a_file_that_grows_is_watched_to_its_end_and_nothing_is_kept(
    people: tuple[Path, list[Path]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    gallery, _ = people
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    monkeypatch.chdir(tmp_path)
    before = written(tmp_path)
    result = watch(
        *(tmp_path / "tiny.yaml", tmp_path / "m.avi", "--gallery", gallery, "--follow", "--give-up", 1),
        *("--begun", BEGUN, "--checkpoint", tmp_path / "tiny.pt", "--device", "cpu"),
        *("--unknown-above", 0.001, *MASKS),
    )
    assert result.exit_code == 0, result.output
    said = lines(result)
    assert sorted(str(line["who"]) for line in said) == ["None", "ann"]
    assert all(line["from"].startswith("2026-03-31T14:05:0") for line in said)
    assert "m.avi: 160x120, 10.0 frames a second" in result.stderr
    assert written(tmp_path) == before
    assert not list((tmp_path / "temporary").iterdir())


def test_a_stream_is_watched_until_ctrl_c(tmp_path: Path):
    with NetworkCamera([frame.pixels for frame in example_film(frames=44).frames], rate=10) as server:
        threading.Timer(7.0, os.kill, (os.getpid(), signal.SIGINT)).start()
        begun = time.monotonic()
        result = watch(settings(tmp_path), server.address)
    assert time.monotonic() - begun < 15
    assert result.exit_code == 0, result.output
    assert lines(result)  # those who were still there too
    assert all(line["who"] is None for line in lines(result))


def test_a_camera_that_is_unplugged_ends_with_an_error_after_those_who_were_seen(tmp_path: Path):
    frames = [frame.pixels for frame in example_film("masks", 44).frames]
    with NetworkCamera(frames, rate=10) as server:
        threading.Timer(5, server.leave).start()
        result = watch(settings(tmp_path), server.address, "--give-up", 2, *MASKS)
    assert result.exit_code == 2
    assert "no picture any more; trying again" in result.stderr
    assert "there has been no picture for 2 s" in result.stderr
    assert lines(result)
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["99"], "camera 99: there is no picture"),
        (["0", "--give-up", "0"], "--give-up is 0, expected seconds above 0"),
        (["0", "--begun", "2026-01-01"], "--begun is for --follow"),
        (["film.avi", "--follow", "--begun", "noon"], "expected a date or a time in ISO 8601"),
        (["film.avi", "--follow", "--begun", "0001-01-01"], "expected a date or a time in ISO 8601"),
        (["film.avi", "--follow", "--begun", "9999-12-31"], "expected a date or a time in ISO 8601"),
        (["film.avi", "--follow"], "there is no such file"),
    ],
)
def test_what_cannot_be_watched_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
):
    monkeypatch.chdir(tmp_path)
    result = watch(settings(tmp_path), *words)
    assert result.exit_code == 2
    assert said in result.stderr
    assert result.stdout == ""


def test_a_gallery_that_is_not_there_is_told_before_the_camera_is_asked(
    tmp_path: Path, tiny: object, monkeypatch: pytest.MonkeyPatch
):
    config, weights = tiny_files(tmp_path)
    result = watch(config, 99, "--gallery", tmp_path / "none", "--checkpoint", weights, "--device", "cpu")
    assert result.exit_code == 2
    assert "camera" not in result.stderr


def test_errors_of_a_gallery_end_the_watch_after_those_who_were_seen():
    class Broken:
        def name(self, tracks: object) -> object:
            raise DataError("the gallery is damaged")

    with pytest.raises(DataError, match="damaged"):
        Watch(Clip(walks(1)), video(), Broken(), print, print).run()  # type: ignore[arg-type]


@pytest.mark.heavy
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_process_ends_with_0_and_tells_those_who_are_seen(tmp_path: Path, number: signal.Signals):
    with NetworkCamera([frame.pixels for frame in example_film(frames=44).frames], rate=10) as server:
        run = started(settings(tmp_path), server.address)
        assert run.stderr is not None
        while "frames a second" not in (said := run.stderr.readline()):
            assert said
        time.sleep(4)
        run.send_signal(number)
        out, told = run.communicate(timeout=60)
    assert run.returncode == 0, told
    assert all(json.loads(line)["track"] for line in out.splitlines())
    assert " people, " in told


@pytest.mark.heavy
def test_whoever_reads_the_lines_may_stop(tmp_path: Path):
    film = street(tmp_path / "street.avi")
    run = started(settings(tmp_path), film, "--follow", "--give-up", "1")
    assert run.stdout is not None
    assert run.stderr is not None
    run.stdout.close()
    with run.stderr:
        told = run.stderr.read()
    assert run.wait(60) == 0, told
    assert "Traceback" not in told
    assert "Exception" not in told


def started(*words: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gait_plugins", "video", "watch", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
