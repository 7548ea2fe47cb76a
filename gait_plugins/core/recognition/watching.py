"""Watching: the people before a camera, each told when the track is over; nothing is kept of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from gait_plugins.config.film_section import VideoSection
from gait_plugins.errors import DataError
from gait_plugins.films.following import Follower
from gait_plugins.films.live.cameras import Camera
from gait_plugins.films.tracks import Track

if TYPE_CHECKING:  # they need torch, and a watch that names nobody does not
    from gait_plugins.core.recognition.naming import Named, Namer

STATUS = 60.0
"""Seconds between two words on how it goes."""
_SLOW = 0.6
"""Share of the camera's frames that are looked at, below which the tracker is told of the lower rate."""

Line = dict[str, Any]


class Watch:
    """People before a camera.

    Args:
        camera: the frames.
        video: how people are found, and which tracks are told.
        namer: who they are; None: nobody is named.
        say: is given a line for each person, as plain data.
        tell: is given words on how it goes.
    """

    def __init__(
        self,
        camera: Camera,
        video: VideoSection,
        namer: Namer | None,
        say: Callable[[Line], None],
        tell: Callable[[str], None],
    ) -> None:
        self.camera, self.video, self.namer = camera, video, namer
        self._say, self._tell = say, tell
        self._told: list[Line] = []
        """The lines of whoever was seen at once with somebody who is still seen: no two bear one name."""
        self._remarks: set[str] = set()
        self._people = self._left_out = self._frames = 0
        self._lost = camera.lost

    def run(self) -> None:
        """Watch until the camera is stopped, or a file has ended; open tracks are told then.

        Raises:
            DataError: the camera is gone for too long; or a gallery is damaged.
            ComponentFailure: a component raised an error.
        """
        film = self.camera.film
        self._tell(f"{self.camera.address}: {film.width}x{film.height}, {film.rate:.1f} frames a second")
        self._follower = Follower(film, self.video)
        self._follower.begin(None)
        self._since(0)
        try:
            for frame in self.camera.frames():
                if self.camera.lost != self._lost:
                    self._begin_anew()
                self._pass(self._follower.see(frame)[1])
                self._frames += 1
                self._look_after(10.0 if self._slow_once else STATUS)
        except DataError:
            self._end()
            raise
        self._end()

    def _since(self, frames: int) -> None:
        self._begun, self._before, self._dropped = time.monotonic(), frames, self.camera.dropped
        self._slow_once = frames == 0

    def _begin_anew(self) -> None:
        """The camera was gone: whoever was seen may be another one by now, and the view too."""
        self._lost = self.camera.lost
        self._pass(self._follower.rest())
        self._remark()
        self._follower.begin(None)
        self._since(self._frames)

    def _look_after(self, seconds: float) -> None:
        """Tell how it goes, once in a while, and follow at the rate at which frames are looked at."""
        lasted = time.monotonic() - self._begun
        if lasted < seconds:
            return
        rate = (self._frames - self._before) / lasted
        # A file is read as fast as it can be, and no frame of it is left out.
        if self.camera.clocked and rate < _SLOW * self._follower.film.rate:
            self._follow_at(rate)
        elif not self._slow_once:
            self._tell(self._summary())
        self._remark()
        self._since(self._frames)

    def _follow_at(self, rate: float) -> None:
        film = self._follower.film
        reason = "the camera gives no more"
        if self.camera.dropped - self._dropped > self._frames - self._before:
            reason = "the others are dropped, for this machine is too slow or too busy"
        self._tell(f"{rate:.1f} of {film.rate:.1f} frames a second are looked at: {reason}")
        self._pass(self._follower.rest())
        highest = self._follower.highest
        self._follower = Follower(replace(film, rate=max(rate, 1.0)), self.video)
        self._follower.begin(None, highest)

    def _summary(self) -> str:
        return (
            f"{self._frames} frames, {self.camera.dropped} dropped; {self._people} people, {self._left_out} "
            "tracks that are too short or did not walk"
        )

    def _remark(self) -> None:
        for remark in self._follower.remarks():
            if remark not in self._remarks:
                self._remarks.add(remark)
                self._tell(f"remark: {remark}")

    def _end(self) -> None:
        self._pass(self._follower.rest())
        self._remark()
        self._tell(self._summary())

    def _pass(self, over: Sequence[Track]) -> None:
        """Tell who they were."""
        tracks = [track for track in over if self._follower.outcome(track) == "sequence"]
        self._left_out += len(over) - len(tracks)
        named = self.namer.name(tracks) if self.namer and tracks else [None] * len(tracks)
        for track, who in zip(tracks, named, strict=True):
            self._people += 1
            self._say(self._line(track, who))
        since = self._follower.since
        self._told = [] if since is None else [told for told in self._told if told["to_s"] >= since]

    def _line(self, track: Track, named: Named | None) -> Line:
        begin, end = track.rows[0].time, track.last
        line: Line = {"who": None, "distance": None, "threshold": None, "remark": ""}
        if named is not None:
            found = named.as_dict()
            line |= {"who": named.identity, "distance": found["distance"], "threshold": found["threshold"]}
            line |= self._doubt(named, track.number, begin)
        line |= {
            "from": self.camera.moment(begin).isoformat(timespec="milliseconds"),
            "to": self.camera.moment(end).isoformat(timespec="milliseconds"),
            "from_s": round(begin, 3),
            "to_s": round(end, 3),
            "track": track.number,
            "part": track.part,
            "silhouettes": len(track.frames),
            "source": str(self.camera.address),
        }
        self._told.append(line)
        return line

    def _doubt(self, named: Named, number: int, begin: float) -> Line:
        """Nobody is in two places at once: who was told first keeps the name."""
        for told in self._told:
            at_once = told["to_s"] >= begin and told["track"] != number
            if named.identity is not None and told["who"] == named.identity and at_once:
                remark = f"nearest to {named.identity}, as is track {told['track']}, seen at the same time"
                return {"who": None, "remark": remark}
        return {}
