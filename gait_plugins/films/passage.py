"""Passage of a whole film: its tracks as they are over, chapter by chapter, and what is odd about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from gait_plugins.api.progress import Job
from gait_plugins.config.film_section import VideoSection
from gait_plugins.films.chapters import Chapters
from gait_plugins.films.following import Follower
from gait_plugins.films.reading import FilmSource
from gait_plugins.films.tracks import Track


class Passage:
    """Goes through a film once; nothing of it is kept but what is open.

    Args:
        source: the film.
        video: the components and their settings.
    """

    def __init__(self, source: FilmSource, video: VideoSection) -> None:
        self.follower = Follower(source.film, video)
        self.frames = 0
        """Frames so far."""
        self.seconds = 0.0
        """Time of the newest."""
        self.remarks: list[str] = []
        """What the user should know of the film; complete at its end."""
        self._source = source
        self._chapters = Chapters(source, video.chapter)

    def tracks(self) -> Iterator[Track]:
        """The tracks, each when it is over; of a very long one each part.

        Raises:
            DataError: the film cannot be read, or not segmented in this way.
        """
        chapters = self._chapters
        with (
            closing(chapters),
            closing(self._source.frames()) as frames,
            Job("following people", self._source.film.frames, "frame") as job,
        ):
            for frame in frames:
                if chapters.is_over(frame, self.follower.idle):
                    yield from self._end()
                if not chapters.open:
                    self.remarks += chapters.begin(frame, self.follower)
                if chapters.usable:
                    yield from self.follower.see(frame)[1]
                self.frames += 1
                self.seconds = frame.time
                job.advance()
            yield from self._end()
        self.remarks += self._source.remarks

    def _end(self) -> Iterator[Track]:
        if not self._chapters.open:
            return
        yield from self.follower.rest()
        if self._chapters.usable:
            new = self.follower.remarks()
            self.remarks += [remark for remark in new if remark not in self.remarks]
        self._chapters.end()
