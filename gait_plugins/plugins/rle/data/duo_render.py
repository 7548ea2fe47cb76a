"""Pictures of synthetic people by visible and thermal cameras."""

from __future__ import annotations

import cv2
import numpy as np

from gait_plugins.plugins.rle.data.duo_person import MATERIALS, Garment, Person
from gait_plugins.plugins.rle.modality import VISIBLE, Modality

_FINE = 2
"""Pictures are drawn this many times larger and reduced, for smooth edges."""
_INDEX = {name: number + 1 for number, name in enumerate(MATERIALS)}  # 0 is the background

_Polygon = list[tuple[float, float]]


def picture(
    who: Person, modality: Modality, camera: int, size: tuple[int, int], rng: np.random.Generator
) -> np.ndarray:
    """A picture of a person, uint8 ``[3, h, w]``; thermal ones have three equal channels.

    Args:
        who: the person.
        modality: of the camera.
        camera: its number, which decides its tint and gain.
        size: height and width.
        rng: of pose, place, light and background.
    """
    height, width = size
    materials = _drawn(who, height * _FINE, width * _FINE, rng)
    colours = np.vstack([[0.0, 0.0, 0.0], who.colours])
    if modality != VISIBLE:
        values = np.concatenate([[0.0], (who.colours * who.response).sum(1)])
        colours = np.repeat(values[:, None], 3, 1)
    scene = colours.astype(np.float32)[materials]
    scene = np.where((materials == 0)[..., None], _background(modality, scene.shape[:2], rng), scene)
    small = cv2.resize(scene, (width, height), interpolation=cv2.INTER_AREA)
    seen = small * _exposure(modality, camera, rng)
    if modality != VISIBLE:
        seen = cv2.GaussianBlur(seen, (3, 3), 0)
    seen = seen + rng.normal(0, 0.015, seen.shape if modality == VISIBLE else (height, width, 1))
    return np.ascontiguousarray((seen.clip(0, 1) * 255).astype(np.uint8).transpose(2, 0, 1))


def _exposure(modality: Modality, camera: int, rng: np.random.Generator) -> np.ndarray:
    own = np.random.default_rng(camera)
    tint = own.uniform(0.75, 1.1, 3) if modality == VISIBLE else np.ones(3)
    return np.asarray(tint * own.uniform(0.8, 1.05) * rng.uniform(0.85, 1.15))


def _background(modality: Modality, shape: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    coarse = rng.uniform(0.1, 0.7, 3) + rng.normal(0, 0.12, (6, 3, 3))
    if modality != VISIBLE:
        coarse = np.repeat(coarse.mean(2, keepdims=True) * 0.6, 3, 2)
    smooth = cv2.resize(coarse.astype(np.float32), shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth.clip(0, 1))


def _drawn(who: Person, height: int, width: int, rng: np.random.Generator) -> np.ndarray:
    """The material of each pixel, uint8 ``[height, width]``, 0 for the background."""
    canvas = np.zeros((height, width), np.uint8)
    tall = height * who.height * rng.uniform(0.95, 1.03)
    middle = width * (0.5 + rng.uniform(-0.08, 0.08))
    top = (height - tall) * rng.uniform(0.2, 0.8)
    stride, swing = rng.uniform(0.01, 0.09), rng.uniform(-0.07, 0.07)

    def fill(name: str, points: _Polygon, garment: Garment | None = None) -> None:
        # x in body heights from the middle, y in body heights from the crown.
        corners = np.array([[middle + x * tall, top + y * tall] for x, y in points])
        where = np.zeros_like(canvas)
        cv2.fillPoly(where, [np.rint(corners).astype(np.int32)], 1)
        canvas[where > 0] = _INDEX[name]
        if garment is not None:
            trim = _trim(garment, height, width, middle, top, tall) & (where > 0)
            canvas[trim] = _INDEX[f"{name} trim"]

    s, h = who.shoulders / 2, who.hips / 2
    if who.bag == "back":
        fill("bag", _box(-s * 0.9, 0.17, s * 0.9, 0.45))
    for side in (-1, 1):
        foot = side * (h * 0.5 + stride)
        knee = 0.5 + 0.46 * who.lower.length
        fill("skin", _limb(side * h * 0.5, 0.48, foot, 0.96, h * 0.42, h * 0.3))
        if not who.skirt:
            at = side * h * 0.5 + (foot - side * h * 0.5) * (knee - 0.48) / 0.48
            fill("lower", _limb(side * h * 0.5, 0.46, at, knee, h * 0.56, h * 0.42), who.lower)
        fill("shoes", _box(foot - h * 0.4, 0.945, foot + h * 0.5, 1.0))
    if who.skirt:
        low = 0.52 + 0.36 * who.lower.length
        fill("lower", [(-h, 0.44), (h, 0.44), (h * 1.35, low), (-h * 1.35, low)], who.lower)
    fill("upper", [(-s, 0.17), (s, 0.17), (h * 1.05, 0.5), (-h * 1.05, 0.5)], who.upper)
    for side in (-1, 1):
        hand = (side * (s + 0.03) + swing * side, 0.5)
        cuff = 0.19 + 0.29 * who.upper.length
        share = (cuff - 0.19) / 0.31
        fill("skin", _limb(side * s * 0.95, 0.19, *hand, 0.028, 0.022))
        reach = side * s * 0.95 + (hand[0] - side * s * 0.95) * share
        fill("upper", _limb(side * s * 0.95, 0.18, reach, cuff, 0.04, 0.034), who.upper)
    if who.bag in ("left", "right"):
        side = -1 if who.bag == "left" else 1
        fill("bag", _box(side * (h + 0.03) - 0.045, 0.42, side * (h + 0.03) + 0.045, 0.57))
    if who.hair == "long":
        fill("hair", _box(-0.062, 0.03, 0.062, 0.2))
    fill("skin", _oval(0, 0.075, 0.05, 0.07))
    fill("hair", _oval(0, 0.04, 0.056, 0.045))
    if who.hair == "cap":
        fill("shoes", _box(-0.06, 0.0, 0.085, 0.04))
    return canvas


def _trim(garment: Garment, height: int, width: int, middle: float, top: float, tall: float) -> np.ndarray:
    """Where the garment shows the colour of its trim, bool ``[height, width]``."""
    y = (np.arange(height)[:, None] - top) / tall
    x = (np.arange(width)[None] - middle) / tall
    bands, stripes = (y / garment.pitch) % 1 < 0.5, (x / garment.pitch * 1.4) % 1 < 0.5
    found = {
        "plain": np.zeros((height, width), bool),
        "bands": bands | np.zeros_like(x, bool),
        "stripes": stripes | np.zeros_like(y, bool),
        "checks": bands ^ stripes,
        "yoke": ((y < 0.27) | (y > 0.78)) | np.zeros_like(x, bool),
    }
    return np.asarray(found[garment.pattern])


def _box(left: float, top: float, right: float, bottom: float) -> _Polygon:
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _limb(x0: float, y0: float, x1: float, y1: float, upper: float, lower: float) -> _Polygon:
    return [(x0 - upper, y0), (x0 + upper, y0), (x1 + lower, y1), (x1 - lower, y1)]


def _oval(x: float, y: float, across: float, down: float) -> _Polygon:
    angles = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return [(x + across * float(np.cos(a)), y + down * float(np.sin(a))) for a in angles]
