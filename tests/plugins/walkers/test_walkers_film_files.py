"""``data film``: what it writes, what reads it, and what it says of bad options."""

from __future__ import annotations

import configparser
import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from gait_plugins.cli import app
from gait_plugins.films.reading import FilmSource
from gait_plugins.plugins.walkers.dataset import Walkers
from gait_plugins.plugins.walkers.film import making
from gait_plugins.plugins.walkers.film.making import street_film
from gait_plugins.plugins.walkers.film.pictures import Picture, Plan
from gait_plugins.plugins.walkers.film.truth import COLUMNS, Truth, tracks_of

SMALL = ["--size", "160x120", "--rate", "8", "--seconds", "8", "--people", "3"]


def film(*words: object) -> Result:
    return CliRunner().invoke(app, ["data", "film", *map(str, words)])


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small film of camera a with its truth."""
    folder = tmp_path_factory.mktemp("street")
    result = film(folder, *SMALL, "--camera", "a", "--lossless")
    assert result.exit_code == 0, result.output
    return folder


def rows_of(folder: Path) -> list[dict[str, str]]:
    with open(folder / "street-a.csv", newline="") as file:
        return list(csv.DictReader(file))


def test_the_files_of_a_film(made: Path) -> None:
    assert {str(path.relative_to(made)) for path in made.rglob("*") if path.is_file()} == {
        *("street-a/gt/gt.txt", "street-a/seqinfo.ini"),
        *("street-a-labels.avi", "street-a.csv", "street-a.json", "street-a.avi"),
    }
    for name in ("street-a.avi", "street-a-labels.avi"):
        source = FilmSource(made / name)
        assert (source.film.width, source.film.height, round(source.film.rate)) == (160, 120, 8)
        assert sum(1 for _ in source.frames()) == 64


def test_the_table_the_labels_and_the_mot_files_agree(made: Path) -> None:
    rows = rows_of(made)
    assert tuple(rows[0]) == COLUMNS
    frames = [tracks_of(frame.pixels) for frame in FilmSource(made / "street-a-labels.avi").frames()]
    for row in rows:
        mask = frames[int(row["frame"])] == int(row["track"])
        assert float(row["time"]) == pytest.approx(int(row["frame"]) / 8, abs=1e-3)
        assert mask.any() == (float(row["shown"]) > 0)
        if float(row["shown"]) == 1 and row["cut"] == "0":
            down, right = np.nonzero(mask)
            box = [int(row[side]) for side in ("left", "top", "right", "bottom")]
            assert box == [right.min(), down.min(), right.max() + 1, down.max() + 1]
    told = {(int(row["frame"]), int(row["track"])) for row in rows}
    assert {(n, int(t)) for n, f in enumerate(frames) for t in np.unique(f[f > 0])} <= told
    lines = [line.split(",") for line in (made / "street-a/gt/gt.txt").read_text().splitlines()]
    assert len(lines) == len(rows)
    for line, row in zip(lines, rows, strict=True):
        left, top, right, bottom = (int(row[side]) for side in ("left", "top", "right", "bottom"))
        first = [int(row["frame"]) + 1, int(row["track"]), left + 1, top + 1, right - left, bottom - top]
        assert [int(value) for value in line[:6]] == first
        assert line[6:] == [str(int(float(row["shown"]) >= 0.1)), "1", row["shown"]]
    info = configparser.ConfigParser()
    info.read(made / "street-a/seqinfo.ini")
    assert dict(info["Sequence"])["seqlength"] == "64"
    assert info["Sequence"]["name"] == "street-a"


def test_the_report_counts_what_the_table_lists(made: Path) -> None:
    report = json.loads((made / "street-a.json").read_text())
    rows = rows_of(made)
    assert report["people"] == ["061", "062", "063"]
    for track in report["tracks"]:
        own = [row for row in rows if int(row["track"]) == track["track"] and float(row["shown"]) > 0]
        assert len(own) == track["frames"]
        assert {row["identity"] for row in own} == {track["identity"]}
        assert [int(own[0]["frame"]), int(own[-1]["frame"])] == [track["first"], track["last"]]


def test_the_film_of_labels_is_a_film_of_masks_whose_labels_are_tracks(made: Path, tmp_path: Path) -> None:
    words = ["video", "segment", made / "street-a-labels.avi", tmp_path / "out", "--no-annotated", "--json"]
    options = ["-o", "video_cfg.segmenter.type=masks", "-o", "video_cfg.min_frames=5"]
    result = CliRunner().invoke(app, [*map(str, words), *options])
    assert result.exit_code == 0, result.output
    truth = json.loads((made / "street-a.json").read_text())["tracks"]
    long = [track for track in truth if track["whole"] >= 8]
    assert len(long) <= len(json.loads(result.stdout)["tracks"]) <= len(truth)


def test_two_cameras_are_the_default_and_json_tells_all(tmp_path: Path) -> None:
    result = film(tmp_path, *SMALL, "--seconds", "2", "--no-labels", "--json", "--name", "yard")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert [Path(one["path"]).name for one in told] == ["yard-a.mp4", "yard-b.mp4"]
    assert [one["camera"] for one in told] == ["a", "b"]
    assert not list(tmp_path.glob("*labels*"))
    assert all(FilmSource(one["path"]).film.width == 160 for one in told)


def test_people_who_are_never_seen_are_told(tmp_path: Path) -> None:
    words = ["--id", "7", "--id", "8", "--id", "9", "--id", "10", "--camera", "a", "--crowd", "0.3"]
    result = film(tmp_path, *SMALL, *words, "--no-labels")
    assert result.exit_code == 0, result.output
    assert "never in view: " in result.output
    assert "a longer film (--seconds) shows them" in result.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--camera", "d"], "there is no camera 'd'"),
        (["--size", "640"], "--size is '640', expected two numbers, such as 640x480"),
        (["--size", "161x120"], "expected even numbers"),
        (["--size", "32x32"], "width is 32, expected 64 to 4096"),
        (["--seconds", "0"], "seconds is 0, expected 0.04 to 86400"),
        (["--seconds", "nan"], "seconds is nan"),
        (["--rate", "1000"], "rate is 1000, expected 1 to 240"),
        (["--crowd", "0"], "crowd is 0, expected 0.1 to 20"),
        (["--id", "1000"], "there is no walker '1000'"),
        (["--id", "eve"], "there is no walker 'eve'"),
        (["--id", "7", "--id", "007"], "expected at least one, each once"),
        (["--first", "990", "--people", "20"], "there is no walker '1000'"),
        (["--take", "0"], "take is 0, expected 1 to 9999"),
        (["--name", "a/b"], "--name is 'a/b', expected a name without folders"),
    ],
)
def test_bad_options_are_told_before_anything_is_written(words: list[str], said: str, tmp_path: Path) -> None:
    result = film(tmp_path / "out", *words)
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())
    assert "Traceback" not in result.output
    assert not (tmp_path / "out").exists()


def test_nothing_is_written_over(made: Path, tmp_path: Path) -> None:
    before = (made / "street-a.csv").read_bytes()
    result = film(made, *SMALL, "--camera", "a")
    assert result.exit_code == 2
    assert "a file of that name would be written over" in " ".join(result.output.split())
    assert (made / "street-a.csv").read_bytes() == before
    (tmp_path / "taken").write_text("")
    result = film(tmp_path / "taken", *SMALL)
    assert result.exit_code == 2
    assert "the target is a file, expected a folder" in " ".join(result.output.split())
    # The second camera's files count before the first film is made.
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "street-b.csv").write_text("mine")
    assert film(tmp_path / "two", *SMALL).exit_code == 2
    assert [path.name for path in (tmp_path / "two").iterdir()] == ["street-b.csv"]


def test_a_film_is_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = making.pictures

    def breaking(plan: Plan) -> Iterator[Picture]:
        yield from list(whole(plan))[:3]
        raise KeyboardInterrupt

    monkeypatch.setattr(making, "pictures", breaking)
    with pytest.raises(KeyboardInterrupt):
        street_film(tmp_path / "a.mp4", [61], seconds=1, size=(64, 64), rate=8)
    assert list(tmp_path.iterdir()) == []


def test_a_film_of_the_python_interface_and_of_the_command_are_the_same(made: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"seconds": 8, "size": (160, 120), "rate": 8}
    truth = street_film(tmp_path / "street-a.avi", ["061", "062", 63], **options)
    assert isinstance(truth, Truth)
    assert truth.table.read_bytes() == (made / "street-a.csv").read_bytes()
    assert truth.labels.read_bytes() == (made / "street-a-labels.avi").read_bytes()
    assert truth.film.read_bytes() == (made / "street-a.avi").read_bytes()
    assert truth.missing == []


def test_the_data_set_films_its_own_people(tmp_path: Path) -> None:
    walkers = Walkers(train=2, test=1, seed=5, cache_dir=str(tmp_path / "cache"))
    options: dict[str, Any] = {"seconds": 3, "size": (64, 64), "rate": 4, "labels": False}
    truth = walkers.street_film(tmp_path / "a.mp4", **options)
    assert (truth.plan.people, truth.plan.seed) == ((3,), 5)
    assert walkers.street_film(tmp_path / "b.mp4", ["001", 2], **options).plan.people == (1, 2)
    assert not truth.labels.exists()
