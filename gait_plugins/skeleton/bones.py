"""Bones: which joints of a skeleton are linked, and where each joint's bone begins, as OpenGait has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gait_plugins.errors import ConfigError
from gait_plugins.skeleton.orders import ALIASES, ORDERS, JointOrder
from gait_plugins.suggest import did_you_mean

Link = tuple[int, int]

# Ears are linked to shoulders, as nothing else links COCO's head to its body.
_COCO_LINKS = "0-1 0-2 1-3 2-4 3-5 4-6 5-6 5-7 7-9 6-8 8-10 5-11 6-12 11-12 11-13 13-15 12-14 14-16"
_NECK_LINKS = "0-1 0-14 0-15 14-16 15-17 1-2 2-3 3-4 1-5 5-6 6-7 1-8 8-9 9-10 1-11 11-12 12-13"
_LIMB_LINKS = "0-1 0-2 2-4 1-3 3-5 0-6 1-7 6-7 6-8 8-10 7-9 9-11"


@dataclass(frozen=True)
class Skeleton:
    """A graph of joints.

    Args:
        order: its joints.
        links: pairs of joints that are linked.
        parents: for each joint the one where its bone begins.
        center: the joint that others are seen from.
    """

    order: JointOrder
    links: tuple[Link, ...]
    parents: tuple[int, ...]
    center: int = 0


def _skeleton(order: JointOrder, links: str, parents: str, center: int = 0) -> Skeleton:
    pairs = [tuple(int(joint) for joint in link.split("-")) for link in links.split()]
    return Skeleton(order, tuple((a, b) for a, b in pairs), tuple(int(p) for p in parents.split()), center)


_HEADLESS = JointOrder("coco-no-head", "COCO's 12 joints without the head", ORDERS["coco17"].joints[5:])

SKELETONS = {
    skeleton.order.name: skeleton
    for skeleton in (
        _skeleton(ORDERS["coco17"], _COCO_LINKS, "5 0 0 1 2 0 0 5 6 7 8 5 6 11 12 13 14"),
        _skeleton(ORDERS["18"], _NECK_LINKS, "1 1 1 2 3 1 5 6 2 8 9 5 11 12 0 0 14 15", center=1),
        _skeleton(_HEADLESS, _LIMB_LINKS, "3 1 0 2 4 0 6 8 10 7 9 11"),
    )
}
"""Name of an order of joints -> its graph."""


def skeleton(joint_format: Any, where: str | None = None) -> Skeleton:
    """The graph of the joints that a configuration's ``joint_format`` names.

    Raises:
        ConfigError: there is none.
    """
    found = SKELETONS.get(ALIASES.get(str(joint_format), str(joint_format)))
    if found is None:
        known = ["coco", "alphapose", "openpose", "coco-no-head", *SKELETONS]
        raise ConfigError(
            f"joint_format is {joint_format!r}, expected one of {', '.join(dict.fromkeys(known))}",
            where=where,
            hint=did_you_mean(str(joint_format), known) or "give the order of the joints in the data",
        )
    return found
