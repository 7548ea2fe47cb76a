"""Bodies that a pose-landmark model sees: their masks in the frame, each pixel given to one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gait_plugins.api.video.people import HALF, Box, Detection
from gait_plugins.plugins.films.components import parts_of
from gait_plugins.plugins.films.landmarks.net import Look

_SAME = 0.6
"""Overlap (intersection over union) from which two masks are one person."""


@dataclass(frozen=True)
class Posed(Detection):
    """A person whose joints are known too.

    Args:
        joints: float32 ``[33, 3]``, as ``Look`` has them.
    """

    joints: np.ndarray | None = None


class Body:
    """One person whom the model sees, with the confidence of each pixel of the square that it looked at."""

    def __init__(self, look: Look, pixels: np.ndarray, label: int | None = None) -> None:
        self.look, self.label = look, label
        self.box = look.square.within(pixels.shape[1], pixels.shape[0])
        empty = self.box[2] <= self.box[0] or self.box[3] <= self.box[1]
        self.logits = np.zeros((0, 0), np.float32) if empty else look.square.placed(look.logits, self.box)

    def detection(self) -> Posed | None:
        """The person; None where no pixel is left."""
        mask = (self.logits > 0).astype(np.uint8) * np.uint8(255)
        parts = parts_of(mask, 1) if mask.size else []
        if not parts:
            return None
        main = max(parts, key=lambda part: part.area)
        left, top = self.box[0] + main.left, self.box[1] + main.top
        return Posed(left, top, main.mask, self.look.presence, self.label, self.look.joints)


def distinct(bodies: Sequence[Body]) -> list[Body]:
    """The bodies, of several that are one person the surest alone; the order is kept."""
    kept: list[Body] = []
    for body in sorted(bodies, key=lambda each: -each.look.presence):
        if not any(_overlap(body, other) >= _SAME for other in kept):
            kept.append(body)
    return [body for body in bodies if any(body is each for each in kept)]


def share_pixels(bodies: Sequence[Body]) -> None:
    """Give each pixel that several bodies claim to the one that is surest of it."""
    for place, one in enumerate(bodies):
        for other in bodies[:place]:
            shared = _shared(one.box, other.box)
            if shared is None:
                continue
            mine, its = _view(one, shared), _view(other, shared)
            both = (mine > 0) & (its > 0)
            less = both & (its >= mine)
            mine[less] = -1
            its[both & ~less] = -1


def rest_of(proposal: Detection, bodies: Sequence[Body]) -> np.ndarray:
    """What of a proposal's mask belongs to no body, uint8 ``[h, w]``, 0 and 255."""
    rest = np.where(proposal.mask > HALF, np.uint8(255), np.uint8(0))
    for body in bodies:
        shared = _shared(body.box, proposal.box)
        if shared is not None:
            rows = slice(shared[1] - proposal.top, shared[3] - proposal.top)
            columns = slice(shared[0] - proposal.left, shared[2] - proposal.left)
            rest[rows, columns][_view(body, shared) > 0] = 0
    return rest


def _overlap(one: Body, other: Body) -> float:
    shared = _shared(one.box, other.box)
    if shared is None:
        return 0.0
    both = int(np.count_nonzero((_view(one, shared) > 0) & (_view(other, shared) > 0)))
    total = int(np.count_nonzero(one.logits > 0)) + int(np.count_nonzero(other.logits > 0)) - both
    return both / max(total, 1)


def _shared(one: Box, other: Box) -> Box | None:
    left, top = max(one[0], other[0]), max(one[1], other[1])
    right, bottom = min(one[2], other[2]), min(one[3], other[3])
    return (left, top, right, bottom) if right > left and bottom > top else None


def _view(body: Body, box: Box) -> np.ndarray:
    left, top = body.box[:2]
    return body.logits[box[1] - top : box[3] - top, box[0] - left : box[2] - left]
