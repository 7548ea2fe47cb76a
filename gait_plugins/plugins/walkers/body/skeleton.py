"""Bodies of walkers: the proportions of a body and the way of walking that make an identity."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from gait_plugins.plugins.walkers.seeds import bell, generator

RIPPLE_JOINTS = 4
"""Joint curves that have a personal ripple: hip, knee, foot, shoulder."""
RIPPLE_HARMONICS = 3


@dataclass(frozen=True)
class Body:
    """Lengths and radii as fractions of stature (after Drillis and Contini's segment table)."""

    thigh: float
    shank: float
    foot: float
    trunk: float
    """Hip centre to the base of the neck."""
    neck: float
    head: float
    """Half the height of the skull."""
    upper_arm: float
    forearm: float
    hand: float
    shoulder_half: float
    hip_half: float
    chest_half: float
    chest_depth: float
    waist_half: float
    waist_depth: float
    pelvis_half: float
    pelvis_depth: float
    belly: float
    """How far the belly stands out in front of the waist."""
    seat: float
    """How far the buttocks stand out behind the pelvis."""
    thigh_radius: float
    knee_radius: float
    calf_radius: float
    ankle_radius: float
    arm_radius: float
    wrist_radius: float
    hair: float
    """Thickness of the hair behind the skull."""
    hair_length: float
    """How far it falls below the skull's centre."""


@dataclass(frozen=True)
class Style:
    """A way of walking; angles in degrees, lengths as fractions of stature, factors around 1."""

    cycle: float
    """Seconds of one gait cycle (two steps) at a natural speed."""
    stride: float
    """Factor of the hips' range of motion."""
    knee_lift: float
    """Factor of knee flexion."""
    crouch: float
    """Flexion that the knees keep all the time."""
    hip_shift: float
    """Legs carried more in front (+) or behind (-)."""
    push_off: float
    """Factor of the heel's rise before toe-off."""
    toe_out: float
    step_width: float
    arm_swing: float
    arm_carry: float
    """Mean flexion of the shoulders."""
    arm_spread: float
    """Abduction of the upper arms."""
    arm_lag: float
    """Cycles by which the arms follow the legs."""
    elbow: float
    elbow_swing: float
    lean: float
    """Forward lean of the trunk."""
    roll: float
    """Sideways swing of the trunk."""
    twist: float
    """Turning of the shoulders."""
    pelvis_twist: float
    pelvis_drop: float
    sway: float
    """Sideways movement of the pelvis."""
    bounce: float
    """Rise and fall of the chest above the pelvis, twice a cycle."""
    nod: float
    head_pitch: float
    leg_asymmetry: float
    """Left over right in stride and knee lift, a difference of factors."""
    arm_asymmetry: float
    limp: float
    """Cycles by which the right leg is off half a cycle."""
    ripple: np.ndarray
    """Complex relative change of harmonics, ``[RIPPLE_JOINTS, RIPPLE_HARMONICS]``."""


@dataclass(frozen=True)
class Identity:
    """A body and its way of walking."""

    body: Body
    style: Style


# Mean, and spread relative to the mean.
BODY_TABLE: dict[str, tuple[float, float]] = {
    "thigh": (0.245, 0.075),
    "shank": (0.246, 0.075),
    "foot": (0.150, 0.088),
    "trunk": (0.290, 0.069),
    "neck": (0.050, 0.28),
    "head": (0.066, 0.1),
    "upper_arm": (0.180, 0.081),
    "forearm": (0.146, 0.081),
    "hand": (0.070, 0.12),
    "shoulder_half": (0.108, 0.12),
    "hip_half": (0.052, 0.1),
    "chest_half": (0.092, 0.088),
    "chest_depth": (0.062, 0.12),
    "waist_half": (0.078, 0.11),
    "waist_depth": (0.055, 0.14),
    "pelvis_half": (0.090, 0.1),
    "pelvis_depth": (0.058, 0.12),
    "belly": (0.014, 0.75),
    "seat": (0.018, 0.62),
    "thigh_radius": (0.048, 0.12),
    "knee_radius": (0.031, 0.11),
    "calf_radius": (0.032, 0.12),
    "ankle_radius": (0.020, 0.11),
    "arm_radius": (0.026, 0.14),
    "wrist_radius": (0.017, 0.12),
    "hair": (0.008, 0.7),
    "hair_length": (0.050, 1.0),
}

STOUT = {
    "chest_depth": 0.12,
    "waist_half": 0.15,
    "waist_depth": 0.19,
    "pelvis_depth": 0.12,
    "pelvis_half": 0.075,
    "belly": 0.62,
    "thigh_radius": 0.12,
    "knee_radius": 0.075,
    "calf_radius": 0.088,
    "arm_radius": 0.12,
    "chest_half": 0.062,
}
"""What stoutness adds to each measure, so that a body's girths belong together."""

# Mean and spread.
STYLE_TABLE: dict[str, tuple[float, float]] = {
    "cycle": (1.08, 0.14),
    "stride": (1.0, 0.16),
    "knee_lift": (1.0, 0.16),
    "crouch": (5.0, 5.0),
    "hip_shift": (0.0, 3.8),
    "push_off": (1.0, 0.18),
    "toe_out": (7.0, 6.2),
    "step_width": (0.075, 0.024),
    "arm_swing": (20.0, 8.0),
    "arm_carry": (-3.0, 6.0),
    "arm_spread": (7.0, 3.0),
    "arm_lag": (0.03, 0.05),
    "elbow": (20.0, 9.0),
    "elbow_swing": (13.0, 6.0),
    "lean": (4.0, 4.4),
    "roll": (2.5, 2.2),
    "twist": (7.0, 4.4),
    "pelvis_twist": (6.0, 3.1),
    "pelvis_drop": (3.5, 1.9),
    "sway": (0.014, 0.0088),
    "bounce": (0.006, 0.0037),
    "nod": (2.0, 1.5),
    "head_pitch": (5.0, 6.0),
    "leg_asymmetry": (0.0, 0.062),
    "arm_asymmetry": (0.0, 0.25),
    "limp": (0.0, 0.013),
}


def identity(seed: int, number: int, spread: float = 1.0, bodies: float = 1.0) -> Identity:
    """The person of that number.

    Args:
        seed: of the whole population.
        number: of the person, from 1.
        spread: factor of the differences between people; 0 makes everybody average.
        bodies: further factor of those between their bodies; ways of walking differ as before.
    """
    rng = generator(seed, "identity", number)
    built = spread * bodies
    stout = bell(rng, 0.0, built)
    body = {
        name: mean * max(bell(rng, 1.0, built * part) + STOUT.get(name, 0.0) * stout, 0.1)
        for name, (mean, part) in BODY_TABLE.items()
    }
    style = {name: bell(rng, mean, spread * part) for name, (mean, part) in STYLE_TABLE.items()}
    shape = (RIPPLE_JOINTS, RIPPLE_HARMONICS)
    ripple = spread * 0.085 * (rng.normal(size=shape) + 1j * rng.normal(size=shape))
    return Identity(Body(**body), Style(**style, ripple=ripple))


def measures(body: Body) -> np.ndarray:
    """A body's measures as a vector, float64 ``[m]``."""
    return np.array([getattr(body, field.name) for field in fields(body)])
