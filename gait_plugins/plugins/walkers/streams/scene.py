"""Scenes: one walk and its cameras, of which every stream takes what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gait_plugins.plugins.walkers.body.parts import labels
from gait_plugins.plugins.walkers.body.skeleton import Identity, identity
from gait_plugins.plugins.walkers.image.align import SIZE, Cut, align, binarise, middle, windows
from gait_plugins.plugins.walkers.image.camera import Camera
from gait_plugins.plugins.walkers.image.render import PIXELS, extent
from gait_plugins.plugins.walkers.image.surface import Surface, surface
from gait_plugins.plugins.walkers.seeds import bell, generator
from gait_plugins.plugins.walkers.walk import RATE, Film, Walk, camera_of, film, pace, walk

SCANS = 10.0
"""Turns of the laser scanner in a second."""
IMAGE = 168.0
"""Pixels of a stature in the camera's image, twice those of the silhouettes."""
ROWS, COLUMNS = 480, 640
"""Size of the camera's image; a long walk needs more columns."""


@dataclass(frozen=True)
class Scene:
    """One walk of one person, with nothing made yet."""

    seed: int
    number: int
    kind: str
    frames: int
    rate: float = RATE
    noise: float = 1.0
    bodies: float = 1.0

    @cached_property
    def person(self) -> Identity:
        """Who walks."""
        return identity(self.seed, self.number, bodies=self.bodies)

    @cached_property
    def walked(self) -> Walk:
        """The walk at the moments of the camera's frames."""
        return self._walk(self.frames, RATE / self.rate)

    @cached_property
    def further(self) -> Walk:
        """The walk with one frame more."""
        return self._walk(self.frames + 1, RATE / self.rate)

    @cached_property
    def scanned(self) -> Walk:
        """The walk at the moments of the scanner's turns."""
        return self._walk(scans(self.frames, self.rate), RATE / SCANS)

    @cached_property
    def parts(self) -> np.ndarray:
        """Label of each hull, uint8 ``[k]``."""
        return labels(self.walked.nodes, self.walked.hulls)

    @cached_property
    def stature(self) -> float:
        """The person's height in metres."""
        return stature(self.seed, self.number)

    @cached_property
    def pace(self) -> float:
        """Statures walked in a second: what the foot on the ground moves back."""
        return pace(self.walked)

    def rng(self, *scope: str | int) -> np.random.Generator:
        """The random numbers of this walk for one purpose."""
        return generator(self.seed, *scope, self.number, self.kind)

    def _walk(self, frames: int, step: float) -> Walk:
        return walk(self.person, self.seed, self.number, self.kind, frames, step)


@dataclass(frozen=True)
class Shot:
    """A scene seen from one view."""

    scene: Scene
    view: str

    @cached_property
    def film(self) -> Film:
        """The camera, the outlines and the segmentation, as of the silhouettes."""
        scene = self.scene
        return film(scene.walked, scene.seed, scene.number, scene.kind, self.view, scene.noise)

    @cached_property
    def camera(self) -> Camera:
        """The camera alone, for what needs no segmentation."""
        scene = self.scene
        return camera_of(scene.walked, scene.seed, scene.number, scene.kind, self.view)[0]

    @cached_property
    def surface(self) -> Surface:
        """The visible body at the silhouettes' pixels."""
        return self.render(PIXELS)

    @cached_property
    def fine(self) -> Surface:
        """The visible body at the image's pixels."""
        return self.render(IMAGE)

    def render(self, scale: float) -> Surface:
        """The visible body at so many pixels to a stature."""
        walked, camera = self.scene.walked, self.camera
        bulges = camera.bulge(walked.centres, walked.shapes)
        return surface(self.film.polygons, camera.place(walked.centres), bulges, walked.hulls, scale)

    @cached_property
    def cut(self) -> Cut:
        """Where the silhouettes are cut out."""
        return Cut.around(self.film.masks)

    @cached_property
    def scaled(self) -> np.ndarray:
        """The segmentation cut and scaled, uint8 0/255 ``[t, 64, w]``."""
        return binarise(self.cut.apply(self.film.masks))

    @cached_property
    def silhouettes(self) -> np.ndarray:
        """The aligned silhouettes, uint8 0/255 ``[t, 64, 64]``."""
        return windows(self.scaled, self.column, SIZE)

    def sized(self, size: int, columns: int) -> np.ndarray:
        """The silhouettes with so many rows and columns, uint8 0/255."""
        spare = (size - columns) // 2
        return np.ascontiguousarray(align(self.film.masks, size)[:, :, spare : spare + columns])

    @cached_property
    def column(self) -> np.ndarray:
        """The column of the scaled cut that lands in the middle of a silhouette, ``[t]``."""
        return middle(self.scaled)

    def aligned(self, maps: np.ndarray, interpolation: int) -> np.ndarray:
        """Maps ``[t, h, w]`` or ``[t, h, w, c]`` on the segmentation's pixels, cut as the silhouettes are."""
        return windows(self.cut.apply(maps, interpolation), self.column, SIZE)

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the camera's image."""
        return ROWS, max(COLUMNS, int(np.ptp(self.path) * IMAGE) + COLUMNS // 2)

    @cached_property
    def path(self) -> np.ndarray:
        """How far the walker is to the right of the image's middle, statures ``[t]``.

        He passes the sensors on a circle around them, so that his distance and his view stay as they are.
        """
        return self.passing(np.arange(self.scene.frames) / self.scene.rate)

    def passing(self, times: np.ndarray) -> np.ndarray:
        """The path at ``times``, in seconds."""
        half = (self.scene.frames - 1) / self.scene.rate / 2
        sideways = self.camera.axes()[0, 0] * self.scene.pace
        return np.asarray(sideways * (times - half))

    def pixels(self, places: np.ndarray) -> np.ndarray:
        """Pixels (right, down) of the camera's image ``[t, ..., 2]`` where places (statures) are seen."""
        rows, columns = self.size
        moved = places[..., :2].copy()
        moved[..., 0] += self.path.reshape(-1, *[1] * (moved.ndim - 2))
        return np.asarray(moved * IMAGE + [columns / 2, rows / 2])

    @cached_property
    def boxes(self) -> np.ndarray:
        """The segmentation's box in the camera's image: left, top, width and height, float64 ``[t, 4]``.

        Where it found nobody, the whole.
        """
        boxes = np.array(self.cut.boxes, np.float64)
        boxes[boxes[:, 3] == 0] = [0, 0, self.film.masks.shape[2], self.film.masks.shape[1]]
        corner, _, _ = extent(self.film.polygons)
        # The middle of a pixel is where its number points.
        start = self.pixels((boxes[:, :2] - 0.5 + corner) / PIXELS)
        return np.concatenate([start, boxes[:, 2:] * IMAGE / PIXELS], 1)

    @cached_property
    def centred(self) -> np.ndarray:
        """The boxes, twice as high as wide, around the column in which the silhouettes are centred."""
        left, top, _, height = self.boxes.T
        wide = max(self.cut.columns, default=0) or 1
        first = (wide - np.array(self.cut.columns)) // 2
        middles = left + (self.column - first) * height / SIZE
        return np.stack([middles - height / 4, top, height / 2, height], 1)


def stature(seed: int, number: int) -> float:
    """A person's height in metres."""
    return bell(generator(seed, "stature", number), 1.69, 0.085)


def scans(frames: int, rate: float) -> int:
    """Turns of the scanner while the camera takes so many frames."""
    return int(np.floor((frames - 1) / rate * SCANS + 1e-9)) + 1
