"""The backdrop of a film: a house and a pavement of slabs, as one camera sees them without anybody."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.plugins.walkers.film.cameras import WALL, StreetCamera
from gait_plugins.plugins.walkers.seeds import generator
from gait_plugins.plugins.walkers.streams.street import KERB, street

_HOUSE = 7.5
"""Height of the house in metres."""
_FINE = 64
"""Pixels of the pavement's picture to a metre."""
_PERIOD, _DEPTH = 16, 14
"""Metres along and across the street after which the pavement repeats."""
_SLAB = 0.5
"""Sides of a slab in metres."""


def backdrop(seed: int, camera: StreetCamera, size: tuple[int, int]) -> np.ndarray:
    """The empty street, uint8 BGR ``[h, w, 3]``."""
    fine = size[0] * 2, size[1] * 2
    rays = camera.rays(fine)
    place = np.asarray(camera.place)
    with np.errstate(divide="ignore", invalid="ignore"):
        to_wall = np.where(rays[..., 1] > 0, (WALL - place[1]) / rays[..., 1], np.inf)
        to_ground = np.where(rays[..., 2] < 0, -place[2] / rays[..., 2], np.inf)
    on_ground = to_ground < to_wall
    far = np.minimum(np.minimum(to_wall, to_ground), 1e3 / np.linalg.norm(rays, axis=-1))
    hits = place + rays * far[..., None]
    ground = _looked_up(_pavement(seed), hits[..., 0] * _FINE, hits[..., 1] * _FINE)
    front = street(seed, "film")[:KERB]
    pixels = KERB / _HOUSE
    high = np.clip((_HOUSE - hits[..., 2]) * pixels, 0, KERB - 1)
    house = _looked_up(front, hits[..., 0] * pixels, high)
    picture = np.where(on_ground[..., None], ground, house)
    # The corner between house and ground gets less light.
    near = np.where(on_ground, WALL - hits[..., 1], hits[..., 2])
    picture = picture * (1 - 0.3 * np.exp(-np.abs(near) / 0.35))[..., None]
    small = cv2.resize(picture.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    return np.asarray(np.clip(np.rint(small[..., ::-1]), 0, 255), np.uint8)


def _looked_up(texture: np.ndarray, right: np.ndarray, down: np.ndarray) -> np.ndarray:
    height, width = texture.shape[:2]
    maps = (right % width).astype(np.float32), (down % height).astype(np.float32)
    return np.asarray(cv2.remap(texture, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)


def _pavement(seed: int) -> np.ndarray:
    """Slabs, each a little lighter or darker, with joints, stains and grain: uint8 RGB."""
    rng = generator(seed, "pavement")
    shape = int(_DEPTH / _SLAB), int(_PERIOD / _SLAB)
    side = int(_SLAB * _FINE)
    tone = rng.uniform(150, 185) + rng.uniform(-8, 8, 3)
    slabs = np.repeat(np.repeat(rng.normal(0, 5, shape), side, 0), side, 1)
    slabs[::side] -= 28
    slabs[:, ::side] -= 28
    slabs[1::side] -= 14
    slabs[:, 1::side] -= 14
    rough = rng.normal(size=slabs.shape).astype(np.float32)
    # Blurred as if it went on at the other end.
    around = np.pad(rough, _FINE * 2, mode="wrap")
    for sigma in (40.0, 1.2):
        soft = cv2.GaussianBlur(around, (0, 0), sigma)[_FINE * 2 : -_FINE * 2, _FINE * 2 : -_FINE * 2]
        slabs += soft / soft.std() * 5
    return np.clip(tone + slabs[..., None], 0, 255).astype(np.uint8)
