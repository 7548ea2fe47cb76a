"""Shape of a body: convex hulls of ellipsoids around its joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gait_plugins.plugins.walkers.body.motion import Pose
from gait_plugins.plugins.walkers.body.skeleton import Body

MAX_NODES = 4
"""Ellipsoids that one hull may span."""


@dataclass
class Flesh:
    """Ellipsoids over time, and the hulls that they span."""

    centres: list[np.ndarray] = field(default_factory=list)
    """``[t, 3]`` of each ellipsoid."""
    shapes: list[np.ndarray] = field(default_factory=list)
    """``A A^T`` of each ellipsoid, A its half axes in columns: ``[t or 1, 3, 3]``."""
    hulls: list[tuple[int, ...]] = field(default_factory=list)
    names: dict[str, int] = field(default_factory=dict)

    def ball(self, name: str, centre: np.ndarray, radius: float) -> int:
        """Add a sphere."""
        return self._add(name, centre, np.eye(3)[None] * radius**2)

    def ellipsoid(self, name: str, centre: np.ndarray, half: Sequence[float], frame: np.ndarray) -> int:
        """Add an ellipsoid with half axes (forward, left, up) in ``frame`` ``[t, 3, 3]``."""
        axes = frame * np.asarray(half)
        return self._add(name, centre, axes @ axes.transpose(0, 2, 1))

    def hull(self, *nodes: int | str) -> None:
        """Fill the convex hull of one to four ellipsoids."""
        found = tuple(self.names[n] if isinstance(n, str) else n for n in nodes)
        self.hulls.append(found + found[-1:] * (MAX_NODES - len(found)))

    def grow(self, name: str, factor: float) -> None:
        """Make an ellipsoid larger in all directions."""
        self.shapes[self.names[name]] = self.shapes[self.names[name]] * factor**2

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Centres ``[t, n, 3]``, shapes ``[t, n, 3, 3]`` and hulls (node indices) ``[k, MAX_NODES]``."""
        centres = np.stack(self.centres, 1)
        shapes = np.stack([np.broadcast_to(s, (len(centres), 3, 3)) for s in self.shapes], 1)
        return centres, shapes, np.array(self.hulls)

    def _add(self, name: str, centre: np.ndarray, shape: np.ndarray) -> int:
        self.names[name] = len(self.centres)
        self.centres.append(centre)
        self.shapes.append(shape)
        return self.names[name]


def clothe(body: Body, pose: Pose) -> Flesh:
    """The body in everyday clothes."""
    flesh = Flesh()
    _head(flesh, body, pose)
    _trunk(flesh, body, pose)
    for side in "lr":
        _leg(flesh, body, pose, side)
        _arm(flesh, body, pose, side)
    return flesh


def _head(flesh: Flesh, body: Body, pose: Pose) -> None:
    head, frame = pose.joints["head"], pose.head
    size = body.head
    flesh.ellipsoid("skull", head, (0.98 * size, 0.80 * size, 1.0 * size), frame)
    flesh.ball("chin", head + frame @ np.array([0.45 * size, 0.0, -0.75 * size]), 0.40 * size)
    flesh.hull("skull", "chin")
    nose = head + frame @ np.array([1.0 * size, 0.0, -0.15 * size])
    flesh.ball("nose", nose, 0.14 * size)
    flesh.hull("nose", "chin", "skull")
    flesh.ball("nape", head + frame @ np.array([-0.4 * size, 0.0, 0.1 * size]), 0.72 * size + body.hair)
    flesh.ball(
        "hair", head + frame @ np.array([-0.5 * size, 0.0, -body.hair_length]), 0.45 * size + body.hair
    )
    flesh.hull("nape", "hair")
    flesh.ball("throat", pose.joints["throat"], 0.034)
    flesh.ball("jaw", head + frame @ np.array([-0.15 * size, 0.0, -0.6 * size]), 0.50 * size)
    flesh.hull("jaw", "throat")


def _trunk(flesh: Flesh, body: Body, pose: Pose) -> None:
    joints = pose.joints
    flesh.ellipsoid("chest", joints["chest"], (body.chest_depth, body.chest_half, 0.055), pose.chest)
    flesh.ellipsoid("waist", joints["waist"], (body.waist_depth, body.waist_half, 0.035), pose.chest)
    seat = joints["pelvis"] + pose.pelvis @ np.array([0.0, 0.0, -0.005])
    flesh.ellipsoid("pelvis", seat, (body.pelvis_depth, body.pelvis_half, 0.050), pose.pelvis)
    for side, sign in (("l", 1), ("r", -1)):
        inner = joints[f"shoulder_{side}"] + pose.chest @ np.array([0.0, -0.012 * sign, 0.004])
        flesh.ball(f"deltoid_{side}", inner, 1.18 * body.arm_radius)
    flesh.hull("deltoid_l", "deltoid_r", "throat", "chest")
    flesh.hull("chest", "waist")
    flesh.hull("waist", "pelvis")
    front = joints["waist"] + pose.chest @ np.array([body.belly, 0.0, -0.02])
    flesh.ellipsoid("belly", front, (body.waist_depth, 0.85 * body.waist_half, 0.05), pose.chest)
    flesh.hull("belly", "waist", "pelvis")
    behind = joints["pelvis"] + pose.pelvis @ np.array([-body.seat, 0.0, -0.025])
    flesh.ellipsoid("seat", behind, (body.pelvis_depth, 0.8 * body.pelvis_half, 0.045), pose.pelvis)
    flesh.hull("seat", "pelvis")


def _leg(flesh: Flesh, body: Body, pose: Pose, side: str) -> None:
    joints = {
        name: pose.joints[f"{name}_{side}"]
        for name in ("hip", "knee", "calf", "ankle", "heel", "ball", "toe")
    }
    upper = joints["hip"] + 0.15 * (joints["knee"] - joints["hip"])
    flesh.ball(f"thigh_{side}", upper, body.thigh_radius)
    flesh.ball(f"knee_{side}", joints["knee"], body.knee_radius)
    flesh.ball(f"calf_{side}", joints["calf"], body.calf_radius)
    flesh.ball(f"ankle_{side}", joints["ankle"], body.ankle_radius)
    flesh.ball(f"heel_{side}", joints["heel"], 0.019)
    flesh.ball(f"ball_{side}", joints["ball"], 0.018)
    flesh.ball(f"toe_{side}", joints["toe"], 0.013)
    for hull in (("thigh", "knee"), ("knee", "calf", "ankle"), ("heel", "ankle", "ball"), ("ball", "toe")):
        flesh.hull(*(f"{name}_{side}" for name in hull))


def _arm(flesh: Flesh, body: Body, pose: Pose, side: str) -> None:
    joints = {name: pose.joints[f"{name}_{side}"] for name in ("shoulder", "elbow", "wrist", "hand")}
    thick = body.arm_radius
    flesh.ball(f"shoulder_{side}", joints["shoulder"], 1.1 * thick)
    flesh.ball(f"elbow_{side}", joints["elbow"], 0.88 * thick)
    flesh.ball(f"wrist_{side}", joints["wrist"], body.wrist_radius)
    flesh.ball(f"hand_{side}", joints["hand"], 1.1 * body.wrist_radius)
    for hull in (("shoulder", "elbow"), ("elbow", "wrist"), ("wrist", "hand")):
        flesh.hull(*(f"{name}_{side}" for name in hull))
