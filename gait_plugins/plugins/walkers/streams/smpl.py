"""Parameters like those of SMPL: the walk in the numbers of a body model, as a fit of one would tell them."""

from __future__ import annotations

import numpy as np

from gait_plugins.plugins.walkers.body.motion import Pose
from gait_plugins.plugins.walkers.body.skeleton import BODY_TABLE, Body
from gait_plugins.plugins.walkers.image.camera import Camera
from gait_plugins.plugins.walkers.seeds import generator
from gait_plugins.plugins.walkers.streams.scene import IMAGE, Shot

JOINTS = 24
PARENTS = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
"""Parent of each joint of the model's skeleton."""
SHAPES = 10
POSE_ERROR, SHAPE_ERROR = 0.02, 0.08
"""Spread of the fit from frame to frame: radians, and spreads of a shape."""


def smpl(shot: Shot) -> np.ndarray:
    """Camera 3, pose 72 and shape 10, float32 ``[t, 85]``.

    Camera: scale, and shift to the right and down in metres, so that ``scale * (place + shift)`` is -1 to 1
    in the square around the person's box. Pose: 24 rotations from the parent's axes, axis times angle in
    radians, the first one from the camera's axes (right, down, away). Shape: ten mixtures of the body's
    measures, of spread 1. There is no mesh behind them.
    """
    scene = shot.scene
    rng, level = scene.rng("smpl", shot.view), scene.noise
    rotations = relative(world(scene.walked.pose), shot.camera)
    pose = axis_angle(rotations).reshape(scene.frames, 3 * JOINTS)
    pose = pose + POSE_ERROR * level * np.clip(rng.normal(size=pose.shape), -2.5, 2.5)
    shape = np.tile(shapes(scene.walked.body), (scene.frames, 1))
    shape = shape + SHAPE_ERROR * level * np.clip(rng.normal(size=shape.shape), -2.5, 2.5)
    return np.concatenate([_camera(shot), pose, shape], 1).astype(np.float32)


def _camera(shot: Shot) -> np.ndarray:
    """Scale and shift of each frame ``[t, 3]``, with the pelvis as the place of the person."""
    boxes = shot.boxes
    pelvis = shot.pixels(shot.camera.place(shot.scene.walked.pose.joints["pelvis"]))
    metre = IMAGE / shot.scene.stature
    half = boxes[:, 2:].max(1) / 2 / metre
    shift = (pelvis - boxes[:, :2] - boxes[:, 2:] / 2) / metre
    return np.concatenate([1 / half[:, None], shift], 1)


def world(pose: Pose) -> np.ndarray:
    """Axes (left, up, forward) of each joint's part along the walker's axes, ``[t, 24, 3, 3]``."""
    joints = pose.joints
    pelvis, chest, head = (frame[:, :, [1, 2, 0]] for frame in (pose.pelvis, pose.chest, pose.head))
    axes = np.empty((len(pelvis), JOINTS, 3, 3))
    axes[:, [0, 3]] = pelvis[:, None]
    axes[:, [6, 9, 13, 14]] = chest[:, None]
    axes[:, [12, 15]] = head[:, None]
    for side, sign, leg, arm in (("l", 1, 1, 16), ("r", -1, 2, 17)):
        at = {name.removesuffix(f"_{side}"): place for name, place in joints.items()}
        axes[:, leg] = upright(at["hip"] - at["knee"], pelvis[:, :, 0])
        axes[:, leg + 3] = upright(at["knee"] - at["ankle"], pelvis[:, :, 0])
        axes[:, [leg + 6, leg + 9]] = treading(at["ball"] - at["heel"], pelvis[:, :, 0])[:, None]
        out = chest[:, :, 0]
        for joint, start, end in (
            (arm, "shoulder", "elbow"),
            (arm + 2, "elbow", "wrist"),
            (arm + 4, "wrist", "hand"),
        ):
            axes[:, joint] = reaching(sign * (at[end] - at[start]), sign * out)
        axes[:, arm + 6] = axes[:, arm + 4]
    return axes


def upright(up: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Axes of a bone that rests upright, ``[t, 3, 3]``, columns left, up and forward."""
    up = unit(up)
    left = unit(left - (left * up).sum(1, keepdims=True) * up)
    return np.stack([left, up, np.cross(left, up)], 2)


def treading(ahead: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Axes of a bone that rests pointing ahead."""
    ahead = unit(ahead)
    left = unit(left - (left * ahead).sum(1, keepdims=True) * ahead)
    return np.stack([left, np.cross(ahead, left), ahead], 2)


def reaching(left: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Axes of a bone that rests pointing sideways."""
    left = unit(left)
    up = unit(up - (up * left).sum(1, keepdims=True) * left)
    return np.stack([left, up, np.cross(left, up)], 2)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def relative(axes: np.ndarray, camera: Camera) -> np.ndarray:
    """Rotation of each part from its parent's axes, the first one from the camera's ``[t, 24, 3, 3]``."""
    right, down, towards = camera.axes()
    result = np.empty_like(axes)
    result[:, 0] = np.stack([right, down, -towards]) @ axes[:, 0]
    own, parents = axes[:, 1:], axes[:, list(PARENTS[1:])]
    result[:, 1:] = parents.transpose(0, 1, 3, 2) @ own
    return result


def axis_angle(rotations: np.ndarray) -> np.ndarray:
    """Axis times angle of rotation matrices ``[..., 3, 3]``, in radians up to pi ``[..., 3]``."""
    m = rotations
    # The quaternion from its largest part, so that nothing is divided by a small number.
    trace = m[..., 0, 0] + m[..., 1, 1] + m[..., 2, 2]
    squares = np.stack([1 + trace, *(1 + 2 * m[..., i, i] - trace for i in range(3))], -1)
    xy, xz, yz = (m[..., i, j] + m[..., j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    x, y, z = (m[..., j, i] - m[..., i, j] for i, j in ((1, 2), (2, 0), (0, 1)))
    table = np.stack(
        [
            np.stack([squares[..., 0], x, y, z], -1),
            np.stack([x, squares[..., 1], xy, xz], -1),
            np.stack([y, xy, squares[..., 2], yz], -1),
            np.stack([z, xz, yz, squares[..., 3]], -1),
        ],
        -2,
    )
    best = squares.argmax(-1)[..., None, None]
    quaternion = np.take_along_axis(table, best, -2)[..., 0, :]
    quaternion /= np.linalg.norm(quaternion, axis=-1, keepdims=True)
    quaternion *= np.where(quaternion[..., :1] < 0, -1, 1)
    sine = np.linalg.norm(quaternion[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quaternion[..., :1])
    factor = np.where(sine < 1e-9, 2.0, angle / np.maximum(sine, 1e-9))
    return np.asarray(quaternion[..., 1:] * factor)


def shapes(body: Body) -> np.ndarray:
    """Ten numbers for a body, ``[10]``."""
    spreads = [(getattr(body, name) / mean - 1) / part for name, (mean, part) in BODY_TABLE.items()]
    mixture = generator(0, "smpl shapes").normal(size=(SHAPES, len(spreads)))
    mixture, _ = np.linalg.qr(mixture.T)
    return np.asarray(np.array(spreads) @ mixture)
