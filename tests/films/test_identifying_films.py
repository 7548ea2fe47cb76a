"""Names of people in films: ``video identify``, and films given to ``enroll``, ``embed`` and ``identify``."""

from __future__ import annotations

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from helpers.components.tracks import tiny_files
from helpers.files.films import counting, street, write_film
from typer.testing import CliRunner, Result

from gait_plugins.cli import app
from gait_plugins.core.galleries.store import Gallery
from gait_plugins.core.tools.embeddings import read_embeddings
from gait_plugins.films.annotated import AnnotatedFilm
from gait_plugins.films.following import Follower
from gait_plugins.io.tables import csv_rows
from gait_plugins.testing.films import example_film


@pytest.fixture
def folder(tiny: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: a street film, and the tiny model."""
    monkeypatch.chdir(tmp_path)
    tiny_files(tmp_path)
    street(tmp_path / "street.avi")
    return tmp_path


def gait(*words: object, code: int = 0) -> str:
    """A command with the tiny model, and what it says."""
    result: Result = CliRunner().invoke(
        app, [*map(str, words), "--checkpoint", "tiny.pt", "--device", "cpu"], terminal_width=200
    )
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result.output


def enroll_both(*options: object) -> None:
    """Both people of the street, by their tracks."""
    gait("enroll", "tiny.yaml", "street.avi", "--gallery", "g", "--id", "ann", "--track", 1, *options)
    gait("enroll", "tiny.yaml", "street.avi", "--gallery", "g", "--id", "ben", "--track", 2, *options)


def test_people_are_named_with_times_and_distances(folder: Path):
    enroll_both()
    words = ("video", "identify", "tiny.yaml", "street.avi", "--gallery", "g", "--unknown-above", 0.001)
    said = gait(*words, "--out", "names.json", "--annotated", "named.mp4")
    assert "street: 2 people in 44 frames" in said
    assert "ann" in said
    report = json.loads(Path("names.json").read_text())
    assert (report["gallery"], report["threshold"], report["metric"]) == ("g", 0.001, "euc")
    [film] = report["films"]
    assert sorted(person["person"] for person in film["people"]) == ["ann", "ben"]
    for person in film["people"]:
        [span] = person["spans"]
        assert 0 <= span["from"] < span["to"] <= 4.4
        assert span["distance"] < 0.001 < span["distance"] + span["margin"]
        assert span["silhouettes"] >= 20
    drawn = cv2.VideoCapture("named.mp4")
    frames = 0
    while drawn.grab():
        frames += 1
    assert frames == 44
    assert [path.name for path in folder.glob(".*")] == []
    gait(*words, "--out", "names.csv", "--no-join")
    table = csv_rows(Path("names.csv").read_text())
    assert table[0] == [
        *("film", "person", "track", "from", "to", "silhouettes", "distance", "threshold", "margin", "remark")
    ]
    assert sorted(row[1] for row in table[1:]) == ["ann", "ben"]


def test_one_name_is_borne_once_at_a_time_and_the_other_is_unknown(folder: Path):
    gait("enroll", "tiny.yaml", "street.avi", "--gallery", "g", "--id", "ann", "--track", 1)
    words = ("video", "identify", "tiny.yaml", "street.avi", "--gallery", "g", "--json")
    said = gait(*words)
    [film] = json.loads(said[said.index("{") : said.rindex("}") + 1])["films"]
    first, second = sorted(film["people"], key=lambda person: person["spans"][0]["track"])
    assert (first["person"], second["person"]) == ("ann", None)
    assert "nearest to ann, as is track 1" in second["spans"][0]["remark"]


def test_a_film_with_nobody_is_an_answer(folder: Path):
    enroll_both()
    write_film(folder / "none.avi", counting(30))
    words = ("video", "identify", "tiny.yaml", "none.avi", "--gallery", "g")
    assert "none: nobody in 30 frames" in gait(*words)
    gait(*words, "street.avi", "--out", "all.json")
    films = json.loads(Path("all.json").read_text())["films"]
    assert [len(film["people"]) for film in films] == [0, 2]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--out", "names.txt"], "people are written as .json or .csv"),
        (["--out", "tiny.yaml/names.csv"], "cannot be written: tiny.yaml is a file and no folder"),
        (["--out", "full.json"], "cannot be written: it is a folder"),
        (["--annotated", "full.mp4"], "cannot be written: it is a folder"),
        (["--annotated", "names.avi"], "a film with names is written as .mp4"),
        (["--annotated", "none/names.mp4"], "the folder does not exist"),
        (["--gallery", "other"], "there is no such file"),
        (["--top", "9"], "top is 9"),
        (["-o", "video_cfg.min_frame=3"], "did you mean 'min_frames'"),
        (["again.avi"], "the film does not exist"),
        (["street.avi", "--annotated", "names.mp4"], "--annotated writes one film, and 2 are given"),
    ],
)
def test_mistakes_are_told_before_the_work(folder: Path, options: list[str], said: str):
    gait("enroll", "tiny.yaml", "street.avi", "--gallery", "g", "--id", "ann", "--track", 1)
    for name in ("full.json", "full.mp4"):
        (folder / name).mkdir()
    words = ["video", "identify", "tiny.yaml", "street.avi", "--gallery", "g", *options]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Follower, "see", None)
        assert said in " ".join(gait(*words, code=2).split())


def test_names_are_told_even_if_the_film_cannot_be_drawn(folder: Path, monkeypatch: pytest.MonkeyPatch):
    enroll_both()

    def full(self: AnnotatedFilm, frame: object, marks: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(AnnotatedFilm, "mark", full)
    words = ("video", "identify", "tiny.yaml", "street.avi", "--gallery", "g", "--out", "names.json")
    assert "street: 2 people in 44 frames" in gait(*words, "--annotated", "named.mp4", code=2)
    assert len(json.loads(Path("names.json").read_text())["films"][0]["people"]) == 2
    assert not list(folder.glob("*named*")) + list(folder.glob(".*"))


def test_a_film_that_fails_takes_nothing_from_those_before_it(folder: Path):
    enroll_both()
    rng = np.random.default_rng(1)
    wide = rng.integers(0, 255, (30, 200, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    write_film(folder / "pan.avi", [wide[:, 4 * number : 4 * number + 160] for number in range(45)])
    words = ("video", "identify", "tiny.yaml", "street.avi", "pan.avi", "--gallery", "g")
    said = gait(*words, "--out", "names.json", code=2)
    assert "street: 2 people in 44 frames" in said
    assert "the camera moves" in said
    assert [film["film"] for film in json.loads(Path("names.json").read_text())["films"]] == ["street"]


def test_names_that_are_no_utf8_are_drawn_too(folder: Path):
    enroll_both()
    film, drawn = (os.fsdecode(name) for name in (b"street\xff.avi", b"named\xff.mp4"))
    try:
        Path("street.avi").rename(film)
    except OSError:
        pytest.skip("names are UTF-8 here")
    gait("video", "identify", "tiny.yaml", film, "--gallery", "g", "--annotated", drawn)
    assert Path(drawn).stat().st_size > 1000


def test_the_film_itself_is_never_drawn_over(folder: Path):
    street(folder / "film.mp4", code="mp4v")
    before = (folder / "film.mp4").read_bytes()
    gait("enroll", "tiny.yaml", "street.avi", "--gallery", "g", "--id", "ann", "--track", 1)
    words = ("video", "identify", "tiny.yaml", "film.mp4", "--gallery", "g", "--annotated", "film.mp4")
    assert "this is the film itself" in gait(*words, code=2)
    assert (folder / "film.mp4").read_bytes() == before


def test_nobody_is_enrolled_by_guess(folder: Path):
    words = ("enroll", "tiny.yaml", "street.avi", "--gallery", "g")
    assert "the film does not say who is in it" in gait(*words, code=2)
    said = " ".join(gait(*words, "--id", "ann", code=2).split())
    assert "the film has 2 tracks, and nothing tells which are of this person: 1 (" in said
    assert "--track N" in said
    assert "has no track 7 that is a sequence; it has 1 (" in gait(
        *words, "--id", "ann", "--track", 7, code=2
    )
    assert "chooses tracks of one film, and 2 are given" in gait(
        *words, "street.avi", "--id", "ann", "--track", 1, code=2
    )
    assert not (folder / "g").exists()


def test_tracks_have_the_names_that_segment_gives_them_and_their_origin_is_kept(folder: Path):
    gait("embed", "tiny.yaml", "street.avi", "-O", "all.npz")
    found = read_embeddings(Path("all.npz"))
    assert found.names.tolist() == ["street-0001-street-000", "street-0002-street-000"]
    assert found.labels.tolist() == ["street-0001", "street-0002"]
    assert CliRunner().invoke(app, ["video", "segment", "street.avi", "out"]).exit_code == 0
    gait("embed", "tiny.yaml", "out", "-O", "segmented.npz")
    segmented = read_embeddings(Path("segmented.npz"))
    assert segmented.names.tolist() == found.names.tolist()
    assert np.allclose(segmented.embeddings, found.embeddings, atol=1e-5)
    gait("embed", "tiny.yaml", "out/street-0002", "street.avi", "out/street-0001", "-O", "mixed.npz")
    assert [name[:11] for name in read_embeddings(Path("mixed.npz")).names] == [
        *("street-0002", "street-0001", "street-0002", "street-0001")
    ]
    enroll_both("--when", "2026-03-31")
    with Gallery(Path("g")) as store:
        entries = store.entries()
    assert [entry.person for entry in entries] == ["ann", "ben"]
    assert [entry.name for entry in entries] == found.names.tolist()
    assert all(entry.source.startswith("street.avi, track ") for entry in entries)
    assert all(entry.frames and entry.frames >= 20 for entry in entries)
    assert all(entry.when == "2026-03-31" for entry in entries)
    Path("day2").mkdir()
    Path("street.avi").rename("day2/street.avi")
    said = gait("enroll", "tiny.yaml", "day2/street.avi", "--gallery", "g", "--id", "ann", "--track", 1)
    assert "1 sequences are already enrolled and are left out" in said
    assert "rename the file if it is another film" in said


def test_a_film_of_one_person_needs_no_choice(folder: Path):
    frames = [frame.pixels for frame in example_film(frames=44).frames]
    ground = frames[0][:60].copy()
    # The upper half of the street has one of the two.
    write_film(folder / "one.avi", [np.concatenate([frame[:60], ground[::-1]]) for frame in frames])
    gait("enroll", "tiny.yaml", "one.avi", "--gallery", "one", "--id", "ann")
    with Gallery(Path("one")) as store:
        [entry] = store.entries()
    assert (entry.person, entry.name) == ("ann", "one-0001-one-000")


def test_identify_takes_films_and_files_of_the_old_form(folder: Path):
    gait(
        "enroll", "tiny.yaml", "street.avi", "--gallery", "old.npz", "--id", "ann", "--track", 1, "--track", 2
    )
    assert read_embeddings(Path("old.npz")).labels.tolist() == ["ann", "ann"]
    enroll_both()
    said = gait("identify", "tiny.yaml", "street.avi", "--gallery", "g")
    assert "street-0001-street-000: ann" in said
    assert "street-0002-street-000: ben" in said
    write_film(folder / "none.avi", counting(30))
    said = gait("identify", "tiny.yaml", "none.avi", "--gallery", "g", code=2)
    assert "nobody in the film can be followed long enough" in said
