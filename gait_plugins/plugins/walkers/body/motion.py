"""Motion of a body: joint positions over time.

Axes of the walker: x forward, y to the left, z up; lengths in statures. Phase counts gait cycles,
whole numbers at the left heel strike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gait_plugins.plugins.walkers.body.limbs import SIDES, arm, leg
from gait_plugins.plugins.walkers.body.skeleton import Body, Style


@dataclass(frozen=True)
class Pose:
    """Joints ``[t, 3]`` by name (``knee_l``), and the frames ``[t, 3, 3]`` (columns: forward, left, up)."""

    joints: dict[str, np.ndarray]
    pelvis: np.ndarray
    chest: np.ndarray
    head: np.ndarray

    def mixed(self, other: Pose, share: np.ndarray) -> Pose:
        """The pose on its way to another one, which has this share ``[t]`` of it."""
        part = share[:, None]
        joints = {name: joint + part * (other.joints[name] - joint) for name, joint in self.joints.items()}
        part = part[..., None]
        turned = [
            own + part * (its - own)
            for own, its in ((self.pelvis, other.pelvis), (self.chest, other.chest), (self.head, other.head))
        ]
        return Pose(joints, *turned)


def pose(body: Body, style: Style, phase: np.ndarray, vigour: float = 1.0) -> Pose:
    """The body in motion, feet on the ground.

    Args:
        body: who walks.
        style: how.
        phase: gait cycles at each frame ``[t]``.
        vigour: factor of the amplitudes (fast walking has longer steps).
    """
    wave = 2 * np.pi * phase
    still = np.zeros_like(phase)
    pelvis, chest, head = _frames(style, wave, vigour)
    centre = np.stack([still, style.sway * np.sin(wave - 0.3), still], 1)
    joints = {"pelvis": centre, **_spine(body, style, wave, centre, pelvis, chest, head)}
    for side in SIDES:
        joints |= leg(body, style, phase, vigour, side, centre, pelvis)
        joints |= arm(body, style, phase, vigour, side, joints["throat"], chest)
    soles = [joints[f"{name}_{side}"][:, 2] for name in ("heel", "ball", "toe") for side in SIDES]
    ground = np.stack([still, still, np.min(soles, axis=0)], 1)
    return Pose({name: joint - ground for name, joint in joints.items()}, pelvis, chest, head)


def _frames(style: Style, wave: np.ndarray, vigour: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    deg = np.deg2rad
    # The left hip leads at the left heel strike, the left shoulder trails.
    pelvis = _turn(2, -deg(style.pelvis_twist) * vigour * np.cos(wave)) @ _turn(
        0, deg(style.pelvis_drop) * np.sin(wave)
    )
    lean = deg(style.lean) + deg(1.5) * np.cos(2 * wave + 0.6)
    twist = deg(style.twist) * vigour * np.cos(wave)
    chest = _turn(2, twist) @ _turn(1, lean) @ _turn(0, -deg(style.roll) * np.sin(wave))
    pitch = deg(style.head_pitch) + deg(style.nod) * np.cos(2 * wave)
    # The eyes stay ahead while the shoulders turn.
    head = _turn(2, 0.3 * twist) @ _turn(1, 0.5 * lean + pitch)
    return pelvis, chest, head


def _spine(
    body: Body,
    style: Style,
    wave: np.ndarray,
    centre: np.ndarray,
    pelvis: np.ndarray,
    chest: np.ndarray,
    head: np.ndarray,
) -> dict[str, np.ndarray]:
    length = (body.trunk + style.bounce * np.cos(2 * wave + 1.0))[:, None]
    waist = centre + 0.38 * length * (0.6 * pelvis + 0.4 * chest)[:, :, 2]
    throat = waist + 0.62 * length * chest[:, :, 2]
    neck = (body.neck + 0.8 * body.head) * (0.6 * chest + 0.4 * head)[:, :, 2]
    return {
        "waist": waist,
        "chest": waist + 0.36 * length * chest[:, :, 2],
        "throat": throat,
        "head": throat + neck + 0.012 * head[:, :, 0],
    }


def _turn(axis: int, angle: np.ndarray) -> np.ndarray:
    """Rotation matrices ``[t, 3, 3]`` about one axis."""
    c, s = np.cos(angle), np.sin(angle)
    matrix = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, axis, axis] = 1
    matrix[:, i, i], matrix[:, j, j] = c, c
    matrix[:, i, j], matrix[:, j, i] = -s, s
    return matrix
