"""Following of the people of a film, frame by frame: what is seen, and the tracks that are over."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from gait_plugins.api.video.components import PoseEstimator, Segmenter, Tracker
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import Detection, Sighting
from gait_plugins.config.film_section import VideoSection
from gait_plugins.errors import DataError
from gait_plugins.films.tracks import MOST_HELD, MOST_ROWS, Track
from gait_plugins.registry.failures import failures_of
from gait_plugins.skeleton.orders import joint_order

Outcome = Literal["sequence", "short", "still", "cycles", "nobody"]
"""What becomes of a track: a sequence, or nothing: too few silhouettes, no walk, too few gait cycles, or
perhaps no person."""
LEFT_OUT: dict[Outcome, tuple[str, str]] = {
    "short": ("is shorter", "are shorter"),
    "still": ("did not move", "did not move"),
    "cycles": ("shows too little of a gait", "show too little of a gait"),
    "nobody": ("is perhaps no person", "are perhaps no people"),
}
"""Why a track becomes no sequence, as it is said of one and of several."""

_PATIENCE = 1.0
"""Seconds for which a track is kept open beyond the tracker's memory."""


class Follower:
    """Segmenter, tracker and pose estimator at work on one film or camera; holds the tracks that are open.

    Args:
        film: what is known of it.
        video: the components and their settings.
    """

    def __init__(self, film: Film, video: VideoSection) -> None:
        self.film, self.video = film, video
        self._segmenter: Segmenter = video.segmenter.build()
        self._tracker: Tracker = video.tracker.build()
        chosen = video.pose_estimator
        self._estimator: PoseEstimator | None = None if chosen is None else chosen.build()
        if self._estimator is not None:
            _check_joints(self._estimator)
        self._open: dict[int, Track] = {}
        self.highest = 0
        """The highest number of a track so far."""
        self._before = 0

    @property
    def idle(self) -> bool:
        """True where no track is open."""
        return not self._open

    @property
    def since(self) -> float | None:
        """When the first of the open tracks, or its newest part, began; None where none is open."""
        return min((track.first for track in self._open.values()), default=None)

    def begin(self, preview: Iterable[FilmFrame] | None, highest: int | None = None) -> None:
        """The film begins, or a chapter of it; nothing is known of earlier frames, but numbers go on.

        Args:
            preview: its frames from here on, where they can be read twice.
            highest: the highest number that a track has; None: as it is known here.

        Raises:
            DataError: it cannot be segmented in this way.
            ComponentFailure: a component raised an error.
        """
        self.highest = self.highest if highest is None else highest
        with failures_of(self._segmenter):
            self._segmenter.begin(self.film, preview)
        self._begin_tracks()
        if self._estimator is not None:
            with failures_of(self._estimator):
                self._estimator.begin(self.film)

    def _begin_tracks(self) -> None:
        self._before = self.highest
        with failures_of(self._tracker):
            self._tracker.begin(self.film)

    def see(self, frame: FilmFrame) -> tuple[list[Sighting], list[Track]]:
        """Take the next frame.

        Returns:
            the people in it, and the tracks that are over since; of a very long track the part that is full.

        Raises:
            DataError: a component gives what it must not.
            ComponentFailure: a component raised an error.
        """
        frame.pixels.flags.writeable = False
        with failures_of(self._segmenter):
            people = self._within(frame, self._segmenter.people(frame))
            cut = self._segmenter.new_scene()
        over = self._cut() if cut else []
        found = []
        for sighting in self._tracked(frame, people):
            if not sighting.trouble and sighting.person.touches_border(self.film.width, self.film.height):
                sighting = sighting.troubled("border")
            found.append(sighting)
        joints = self._joints(frame, found)
        for sighting in found:
            track = self._open.setdefault(sighting.track, Track(sighting.track, self.video.size, frame.time))
            track.see(frame, sighting, joints.get(sighting.track))
            if len(track.frames) >= MOST_HELD or len(track.rows) >= MOST_ROWS:
                self._settle(track)
                over.append(track)
                self._open[sighting.track] = track.next_part(kept=self.outcome(track) == "sequence")
        ended = [n for n, track in self._open.items() if self._is_over(track, frame.time)]
        return found, over + [self._settle(track) for track in map(self._open.pop, ended) if track.rows]

    def _tracked(self, frame: FilmFrame, people: Sequence[Detection]) -> list[Sighting]:
        """The sightings of the tracker, with numbers that go on after those of earlier chapters."""
        with failures_of(self._tracker):
            found = self._tracker.update(frame, people)
        found = [replace(each, track=each.track + self._before) for each in found]
        self.highest = max([self.highest, *(each.track for each in found)])
        return found

    def _cut(self) -> list[Track]:
        """End every track: what comes is another view."""
        over = self.rest()
        self._begin_tracks()
        return over

    def rest(self) -> list[Track]:
        """The tracks that are open when the film has ended; none are afterwards."""
        found = [self._settle(track) for track in self._open.values() if track.rows]
        self._open.clear()
        return found

    def outcome(self, track: Track) -> Outcome:
        """What becomes of a track that is over."""
        # The rest of a track whose earlier parts are sequences is one too, however short.
        if track.part and track.frames:
            return "sequence"
        quality = track.quality()
        if quality.silhouettes + quality.standing < self.video.min_frames:
            return "short"
        if quality.score < self.video.min_score:
            return "nobody"
        if quality.move < self.video.min_move or quality.silhouettes < self.video.min_frames:
            return "still"
        return "cycles" if quality.cycles < self.video.min_cycles else "sequence"

    def remarks(self) -> Sequence[str]:
        """What the user should know of the film, in words; asked when it has ended."""
        with failures_of(self._segmenter):
            return self._segmenter.remarks()

    def _settle(self, track: Track) -> Track:
        if self.video.min_move:
            track.leave_out_standing()
        return track

    def _within(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Detection]:
        height, width = frame.pixels.shape[:2]
        for person in people:
            left, top, right, bottom = person.box
            if left < 0 or top < 0 or right > width or bottom > height or person.mask.dtype != np.uint8:
                raise DataError(
                    f"the segmenter {self.video.segmenter.name!r} gives a {person.mask.dtype} mask at "
                    f"{list(person.box)} in a frame of {width}x{height}, expected uint8 within the frame",
                    where=str(self.video.segmenter.component.owner),
                    hint="this is a fault of the segmenter: gait_plugins.testing.check_segmenter shows it",
                )
        return people

    def _joints(self, frame: FilmFrame, sightings: Sequence[Sighting]) -> dict[int, np.ndarray]:
        """Track -> its keypoints, of clean views."""
        clean = [sighting for sighting in sightings if not sighting.trouble]
        if self._estimator is None or not clean:
            return {}
        with failures_of(self._estimator):
            found = self._estimator.keypoints(frame, [sighting.person for sighting in clean])
            given = f"{found.dtype} {list(found.shape)}"
        wanted = (len(clean), self._estimator.joints, 3)
        if found.shape != wanted or found.dtype != np.float32:
            raise DataError(
                f"the joints are {given}, expected float32 {list(wanted)}",
                where=type(self._estimator).__name__,
                hint="this is a fault of the estimator: gait_plugins.testing.check_pose_estimator shows it",
            )
        return {sighting.track: each for sighting, each in zip(clean, found, strict=True)}

    def _is_over(self, track: Track, now: float) -> bool:
        return now - track.last > self._tracker.memory + _PATIENCE


def _check_joints(estimator: PoseEstimator) -> None:
    """See that the estimator's joints are those of its order."""
    order = joint_order(estimator.order, type(estimator).__name__)
    if len(order) != estimator.joints:
        raise DataError(
            f"the estimator gives {estimator.joints} joints in the order {estimator.order!r}, which has "
            f"{len(order)}",
            where=type(estimator).__name__,
            hint="this is a fault of the estimator: its order and joints have to agree",
        )


def left_out_in_words(count: Mapping[Outcome, int]) -> str:
    """Why tracks were left out: ``3 tracks are shorter, 1 did not move``; nothing where none was."""
    found = [(count[reason], words) for reason, words in LEFT_OUT.items() if count.get(reason)]
    parts = [f"{number} {words[number > 1]}" for number, words in found]
    if parts:
        number, _, rest = parts[0].partition(" ")
        parts[0] = f"{number} {'track' if number == '1' else 'tracks'} {rest}"
    return ", ".join(parts)
