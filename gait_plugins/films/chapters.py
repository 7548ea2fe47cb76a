"""Chapters of a long film: parts that are segmented alone, so that a run that was cut off can go on."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing

from gait_plugins.api.progress import Job
from gait_plugins.api.video.frames import FilmFrame
from gait_plugins.errors import DataError
from gait_plugins.films.following import Follower
from gait_plugins.films.reading import FilmSource, Reading

_PATIENCE = 1.2
"""Length of a chapter, in chapters, at which it ends even where somebody is in the picture."""


class Chapters:
    """Where chapters begin and end, and the frames that are looked at ahead of each.

    A chapter ends at the first moment after its length at which nobody is in the picture; where there is none
    for long, the tracks are cut. What comes after it depends on its own frames alone.

    Args:
        source: the film.
        minutes: length of a chapter; None: the film is one.
    """

    def __init__(self, source: FilmSource, minutes: float | None) -> None:
        self.number = 0
        """Chapters that are over."""
        self.open = False
        """Whether one has begun."""
        self.usable = True
        """False where the people of this chapter cannot be found."""
        self._source = source
        self._minutes = minutes
        self._seconds = None if minutes is None else 60 * minutes
        self._begun = 0.0
        self._ahead: Reading | None = None

    def is_over(self, frame: FilmFrame, idle: bool) -> bool:
        """Whether the open chapter ends before a frame.

        Args:
            frame: the frame.
            idle: nobody is in the picture.
        """
        if not self.open or self._seconds is None:
            return False
        lasted = frame.time - self._begun
        return lasted >= self._seconds * (1 if idle else _PATIENCE)

    def begin(self, frame: FilmFrame, follower: Follower) -> list[str]:
        """A chapter begins with a frame, and so does the follower, who looks at the frames ahead.

        Returns:
            that its people cannot be found, in words; nothing where they can.

        Raises:
            DataError: they cannot, and it is the first chapter.
        """
        self.open, self.usable, self._begun = True, True, frame.time
        with closing(self._preview(frame)) as preview:
            try:
                follower.begin(preview)
            except DataError as error:
                if not self.number:
                    raise
                # Hours of a film are not lost because its camera was turned in one chapter.
                self.usable = False
                return [
                    f"from {frame.time:.1f} s on nobody is looked for in {self._minutes:g} minutes of the "
                    f"film: {error.message}"
                ]
        return []

    def _preview(self, frame: FilmFrame) -> Generator[FilmFrame]:
        if self._ahead is None or self._ahead.reached >= frame.number:
            self.close()
            self._ahead = self._source.frames()
        self._ahead.skip_to(frame.number)
        return _looked_at(self._ahead)

    def end(self) -> None:
        """The open chapter is over."""
        self.number += 1
        self.open = False

    def close(self) -> None:
        """Close the film that is read ahead."""
        if self._ahead is not None:
            self._ahead.close()
            self._ahead = None


def _looked_at(frames: Reading) -> Generator[FilmFrame]:
    """The frames, with a bar for those that are looked at ahead."""
    with Job("looking ahead", None, "frame") as job:
        for frame in frames:
            frame.pixels.flags.writeable = False
            yield frame
            job.advance()
