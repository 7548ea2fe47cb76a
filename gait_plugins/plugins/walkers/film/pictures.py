"""Pictures of a film: backdrop, shadows and bodies put together, with the truth of who is where."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from gait_plugins.plugins.walkers.film.backdrop import backdrop
from gait_plugins.plugins.walkers.film.bodies import Actor, Body
from gait_plugins.plugins.walkers.film.cameras import CAMERAS
from gait_plugins.plugins.walkers.film.passages import Passage, passages
from gait_plugins.plugins.walkers.seeds import generator

GRAIN = 2.5
"""Spread of the sensor's noise in grey levels."""
STRETCH = 25
"""Frames that are rendered at once."""
_DARK = 0.45
"""Of the light that full sun takes with it where there is a shadow."""
_SHIFTS = 64
"""Pixels by which the field of noise is larger than a picture."""


@dataclass(frozen=True)
class Plan:
    """What a film shows.

    Args:
        people: numbers of the walkers.
        seed: of the population, and of the street.
        take: number of the film: another one shows other walks of the same people.
        camera: name of the camera.
        seconds: length.
        size: width and height.
        rate: frames a second.
        crowd: people in view at a time, about.
        noise: factor of the sensor's noise; 0: none.
        light: factor of the light's changes; 0: none.
    """

    people: tuple[int, ...]
    seed: int = 1
    take: int = 1
    camera: str = "a"
    seconds: float = 60.0
    size: tuple[int, int] = (640, 480)
    rate: float = 25.0
    crowd: float = 3.0
    noise: float = 1.0
    light: float = 1.0

    @property
    def frames(self) -> int:
        """Number of frames."""
        return max(1, round(self.seconds * self.rate))

    def passages(self) -> Iterator[Passage]:
        """Who passes when; the same before every camera."""
        return passages(self.people, self.seed, self.take, self.crowd, self.seconds)


@dataclass(frozen=True)
class Placed:
    """One person in one frame, with what is seen of the body.

    Args:
        body: the body.
        box: left, top, right and bottom of the whole body, cut by the picture's edges.
        shown: share of the whole body that is seen, in [0, 1].
        cut: the picture's edge cuts the body.
    """

    body: Body
    box: tuple[int, int, int, int]
    shown: float
    cut: bool


@dataclass(frozen=True)
class Picture:
    """One frame and its truth.

    Args:
        number: of the frame, from 0 on.
        time: seconds.
        pixels: uint8 BGR ``[h, w, 3]``.
        tracks: int32 ``[h, w]``: the passage of each pixel, 0 where nobody is.
        people: those of whom at least a pixel would be in the picture, by their tracks.
    """

    number: int
    time: float
    pixels: np.ndarray
    tracks: np.ndarray
    people: Sequence[Placed]


def pictures(plan: Plan) -> Iterator[Picture]:
    """The frames of a film, made as they are asked for."""
    camera, shown = CAMERAS[plan.camera], _Shown(plan)
    coming = plan.passages()
    following = next(coming, None)
    actors: list[Actor] = []
    for start in range(0, plan.frames, STRETCH):
        frames = range(start, min(start + STRETCH, plan.frames))
        while following is not None and following.begin <= frames.stop / plan.rate:
            actors.append(Actor(following, plan.seed, camera, plan.size, plan.rate, shown.sun))
            following = next(coming, None)
        bodies: dict[int, list[Body]] = {number: [] for number in frames}
        for actor in actors:
            for number, body in actor.bodies(frames):
                bodies[number].append(body)
        for number in frames:
            yield shown.picture(number, bodies.pop(number))
        actors = [actor for actor in actors if actor.passage.end >= frames.stop / plan.rate]


class _Shown:
    """The street of a film before its camera."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        width, height = plan.size
        self._ground = backdrop(plan.seed, CAMERAS[plan.camera], plan.size)
        day = generator(plan.seed, "film day", plan.take)
        # Shadows fall along the street, and a little towards the cameras or away from them.
        turn = np.deg2rad(day.uniform(-25, 25) + 180 * int(day.integers(2)))
        self.sun = np.array([np.cos(turn), np.sin(turn), 0.0]) / np.tan(np.deg2rad(day.uniform(42, 60)))
        self.sun[2] = -1.0
        self._phases = day.uniform(0, 2 * np.pi, 3)
        self._rng = generator(plan.seed, "film noise", plan.take, plan.camera)
        field = self._rng.normal(size=(height + _SHIFTS, width + _SHIFTS, 3)) * GRAIN * plan.noise
        self._field = np.rint(field).astype(np.int16)

    def picture(self, number: int, bodies: list[Body]) -> Picture:
        """One frame."""
        time = number / self.plan.rate
        bright, sunny = self._light(time)
        shade = self._shaded(bodies, sunny)
        pixels = cv2.multiply(self._ground, shade, scale=bright / 255)
        width, height = self.plan.size
        tracks = np.zeros((height, width), np.int32)
        # The nearest is drawn last.
        for body in sorted(bodies, key=lambda body: -body.distance):
            _put(pixels, tracks, body, bright * (0.8 + 0.2 * sunny))
        people = [placed for body in bodies if (placed := _placed(body, tracks)) is not None]
        if self.plan.noise:
            soft = cv2.GaussianBlur(pixels, (3, 3), 0.5)
            top, left = self._rng.integers(0, _SHIFTS, 2)
            grain = self._field[top : top + height, left : left + width]
            pixels = cv2.add(soft, grain, dtype=cv2.CV_8U)
        return Picture(number, time, np.asarray(pixels), tracks, people)

    def _light(self, time: float) -> tuple[float, float]:
        """Brightness of all, a factor, and how much the sun shines, in [0, 1]."""
        slow, quick, cloud = (
            float(np.sin(2 * np.pi * time / period + phase))
            for period, phase in zip((61.0, 17.0, 43.0), self._phases, strict=True)
        )
        much = self.plan.light
        return 1 + much * (0.025 * slow + 0.01 * quick), 0.75 + 0.25 * much * cloud

    def _shaded(self, bodies: list[Body], sunny: float) -> np.ndarray:
        """Where shadows fall on the ground: uint8 ``[h, w, 3]``, 255 in the sun."""
        width, height = self.plan.size
        shade = np.full((height, width), 255, np.uint8)
        dark = round(255 * (1 - _DARK * sunny))
        for body in bodies:
            for outline in np.rint(np.clip(body.shadow, -4096, 4096) * 16).astype(np.int32):
                cv2.fillConvexPoly(shade, outline, dark, cv2.LINE_8, 4)
        return np.asarray(cv2.cvtColor(cv2.GaussianBlur(shade, (5, 5), 1.2), cv2.COLOR_GRAY2BGR))


def _put(pixels: np.ndarray, tracks: np.ndarray, body: Body, bright: float) -> None:
    """Draw a body over what is there."""
    inside, own = _common(body, tracks.shape)
    part = body.layer[own]
    if not part.size:
        return
    share = cv2.cvtColor(255 - part[..., 3], cv2.COLOR_GRAY2BGR)
    front = cv2.convertScaleAbs(np.ascontiguousarray(part[..., :3]), alpha=bright)
    pixels[inside] = cv2.add(front, cv2.multiply(pixels[inside], share, scale=1 / 255))
    tracks[inside][body.mask[own]] = body.passage.track


def _placed(body: Body, tracks: np.ndarray) -> Placed | None:
    inside, own = _common(body, tracks.shape)
    mask = body.mask[own]
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    left, top = inside[1].start, inside[0].start
    box = left + int(columns[0]), top + int(rows[0]), left + int(columns[-1]) + 1, top + int(rows[-1]) + 1
    whole, seen = np.count_nonzero(body.mask), np.count_nonzero(tracks[inside] == body.passage.track)
    return Placed(body, box, seen / whole, bool(np.count_nonzero(mask) < whole))


def _common(body: Body, shape: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Rows and columns that a body's layer shares with the picture: in the picture, and in the layer."""
    high, wide = body.mask.shape
    top, left = max(body.top, 0), max(body.left, 0)
    bottom = max(min(body.top + high, shape[0]), top)
    right = max(min(body.left + wide, shape[1]), left)
    own = slice(top - body.top, bottom - body.top), slice(left - body.left, right - body.left)
    return (slice(top, bottom), slice(left, right)), own
