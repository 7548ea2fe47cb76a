"""The tracker of bodies: merges, hidden people, and cuts where it is unsure."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gait_plugins import Detection, Film, FilmFrame, Sighting
from gait_plugins.plugins.films.components import parts_of
from gait_plugins.plugins.films.heads import side_by_side
from gait_plugins.plugins.films.tracking.assignment import assign
from gait_plugins.plugins.films.tracking.body import Body
from gait_plugins.plugins.films.tracking.splitting import split
from gait_plugins.plugins.films.tracking.tracker import BodyTracker

WIDTH, HEIGHT = 320, 160
FILM = Film("scene", WIDTH, HEIGHT, 10.0)
RED, BLUE, GREEN = (30, 30, 220), (220, 60, 30), (40, 200, 40)
Place = Callable[[int], tuple[float, float] | None]


def figure(middle: float, foot: float, tall: int = 60) -> np.ndarray:
    """Head and body, bool ``[h, w]``."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    across, top = columns - middle, foot - tall
    head = (across / 5) ** 2 + ((rows - top - 6) / 6.5) ** 2 <= 1
    return np.asarray(head | ((abs(across) <= 8) & (rows >= top + 11) & (rows < foot)))


def walk(start: float, speed: float, foot: float = 120) -> Place:
    return lambda number: (start + speed * number, foot)


def scene(
    people: list[tuple[Place, tuple[int, int, int]]], frames: int
) -> list[tuple[FilmFrame, np.ndarray]]:
    """Frames with the mask of all people; the last one stands in front."""
    found = []
    for number in range(frames):
        pixels = np.full((HEIGHT, WIDTH, 3), 120, np.uint8)
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        for place, colour in people:
            where = place(number)
            if where is not None:
                body = figure(*where)
                pixels[body], mask[body] = colour, 255
        found.append((FilmFrame(number, number / 10, pixels), mask))
    return found


def tracked(
    people: list[tuple[Place, tuple[int, int, int]]], frames: int, **options: float
) -> dict[int, list[tuple[int, Sighting]]]:
    """Track -> its sightings with the number of the frame."""
    tracker = BodyTracker(**options)
    tracker.begin(FILM)
    found = defaultdict(list)
    for frame, mask in scene(people, frames):
        for sighting in tracker.update(frame, parts_of(mask, 8)):
            found[sighting.track].append((frame.number, sighting))
    return dict(found)


def clean(sightings: list[tuple[int, Sighting]]) -> list[int]:
    return [number for number, sighting in sightings if not sighting.trouble]


def middle(sighting: Sighting) -> float:
    return (sighting.person.box[0] + sighting.person.box[2]) / 2


def test_two_people_of_different_clothes_go_on_through_a_merge():
    paths = walk(40, 6), walk(280, -6)
    found = tracked([(paths[0], RED), (paths[1], BLUE)], 40)
    long = {track: seen for track, seen in found.items() if len(clean(seen)) >= 20}
    assert len(long) == 2
    for track, seen in long.items():
        path = paths[track - 1]
        for number, sighting in seen:
            if not sighting.trouble:
                assert abs(middle(sighting) - path(number)[0]) <= 2  # type: ignore[index]
        merged = [number for number, sighting in seen if sighting.trouble == "merged"]
        assert merged
        assert 14 <= min(merged) <= max(merged) <= 26
        # No frame of the two together is a silhouette.
        assert not [number for number in clean(seen) if 19 <= number <= 21]


def test_two_people_of_the_same_clothes_who_linger_together_are_cut():
    def beside(side: int) -> Place:
        def place(number: int) -> tuple[float, float]:
            together = min(max(number - 15, 0), 30)  # thirty frames in one place
            return 160 + side * (100 - 6.2 * min(number, 15) + 6.2 * max(0, number - 15 - together)), 120

        return place

    found = tracked([(beside(-1), RED), (beside(1), RED)], 70)
    long = [seen for seen in found.values() if len(clean(seen)) >= 8]
    assert len(long) == 4
    assert all(max(clean(seen)) < 20 or min(clean(seen)) > 40 for seen in long)


def test_a_margin_of_0_always_goes_on():
    found = tracked([(walk(40, 6), RED), (walk(280, -6), RED)], 40, margin=0)
    assert len([seen for seen in found.values() if len(clean(seen)) >= 20]) == 2


def test_a_person_behind_a_post_keeps_the_track():
    def hidden(number: int) -> tuple[float, float] | None:
        return None if 15 <= number < 22 else (40 + 6 * number, 120)

    found = tracked([(hidden, RED)], 40)
    assert len(found) == 1
    assert len(clean(found[1])) >= 30


def test_a_person_who_stays_away_longer_than_the_memory_is_new():
    def away(number: int) -> tuple[float, float] | None:
        return None if 15 <= number < 30 else (100 + number, 120)

    assert len(tracked([(away, RED)], 45, memory=1)) == 2
    assert len(tracked([(away, RED)], 45, memory=3)) == 1


def test_somebody_else_in_the_same_place_is_somebody_else():
    def first(number: int) -> tuple[float, float] | None:
        return (160, 120) if number < 20 else None

    def second(number: int) -> tuple[float, float] | None:
        return (162, 120) if number >= 22 else None

    assert len(tracked([(first, RED), (second, GREEN)], 40)) == 2


def test_half_a_body_is_hidden_and_the_edge_cuts_it():
    tracker = BodyTracker()
    tracker.begin(FILM)
    troubles = []
    for frame, mask in scene([(walk(60, 7), RED)], 40):
        if 15 <= frame.number < 20:
            mask[95:] = 0  # behind a wall from the hips down
        troubles += [(frame.number, s.trouble) for s in tracker.update(frame, parts_of(mask, 8))]
    said = dict(troubles)
    assert {said[number] for number in range(15, 20)} == {"hidden"}
    assert said[10] == said[25] == ""
    assert said[36] == "border"


def test_a_newcomer_in_a_mask_makes_it_no_clean_view():
    found = tracked([(walk(40, 6), RED), (lambda n: (160, 124) if n >= 16 else None, BLUE)], 40)
    first = dict(found[1])
    touching = [number for number in first if abs(40 + 6 * number - 160) < 14]
    assert touching
    assert all(first[number].trouble for number in touching)


def test_labels_are_tracks_of_their_own():
    tracker = BodyTracker()
    tracker.begin(FILM)
    numbers = set()
    for number in range(30):
        frame = FilmFrame(number, number / 10, np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        people = [Detection.of_mask(figure(100 + 40 * (n + number) % 200, 120), label=n) for n in (7, 3)]
        shown = [person for person in people if person is not None]
        numbers |= {(s.track, s.person.label) for s in tracker.update(frame, shown)}
    assert numbers == {(1, 7), (2, 3)}


def test_a_split_gives_each_pixel_to_the_nearer_body():
    one, other = figure(100, 120), figure(116, 120)
    bodies = []
    for track, mask in ((1, one), (2, other)):
        person = Detection.of_mask(mask)
        assert person is not None
        bodies.append(Body.of(track, person, np.zeros((3, 3, 8), np.float32)))
    both = Detection.of_mask(one | other)
    assert both is not None
    shares = split(both, bodies)
    areas = [share.person.area for share in shares.bodies if share.person is not None]
    assert sum(areas) + (shares.rest.area if shares.rest else 0) == both.area
    assert [share.visible for share in shares.bodies] == pytest.approx([1, 1], abs=0.1)
    assert [share.middle for share in shares.bodies] == pytest.approx([100, 116], abs=2)


def test_people_side_by_side_are_taken_apart_between_their_heads():
    both = Detection.of_mask(figure(100, 120) | figure(116, 120))
    assert both is not None
    left, right = side_by_side(both)
    assert left.box[2] == right.box[0]
    assert abs(left.box[2] - 108) <= 3
    alone = Detection.of_mask(figure(100, 120))
    assert alone is not None
    assert side_by_side(alone) == [alone]


def test_parts_above_each_other_are_one_body_and_specks_are_none():
    mask = figure(100, 120).astype(np.uint8) * 255
    mask[85:88] = 0  # a belt like the background
    mask[10:12, 10:12] = 255
    [person] = parts_of(mask, 8)
    assert person.box == (92, 60, 109, 120)


@settings(deadline=None)
@given(
    arrays(
        float, st.tuples(st.integers(0, 4), st.integers(0, 4)), elements=st.sampled_from([0, 1, 2, 5, np.inf])
    )
)
def test_assignments_are_as_many_and_as_cheap_as_can_be(costs: np.ndarray):
    rows, columns = costs.shape
    pairs = assign(costs)
    assert len({row for row, _ in pairs}) == len({column for _, column in pairs}) == len(pairs)
    best = (0, 0.0)
    for chosen in itertools.permutations([*range(columns), *[-1] * rows], rows):
        found = [costs[row, column] for row, column in enumerate(chosen) if column >= 0]
        if np.isfinite(found).all():
            best = min(best, (-len(found), float(sum(found))))
    assert (-len(pairs), sum(costs[pair] for pair in pairs)) == pytest.approx(best)
