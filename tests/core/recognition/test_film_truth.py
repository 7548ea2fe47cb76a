"""Truth of a film: whom a track shows, and how names compare with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gait_plugins.api.video.frames import Film
from gait_plugins.core.recognition.film_people import FilmPeople, FilmTracks, Place
from gait_plugins.core.recognition.film_truth import FilmTruth, NameScore, Shown, score_names
from gait_plugins.core.recognition.joining import Person, Seen
from gait_plugins.core.recognition.naming import Named
from gait_plugins.core.tools.identification import Match
from gait_plugins.errors import DataError

TABLE = """frame,identity,left,top,right,bottom,shown
0,061,0,0,10,20,1
0,062,30,0,40,20,1
1,061,5,0,15,20,1
1,062,25,0,35,20,1
2,061,10,0,20,20,1
"""


def table(folder: Path, text: str = TABLE) -> Path:
    path = folder / "street.csv"
    path.write_text(text)
    return path


def place(*rows: tuple[int, int, int, int, int]) -> Place:
    """Rows of frame, left, top, right, bottom."""
    numbers = np.array(rows)
    return Place(numbers[:, 0].astype(np.int32), numbers[:, 1:].astype(np.int16))


def test_a_track_shows_whom_it_overlaps_in_most_frames(tmp_path: Path):
    truth = FilmTruth.read(table(tmp_path))
    first = [place((0, 1, 0, 11, 20), (1, 24, 0, 35, 20)), place((2, 10, 1, 20, 20))]
    shown = truth.shown({7: first, 8: [place((0, 30, 0, 40, 20))]})
    assert shown == {7: Shown("061", 2 / 3), 8: Shown("062", 1.0)}


def test_a_track_of_nobody_shows_nobody(tmp_path: Path):
    truth = FilmTruth.read(table(tmp_path))
    # Beside everybody; too little of a body; a frame in which nobody is.
    places = place((0, 15, 0, 25, 20)), place((0, 0, 15, 10, 20)), place((9, 0, 0, 10, 20))
    assert truth.shown({1: [*places]}) == {}


def test_a_table_of_a_film_without_people_is_one(tmp_path: Path):
    truth = FilmTruth.read(table(tmp_path, TABLE.splitlines()[0] + "\n"))
    assert truth.shown({1: [place((0, 0, 0, 10, 20))]}) == {}


@pytest.mark.parametrize("text", ["frame,left\n1,2\n", TABLE.replace("30,0,40", "a,0,40"), TABLE + "1,2\n"])
def test_another_table_is_an_error_that_names_it(tmp_path: Path, text: str):
    with pytest.raises(DataError, match=r"street\.csv") as raised:
        FilmTruth.read(table(tmp_path, text))
    assert "identity" in str(raised.value)


def person(name: str | None, *tracks: int) -> Person:
    named = Named(name, (Match(name or "061", 0.5, "061-1"),), 1.0, None, np.zeros((2, 1), np.float32))
    return Person(name, name or "unknown 1", tuple(Seen(track, 0, 1, 30, named) for track in tracks))


def test_each_kind_of_name_is_counted():
    people = [person("061", 1, 2, 3, 9), person("062", 4), person(None, 5, 6, 7), person("062", 8)]
    who = {1: "061", 2: "061", 3: "062", 4: "070", 5: "061", 6: "070", 7: "071", 8: "071"}
    shown = {track: Shown(identity, 1.0) for track, identity in who.items()}
    film = FilmTracks(Film("street", 64, 48, 25.0, 10))
    score = score_names(FilmPeople(film, people), shown, ["061", "062"])
    assert score == NameScore(right=2, wrong=1, missed=1, refused=2, taken=2, nobody=1)
    assert (score.enrolled, score.strangers) == (4, 4)
    assert score.as_dict()["missed"] == 1


def test_nobody_in_the_film_is_no_error():
    assert (
        score_names(FilmPeople(FilmTracks(Film("street", 64, 48, 25.0, 10)), []), {}, ["061"]) == NameScore()
    )
