"""Claims of bodies on masks: how much of a body a mask shows, and fragments that are one body together."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from gait_plugins.api.video.people import HALF, Box, Detection
from gait_plugins.plugins.films.tracking.body import Body

_PADDED = 0.1
"""By how much of its size a body's box is larger for its fragments."""
_MOSTLY = 0.75
"""Share of a fragment's pixels that lie in that box."""
_FRAGMENT = 0.85
"""Area of a fragment, in bodies, at most."""

_WIDER, _WIDEST, _GAP = 1.25, 0.6, 0.25
"""Width of all fragments, in widths and heights of the body, and a gap between them in heights, at most."""


def covered(bodies: Sequence[Body], people: Sequence[Detection]) -> np.ndarray:
    """Pixels of each mask in the box of each body, as a share of the body's area: ``[bodies, people]``."""
    found = np.zeros((len(bodies), len(people)))
    for row, body in enumerate(bodies):
        for column, person in enumerate(people):
            found[row, column] = _within(person, body.box) / max(body.area, 1.0)
    return found


def joined_fragments(people: Sequence[Detection], bodies: Sequence[Body]) -> list[Detection]:
    """The detections, where several lie in the box of a single body as one: a post cuts people in two."""
    parts = list(people)
    for body in bodies:
        left, top, right, bottom = body.box
        across, down = _PADDED * (right - left), _PADDED * (bottom - top)
        box = left - across, top - down, right + across, bottom + down
        own = [
            part
            for part in parts
            if part.area < _FRAGMENT * body.area
            and _within(part, box) >= _MOSTLY * part.area
            and not any(_within(part, other.box) > 0.3 * part.area for other in bodies if other is not body)
        ]
        if len(own) > 1 and _is_one(own, body):
            parts = [part for part in parts if not any(part is each for each in own)]
            parts.append(_union(own))
    return parts


def _is_one(parts: Sequence[Detection], body: Body) -> bool:
    """Whether fragments together are no wider than the body, and leave no large gap between them."""
    boxes = np.array([part.box for part in parts])
    width = boxes[:, 2].max() - boxes[:, 0].min()
    by_row = boxes[boxes[:, 1].argsort()]
    gap = (by_row[1:, 1] - np.maximum.accumulate(by_row[:-1, 3])).max()
    wide = min(_WIDER * max(body.width, 0.35 * body.height), _WIDEST * body.height)
    return bool(width <= wide and gap <= _GAP * body.height)


def touching_others(people: Sequence[Detection]) -> list[bool]:
    """Whether each mask has pixels beside those of another: where one ends is a guess."""
    found = [False] * len(people)
    for one in range(len(people)):
        for other in range(one):
            if _touch(people[one], people[other]):
                found[one] = found[other] = True
    return found


def _touch(one: Detection, other: Detection) -> bool:
    left, top = max(one.left, other.left) - 2, max(one.top, other.top) - 2
    right, bottom = min(one.box[2], other.box[2]) + 2, min(one.box[3], other.box[3]) + 2
    if right - left < 4 or bottom - top < 4:
        return False
    near = cv2.dilate(_cut(one, (left, top, right, bottom)), np.ones((5, 5), np.uint8))
    return bool(np.any((near > HALF) & (_cut(other, (left, top, right, bottom)) > HALF)))


def _cut(person: Detection, box: Box) -> np.ndarray:
    """A person's mask in a box of the frame."""
    cut = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    left, top = max(box[0], person.left), max(box[1], person.top)
    right, bottom = min(box[2], person.box[2]), min(box[3], person.box[3])
    if right > left and bottom > top:
        shown = person.mask[top - person.top : bottom - person.top, left - person.left : right - person.left]
        cut[top - box[1] : bottom - box[1], left - box[0] : right - box[0]] = shown
    return cut


def _within(person: Detection, box: tuple[float, float, float, float]) -> int:
    """Pixels of a mask in a box."""
    left, top, right, bottom = (round(value) for value in box)
    columns = slice(max(left - person.left, 0), max(right - person.left, 0))
    rows = slice(max(top - person.top, 0), max(bottom - person.top, 0))
    return int(np.count_nonzero(person.mask[rows, columns] > HALF))


def _union(parts: Sequence[Detection]) -> Detection:
    boxes = np.array([part.box for part in parts])
    box: Box = int(boxes[:, 0].min()), int(boxes[:, 1].min()), int(boxes[:, 2].max()), int(boxes[:, 3].max())
    mask = np.zeros((box[3] - box[1], box[2] - box[0]), np.uint8)
    for part in parts:
        rows = slice(part.top - box[1], part.top - box[1] + part.height)
        columns = slice(part.left - box[0], part.left - box[0] + part.width)
        mask[rows, columns] = np.maximum(mask[rows, columns], part.mask)
    return Detection(box[0], box[1], mask, max(part.score for part in parts))
