"""Contract checks of segmenters, trackers and pose estimators, and a small film to try them with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple

import numpy as np

from gait_plugins.api import Detection, Film, FilmFrame, PoseEstimator, Segmenter, Sighting, Tracker
from gait_plugins.testing.expect import expect, global_random_states_untouched

RATE, WIDTH, HEIGHT = 10.0, 160, 120
_TALL = 40
_TROUBLES = ("", "merged", "hidden", "border", "standing")


class ExampleFilm(NamedTuple):
    """A film in memory, with the truth of it."""

    film: Film
    frames: list[FilmFrame]
    people: list[list[Detection]]
    """The people of each frame; their labels are 1 and 2."""


def example_film(kind: Literal["street", "masks"] = "street", frames: int = 40) -> ExampleFilm:
    """Two figures who walk in opposite directions, at 10 frames a second.

    Args:
        kind: coloured figures before a still background, or white masks on black.
        frames: how many.
    """
    rng = np.random.default_rng(0)
    ground = rng.integers(90, 150, (HEIGHT // 4, WIDTH // 4, 3)).repeat(4, 0).repeat(4, 1)
    film = Film("example", WIDTH, HEIGHT, RATE, frames, lossless=kind == "masks")
    pictures, people = [], []
    for number in range(frames):
        noise = rng.integers(-2, 3, ground.shape)
        picture = np.zeros_like(ground) if kind == "masks" else ground + noise
        shown = []
        for label, (start, speed, foot) in enumerate(((6, 3.5, 55), (150, -3.5, 112)), 1):
            middle = start + speed * number
            figure = _figure(middle, foot, number)
            colour = (255, 255, 255) if kind == "masks" else ((30, 30, 200), (200, 60, 20))[label - 1]
            picture[figure] = colour
            person = Detection.of_mask(figure, label=label)
            if person is not None:
                shown.append(person)
        pictures.append(FilmFrame(number, number / RATE, picture.clip(0, 255).astype(np.uint8)))
        people.append(shown)
    return ExampleFilm(film, pictures, people)


def _figure(middle: float, foot: int, number: int) -> np.ndarray:
    """Head, trunk and two legs that swing, bool ``[h, w]``."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    top, across = foot - _TALL, columns - middle
    head = (across / 4) ** 2 + ((rows - top - 4) / 4.5) ** 2 <= 1
    trunk = (abs(across) <= 6) & (rows >= top + 7) & (rows < top + 24)
    swing = 4 * np.sin(number * 0.9) * (rows - top - 23) / 17
    below = (rows >= top + 23) & (rows < foot)
    legs = below & ((abs(across - swing) <= 2.5) | (abs(across + swing) <= 2.5))
    return np.asarray(head | trunk | legs)


def check_segmenter(segmenter: Segmenter, example: ExampleFilm | None = None) -> None:
    """Masks within the frame, the same for the same film, from a file and from a camera.

    Args:
        segmenter: the segmenter.
        example: a film that it is made for; None: two figures before a still background.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    film, frames, _ = example or example_film()
    first = _segmented(segmenter, film, frames)
    again = _segmented(segmenter, film, frames)
    expect(_alike(first, again), "the same film gives other people the second time: begin() must forget")
    live = Film(film.name, film.width, film.height, film.rate, None, film.lossless, live=True)
    _segmented(segmenter, live, frames, ahead=False)
    expect(all(isinstance(each, str) for each in segmenter.remarks()), "a remark is no text")


def _segmented(
    segmenter: Segmenter, film: Film, frames: Sequence[FilmFrame], ahead: bool = True
) -> list[Sequence[Detection]]:
    found = []
    with global_random_states_untouched():
        segmenter.begin(film, iter(frames) if ahead else None)
        for frame in frames:
            kept = frame.pixels.copy()
            people = segmenter.people(frame)
            expect(isinstance(segmenter.new_scene(), bool), "new_scene() is neither True nor False")
            expect(np.array_equal(kept, frame.pixels), "the segmenter changes the pixels of the frame")
            for person in people:
                check_detection(person, film)
            found.append(people)
    return found


def check_detection(person: Detection, film: Film) -> None:
    """See that a detection is a mask within the frame.

    Raises:
        AssertionError: what is wrong with it, in words.
    """
    mask = person.mask
    expect(
        isinstance(mask, np.ndarray) and mask.dtype == np.uint8 and mask.ndim == 2,
        f"a mask is {getattr(mask, 'dtype', type(mask).__name__)} {list(np.shape(mask))}, "
        "expected uint8 [h, w]",
    )
    left, top, right, bottom = person.box
    expect(
        0 <= left < right <= film.width and 0 <= top < bottom <= film.height,
        f"a mask lies at {list(person.box)}, outside of a frame of {film.width}x{film.height}",
    )
    expect(person.area > 0, "a mask is empty: no value above 127")
    expect(0 <= person.score <= 1, f"the score {person.score} is not in [0, 1]")
    expect(person.label is None or person.label >= 0, f"the label {person.label} is negative")


def _alike(one: Sequence[Sequence[Detection]], other: Sequence[Sequence[Detection]]) -> bool:
    def told(found: Sequence[Sequence[Detection]]) -> list[list[tuple[object, ...]]]:
        return [[(p.box, p.score, p.label, p.mask.tobytes()) for p in people] for people in found]

    return told(one) == told(other)


def check_tracker(make: Callable[[], Tracker]) -> None:
    """One track for each of two people who never meet, whatever the order of the detections.

    Args:
        make: makes a tracker.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    example = example_film()
    tracker = make()
    expect(tracker.memory > 0, f"memory is {tracker.memory}, expected seconds above 0")
    first = _tracked(tracker, example)
    again = _tracked(tracker, example)
    expect(_owners(first) == _owners(again), "the same film gives other tracks: begin() must forget")
    orders = [people[:: -1 if number % 2 else 1] for number, people in enumerate(example.people)]
    turned = example._replace(people=orders)
    _tracked(tracker, turned)
    late = FilmFrame(1000, 100 + 2 * tracker.memory, example.frames[0].pixels)
    new = {sighting.track for sighting in tracker.update(late, [_unlabelled(p) for p in example.people[0]])}
    old = {track for track, _ in _owners(first)}
    expect(not new & old, f"a track is seen again {tracker.memory:g} s after it was over: give a new number")
    expect(not tracker.update(FilmFrame(1001, late.time + 1, late.pixels), []), "nobody is seen as somebody")


def _tracked(tracker: Tracker, example: ExampleFilm) -> list[tuple[Sighting, int]]:
    """Every sighting with the person whom it shows; people are told apart by their places."""
    found: list[tuple[Sighting, int]] = []
    with global_random_states_untouched():
        tracker.begin(example.film)
        for frame, people in zip(example.frames, example.people, strict=True):
            sightings = list(tracker.update(frame, [_unlabelled(person) for person in people]))
            tracks = [sighting.track for sighting in sightings]
            expect(len(set(tracks)) == len(tracks), f"a track is seen twice in a frame: {tracks}")
            expect(all(track >= 1 for track in tracks), f"tracks are numbered from 1 on, found {tracks}")
            for sighting in sightings:
                check_detection(sighting.person, example.film)
                expect(sighting.trouble in _TROUBLES, f"unknown trouble {sighting.trouble!r}")
                found.append((sighting, 1 if sighting.person.box[3] < HEIGHT * 0.6 else 2))
    owners = _owners(found)
    shared = {track for track, _ in owners if sum(other == track for other, _ in owners) > 1}
    expect(not shared, f"the tracks {sorted(shared)} go from one person to another, far away")
    expect(
        len(found) >= 20,
        f"{len(found)} sightings in {len(example.frames)} frames of two people who can be seen well",
    )
    return found


def _unlabelled(person: Detection) -> Detection:
    return Detection(person.left, person.top, person.mask)


def _owners(found: Sequence[tuple[Sighting, int]]) -> set[tuple[int, int]]:
    return {(sighting.track, person) for sighting, person in found}


def check_pose_estimator(estimator: PoseEstimator) -> None:
    """Joints for each person, in their order, and none for nobody.

    Args:
        estimator: the pose estimator.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    film, frames, people = example_film(frames=12)
    estimator.begin(film)
    for frame, shown in zip([*frames, frames[-1]], [*people, []], strict=True):
        kept = frame.pixels.copy()
        found = estimator.keypoints(frame, shown)
        wanted = (len(shown), estimator.joints, 3)
        expect(
            isinstance(found, np.ndarray) and found.shape == wanted and found.dtype == np.float32,
            f"keypoints are {found.dtype} {list(found.shape)}, expected float32 {list(wanted)}",
        )
        expect(bool(np.isfinite(found).all()), "keypoints are not finite: give confidence 0 instead")
        confidence = found[..., 2]
        expect(bool(((confidence >= 0) & (confidence <= 1)).all()), "a confidence is not in [0, 1]")
        expect(np.array_equal(kept, frame.pixels), "the pose estimator changes the pixels of the frame")
