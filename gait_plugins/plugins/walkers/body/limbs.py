"""Legs and arms in motion: from joint angles to joint positions ``[t, 3]``."""

from __future__ import annotations

import numpy as np

from gait_plugins.plugins.walkers.body.curves import CURVES, RIPPLES, evaluate, personal
from gait_plugins.plugins.walkers.body.skeleton import Body, Style

UP = np.array([0.0, 0.0, 1.0])
SIDES = {"l": 1, "r": -1}


def mix(angle: np.ndarray, ahead: np.ndarray, down: np.ndarray) -> np.ndarray:
    """Unit vectors ``[t, 3]`` that hang down at angle 0 and point ahead at 90 degrees."""
    return np.asarray(np.sin(angle)[:, None] * ahead + np.cos(angle)[:, None] * down)


def leg(
    body: Body,
    style: Style,
    phase: np.ndarray,
    vigour: float,
    side: str,
    centre: np.ndarray,
    pelvis: np.ndarray,
) -> dict[str, np.ndarray]:
    """Hip, knee, calf, ankle, heel, ball and toe of one leg that hangs on the pelvis."""
    sign = SIDES[side]
    own = phase if sign > 0 else phase + 0.5 + style.limp
    thigh, knee, sole, toe = _leg_angles(style, own, vigour * (1 + sign * style.leg_asymmetry / 2))

    hip = centre + pelvis @ np.array([0.0, sign * body.hip_half, -0.01])
    # The leg tilts sideways so that the foot treads its own track.
    offset = (sign * style.step_width / 2 - hip[:, 1]) / (body.thigh + body.shank)
    tilt = np.arcsin(np.clip(offset, -0.3, 0.3))
    down = np.stack([np.zeros_like(tilt), np.sin(tilt), -np.cos(tilt)], 1)
    out = sign * np.deg2rad(style.toe_out)
    ahead, toes = (np.array([np.cos(a), np.sin(a), 0.0]) for a in (out / 2, out))

    knees = hip + body.thigh * mix(thigh, ahead, down)
    shank = mix(thigh - knee, ahead, down)
    ankle = knees + body.shank * shank
    # Along the sole, and up from it.
    along, rise = mix(sole, UP, toes), mix(sole, -toes, UP)
    ball = ankle + 0.50 * body.foot * along - 0.024 * rise
    return {
        f"hip_{side}": hip,
        f"knee_{side}": knees,
        f"calf_{side}": knees + 0.36 * body.shank * shank - 0.012 * ahead,
        f"ankle_{side}": ankle,
        f"heel_{side}": ankle - 0.22 * body.foot * along - 0.020 * rise,
        f"ball_{side}": ball,
        f"toe_{side}": ball + 0.26 * body.foot * mix(sole + toe, UP, toes),
    }


def _leg_angles(
    style: Style, own: np.ndarray, vigour: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    series = personal("hip", style)
    middle = series[0].real
    hip = middle + (evaluate(series, own) - middle) * style.stride * vigour
    crouch = np.deg2rad(max(style.crouch, 0.0))
    # The crouch bends the hip as well, so that the foot stays under the body.
    thigh = hip + np.deg2rad(style.hip_shift) + crouch / 2
    knee = np.maximum(evaluate(personal("knee", style), own) * style.knee_lift * vigour**0.5 + crouch, 0.0)
    sole = evaluate(personal("sole", style), own) * style.push_off
    return thigh, knee, sole, evaluate(CURVES["toe"], own) * style.push_off


def arm(
    body: Body,
    style: Style,
    phase: np.ndarray,
    vigour: float,
    side: str,
    throat: np.ndarray,
    chest: np.ndarray,
) -> dict[str, np.ndarray]:
    """Shoulder, elbow, wrist and hand of one arm that hangs on the chest."""
    sign = SIDES[side]
    flexion, bend = _arm_angles(style, phase, vigour, sign)
    spread = np.deg2rad(max(style.arm_spread, 1.0))
    shoulder = throat + chest @ np.array([0.0, sign * body.shoulder_half, -0.022])
    ahead, left = chest[:, :, 0] * [1, 1, 0], chest[:, :, 1] * [1, 1, 0]

    def hang(outward: float) -> np.ndarray:
        return np.asarray(np.sin(outward) * sign * left - np.cos(outward) * UP)

    elbow = shoulder + body.upper_arm * mix(flexion, ahead, hang(spread))
    wrist = elbow + body.forearm * mix(flexion + bend, ahead, hang(0.4 * spread - 0.08))
    hand = wrist + body.hand * mix(flexion + 0.9 * bend, ahead, hang(-0.05))
    return {
        f"shoulder_{side}": shoulder,
        f"elbow_{side}": elbow,
        f"wrist_{side}": wrist,
        f"hand_{side}": hand,
    }


def _arm_angles(style: Style, phase: np.ndarray, vigour: float, sign: int) -> tuple[np.ndarray, np.ndarray]:
    # The arm swings with the leg of the other side.
    own = phase - style.arm_lag + (0.5 if sign > 0 else 0.0)
    swing = np.cos(2 * np.pi * own) + 1.2 * evaluate(style.ripple[RIPPLES.index("arm")], own, first=1)
    amplitude = np.deg2rad(max(style.arm_swing, 1.0)) * vigour * (1 + sign * style.arm_asymmetry)
    flexion = np.deg2rad(style.arm_carry) + amplitude * swing
    swinging = np.deg2rad(max(style.elbow_swing, 0.0)) * vigour * (1 + swing) / 2
    return flexion, np.maximum(np.deg2rad(max(style.elbow, 3.0)) + swinging, 0.0)
