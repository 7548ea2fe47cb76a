"""Bodies of a film: one passage before one camera, a stretch of frames at a time, with its shadow."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np

from gait_plugins.plugins.walkers.body.skeleton import identity
from gait_plugins.plugins.walkers.film.cameras import NEAR, StreetCamera
from gait_plugins.plugins.walkers.film.passages import Passage
from gait_plugins.plugins.walkers.image.render import outlines
from gait_plugins.plugins.walkers.image.surface import surface
from gait_plugins.plugins.walkers.streams.rgb import dressed
from gait_plugins.plugins.walkers.streams.scene import stature
from gait_plugins.plugins.walkers.streams.street import clothes
from gait_plugins.plugins.walkers.walk import Walk, walk_at

_AIM = np.array([0.0, 0.0, 0.5])
"""Statures above the ground that a body's size and place are told of."""

_BESIDE = 3.0
"""Metres beside the picture from which on neither a body nor its shadow reaches into it."""


@dataclass(frozen=True)
class Body:
    """One person in one frame.

    Args:
        passage: whose body it is.
        layer: uint8 ``[h, w, 4]``: blue, green and red times the share of the pixel that is body, and that
            share, 0 to 255.
        left, top: of the layer's first pixel in the picture; it may lie outside.
        shadow: outlines on the picture ``[k, corners, 2]``.
        distance: metres from the camera.
        view: degrees from which it is seen: 0 from the front, 90 from the walker's left.
        still: how far the person stands, in [0, 1].
    """

    passage: Passage
    layer: np.ndarray
    left: int
    top: int
    shadow: np.ndarray
    distance: float
    view: float
    still: float

    @cached_property
    def mask(self) -> np.ndarray:
        """The person's pixels, bool ``[h, w]``, hidden ones too."""
        return np.asarray(self.layer[..., 3] > 127)


class Actor:
    """A passage as one camera sees it.

    Args:
        passage: the passage.
        seed: of the population.
        camera: who looks.
        size: width and height of the picture.
        rate: frames a second.
        sun: direction in which the sun's rays go, with a height of -1.
    """

    def __init__(
        self,
        passage: Passage,
        seed: int,
        camera: StreetCamera,
        size: tuple[int, int],
        rate: float,
        sun: np.ndarray,
    ) -> None:
        self.passage, self.camera, self.size, self.rate, self.sun = passage, camera, size, rate, sun
        self._seed = seed
        self._person = identity(seed, passage.person)
        self._stature = stature(seed, passage.person)
        self._worn = clothes(seed, passage.person, passage.kind)
        self._worn[0][:] = self._worn[0][:, ::-1]
        towards = -sun / np.linalg.norm(sun)
        self._light = (camera.axes @ towards).astype(np.float32)

    def bodies(self, frames: range) -> Iterator[tuple[int, Body]]:
        """The body in those of the frames in which it is, with their numbers; all are rendered at once."""
        times = np.arange(frames.start, frames.stop) / self.rate
        there = (times >= self.passage.begin) & (times <= self.passage.end)
        aims = np.concatenate([self.passage.places(times), np.full((len(times), 1), self._stature / 2)], 1)
        away = self.camera.before(aims)[:, 2]
        beside = _BESIDE * self.camera.focal * self.size[0] / np.maximum(away, NEAR)
        seen_at = self.camera.pixels(aims, self.size)[:, 0]
        there &= (away > NEAR) & (seen_at > -beside) & (seen_at < self.size[0] + beside)
        numbers = np.flatnonzero(there)
        if not len(numbers):
            return
        seen = _Seen(self, times[numbers])
        numbers = numbers[seen.inside]
        if len(numbers):
            for number, body in zip(numbers, _Seen(self, times[numbers]).bodies(), strict=True):
                yield frames.start + int(number), body

    def walked(self, times: np.ndarray) -> Walk:
        """The walk at these seconds."""
        one = self.passage
        ticks, still = one.ticks(times), one.still(times)
        return walk_at(self._person, self._seed, one.person, one.kind, ticks, still if still.any() else None)


class _Seen:
    """A walk at some seconds, as the camera sees it: statures at the aim's distance, from the aim."""

    def __init__(self, actor: Actor, times: np.ndarray) -> None:
        self.actor, self.times = actor, times
        camera, passage, high = actor.camera, actor.passage, actor._stature
        self.walked = actor.walked(times)
        turn = passage.headings(times)
        self.headings = turn
        turned = np.zeros((len(times), 3, 3))
        turned[:, 0, 0], turned[:, 0, 1] = np.cos(turn), -np.sin(turn)
        turned[:, 1, 0], turned[:, 1, 1] = np.sin(turn), np.cos(turn)
        turned[:, 2, 2] = 1
        feet = np.concatenate([passage.places(times), np.zeros((len(times), 1))], 1)
        # In the street, in statures from the feet.
        self.centres = self.walked.centres @ turned.transpose(0, 2, 1)
        self.shapes = turned[:, None] @ self.walked.shapes @ turned.transpose(0, 2, 1)[:, None]
        self.feet, self.aims = feet, feet + _AIM * high
        self.away = camera.before(self.aims)[:, 2]
        self.anchors = camera.pixels(self.aims, actor.size)
        self.scales = camera.focal * actor.size[0] * high / self.away
        own = (self.centres - _AIM) @ camera.axes.T
        self.grown = self.away[:, None] / np.maximum(self.away[:, None] - own[..., 2] * high, NEAR)
        # How the aim itself lies off the middle of the picture: what is nearer is seen farther off.
        off = (self.anchors - (np.array(actor.size) - 1) / 2) / self.scales[:, None]
        self.placed = own.copy()
        self.placed[..., :2] *= self.grown[..., None]
        self.placed[..., :2] += off[:, None] * (self.grown - 1)[..., None]
        axes = camera.axes[:2]
        flat = (axes @ self.shapes @ axes.T) * (self.grown**2)[..., None, None]
        self.polygons = outlines(self.placed[..., :2], flat, self.walked.hulls)

    @property
    def inside(self) -> np.ndarray:
        """Where a part of the body, or of its shadow, is in the picture, bool ``[t]``."""
        shadow = self.shadows()
        body = self.polygons * self.scales[:, None, None, None] + self.anchors[:, None, None]
        return np.asarray(_overlaps(body, self.actor.size) | _overlaps(shadow, self.actor.size))

    def shadows(self) -> np.ndarray:
        """Outlines of the shadow in the picture ``[t, k, corners, 2]``."""
        actor = self.actor
        sheared = np.array([[1.0, 0.0, actor.sun[0]], [0.0, 1.0, actor.sun[1]]])
        ground = outlines(self.centres @ sheared.T, sheared @ self.shapes @ sheared.T, self.walked.hulls)
        places = ground.astype(np.float64) * actor._stature + self.feet[:, None, None, :2]
        points = np.concatenate([places, np.zeros((*places.shape[:-1], 1))], -1)
        return actor.camera.pixels(points, actor.size)

    def bodies(self) -> Iterator[Body]:
        """The body of each second."""
        actor = self.actor
        scale = float(self.scales.max())
        bulges = actor.camera.axes @ self.shapes @ actor.camera.axes.T
        enlarged = np.ones((*self.grown.shape, 3))
        enlarged[..., :2] = self.grown[..., None]
        bulges = bulges * enlarged[..., None] * enlarged[..., None, :]
        seen = surface(self.polygons, self.placed, bulges, self.walked.hulls, scale)
        layers = dressed(seen, self.placed, self.walked, actor._worn, np.float32(1), actor._light)
        shadows = self.shadows()
        still = actor.passage.still(self.times)
        views = self._views()
        for i, layer in enumerate(layers):
            cut, left, top = _shrunk(layer, seen.corner, float(self.scales[i]) / scale, self.anchors[i])
            yield Body(
                actor.passage,
                cut,
                left,
                top,
                shadows[i],
                float(self.away[i]),
                float(views[i]),
                float(still[i]),
            )

    def _views(self) -> np.ndarray:
        towards = np.asarray(self.actor.camera.place) - self.feet
        angle = np.rad2deg(np.arctan2(towards[:, 1], towards[:, 0]) - self.headings)
        return np.asarray(angle % 360)


def _overlaps(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    low, high = points.min((1, 2)), points.max((1, 2))
    return np.asarray((high > -1).all(1) & (low < np.array(size) + 1).all(1))


def _shrunk(
    layer: np.ndarray, corner: np.ndarray, ratio: float, anchor: np.ndarray
) -> tuple[np.ndarray, int, int]:
    """A rendered layer at its size and place in the picture, cut to where something is."""
    rows, columns = np.flatnonzero(layer[..., 3].any(1)), np.flatnonzero(layer[..., 3].any(0))
    layer = layer[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    first = (corner + np.array([columns[0], rows[0]])) * ratio + anchor
    left, top = (int(np.floor(edge)) - 1 for edge in first)
    width, height = (int(np.ceil(side * ratio)) + 3 for side in (layer.shape[1], layer.shape[0]))
    # From pixels of the cut to those of the layer.
    matrix = np.array([[1 / ratio, 0, (left - first[0]) / ratio], [0, 1 / ratio, (top - first[1]) / ratio]])
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(layer, matrix, (width, height), flags=how, borderValue=0)
    return np.asarray(cut), left, top
