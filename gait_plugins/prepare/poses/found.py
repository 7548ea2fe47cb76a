"""People found in frames: the one form that every kind of pose file is read into."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

LARGER = {
    26: "26 joints of Halpe",
    133: "133 joints of COCO-WholeBody",
    136: "136 joints of Halpe",
}
"""Numbers of joints whose first 17 are COCO's."""
_SURE = 2.0
"""A number that is no confidence."""
LARGEST = 1e6
"""A number of pixels, or a confidence, that none has."""


class UnreadablePose(Exception):
    """A file holds no poses.

    Args:
        message: what it is, or what is wrong with it.
        damaged: it cannot be read at all; else it is of another kind.
    """

    def __init__(self, message: str, *, damaged: bool = False) -> None:
        super().__init__(message)
        self.damaged = damaged


class Frame(NamedTuple):
    """The people in a frame."""

    name: str
    """Of its image, or its number; frames are ordered by it."""
    people: np.ndarray
    """float64 ``[p, v, 2 or 3]``: x, y, confidence; p may be 0, and v then too."""
    tracks: tuple[str, ...] | None = None
    """Who each of them is, where that is known."""


class PoseFile(NamedTuple):
    """What a file holds."""

    kind: str
    frames: list[Frame]
    one: bool = False
    """The form is that of a file a frame."""
    joints: tuple[str, ...] | None = None
    """Names that the file gives its joints."""


def in_picture(points: np.ndarray) -> np.ndarray:
    """Which joints ``[..., 2 or 3]`` are numbers that a picture may have: finite, and not absurdly large."""
    with np.errstate(invalid="ignore"):
        return np.asarray((np.abs(points) < LARGEST).all(-1))


def frame_of(name: object, bodies: Iterable[Any], tracks: Sequence[object] | None = None) -> Frame:
    """A frame of people, each a list of numbers or rows of joints.

    Raises:
        UnreadablePose: these are no numbers, or people have different joints.
    """
    listed = [_body(body) for body in bodies]
    if len({body.shape for body in listed}) > 1:
        counts = " and ".join(sorted({str(len(body)) for body in listed}))
        raise UnreadablePose(f"people of {counts} joints in a frame")
    people = np.stack(listed) if listed else np.zeros((0, 0, 3))
    return Frame(str(name), people, None if tracks is None else tuple(map(str, tracks)))


def are_pairs(numbers: np.ndarray) -> bool:
    """Whether 36 numbers are 18 joints without confidence, rather than 12 with it: none is far above 1."""
    return numbers.shape[-1] == 2 * 18 and bool(np.nan_to_num(numbers[..., 2::3]).max(initial=0) > _SURE)


def _body(numbers: Any) -> np.ndarray:
    try:
        body = np.array(numbers, np.float64)
    except (ValueError, TypeError) as error:
        raise UnreadablePose("keypoints that are no list of numbers") from error
    if body.ndim == 1 and body.size:
        # Triples, unless only pairs fit.
        width = 3 if body.size % 3 == 0 and not are_pairs(body) else 2
        if body.size % width:
            raise UnreadablePose(f"{body.size} numbers for a person, expected three a joint")
        body = body.reshape(-1, width)
    if body.ndim != 2 or body.shape[-1] not in (2, 3) or not body.size:
        raise UnreadablePose(f"keypoints of shape {list(body.shape)}, expected [joints, 3]")
    return body
