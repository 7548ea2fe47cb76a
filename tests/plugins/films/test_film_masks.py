"""Films of masks: white bodies, confidence, labels and lossy films become people."""

from __future__ import annotations

import numpy as np
import pytest

from gait_plugins import DataError, Film, FilmFrame
from gait_plugins.plugins.films.instance_masks import InstanceMasks
from gait_plugins.testing.films import example_film

EXAMPLE = example_film("masks")


def frames(change: object = None, lossless: bool = True) -> tuple[Film, list[FilmFrame]]:
    film = Film("m", EXAMPLE.film.width, EXAMPLE.film.height, 10.0, lossless=lossless)
    found = [FilmFrame(f.number, f.time, change(f) if callable(change) else f.pixels) for f in EXAMPLE.frames]
    return film, found


def people(segmenter: InstanceMasks, film: Film, given: list[FilmFrame], ahead: bool = True) -> list[int]:
    segmenter.begin(film, iter(given) if ahead else None)
    return [len(segmenter.people(frame)) for frame in given]


@pytest.mark.parametrize("ahead", [True, False])
def test_white_bodies_are_taken_apart(ahead: bool):
    assert people(InstanceMasks(), *frames(), ahead)[5:35] == [2] * 30


def test_masks_of_a_lossy_film_are_cut_half_way():
    def noisy(frame: FilmFrame) -> np.ndarray:
        noise = np.random.default_rng(frame.number).integers(0, 11, frame.pixels.shape)
        return np.where(frame.pixels > 127, 255 - noise, noise).astype(np.uint8)

    film, given = frames(noisy, lossless=False)
    segmenter = InstanceMasks()
    assert people(segmenter, film, given)[5:35] == [2] * 30
    assert {int(v) for v in np.unique(segmenter.people(given[20])[0].mask)} == {0, 255}


def test_shadows_of_background_subtraction_are_cut_off():
    def shadowed(frame: FilmFrame) -> np.ndarray:
        shadow = np.zeros_like(frame.pixels)
        for person in EXAMPLE.people[frame.number]:
            shadow[person.box[3] - 5 : person.box[3], person.box[0] : person.box[2] + 12] = 127
        return np.maximum(frame.pixels, shadow)

    film, given = frames(shadowed)
    segmenter = InstanceMasks()
    people(segmenter, film, given)
    wide = [person.width for person in segmenter.people(given[20])]
    plain = [person.width for person in EXAMPLE.people[20]]
    assert sorted(wide) == sorted(plain)


def test_labels_are_kept_and_one_of_them_can_be_all_people():
    def labelled(frame: FilmFrame) -> np.ndarray:
        picture = np.zeros_like(frame.pixels)
        for person in EXAMPLE.people[frame.number]:
            left, top, right, bottom = person.box
            colour = (0, 0, 200) if person.label == 1 else (0, 200, 0)
            picture[top:bottom, left:right][person.mask > 127] = colour
        return picture

    film, given = frames(labelled)
    segmenter = InstanceMasks()
    segmenter.begin(film, iter(given))
    assert {person.label for person in segmenter.people(given[20])} == {200 << 16, 200 << 8}
    alone = InstanceMasks(label=200 << 8)
    alone.begin(film, iter(given))
    assert [person.label for person in alone.people(given[20])] == [None]


def test_photographs_are_refused():
    street = example_film()
    with pytest.raises(DataError, match="the film is no film of masks"):
        InstanceMasks().begin(street.film, iter(street.frames))
