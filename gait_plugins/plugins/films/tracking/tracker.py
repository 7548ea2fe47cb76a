"""The tracker of bodies: tracks that go on through a merge where motion and colour are sure of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.api.video.components import Tracker
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import Detection, Sighting, Trouble
from gait_plugins.plugins.films.tracking.assignment import assign
from gait_plugins.plugins.films.tracking.body import Body
from gait_plugins.plugins.films.tracking.claims import covered, joined_fragments, touching_others
from gait_plugins.plugins.films.tracking.colours import colours_of
from gait_plugins.plugins.films.tracking.splitting import Share, split

_REACH, _REACH_MORE, _REACH_MOST = 0.45, 0.06, 1.3
"""Distance in heights at which a detection may be a body: at first, more for each frame missed, at most."""
_COLOUR, _SIZE = 1.2, 0.5
"""What a distance of colours, and of the logarithms of areas, costs beside one height of distance."""
_UNLIKE, _UNLIKE_LATER, _UNLIKE_STRANGER = 0.4, 0.3, 0.2
"""Distance of colours from which a detection is somebody else: in the next frame, later, and after the body
has touched somebody who is not known."""
_SIZES, _SIZES_LATER = 0.9, 0.6
"""Logarithm of the ratio of areas from which it is somebody else, likewise."""
_INSIDE = 0.35
"""Share of a body's area that a mask shows in its box where the body is in that mask."""
_PARTLY, _WHOLE, _TOO_LARGE = 0.78, 0.6, 1.45
"""Height from which a view is whole, area from which it is, and area or width from which there is more in
it: as shares of the body's own."""
_NEWCOMER = 0.5
"""Area of what is left of a mask, in bodies, from which it is somebody else."""
_REPLACED = 8
"""Frames in a row after which what does not look like a body is somebody else."""
_SOON = 3
"""Frames for which a body that is still new is waited for."""


class BodyTracker(Tracker):
    """Follows bodies by speed, size and colour, and takes masks apart in which several of them touch.

    A body moves at constant speed; detections are assigned to bodies exactly, at the smallest sum of
    distances. Where several bodies should be in one mask, each gets the pixels nearest to where it should be,
    and is ``merged`` until it is alone again. Then colours and motion decide who is who; where they do not,
    the tracks end and new ones begin. Detections with labels keep them as tracks.

    Args:
        memory: seconds for which a person who is not seen is remembered.
        margin: how much better than the other way round the colours and motion of two people have to fit,
            for their tracks to go on after they have touched; 0 always goes on.
    """

    def __init__(self, memory: float = 3.0, margin: float = 0.12) -> None:
        self.memory = number_within(type(self).__name__, "memory", memory, 0, 60)
        self.margin = number_within(type(self).__name__, "margin", margin, 0, 10)

    def begin(self, film: Film) -> None:
        """Forget everybody."""
        self._film = film
        self._bodies: list[Body] = []
        self._tracks: dict[int, int] = {}
        self._last = 0
        self._memory = max(1, round(self.memory * film.rate))

    def update(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Sighting]:
        """The people who are seen in this frame."""
        for body in self._bodies:
            body.go_on()
            body.missed += 1
        found = [self._labelled(person, person.label) for person in people if person.label is not None]
        people = [person for person in people if person.label is None]
        people = joined_fragments(people, [body for body in self._bodies if body.known])
        colours = [colours_of(frame.pixels, person) for person in people]
        inside, touching = covered(self._bodies, people), touching_others(people)
        costs = self._costs(people, colours)
        pairs = dict(assign(costs))
        members = self._members(pairs, inside)
        gone: set[int] = set()
        clean: dict[int, int] = {}
        for place, person in enumerate(people):
            own = members.get(place, [])
            if len(own) > 1:
                found += self._apart(frame, person, own)
            elif own and self._is_replaced(self._bodies[own[0]], own[0] in pairs):
                gone.add(own[0])
                found += self._newcomer(frame, person, colours[place])
            elif own:
                trouble = self._trouble(self._bodies[own[0]], person, own[0] in pairs)
                if trouble:
                    found.append(self._seen_partly(self._bodies[own[0]], person, trouble))
                else:
                    clean[own[0]] = place
            else:
                found += self._newcomer(frame, person, colours[place])
        gone |= self._unsure(clean, colours, people)
        for number, place in clean.items():
            body = self._bodies[number]
            if number in gone:
                found += self._newcomer(frame, people[place], colours[place])
            else:
                body.see(people[place], colours[place])
                found.append(Sighting(body.track, people[place], "merged" if touching[place] else ""))
        self._forget({id(self._bodies[number]) for number in gone})
        return found

    def _labelled(self, person: Detection, label: int) -> Sighting:
        if label not in self._tracks:
            self._last += 1
            self._tracks[label] = self._last
        cut = person.touches_border(self._film.width, self._film.height)
        return Sighting(self._tracks[label], person, "border" if cut else "")

    # --- who is who ----------------------------------------------------------------------------

    def _costs(self, people: Sequence[Detection], colours: list[np.ndarray]) -> np.ndarray:
        costs = np.full((len(self._bodies), len(people)), np.inf)
        for row, body in enumerate(self._bodies):
            reach = min(_REACH + _REACH_MORE * body.missed, _REACH_MOST) + (0 if body.known else 0.2)
            for column, person in enumerate(people):
                distance = body.distance(person)
                if distance > reach:
                    continue
                size = abs(float(np.log(person.area / max(body.area, 1.0))))
                unlike = body.unlike(colours[column])
                limit = _UNLIKE if body.since_clean <= 1 else _UNLIKE_LATER
                limit = _UNLIKE_STRANGER if body.stranger else limit
                if size > (_SIZES_LATER if body.known and body.since_clean > 1 else _SIZES) or (
                    unlike > limit and body.known
                ):
                    continue
                # After a merge, and after a while out of sight, places say less and colours more.
                doubt = min(1.0, (body.since_clean - 1) / 10)
                costs[row, column] = (
                    (1 - 0.5 * doubt) * distance + (1 + doubt) * _COLOUR * unlike + _SIZE * size
                )
        return costs

    def _members(self, pairs: dict[int, int], inside: np.ndarray) -> dict[int, list[int]]:
        """The bodies that are in each mask."""
        members: dict[int, list[int]] = {}
        for number, place in pairs.items():
            members.setdefault(place, []).append(number)
        for number, body in enumerate(self._bodies):
            if number in pairs or not inside.shape[1] or not body.known or body.missed > self._memory:
                continue
            place = int(inside[number].argmax())
            if inside[number, place] >= _INSIDE and self._may_be_in(
                body, members.get(place, []), inside, place
            ):
                members.setdefault(place, []).append(number)
        return members

    def _may_be_in(self, body: Body, others: list[int], inside: np.ndarray, place: int) -> bool:
        """Whether an unseen body can be in a mask: it came there lately, or together with those in it."""
        tracks = {self._bodies[other].track for other in others}
        return body.missed <= 5 or bool(tracks & body.mates)

    def _unsure(
        self, clean: dict[int, int], colours: list[np.ndarray], people: Sequence[Detection]
    ) -> set[int]:
        """Bodies that came out of a merge and may be the other one."""
        by_track = {body.track: number for number, body in enumerate(self._bodies)}
        gone: set[int] = set()
        for number, place in clean.items():
            body = self._bodies[number]
            for track in body.mates:
                other = by_track.get(track)
                if other is None:
                    continue
                if not self._is_sure(body, self._bodies[other], place, clean.get(other), colours, people):
                    gone |= {number, other} if other in clean else {number}
        return gone

    def _is_sure(
        self,
        body: Body,
        other: Body,
        place: int,
        its_place: int | None,
        colours: list[np.ndarray],
        people: Sequence[Detection],
    ) -> bool:
        evidence = other.unlike(colours[place]) - body.unlike(colours[place])
        motion = other.distance(people[place]) - body.distance(people[place])
        if its_place is not None:
            evidence += body.unlike(colours[its_place]) - other.unlike(colours[its_place])
            motion += body.distance(people[its_place]) - other.distance(people[its_place])
        # Motion says who is who where the merge was short.
        trust = 0.3 * max(0.0, 1 - body.since_clean / 12)
        return evidence + trust * float(np.clip(motion, -1.5, 1.5)) >= self.margin

    def _is_replaced(self, body: Body, fits: bool) -> bool:
        """Whether what is seen where a body should be has been another for too long to be a part of it."""
        body.unfit = 0 if fits else body.unfit + 1
        return body.unfit > _REPLACED

    # --- what is seen --------------------------------------------------------------------------

    def _trouble(self, body: Body, person: Detection, fits: bool) -> Trouble:
        if person.touches_border(self._film.width, self._film.height):
            return "border"
        if not body.known:
            return ""
        if person.area > _TOO_LARGE * body.area or person.width > 1.8 * max(body.width, 0.3 * body.height):
            return "merged"
        if person.height < _PARTLY * body.height or person.area < _WHOLE * body.area or not fits:
            return "hidden"
        return ""

    def _seen_partly(self, body: Body, person: Detection, trouble: Trouble) -> Sighting:
        left, top, right, bottom = person.box
        if trouble == "merged":
            body.stranger = True
            share = split(person, [body])
            body.see_part(share.bodies[0].middle, None, 0.3)
            part = share.bodies[0].person or person
            return Sighting(body.track, part, trouble)
        low, high = abs(bottom - body.foot), abs(top - (body.foot - body.height))
        foot = bottom if low <= high else top + body.height
        body.see_part((left + right) / 2, float(foot), 0.5)
        if trouble == "border":
            # At the edge a body shrinks or grows: its size is what is seen of it.
            body.width += 0.3 * (person.width - body.width)
            body.height += 0.3 * (person.height - body.height)
            body.area += 0.3 * (person.area - body.area)
        return Sighting(body.track, person, trouble)

    def _apart(self, frame: FilmFrame, person: Detection, numbers: list[int]) -> list[Sighting]:
        """Several bodies in one mask."""
        bodies = [self._bodies[number] for number in numbers]
        shares = split(person, bodies)
        tracks = {body.track for body in bodies}
        found = []
        for body, share in zip(bodies, shares.bodies, strict=True):
            body.mates |= tracks - {body.track}
            self._follow_share(body, share, person)
            if share.person is not None and share.visible > 0.2:
                found.append(Sighting(body.track, share.person, "merged"))
        rest = shares.rest
        if rest is not None and rest.area > _NEWCOMER * min(body.area for body in bodies):
            found += self._newcomer(frame, rest, colours_of(frame.pixels, rest), "merged")
        return found

    def _follow_share(self, body: Body, share: Share, mask: Detection) -> None:
        trust = 0.5 * min(1.0, share.visible) if share.visible > 0.3 else 0.0
        foot = None
        if share.person is not None and share.visible > 0.7:
            bottom = share.person.box[3]
            foot = float(bottom) if abs(bottom - body.foot) < 0.15 * body.height else None
        body.see_part(share.middle, foot, trust)
        if trust == 0:
            body.rest()
        # Wherever it is, it is in the mask.
        body.middle = float(np.clip(body.middle, mask.box[0], mask.box[2]))

    def _newcomer(
        self, frame: FilmFrame, person: Detection, colours: np.ndarray, trouble: Trouble = ""
    ) -> list[Sighting]:
        if not trouble and person.touches_border(self._film.width, self._film.height):
            trouble = "border"
        self._last += 1
        body = Body.of(self._last, person, colours)
        body.since_clean = 1 if trouble else 0
        self._bodies.append(body)
        return [Sighting(body.track, person, trouble)]

    def _forget(self, gone: set[int]) -> None:
        kept = []
        for body in self._bodies:
            if body.missed:
                body.rest()
            patience = self._memory if body.known else _SOON
            if id(body) not in gone and body.missed <= patience:
                kept.append(body)
        self._bodies = kept
