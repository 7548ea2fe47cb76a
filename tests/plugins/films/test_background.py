"""Background subtraction: people are found, shadows are not, and a moving camera is told."""

from __future__ import annotations

import numpy as np
import pytest

from gait_plugins import ConfigError, DataError, Film, FilmFrame
from gait_plugins.plugins.films.background import Background
from gait_plugins.plugins.films.stillness import Stillness
from gait_plugins.testing.films import ExampleFilm, example_film

EXAMPLE = example_film()


def overlap(segmenter: Background, example: ExampleFilm, ahead: bool) -> list[float]:
    """Of each person of the later frames: the intersection over the union with what was found."""
    segmenter.begin(example.film, iter(example.frames) if ahead else None)
    found = []
    for frame, people in zip(example.frames, example.people, strict=True):
        shown = np.zeros((example.film.height, example.film.width), bool)
        for person in segmenter.people(frame):
            left, top, right, bottom = person.box
            shown[top:bottom, left:right] |= person.mask > 127
        for person in people:
            truth = np.zeros_like(shown)
            left, top, right, bottom = person.box
            truth[top:bottom, left:right] = person.mask > 127
            near = np.zeros_like(shown)
            near[max(top - 5, 0) : bottom + 5, max(left - 5, 0) : right + 5] = True
            if frame.number >= 20:
                found.append(float((truth & shown).sum() / (truth | (shown & near)).sum()))
    return found


@pytest.mark.parametrize(("ahead", "least"), [(True, 0.8), (False, 0.7)])
def test_people_are_found_from_a_file_and_from_a_camera(ahead: bool, least: float):
    assert np.mean(overlap(Background(), EXAMPLE, ahead)) > least


def test_half_the_size_finds_them_too():
    assert np.mean(overlap(Background(scale=0.5), EXAMPLE, True)) > 0.7


def test_one_who_stands_still_is_seen_for_a_while():
    still = []
    for frame in EXAMPLE.frames[:1] * 60:
        pixels = frame.pixels.copy()
        still.append(FilmFrame(len(still), len(still) / 10, pixels))
    for frame in still[20:]:
        frame.pixels[40:90, 60:80] = (20, 20, 220)
    segmenter = Background(stay=20)
    segmenter.begin(EXAMPLE.film, None)
    seen = [len(segmenter.people(frame)) for frame in still]
    assert seen[25:] == [1] * 35


def test_a_shadow_is_no_person():
    frames = []
    for number in range(40):
        pixels = EXAMPLE.frames[0].pixels.copy()
        left = 3 * number
        pixels[60:100, left : left + 15] = (pixels[60:100, left : left + 15] * 0.72).astype(np.uint8)
        frames.append(FilmFrame(number, number / 10, pixels))
    segmenter = Background()
    segmenter.begin(EXAMPLE.film, iter(frames))
    assert max(len(segmenter.people(frame)) for frame in frames) == 0


def moving(frames: int, first: int = 0) -> list[FilmFrame]:
    """A camera that pans from a frame on."""
    rng = np.random.default_rng(1)
    wide = rng.integers(0, 255, (30, 200, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    shift = [max(0, number - first) * 4 for number in range(frames)]
    return [FilmFrame(n, n / 10, wide[:, s : s + 160].copy()) for n, s in enumerate(shift)]


def test_a_moving_camera_is_an_error_that_says_so():
    segmenter = Background()
    with pytest.raises(DataError, match="the camera moves in 100% of the first 60 frames"):
        segmenter.begin(Film("pan", 160, 120, 10.0), iter(moving(60)))


def test_a_camera_that_moves_for_a_while_is_a_remark():
    segmenter = Background()
    frames = moving(100, first=70)
    segmenter.begin(Film("pan", 160, 120, 10.0), iter(frames))
    for frame in frames:
        segmenter.people(frame)
    [remark] = segmenter.remarks()
    assert remark == ("the camera moves from 7.1 s to 9.2 s: whatever is seen there is not to be relied on")


def pushed(at: int, shift: tuple[int, int]) -> list[FilmFrame]:
    """The street, and the camera is pushed once."""
    found = []
    for frame in EXAMPLE.frames:
        pixels = frame.pixels if frame.number < at else np.roll(frame.pixels, shift, (0, 1))
        found.append(FilmFrame(frame.number, frame.time, pixels))
    return found


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("shift", [(2, 3), (10, 40), (60, 80)])
def test_a_camera_that_is_pushed_once_is_told(shift: tuple[int, int], ahead: bool):
    segmenter = Background()
    frames = pushed(15, shift)
    segmenter.begin(EXAMPLE.film, iter(frames) if ahead else None)
    cuts, seen = [], []
    for frame in frames:
        seen.append(len(segmenter.people(frame)))
        if segmenter.new_scene():
            cuts.append(frame.number)
    assert cuts == [15]
    [remark] = segmenter.remarks()
    assert remark.startswith("the view changes at once at 1.5 s, for the camera was pushed")
    assert max(seen[16:]) <= 6  # not the whole picture in pieces


def test_a_light_that_is_switched_on_is_told():
    segmenter = Background()
    frames = [
        FilmFrame(f.number, f.time, f.pixels // 2 if f.number < 20 else f.pixels) for f in EXAMPLE.frames
    ]
    segmenter.begin(EXAMPLE.film, iter(frames))
    cuts = [frame.number for frame in frames if [segmenter.people(frame)] and segmenter.new_scene()]
    assert cuts == [20]


def test_a_slow_pan_is_told_from_when_to_when():
    rng = np.random.default_rng(1)
    wide = rng.integers(0, 255, (30, 200, 3), np.uint8).repeat(4, 0).repeat(4, 1)
    shift = [int(np.clip(number - 30, 0, 30)) // 3 for number in range(90)]  # a tenth of a second has none
    segmenter = Background()
    segmenter.begin(Film("pan", 160, 120, 10.0), None)
    for number, left in enumerate(shift):
        segmenter.people(FilmFrame(number, number / 10, wide[:, left : left + 160].copy()))
    [remark] = segmenter.remarks()
    assert remark.startswith("the camera moves from 3.")
    assert "s to 6.0 s:" in remark


def test_many_movements_are_not_all_listed():
    from gait_plugins.plugins.films.background import _listed

    assert _listed(["at 1 s"]) == "at 1 s"
    assert _listed(["at 1 s", "at 2 s"]) == "at 1 s and at 2 s"
    assert _listed([f"at {n} s" for n in range(8)]).endswith("at 3 s, at 4 s and 3 times more")


def test_people_do_not_move_the_camera():
    still = Stillness(EXAMPLE.film.rate)
    for frame in EXAMPLE.frames:
        assert not still.look(frame)
    assert still.share() == 0
    assert (still.jumps(), still.movements()) == ([], [])


@pytest.mark.parametrize("options", [{"scale": 0}, {"contrast": -1}, {"smallest": 2}, {"stay": 0}])
def test_options_out_of_range_are_refused(options: dict[str, float]):
    with pytest.raises(ConfigError, match=f"{next(iter(options))} of Background"):
        Background(**options)
