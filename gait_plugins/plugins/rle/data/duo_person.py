"""Synthetic people: bodies, clothes and the materials of their clothes."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np

MATERIALS = ("skin", "hair", "upper", "upper trim", "lower", "lower trim", "shoes", "bag")
PATTERNS = ("plain", "bands", "stripes", "checks", "yoke")


@dataclass(frozen=True)
class Garment:
    """How a piece of clothing is cut and patterned; patterns mix its colour with that of its trim."""

    pattern: str
    pitch: float
    """Length of the pattern's period, as a share of the body's height."""
    length: float
    """Of sleeves, trousers or skirt, from 0 to 1."""


@dataclass(frozen=True)
class Person:
    """One identity."""

    height: float
    """Share of the image's height."""
    shoulders: float
    hips: float
    """Widths, as shares of the body's height."""
    hair: str
    upper: Garment
    lower: Garment
    skirt: bool
    bag: str
    colours: np.ndarray
    """Of each material, RGB in [0, 1], ``[8, 3]``."""
    response: np.ndarray
    """What of each colour channel the thermal camera sees of each material, ``[8, 3]``: the thermal
    value of a material is linear in its colour, by factors that are its own and tell nothing."""


def person(rng: np.random.Generator) -> Person:
    """A random identity."""
    return Person(
        height=rng.uniform(0.8, 0.93),
        shoulders=rng.uniform(0.2, 0.3),
        hips=rng.uniform(0.15, 0.24),
        hair=str(rng.choice(["short", "long", "cap"])),
        upper=_garment(rng, rng.choice([0.25, 0.6, 1.0])),
        lower=_garment(rng, rng.choice([0.4, 0.7, 1.0])),
        skirt=bool(rng.random() < 0.3),
        bag=str(rng.choice(["none", "none", "left", "right", "back"])),
        colours=_colours(rng),
        response=rng.dirichlet((0.5, 0.5, 0.5), len(MATERIALS)) * rng.uniform(0.35, 1.3, (len(MATERIALS), 1)),
    )


def _garment(rng: np.random.Generator, length: float) -> Garment:
    return Garment(str(rng.choice(PATTERNS)), rng.uniform(0.05, 0.14), float(length))


def _colours(rng: np.random.Generator) -> np.ndarray:
    skin = np.array([0.9, 0.72, 0.6]) * rng.uniform(0.45, 1)
    hair = np.array([0.35, 0.25, 0.2]) * rng.uniform(0.3, 1.8)
    cloth = [
        colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.3, 0.95), rng.uniform(0.3, 0.95)) for _ in range(6)
    ]
    return np.asarray(np.clip(np.vstack([skin, hair, cloth]), 0.05, 1))
