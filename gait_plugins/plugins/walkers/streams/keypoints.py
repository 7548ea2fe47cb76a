"""Keypoints: the joints that a pose estimator would find in the camera's image."""

from __future__ import annotations

import numpy as np

from gait_plugins.plugins.walkers.body.motion import Pose
from gait_plugins.plugins.walkers.body.skeleton import Body
from gait_plugins.plugins.walkers.image.render import PIXELS
from gait_plugins.plugins.walkers.streams.scene import Shot
from gait_plugins.prepare import poses

COCO = (
    *("nose", "eye_l", "eye_r", "ear_l", "ear_r", "shoulder_l", "shoulder_r", "elbow_l", "elbow_r"),
    *("wrist_l", "wrist_r", "hip_l", "hip_r", "knee_l", "knee_r", "ankle_l", "ankle_r"),
)
"""The 17 joints of COCO in their order."""
OPENPOSE = (0, None, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3)
"""The 18 joints of OpenPose and AlphaPose as joints of COCO; None is the neck."""

_INSIDE = np.array([0.03] + 2 * [0.03] + 2 * [0.055] + 2 * [0.075] + 4 * [0.05] + 2 * [0.11] + 4 * [0.06])
"""Statures that a joint may lie under the surface and still be seen."""
_BLUR = np.array([0.6] + 4 * [0.5] + 2 * [1.0] + 2 * [0.8] + 2 * [0.7] + 2 * [1.3] + 4 * [0.8])
"""Pixels by which a joint that is seen is missed."""
UNSEEN = 3.0
"""How much worse a hidden joint is told."""


def keypoints(shot: Shot) -> np.ndarray:
    """Joints of COCO as found in the image: right, down and confidence, float32 ``[t, 17, 3]``."""
    rng = shot.scene.rng("keypoints", shot.view)
    level = shot.scene.noise
    true, hidden = joints(shot)
    count = len(true)
    # Errors last: half of one is new in each frame.
    errors = rng.normal(size=(count, len(COCO), 2))
    for frame in range(1, count):
        errors[frame] = 0.7 * errors[frame - 1] + 0.714 * errors[frame]
    spread = _BLUR * np.where(hidden, UNSEEN, 1.0)
    found = shot.pixels(true) + level * spread[..., None] * np.clip(errors, -2.5, 2.5)
    sure = np.where(hidden, 0.45, 0.92) + np.where(hidden, 0.12, 0.03) * np.clip(
        rng.normal(size=hidden.shape), -2, 2
    )
    lost = rng.random(hidden.shape) < level * np.where(hidden, 0.06, 0.004)
    lost |= (rng.random(count) < 0.012 * level)[:, None]
    result = np.concatenate([found, sure[..., None]], 2)
    result[lost] = 0
    return result.astype(np.float32)


def keypoints_18(shot: Shot) -> np.ndarray:
    """The same joints in the order of OpenPose, with the neck, float32 ``[t, 18, 3]``."""
    found = keypoints(shot)
    left, right = found[:, COCO.index("shoulder_l")], found[:, COCO.index("shoulder_r")]
    neck = (left + right) / 2
    neck[:, 2] = np.minimum(left[:, 2], right[:, 2])
    neck[neck[:, 2] == 0] = 0
    return np.stack([neck if joint is None else found[:, joint] for joint in OPENPOSE], 1)


def skeleton_maps(shot: Shot) -> np.ndarray:
    """Limbs and joints as soft images, as ``data prepare`` draws them, uint8 ``[t, 2, 64, 64]``."""
    return poses.skeleton_maps(keypoints(shot))


def joints(shot: Shot) -> tuple[np.ndarray, np.ndarray]:
    """Where the joints are (right, down, nearness ``[t, 17, 3]``), and which the body hides ``[t, 17]``."""
    walked = shot.scene.walked
    named = walked.pose.joints | face(walked.pose, walked.body)
    places = shot.camera.place(np.stack([named[name] for name in COCO], 1))
    seen = shot.surface
    _, height, width = seen.codes.shape
    pixel = np.rint(places[..., :2] * PIXELS - seen.corner).astype(int)
    column, row = np.clip(pixel[..., 0], 0, width - 1), np.clip(pixel[..., 1], 0, height - 1)
    front = seen.near[np.arange(len(row))[:, None], row, column]
    return places, front - places[..., 2] > _INSIDE


def face(pose: Pose, body: Body) -> dict[str, np.ndarray]:
    """Nose, eyes and ears, ``[t, 3]`` each."""
    spots = {"nose": (1.0, 0.0, -0.15)}
    for side, sign in (("l", 1), ("r", -1)):
        spots[f"eye_{side}"] = (0.78, sign * 0.32, 0.12)
        spots[f"ear_{side}"] = (-0.05, sign * 0.66, -0.05)
    return {
        name: pose.joints["head"] + pose.head @ (body.head * np.array(spot)) for name, spot in spots.items()
    }
