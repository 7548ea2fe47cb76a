"""Skeleton maps: keypoints as soft grey images of limbs and joints, as SkeletonGait takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np

from gait_plugins.errors import ConfigError
from gait_plugins.prepare.poses.drawing import drawn_joints, drawn_limbs
from gait_plugins.prepare.poses.found import in_picture
from gait_plugins.prepare.poses.impute import by_mean, by_neighbours
from gait_plugins.skeleton import ORDERS, JointOrder, reorder

CANVAS = 128
"""Height and width of what is drawn on."""
TALL = 85.0
"""Height of the skeleton on the canvas, from its highest joint to its lowest, in pixels."""
SIZE = 64
"""Height and width of a map."""
LEAST_TALL = 1e-6
"""Height in pixels from which a skeleton can be brought to another."""
_FAR = 1e5
"""Pixels beyond which it does not matter how far away a joint is."""
_COCO = ORDERS["coco17"]
# A colour map of 256 greys, whose steps are rounded down: 24 of them are one less than their number.
_GREYS = (np.linspace(0, 1, 256) * 255 / 255 * 255).astype(np.uint8)
_TOGETHER = 32
"""Frames whose canvases are held at a time."""


@dataclass(frozen=True)
class MapRule:
    """How skeleton maps are drawn.

    Args:
        sigma: spread of limbs and joints, in pixels of the canvas of 128x128.
        align: cut the canvas to the rows that are drawn on, and to as many columns around the hips.
        impute: where a joint that was not found is taken from, for centre and height: ``knn`` (the four
            frames most alike) or ``simple`` (its mean over the sequence).
        confidence: joints and limbs are as strong as the confidence; else all that were found are 1.
        published: as OpenGait's script does. Limbs and joints are each cut to their own rows, so that they
            lie apart by some pixels. Where a joint is missing in all frames, and always with ``simple``,
            nothing is imputed: joints that were not found lie at 0, 0, and move centre and height. Else a
            joint that is missing in all frames moves neither, and both channels are cut alike.

    Raises:
        ConfigError: a value is not possible.
    """

    sigma: float = 8.0
    align: bool = True
    impute: Literal["knn", "simple"] = "knn"
    confidence: bool = True
    published: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.sigma <= CANVAS:
            raise ConfigError(f"sigma {self.sigma}: expected more than 0, {CANVAS} at most")
        if self.impute not in ("knn", "simple"):
            raise ConfigError(f"impute {self.impute!r}: expected knn or simple")


def skeleton_maps(points: np.ndarray, rule: MapRule | None = None, order: JointOrder = _COCO) -> np.ndarray:
    """Maps of a sequence: the skeleton centred at the hips and brought to one height, drawn and cut.

    A joint that was not found is imputed for centre and height. It has no confidence and is not drawn.

    Args:
        points: x, y in pixels and confidence, float ``[t, v, 3]``; a joint that was not found is 0 or NaN.
        rule: None: the default one.
        order: of the joints.

    Returns:
        uint8 ``[t, 2, 64, 64]``: limbs, joints. A frame in which nothing is drawn, or whose joints all have
        one height, is black.
    """
    rule = rule or MapRule()
    return maps_of(placed(points, rule, order)[0], rule)


def placed(points: np.ndarray, rule: MapRule, order: JointOrder = _COCO) -> tuple[np.ndarray, np.ndarray]:
    """The skeleton on the canvas, and the frames that cannot be drawn because all joints have one height.

    Args:
        points, rule, order: as of :func:`skeleton_maps`.

    Returns:
        COCO's joints, float64 ``[t, 17, 3]``: x, y in pixels of the canvas, confidence; and bool ``[t]``.
    """
    body = imputed(reorder(cleaned(points), order, _COCO), rule)
    return centred(body, rule)


def maps_of(skeletons: np.ndarray, rule: MapRule) -> np.ndarray:
    """Maps of placed skeletons ``[t, 17, 3]``, uint8 ``[t, 2, 64, 64]``."""
    maps = np.empty((len(skeletons), 2, SIZE, SIZE), np.uint8)
    for first in range(0, len(skeletons), _TOGETHER):
        part = skeletons[first : first + _TOGETHER]
        maps[first : first + _TOGETHER] = _cut(drawn(part, rule), rule)
    return maps


def cleaned(points: np.ndarray) -> np.ndarray:
    """A copy, float64, in which joints with a number that is none of a picture are 0."""
    body = np.array(points, np.float64)
    body[~in_picture(body)] = 0
    return body


def imputed(body: np.ndarray, rule: MapRule) -> np.ndarray:
    """Joints ``[t, v, 3]`` where x or y that is 0 is taken from other frames; the confidence stays.

    What is missing in all frames stays 0.
    """
    table = body[..., :2].reshape(len(body), 2 * body.shape[1])
    missing = table == 0
    broken = bool(missing.all(0).any()) or (rule.impute == "simple" and bool(missing.any()))
    if rule.published and broken:  # the imputer's table has other columns, and is thrown away
        return body
    filled = (by_neighbours if rule.impute == "knn" else by_mean)(table)
    return np.concatenate([filled.reshape(*body.shape[:2], 2), body[..., 2:]], -1)


def centred(body: np.ndarray, rule: MapRule, order: JointOrder = _COCO) -> tuple[np.ndarray, np.ndarray]:
    """Joints ``[t, v, 3]`` in pixels of the canvas: hips in its middle, 85 pixels tall.

    With ``published``, the hips of 18 joints are the knees. Frames whose joints all have one height are
    told beside them, bool ``[t]``; every confidence of theirs is 0.
    """
    places, sure = body[..., :2], body[..., 2:]
    left, right = order.index("left_hip"), order.index("right_hip")
    if rule.published and order is ORDERS["18"]:
        left, right = order.index("left_knee"), order.index("right_knee")
    absent = np.zeros(places.shape[1], bool) if rule.published else (places == 0).any(-1).all(0)
    hips = [joint for joint in (left, right) if not absent[joint]]
    known = ~absent if not absent.all() else absent
    centre = places[:, hips or known].mean(1, keepdims=True)
    tall = np.ptp(places[:, known, 1], axis=1)
    flat = tall < LEAST_TALL
    scale = TALL / np.where(flat, 1, tall)
    on_canvas = (places - centre) * scale[:, None, None] + CANVAS // 2
    on_canvas = on_canvas.clip(-_FAR, _FAR)
    return np.concatenate([on_canvas, np.where(flat[:, None, None], 0, sure)], -1), np.asarray(flat)


def drawn(skeletons: np.ndarray, rule: MapRule) -> tuple[np.ndarray, np.ndarray]:
    """Limbs and joints of ``[t, 17, 3]`` on the canvas: two uint8 ``[t, 128, 128]``."""
    places, sure = skeletons[..., :2], skeletons[..., 2]
    if not rule.confidence:
        sure = (sure > 0).astype(np.float64)
    limbs = drawn_limbs(places, sure, rule.sigma, CANVAS)
    return grey(limbs), grey(drawn_joints(places, sure, rule.sigma, CANVAS))


def grey(strength: np.ndarray) -> np.ndarray:
    """Strength from 0 to 1 (and above, which is 1) as grey values, uint8."""
    steps = strength * np.float32(256)
    np.minimum(steps, np.float32(255), out=steps)
    flat = steps.astype(np.uint8).reshape(len(steps), -1)  # OpenCV looks values up much faster than numpy
    return np.asarray(cv2.LUT(flat, _GREYS)).reshape(strength.shape) if flat.size else flat


def _cut(canvases: tuple[np.ndarray, np.ndarray], rule: MapRule) -> np.ndarray:
    """Two ``[t, 128, 128]`` cut and brought to their size, uint8 ``[t, 2, 64, 64]``."""
    limbs, joints = (np.asarray(canvas.any(2)) for canvas in canvases)
    rows = (limbs, joints) if rule.published else (limbs | joints, limbs | joints)
    cut = np.empty((len(canvases[0]), 2, SIZE, SIZE), np.uint8)
    for channel, (canvas, drawn_on) in enumerate(zip(canvases, rows, strict=True)):
        top = drawn_on.argmax(1)
        bottom = CANVAS - 1 - drawn_on[:, ::-1].argmax(1)
        for frame in range(len(canvas)):
            cut[frame, channel] = _resized(canvas[frame], int(top[frame]), int(bottom[frame]), rule.align)
    return cut


def _resized(canvas: np.ndarray, top: int, bottom: int, align: bool) -> np.ndarray:
    if align:
        half = (bottom - top + 1) // 2
        canvas = canvas[top : bottom + 1, CANVAS // 2 - half : CANVAS // 2 + half + 1]
    small = cv2.resize(canvas / 255.0, (SIZE, SIZE), interpolation=cv2.INTER_AREA)
    return np.asarray((small * 255).astype(np.uint8))
