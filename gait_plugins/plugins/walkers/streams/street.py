"""The street that the walkers pass: a picture for each camera, and their clothes."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from gait_plugins.plugins.walkers.body.parts import CLOTHS
from gait_plugins.plugins.walkers.seeds import generator
from gait_plugins.plugins.walkers.streams.scene import ROWS, Scene

WIDTH = 1024
"""Columns after which the street repeats."""
KERB = 300
"""Row where the wall ends and the pavement begins."""


@lru_cache(maxsize=16)
def street(seed: int, view: str) -> np.ndarray:
    """The street as the camera of ``view`` sees it, uint8 RGB ``[480, 1024, 3]``; its ends fit together."""
    rng = generator(seed, "street", view)
    picture = np.empty((ROWS, WIDTH, 3), np.float32)
    picture[:KERB] = rng.uniform(90, 190) + rng.uniform(-25, 25, 3)
    picture[KERB:] = rng.uniform(80, 150) + rng.uniform(-8, 8, 3)
    picture[:KERB] *= np.linspace(1.1, 0.85, KERB)[:, None, None]
    _windows(picture, rng)
    _slabs(picture, rng)
    rough = rng.normal(size=(ROWS, WIDTH)).astype(np.float32)
    grain = sum(weight * _blurred(rough, sigma) for sigma, weight in ((1.0, 5.0), (6.0, 6.0)))
    picture += np.asarray(grain)[..., None]
    return np.clip(picture, 0, 255).astype(np.uint8)


def _blurred(field: np.ndarray, sigma: float) -> np.ndarray:
    """A field blurred as if it went on at the other end, of spread 1."""
    around = np.pad(field, ((0, 0), (64, 64)), mode="wrap")
    soft = cv2.GaussianBlur(around, (0, 0), sigma)[:, 64:-64]
    return np.asarray(soft / soft.std())


def _windows(picture: np.ndarray, rng: np.random.Generator) -> None:
    pitch = WIDTH // int(rng.integers(4, 9))
    glass, frame = rng.uniform(30, 90, 3), rng.uniform(120, 230, 3)
    top, bottom = int(rng.integers(30, 90)), int(rng.integers(170, 240))
    for left in range(pitch // 5, WIDTH - pitch // 2, pitch):
        picture[top:bottom, left : left + pitch // 2] = frame
        picture[top + 6 : bottom - 6, left + 6 : left + pitch // 2 - 6] = glass + rng.uniform(-15, 15)


def _slabs(picture: np.ndarray, rng: np.random.Generator) -> None:
    row, step = KERB, 14
    picture[KERB - 6 : KERB] *= 0.6
    while row < ROWS:
        picture[row : row + 2] *= 0.8
        row, step = row + step, step + 8
    pitch = WIDTH // int(rng.integers(10, 24))
    for left in range(0, WIDTH - 2, pitch):
        picture[KERB:, left : left + 2] *= 0.85


def wardrobe(scene: Scene) -> tuple[np.ndarray, np.ndarray]:
    """Colours of what a walker wears in a scene: see :func:`clothes`."""
    return clothes(scene.seed, scene.number, scene.kind)


def clothes(seed: int, number: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Colours of what a walker wears: RGB float32 ``[cloth, 3]``, and how strong its stripes are ``[cloth]``.

    Skin, hair and everyday clothes are the person's; coats and bags change from walk to walk.
    """
    own, today = generator(seed, "wardrobe", number), generator(seed, "wardrobe", number, kind)
    skin = np.array([236, 190, 160]) * own.uniform(0.4, 1.0)
    colours = {
        "skin": skin,
        "hair": np.array([90, 65, 45]) * own.uniform(0.3, 2.2) + own.uniform(0, 30),
        "shirt": own.uniform(20, 245, 3),
        "trousers": own.uniform(20, 130) + own.uniform(-20, 60, 3),
        "shoes": own.uniform(15, 200) + own.uniform(-10, 30, 3),
        "coat": today.uniform(20, 170) + today.uniform(-20, 70, 3),
        "bag": today.uniform(15, 220, 3),
    }
    stripes = {"shirt": own.uniform(0.0, 0.35), "trousers": own.uniform(0.0, 0.08), "coat": 0.06}
    table = np.array([np.clip(colours[cloth], 5, 250) for cloth in CLOTHS], np.float32)
    return table, np.array([stripes.get(cloth, 0.0) for cloth in CLOTHS], np.float32)
