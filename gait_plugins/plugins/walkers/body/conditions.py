"""Walking conditions: nothing (nm), a bag (bg), a coat (cl); classes of gait."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gait_plugins.plugins.walkers.body.flesh import Flesh
from gait_plugins.plugins.walkers.body.motion import Pose
from gait_plugins.plugins.walkers.body.skeleton import Style

CONDITIONS = ("nm", "bg", "cl")
BAGS = ("backpack", "shoulder", "hand")


def burden(style: Style, condition: str, rng: np.random.Generator) -> Style:
    """The way of walking under the condition: a load leans the trunk, a thick sleeve swings less."""
    if condition == "bg":
        return replace(style, lean=style.lean + 1.5 * rng.random(), arm_swing=0.85 * style.arm_swing)
    if condition == "cl":
        return replace(style, arm_swing=0.85 * style.arm_swing, arm_spread=style.arm_spread + 4.0)
    return style


GAITS = ("negative", "neutral", "positive")
"""Classes of gait, of a level walk, one that is a little uneven, and one that is."""


def tread(style: Style, kind: str) -> Style:
    """The way of walking of a class of gait: more or less of one uneven walk; other kinds change nothing."""
    much = GAITS.index(kind) / 2 if kind in GAITS else 0.0
    if not much:
        return style
    return replace(
        style,
        limp=style.limp + 0.05 * much,
        leg_asymmetry=style.leg_asymmetry + 0.30 * much,
        arm_asymmetry=style.arm_asymmetry + 0.60 * much,
        roll=style.roll + 7.0 * much,
        pelvis_drop=style.pelvis_drop + 4.0 * much,
        sway=style.sway + 0.02 * much,
    )


def dress(flesh: Flesh, pose: Pose, condition: str, rng: np.random.Generator) -> None:
    """Add the bag or the coat to the body."""
    if condition == "bg":
        kind = BAGS[int(rng.integers(len(BAGS)))]
        {"backpack": _backpack, "shoulder": _shoulder_bag, "hand": _hand_bag}[kind](flesh, pose, rng)
    elif condition == "cl":
        _coat(flesh, pose, rng)


def _box(flesh: Flesh, corners: list[np.ndarray], radius: float) -> None:
    flesh.hull(*(flesh.ball(f"bag_{i}", corner, radius) for i, corner in enumerate(corners)))


def _backpack(flesh: Flesh, pose: Pose, rng: np.random.Generator) -> None:
    depth, half, height = rng.uniform([0.045, 0.035, 0.15], [0.085, 0.055, 0.23])
    back = pose.joints["chest"]
    corners = [(-0.06 - depth / 2, side * half, z) for side in (1, -1) for z in (0.05, 0.05 - height)]
    _box(flesh, [back + pose.chest @ np.array(corner) for corner in corners], depth / 2 + 0.012)


def _shoulder_bag(flesh: Flesh, pose: Pose, rng: np.random.Generator) -> None:
    side = 1 if rng.random() < 0.5 else -1
    length, height, thick = rng.uniform([0.09, 0.08, 0.022], [0.16, 0.15, 0.036])
    fore = rng.uniform(-0.04, 0.03)
    hang = pose.joints["pelvis"] + pose.pelvis @ np.array([fore, side * (0.095 + thick), 0.05])
    corners = [(s * length / 2, 0.0, -z) for s in (1, -1) for z in (0.0, height)]
    _box(flesh, [hang + pose.pelvis @ np.array(corner) for corner in corners], thick)
    flesh.hull(f"deltoid_{'l' if side > 0 else 'r'}", flesh.ball("strap", hang, 0.012))


def _hand_bag(flesh: Flesh, pose: Pose, rng: np.random.Generator) -> None:
    tag = "l" if rng.random() < 0.5 else "r"
    length, height, thick = rng.uniform([0.09, 0.07, 0.018], [0.18, 0.15, 0.032])
    hand = pose.joints[f"hand_{tag}"]
    corners = [(s * length / 2, 0.0, -0.03 - z) for s in (1, -1) for z in (0.0, height)]
    _box(flesh, [hand + np.array(corner) for corner in corners], thick)
    flesh.hull(f"hand_{tag}", flesh.ball("grip", hand - [0.0, 0.0, 0.05], 0.012))


def _coat(flesh: Flesh, pose: Pose, rng: np.random.Generator) -> None:
    """A coat from the collar to the thighs or the knees; its skirt follows the legs."""
    bulk, length, flare = rng.uniform([1.10, 0.35, 0.0], [1.30, 0.95, 0.02])
    for name in ("chest", "waist", "pelvis", "belly", "seat", "deltoid_l", "deltoid_r"):
        flesh.grow(name, bulk)
    for side in "lr":
        for name in ("shoulder", "elbow", "wrist"):
            flesh.grow(f"{name}_{side}", bulk + 0.10)
        hip, knee = pose.joints[f"hip_{side}"], pose.joints[f"knee_{side}"]
        # Cloth hangs: the hem follows a thigh only part of the way.
        hem = hip + length * (0.65 * (knee - hip) + 0.35 * np.array([0.0, 0.0, -0.24]))
        flesh.ball(f"hem_{side}", hem, 0.055 * bulk + flare)
    flesh.hull("pelvis", "seat", "hem_l", "hem_r")
    flesh.ball("collar", pose.joints["throat"] + pose.chest @ np.array([0.0, 0.0, 0.012]), 0.046 * bulk)
    flesh.hull("collar", "chest")
