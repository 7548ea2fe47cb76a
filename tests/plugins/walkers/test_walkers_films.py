"""Films of walkers: the same for the same seed, plausible to the eye, and true to what is told of them."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice, pairwise
from types import SimpleNamespace
from typing import cast

import cv2
import numpy as np
import pytest

from gait_plugins.plugins.walkers.film.backdrop import backdrop
from gait_plugins.plugins.walkers.film.bodies import Actor, Body
from gait_plugins.plugins.walkers.film.cameras import CAMERAS, END, LANES
from gait_plugins.plugins.walkers.film.passages import APART, Passage, passages
from gait_plugins.plugins.walkers.film.pictures import Picture, Plan, _Shown, pictures
from gait_plugins.plugins.walkers.film.truth import colour_of, tracks_of
from gait_plugins.plugins.walkers.walk import RATE

SMALL = Plan((61, 62, 63), seconds=5, size=(160, 120), rate=8)
PLAIN = replace(SMALL, noise=0, light=0)


@pytest.fixture(scope="module")
def plain() -> list[Picture]:
    """A film in even light without noise."""
    return list(pictures(PLAIN))


def test_a_film_is_a_function_of_its_plan(plain: list[Picture]) -> None:
    again = list(pictures(PLAIN))
    assert len(again) == PLAIN.frames == 40
    assert all(
        (a.pixels == b.pixels).all() and (a.tracks == b.tracks).all()
        for a, b in zip(plain, again, strict=True)
    )
    noisy = [list(pictures(replace(SMALL, seconds=1))) for _ in range(2)]
    assert all((a.pixels == b.pixels).all() for a, b in zip(*noisy, strict=True))
    assert (noisy[0][0].pixels != plain[0].pixels).mean() > 0.5


def test_another_take_or_seed_is_another_film_of_the_same_cameras() -> None:
    first = [list(replace(SMALL, take=take, seed=seed).passages()) for take, seed in ((1, 1), (2, 1), (1, 2))]
    assert first[0] != first[1] != first[2] != first[0]
    # Another walk of the same people.
    assert not {(one.person, one.kind) for one in first[0]} & {(one.person, one.kind) for one in first[1]}


def test_all_cameras_see_the_same_walks() -> None:
    plans = [replace(SMALL, camera=camera) for camera in CAMERAS]
    assert list(plans[0].passages()) == list(plans[1].passages()) == list(plans[2].passages())


def test_masks_are_what_is_drawn_over_the_street(plain: list[Picture]) -> None:
    empty = backdrop(PLAIN.seed, CAMERAS["a"], PLAIN.size)
    seen = 0
    for picture in plain:
        mask = picture.tracks > 0
        changed = np.abs(picture.pixels.astype(int) - empty).max(2) > 12
        lighter = (picture.pixels > empty.astype(int) + 1).any(2)
        beside = cv2.dilate(mask.astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
        # Beside a body and its soft edge there is nothing but the street, or less light on it.
        assert (lighter & beside).sum() <= 3
        seen += mask.sum()
        assert changed[mask].sum() >= 0.6 * mask.sum()
    assert seen > 1000


def test_shadows_lie_on_the_ground_beside_bodies_and_not_in_masks(plain: list[Picture]) -> None:
    empty = backdrop(PLAIN.seed, CAMERAS["a"], PLAIN.size).astype(int)
    shaded = whole = 0
    for picture in plain:
        less = (empty - picture.pixels).min(2) > 15
        for one in picture.people:
            low, high = one.body.shadow.min((0, 1)), one.body.shadow.max((0, 1))
            # Its foot is at the feet: the body's box and the shadow's meet.
            if not one.cut:
                assert high[1] >= one.box[3] - 4
                assert low[0] <= one.box[2]
                assert high[0] >= one.box[0]
                whole += 1
        shaded += int((less & (picture.tracks == 0)).sum())
    assert whole > 20
    assert shaded > 500


def _body(track: int, distance: float, left: int, grey: int) -> Body:
    layer = np.full((40, 20, 4), 255, np.uint8)
    layer[..., :3] = grey
    passage = cast(Passage, SimpleNamespace(track=track))
    return Body(passage, layer, left, 50, np.zeros((0, 3, 2)), distance, 90.0, 0.0)


def test_the_nearest_is_in_front() -> None:
    shown = _Shown(PLAIN)
    for order in (1, -1):
        bodies = [_body(1, 9.0, 60, 30), _body(2, 6.0, 70, 200)][::order]
        picture = shown.picture(0, bodies)
        assert (picture.tracks[50:90, 70:90] == 2).all()
        assert (picture.tracks[50:90, 60:70] == 1).all()
        found = {one.body.passage.track: one for one in picture.people}
        assert found[1].shown == 0.5
        assert found[2].shown == 1
        assert found[1].box == (60, 50, 80, 90)
        assert picture.pixels[60, 75].min() > 150


def test_a_body_that_the_border_cuts_is_told() -> None:
    picture = _Shown(PLAIN).picture(0, [_body(1, 9.0, -10, 30), _body(2, 9.0, 200, 30)])
    (one,) = picture.people
    assert one.cut
    assert one.shown == 0.5
    assert one.box == (0, 50, 10, 90)


@pytest.mark.parametrize("name", CAMERAS)
def test_people_are_of_a_plausible_size_and_stand_on_the_ground(name: str) -> None:
    camera, size = CAMERAS[name], (640, 480)
    for along in np.linspace(-END, END, 49):
        for across in (*LANES, np.mean(LANES)):
            feet, head = camera.pixels(np.array([[along, across, 0.0], [along, across, 1.7]]), size)
            if 0 < feet[0] < size[0]:
                assert 60 < feet[1] - head[1] < 210
                assert head[1] > 0
                assert feet[1] < size[1]
    picture = next(p for p in pictures(replace(PLAIN, camera=name, size=size)) if len(p.people) > 0)
    for one in picture.people:
        if not one.cut:
            place = one.body.passage.places(np.array([picture.time]))[0]
            ground = camera.pixels(np.array([*place, 0.0]), size)
            assert abs(one.box[3] - ground[1]) < 16  # a foot in front is lower in the picture


@pytest.mark.parametrize("name", CAMERAS)
def test_people_come_and_go_at_the_borders(name: str) -> None:
    camera, size = CAMERAS[name], (640, 480)
    for end in (-END, END):
        for across in (LANES[0] - 0.4, LANES[1] + 0.4):
            # As wide as a stride.
            points = np.array([[end + wide, across, up] for wide in (-0.6, 0.6) for up in (0.0, 1.9)])
            seen, before = camera.pixels(points, size), camera.before(points)[:, 2]
            beside = (seen[:, 0] < 0).all() or (seen[:, 0] > size[0]).all()
            assert beside or (before < 0.5).all()


def test_nobody_walks_through_another() -> None:
    film = list(passages((61, 62, 63, 64, 65, 66), 1, 1, 4.0, 60.0))
    for i, one in enumerate(film):
        for other in film[:i]:
            times = np.arange(max(one.begin, other.begin), min(one.end, other.end), 0.1)
            apart = np.linalg.norm(one.places(times) - other.places(times), axis=1)
            assert not len(apart) or apart.min() > APART - 0.1
            assert one.person != other.person or not len(times)


def test_everybody_passes_before_anybody_passes_again() -> None:
    people = tuple(range(61, 69))
    film = [one.person for one in passages(people, 1, 1, 3.0, 120.0)]
    assert sorted(film[:8]) == [*people]
    assert len(film) > 16
    assert len({one.kind for one in passages(people, 1, 1, 3.0, 120.0)}) > 3


def test_some_stand_some_walk_together_and_directions_differ() -> None:
    film = list(passages(tuple(range(61, 71)), 1, 1, 3.0, 200.0))
    assert 0.1 < np.mean([one.stand[1] > 0 for one in film]) < 0.5
    pairs = [(a, b) for a, b in pairwise(film) if a.speed == b.speed and abs(a.begin - b.begin) < 0.6]
    assert pairs
    assert 0.2 < np.mean([one.rightward for one in film]) < 0.8


def _standing() -> Passage:
    return Passage(1, 61, "nm-01", 0.0, 1.2, True, (8.0, 8.5), 0.0, (12.0, 5.0), 1.2)


def test_one_who_stands_stays_and_the_feet_rest() -> None:
    one = _standing()
    still = one.still(np.arange(0, one.end, 0.1))
    assert still.max() == 1
    assert still[0] == still[-1] == 0
    times = np.arange(12.0, 14.0, 0.1)
    assert (one.still(times) == 1).all()
    assert np.ptp(one.places(times), axis=0).max() < 1e-6
    # In the end all the way is gone.
    assert one.places(np.array([one.end]))[0] == pytest.approx([END, 8.5], abs=0.05)
    actor = Actor(one, 1, CAMERAS["a"], (160, 120), 10.0, np.array([0.5, 0.1, -1.0]))
    (_, first), *_, (_, last) = actor.bodies(range(120, 140))
    assert first.layer.shape == last.layer.shape
    assert np.abs(first.layer.astype(int) - last.layer).mean() < 6
    assert first.still == 1


def test_steps_are_as_long_as_the_way() -> None:
    one = replace(_standing(), natural=1.5)
    times = np.arange(1.0, one.end - 1, 0.1)
    gone = np.linalg.norm(np.diff(one.places(times), axis=0), axis=1).cumsum()
    # At its own pace the walk goes 1.5 m in RATE ticks; who walks slower takes its steps slower.
    steps = (one.ticks(times) - one.ticks(times[:1]))[1:] * 1.5 / RATE
    assert gone == pytest.approx(steps, abs=0.02)


def test_memory_does_not_grow_with_the_length() -> None:
    day = replace(SMALL, seconds=86_400)
    assert sum(len(p.people) for p in islice(pictures(day), 30)) > 10
    present: list[Passage] = []
    for one in passages(tuple(range(61, 101)), 1, 1, 3.0, 150.0):
        present = [other for other in present if other.end > one.begin] + [one]
        assert len(present) < 14


def test_colours_of_tracks_are_read_back() -> None:
    tracks = np.array([[0, 1, 2], [255, 256, 70_000]], np.int32)
    pixels = np.array([[colour_of(int(t)) if t else (0, 0, 0) for t in row] for row in tracks], np.uint8)
    assert (tracks_of(pixels) == tracks).all()
    assert len({colour_of(track) for track in range(1, 5000)}) == 4999
