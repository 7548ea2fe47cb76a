"""Parts of a body: which label and which cloth each hull of the flesh has."""

from __future__ import annotations

import numpy as np

from gait_plugins.plugins.walkers.body.flesh import MAX_NODES

PARTS = (
    *("background", "head", "torso", "left arm", "right arm", "left hand", "right hand"),
    *("left leg", "right leg", "left foot", "right foot", "dress"),
)
"""Labels of a parsing, by number."""
CLOTHS = ("skin", "hair", "shirt", "trousers", "shoes", "coat", "bag")

_SIDED = {"shoulder": 3, "elbow": 3, "wrist": 5, "hand": 5, "thigh": 7, "knee": 7, "heel": 9, "ball": 9}
"""First node of a limb's hull -> the label of the left one; the right one's is the next."""
_MIDDLE = {
    **dict.fromkeys(("skull", "nose", "nape", "jaw"), 1),
    **dict.fromkeys(("deltoid", "chest", "waist", "pelvis", "belly", "seat", "collar", "bag"), 2),
}


def hull_names(nodes: dict[str, int], hulls: np.ndarray) -> list[list[str]]:
    """The ellipsoids' names of each hull, those that fill it up left out."""
    names = {number: name for name, number in nodes.items()}
    return [[names[node] for node in dict.fromkeys(hull[:MAX_NODES].tolist())] for hull in hulls]


def labels(nodes: dict[str, int], hulls: np.ndarray) -> np.ndarray:
    """The part of each hull, uint8 ``[k]``. A bag belongs to the trunk, and one in a hand to the hand."""
    named = hull_names(nodes, hulls)
    held = [names[0] for names in named if "grip" in names]
    return np.array([_label(held if held and _is_bag(names) else names) for names in named], np.uint8)


def cloths(nodes: dict[str, int], hulls: np.ndarray) -> np.ndarray:
    """The cloth of each hull, as a number of :data:`CLOTHS`, uint8 ``[k]``."""
    coat = "hem_l" in nodes
    found = [_cloth(names, coat) for names in hull_names(nodes, hulls)]
    return np.array([CLOTHS.index(cloth) for cloth in found], np.uint8)


def _is_bag(names: list[str]) -> bool:
    return names[0].startswith("bag")


def _label(names: list[str]) -> int:
    if "hem_l" in names:
        return PARTS.index("dress")
    stem, _, side = names[0].partition("_")
    return _MIDDLE[stem] if stem in _MIDDLE else _SIDED[stem] + (side == "r")


def _cloth(names: list[str], coat: bool) -> str:
    if _is_bag(names) or {"strap", "grip"} & set(names):
        return "bag"
    label = _label(names)
    if label == 1:
        return "hair" if names[0] == "nape" else "skin"
    if label in (5, 6):
        return "skin"
    if label in (7, 8) or (names[0] == "seat" and not coat):
        return "trousers"
    if label in (9, 10):
        return "shoes"
    return "coat" if coat else "shirt"
