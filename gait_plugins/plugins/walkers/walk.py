"""One walk of one person, and its silhouettes from any camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from gait_plugins.plugins.walkers.body.conditions import burden, dress, tread
from gait_plugins.plugins.walkers.body.curves import personal
from gait_plugins.plugins.walkers.body.flesh import clothe
from gait_plugins.plugins.walkers.body.motion import Pose, pose
from gait_plugins.plugins.walkers.body.skeleton import STYLE_TABLE, Body, Identity, Style
from gait_plugins.plugins.walkers.image.align import align
from gait_plugins.plugins.walkers.image.camera import Camera
from gait_plugins.plugins.walkers.image.noise import degrade
from gait_plugins.plugins.walkers.image.render import draw, outlines
from gait_plugins.plugins.walkers.seeds import bell, generator

GENERATOR_VERSION = 3
"""To be raised with every change of what is generated: older caches are then left aside."""

RATE = 25.0
"""Frames per second, as CASIA-B's cameras."""
SPEED_SPREAD = 0.06
"""How much a person's speed varies between walks."""
MOOD_SPREAD = 0.16
"""How much a person's way of walking varies between walks, as a part of the spread between people."""


@dataclass(frozen=True)
class Walk:
    """A person's walk in three dimensions, as all cameras see it."""

    centres: np.ndarray
    shapes: np.ndarray
    hulls: np.ndarray
    heading: float
    """Degrees by which the path turns away from the cameras' axis."""
    nodes: dict[str, int]
    """Name of an ellipsoid -> its number."""
    pose: Pose
    body: Body
    style: Style
    """As it is on this walk."""
    speed: float
    """Of this walk, a factor around 1."""


@dataclass(frozen=True)
class Film:
    """A walk before a camera, at the pixels of the silhouettes."""

    camera: Camera
    polygons: np.ndarray
    """Outlines of the hulls, statures ``[t, k, corners, 2]``."""
    masks: np.ndarray
    """The segmentation, uint8 0/255 ``[t, h, w]``; ``render.extent`` says where its pixels lie."""


def walk(person: Identity, seed: int, number: int, kind: str, frames: int, step: float = 1.0) -> Walk:
    """The walk ``kind`` (``bg-01``) of person ``number``, a frame every ``step`` ticks of :data:`RATE`."""
    return walk_at(person, seed, number, kind, np.arange(frames) * step)


def walk_at(
    person: Identity,
    seed: int,
    number: int,
    kind: str,
    ticks: np.ndarray,
    still: np.ndarray | None = None,
) -> Walk:
    """The same walk at any moments.

    Args:
        person: who walks.
        seed: of the population.
        number: of the person.
        kind: type of the walk.
        ticks: moments ``[t]``, in ticks of :data:`RATE`.
        still: how far the person stands rather than walks, in [0, 1] ``[t]``.
    """
    rng = generator(seed, "walk", number, kind)
    condition = kind[:2]
    speed = bell(rng, 1.0, SPEED_SPREAD)
    style = tread(burden(mood(person.style, rng), condition, rng), kind)
    phase = rng.random() + ticks * speed**0.5 / (RATE * style.cycle)
    # Nobody is a clock: the phase wanders a little.
    phase = phase + 0.012 * np.sin(2 * np.pi * (phase * rng.uniform(0.2, 0.6) + rng.random()))
    posed = pose(person.body, style, phase, vigour=speed**0.7)
    if still is not None:
        posed = posed.mixed(pose(person.body, standing(style), phase, vigour=speed**0.7), still)
    flesh = clothe(person.body, posed)
    dress(flesh, posed, condition, rng)
    heading = bell(rng, 0.0, 3.0)
    return Walk(*flesh.arrays(), heading, flesh.names, posed, person.body, style, speed)


def standing(style: Style) -> Style:
    """The same person's way of standing: the legs below the body, the arms at rest."""
    forward = float(np.rad2deg(personal("hip", style)[0].real))
    return replace(
        style,
        stride=0.0,
        knee_lift=0.0,
        push_off=0.0,
        hip_shift=-forward,
        leg_asymmetry=0.0,
        arm_swing=1.0,
        elbow_swing=0.0,
        twist=0.5,
        pelvis_twist=0.5,
    )


def pace(walked: Walk) -> float:
    """Statures walked in a second: what the foot on the ground moves back."""
    cycle = np.linspace(0, 1, 33)
    joints = pose(walked.body, walked.style, cycle, vigour=walked.speed**0.7).joints
    reach = float(np.ptp(joints["ankle_l"][:, 0]) + np.ptp(joints["ankle_r"][:, 0])) / 2
    # A foot stands for three fifths of a cycle.
    return float(reach / 0.6 * walked.speed**0.5 / walked.style.cycle)


def mood(style: Style, rng: np.random.Generator) -> Style:
    """The same person's way of walking on another day."""
    changes = {name: bell(rng, 0.0, MOOD_SPREAD * spread) for name, (_, spread) in STYLE_TABLE.items()}
    return replace(style, **{name: getattr(style, name) + change for name, change in changes.items()})


def silhouettes(walked: Walk, seed: int, number: int, kind: str, view: str, noise: float) -> np.ndarray:
    """The walk seen from ``view``: aligned uint8 0/255 ``[t, 64, 64]``."""
    return align(film(walked, seed, number, kind, view, noise).masks)


def film(walked: Walk, seed: int, number: int, kind: str, view: str, noise: float) -> Film:
    """The walk before the camera of ``view``."""
    camera, rng = camera_of(walked, seed, number, kind, view)
    polygons = outlines(*camera.project(walked.centres, walked.shapes), walked.hulls)
    return Film(camera, polygons, degrade(draw(polygons), rng, noise))


def camera_of(
    walked: Walk, seed: int, number: int, kind: str, view: str
) -> tuple[Camera, np.random.Generator]:
    """The camera of ``view``, and the random numbers that its segmentation draws after it."""
    rng = generator(seed, "camera", number, kind, view)
    return Camera(int(view) + walked.heading + bell(rng, 0.0, 1.0), elevation=bell(rng, 8.0, 1.5)), rng
