"""Colour pictures of walkers in a street, cut to the person; how wide he was; latents that stand in."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np

from gait_plugins.plugins.walkers.body.parts import cloths
from gait_plugins.plugins.walkers.image.render import PIXELS, extent
from gait_plugins.plugins.walkers.image.surface import Surface
from gait_plugins.plugins.walkers.streams.scene import IMAGE, Shot
from gait_plugins.plugins.walkers.streams.street import street, wardrobe
from gait_plugins.plugins.walkers.walk import Walk

SPARE = 0.04
"""Of the box that a detector leaves free on each side."""
STRIPE = 0.03
"""Statures from stripe to stripe."""
LIGHT = np.array([-0.35, -0.55, 0.76], np.float32)
"""Where light comes from: right, down, towards the camera."""
GRAIN = 3.0
"""Spread of the camera's noise, grey levels."""
LATENTS = np.array([[0.9, 0.9, 0.8], [-0.6, 1.1, -0.5], [1.0, 0.2, -1.1], [-0.7, -0.5, -0.6]], np.float32)
"""How much of red, green and blue each channel of the latents has."""


def rgb(shot: Shot) -> np.ndarray:
    """The person from head to foot, in his proportions, uint8 RGB ``[t, 3, 256, 128]``."""
    return pictures(shot, shot.centred, 256, 128)


def rgb_square(shot: Shot) -> np.ndarray:
    """The person's box, squeezed to a square, uint8 RGB ``[t, 3, 128, 128]``."""
    return pictures(shot, detected(shot), 128, 128)


def ratios(shot: Shot) -> np.ndarray:
    """Width by height of the person's box before it was squeezed, float32 ``[t]``."""
    _, _, width, height = detected(shot).T
    return np.asarray(width / height, np.float32)


def silhouettes_square(shot: Shot) -> np.ndarray:
    """The segmentation in the person's box, squeezed to a square, uint8 0/255 ``[t, 128, 128]``."""
    corner, _, _ = extent(shot.film.polygons)
    squares = np.zeros((len(shot.film.masks), 128, 128), np.uint8)
    boxes = _within(shot, detected(shot), corner, PIXELS)
    for out, mask, box in zip(squares, shot.film.masks, boxes, strict=True):
        cv2.warpAffine(mask, _matrix(box, 128, 128), (128, 128), dst=out, flags=_HOW, borderValue=0)
    return np.where(squares > 127, 255, 0).astype(np.uint8)


def silhouettes_96x48(shot: Shot) -> np.ndarray:
    """The aligned silhouettes at the size of the latents, uint8 0/255 ``[t, 96, 48]``."""
    return shot.sized(96, 48)


def latents(shot: Shot) -> np.ndarray:
    """Mixtures of colours in the place of a diffusion model's numbers, float32 ``[t, 4, 96, 48]``."""
    small = pictures(shot, shot.centred, 96, 48).astype(np.float32) / np.float32(127.5) - 1
    mixed = np.einsum("oc,tchw->tohw", LATENTS, small)
    field = shot.scene.rng("latents", shot.view).normal(size=mixed.shape[1:]).astype(np.float32)
    return np.asarray(mixed + np.float32(0.1) * field, np.float32)


def detected(shot: Shot) -> np.ndarray:
    """The person's box in the image as a detector gives it: left, top, width, height ``[t, 4]``."""
    spare = SPARE * shot.boxes[:, 2:]
    return np.concatenate([shot.boxes[:, :2] - spare, shot.boxes[:, 2:] + 2 * spare], 1)


_HOW = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP


def pictures(shot: Shot, boxes: np.ndarray, height: int, width: int) -> np.ndarray:
    """Boxes ``[t, 4]`` of the camera's image, each scaled, uint8 RGB ``[t, 3, height, width]``."""
    scene = shot.scene
    rng = scene.rng("grain", shot.view)
    ground = np.clip(street(scene.seed, shot.view) * _light(shot), 0, 255).astype(np.uint8)
    body = painted(shot)
    own = _within(shot, boxes, shot.fine.corner, IMAGE)
    field = (GRAIN * scene.noise * rng.normal(size=(height + 40, width + 40, 3))).astype(np.int16)
    result = np.empty((len(boxes), 3, height, width), np.uint8)
    for frame, box, inner, layer in zip(result, boxes, own, body, strict=True):
        matrices = _matrix(box, height, width), _matrix(inner, height, width)
        behind = cv2.warpAffine(ground, matrices[0], (width, height), flags=_HOW, borderMode=cv2.BORDER_WRAP)
        front = cv2.warpAffine(layer, matrices[1], (width, height), flags=_HOW, borderValue=0)
        free = cv2.cvtColor(255 - front[..., 3], cv2.COLOR_GRAY2RGB)
        mixed = cv2.add(cv2.cvtColor(front, cv2.COLOR_RGBA2RGB), cv2.multiply(behind, free, scale=1 / 255))
        top, left = rng.integers(0, 40, 2)
        noisy = cv2.add(mixed, field[top : top + height, left : left + width], dtype=cv2.CV_8U)
        frame[0], frame[1], frame[2] = cv2.split(noisy)
    return result


def _light(shot: Shot) -> np.float32:
    """Of the day, a factor."""
    return np.float32(shot.scene.rng("light", shot.view).uniform(0.8, 1.1))


def _within(shot: Shot, boxes: np.ndarray, corner: np.ndarray, scale: float) -> np.ndarray:
    """Boxes of the camera's image as boxes of pixels that begin at ``corner``, ``[t, 4]``."""
    middle = shot.pixels(np.zeros((len(boxes), 2)))
    places = np.concatenate([boxes[:, :2] - middle, boxes[:, 2:]], 1) * (scale / IMAGE)
    places[:, :2] -= corner
    return places


def _matrix(box: np.ndarray, height: int, width: int) -> np.ndarray:
    """From pixels of a picture to those of the image that its box was cut from."""
    left, top, wide, high = box
    across, down = wide / width, high / height
    return np.array([[across, 0, left + across / 2], [0, down, top + down / 2]])


@lru_cache(maxsize=1)
def painted(shot: Shot) -> np.ndarray:
    """The dressed body on the fine surface's pixels, uint8 ``[t, h, w, 4]``: RGB, and 255 where it is."""
    placed = shot.camera.place(shot.scene.walked.centres)
    return dressed(shot.fine, placed, shot.scene.walked, wardrobe(shot.scene), _light(shot))


def dressed(
    seen: Surface,
    placed: np.ndarray,
    walked: Walk,
    worn: tuple[np.ndarray, np.ndarray],
    bright: np.float32,
    light: np.ndarray = LIGHT,
) -> np.ndarray:
    """A visible body in its clothes, uint8 ``[t, h, w, 4]``: RGB, and 255 where it is.

    Args:
        seen: the visible body.
        placed: centres of its ellipsoids: right, down, nearness ``[t, n, 3]``.
        walked: the walk.
        worn: colours and stripes of the cloths: see :func:`~.street.clothes`.
        bright: a factor.
        light: where it comes from: right, down, towards the camera.
    """
    colours, stripes = worn
    cloth = cloths(walked.nodes, walked.hulls)
    layer = np.zeros((*seen.codes.shape, 4), np.uint8)
    spots = np.flatnonzero(seen.mask)
    hull = seen.codes.ravel()[spots] & 255
    shade = _shade(seen, spots, light) * bright
    strength = stripes[cloth][hull]
    shade *= 1 + strength * np.sin(_along(seen, placed, walked, spots, hull) * np.float32(2 * np.pi / STRIPE))
    pixels = layer.reshape(-1, 4)
    pixels[spots, :3] = np.clip(colours[cloth][hull] * shade[:, None], 0, 255)
    pixels[spots, 3] = 255
    return layer


def _along(
    seen: Surface, placed: np.ndarray, walked: Walk, spots: np.ndarray, hull: np.ndarray
) -> np.ndarray:
    """How far points of the surface lie along the hulls that they belong to, statures ``[m]``."""
    start = placed[:, walked.hulls[:, 0]]
    axis = placed[:, walked.hulls[:, -1]] - start
    axis /= np.maximum(np.linalg.norm(axis, axis=2, keepdims=True), 1e-6)
    # Right, down and near, and what is to be taken off, of each hull in each frame.
    plane = np.concatenate([axis, -(start * axis).sum(2, keepdims=True)], 2).astype(np.float32)
    _, height, width = seen.codes.shape
    frame, pixel = np.divmod(spots, height * width)
    row, column = np.divmod(pixel, width)
    own = plane[frame, hull]
    right = ((column + seen.corner[0]) / seen.scale).astype(np.float32)
    down = ((row + seen.corner[1]) / seen.scale).astype(np.float32)
    near = seen.near.ravel()[spots]
    return np.asarray(own[:, 0] * right + own[:, 1] * down + own[:, 2] * near + own[:, 3])


def _shade(seen: Surface, spots: np.ndarray, light: np.ndarray) -> np.ndarray:
    """Brightness of the surface in the light at these places of its flat pixels, float32 ``[m]``."""
    near = seen.near.ravel()
    # The image has a margin: every pixel of the body has neighbours.
    slopes = [
        np.clip((near[spots + step] - near[spots - step]) * np.float32(seen.scale / 2), -2, 2)
        for step in (1, seen.near.shape[2])
    ]
    facing = light[2] - light[0] * slopes[0] - light[1] * slopes[1]
    facing /= np.sqrt(1 + slopes[0] ** 2 + slopes[1] ** 2)
    return np.asarray(0.55 + 0.55 * np.clip(facing, 0, 1), np.float32)
