"""People by a pose-landmark model: the bodies that another segmenter proposes, each looked at on its own."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.api.video.components import Segmenter
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import HALF, Box, Detection
from gait_plugins.plugins.films.background import Background
from gait_plugins.plugins.films.components import parts_of
from gait_plugins.plugins.films.landmarks.bodies import Body, Posed, distinct, rest_of, share_pixels
from gait_plugins.plugins.films.landmarks.net import LandmarkNet, Look, Square

MARGIN = 1.25
"""Side of the square that is looked at, in heights of the body."""
_INSIDE = 0.35
"""Share of a body's area that a proposal shows where the body should be, if it is in it."""
_ONE = 1.5
"""Area of a proposal, in areas of the one body in it, up to which there is nobody else."""
_PADDED, _MOSTLY = 0.1, 0.75
"""By how much of its size a body's box is larger for its pieces, and the share of a piece that is in it."""
_REST = 0.3
"""Area of what is left of a proposal, in areas of the bodies found, from which it may be another."""
_MORE = 3
"""People who are looked for in what is left, at most."""


@dataclass(frozen=True)
class _Known:
    """A body of the frame before."""

    box: Box
    area: int
    speed: tuple[float, float]

    def next(self) -> tuple[float, float, float, float]:
        """Where it should be now."""
        left, top, right, bottom = self.box
        return left + self.speed[0], top + self.speed[1], right + self.speed[0], bottom + self.speed[1]


class PoseMask(Segmenter):
    """People as a pose-landmark model of MediaPipe outlines them (BlazePose, Bazarevsky et al. 2020).

    Another segmenter proposes bodies. The model looks at a square around each, and outlines the person in
    its middle. Where several people are in one proposal, it looks at where each should be, and at what is
    left. A pixel that two claim is that of the surer one. The score of a person is the model's presence: of
    things that move, such as the boot of a car, it is low. Such a proposal keeps its own outline.

    Args:
        path: the model, a .tflite file: ``pose_landmark_lite``, ``full`` or ``heavy`` of MediaPipe.
        proposals: the segmenter that proposes bodies; null: ``background``.
        presence: score in [0, 1] below which a proposal keeps its own outline.
    """

    def __init__(self, path: str, proposals: Segmenter | None = None, presence: float = 0.5) -> None:
        self.presence = number_within(type(self).__name__, "presence", presence, 0, 1)
        self.proposals = Background() if proposals is None else proposals
        self.net = LandmarkNet(path)

    def begin(self, film: Film, preview: Iterable[FilmFrame] | None) -> None:
        """The segmenter of proposals begins."""
        self._known: list[_Known] = []
        self.proposals.begin(film, preview)

    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        """The people whom the model sees in the proposals, and proposals in which it sees nobody."""
        bodies: list[Body] = []
        doubtful: list[Detection] = []
        self._looks: dict[Square, Look] = {}
        proposals = sorted(self.proposals.people(frame), key=lambda each: -each.area)
        if self.new_scene():
            self._known = []
        for proposal in proposals:
            found, best = self._look(frame.pixels, proposal)
            bodies += found
            if not found:
                doubtful.append(_scored(proposal, best))
        bodies = distinct(bodies)
        share_pixels(bodies)
        people = [person for person in (body.detection() for body in bodies) if person is not None]
        self._known = [self._seen(person) for person in people]
        return [*people, *(each for each in doubtful if not _is_in(each, people))]

    def new_scene(self) -> bool:
        """What the segmenter of proposals says."""
        return self.proposals.new_scene()

    def remarks(self) -> Sequence[str]:
        """Those of the segmenter of proposals."""
        return self.proposals.remarks()

    def _look(self, pixels: np.ndarray, proposal: Detection) -> tuple[list[Body], float]:
        """The people in a proposal, and the highest presence."""
        bodies, best = [], 0.0
        for seed in self._seeds(proposal):
            body = self._body(pixels, Square.around(seed, MARGIN), proposal.label)
            best = max(best, body.look.presence)
            if body.look.presence >= self.presence:
                bodies.append(body)
        bodies = distinct(bodies)
        if bodies and proposal.label is None:
            bodies += self._others(pixels, proposal, bodies)
        return bodies, best

    def _seeds(self, proposal: Detection) -> list[Sequence[float]]:
        """Boxes of the people who should be in a proposal."""
        inside = [known for known in self._known if _shown(proposal, known.next()) >= _INSIDE * known.area]
        pieces = [known for known in self._known if _is_piece(proposal, known)]
        if proposal.label is not None:
            return [proposal.box]
        if len(inside) > 1 or (inside and proposal.area > _ONE * inside[0].area):
            return [known.next() for known in inside]
        return [pieces[0].next()] if len(pieces) == 1 else [proposal.box]

    def _others(self, pixels: np.ndarray, proposal: Detection, bodies: list[Body]) -> list[Body]:
        """People in what is left of a proposal."""
        found: list[Body] = []
        seen = [person for person in (body.detection() for body in bodies) if person is not None]
        if not seen:
            return []
        area = float(np.median([person.area for person in seen]))
        height = float(np.median([person.height for person in seen]))
        for _ in range(_MORE):
            rest = cv2.morphologyEx(
                rest_of(proposal, [*bodies, *found]), cv2.MORPH_OPEN, np.ones((3, 3), np.uint8)
            )
            parts = [part for part in parts_of(np.asarray(rest), 1) if part.area >= _REST * area]
            if not parts:
                break
            largest = max(parts, key=lambda part: part.area)
            square = _around_part(largest, proposal, height)
            body = self._body(pixels, square, None)
            if body.look.presence < self.presence or len(distinct([*bodies, *found, body])) <= len(
                bodies
            ) + len(found):
                break
            found.append(body)
        return found

    def _body(self, pixels: np.ndarray, square: Square, label: int | None) -> Body:
        if square not in self._looks:  # several pieces may be of one body
            self._looks[square] = self.net.look(pixels, square)
        return Body(self._looks[square], pixels, label)

    def _seen(self, person: Posed) -> _Known:
        """A person of this frame for the next one, with the speed since the last."""
        middle = _middle(person.box)
        near = [
            known
            for known in self._known
            if _distance(_middle(known.next()), middle) < 0.3 * person.height
            and 0.6 < person.height / (known.box[3] - known.box[1]) < 1.7
        ]
        if not near:
            return _Known(person.box, person.area, (0.0, 0.0))
        before = min(near, key=lambda known: _distance(_middle(known.next()), middle))
        old = _middle(before.box)
        speed = (before.speed[0] + middle[0] - old[0]) / 2, (before.speed[1] + middle[1] - old[1]) / 2
        return _Known(person.box, person.area, speed)


def _around_part(part: Detection, proposal: Detection, height: float) -> Square:
    left, top, right, bottom = part.box
    extra = max(0.0, height - part.height) / 2
    box = (left, top - extra, right, bottom + extra)
    square = Square.around(box, MARGIN)
    return Square(square.left + proposal.left, square.top + proposal.top, square.side)


def _scored(proposal: Detection, score: float) -> Detection:
    return Detection(proposal.left, proposal.top, proposal.mask, score, proposal.label)


def _shown(proposal: Detection, box: Sequence[float]) -> int:
    """Pixels of a proposal in a box."""
    left, top, right, bottom = (round(value) for value in box)
    rows = slice(max(top - proposal.top, 0), max(bottom - proposal.top, 0))
    columns = slice(max(left - proposal.left, 0), max(right - proposal.left, 0))
    return int(np.count_nonzero(proposal.mask[rows, columns] > HALF))


def _is_piece(proposal: Detection, known: _Known) -> bool:
    """Whether a proposal is a piece of a body: something before it cuts the body in two."""
    left, top, right, bottom = known.next()
    across, down = _PADDED * (right - left), _PADDED * (bottom - top)
    box = left - across, top - down, right + across, bottom + down
    inside = _shown(proposal, box) >= _MOSTLY * proposal.area
    return inside and proposal.area < _MOSTLY * known.area


def _is_in(proposal: Detection, people: Sequence[Detection]) -> bool:
    """Whether a proposal is a piece of somebody who is seen."""
    return any(_shown(proposal, person.box) > 0.5 * proposal.area for person in people)


def _middle(box: Sequence[float]) -> tuple[float, float]:
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def _distance(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(np.hypot(one[0] - other[0], one[1] - other[1]))
