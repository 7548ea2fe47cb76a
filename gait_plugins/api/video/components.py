"""The contracts of segmenters, trackers and pose estimators: components that read films."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import ClassVar

import numpy as np

from gait_plugins.api.options import HasExample
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import Detection, Sighting


class Segmenter(HasExample, ABC):
    """Finds the people of each frame of a film.

    Frames come in their order, each once, and only the newest is in memory: whatever a segmenter keeps of
    earlier ones, it keeps itself, and not in proportion to the length of the film. A long film comes in
    chapters, each of which begins anew: so a run that was cut off goes on with the next chapter, and gives
    what it would have given. That holds for a segmenter that gives the same people for the same frames.
    """

    def begin(self, film: Film, preview: Iterable[FilmFrame] | None) -> None:
        """A film begins; whatever is known of an earlier one is to be forgotten.

        Args:
            film: what is known of it.
            preview: its frames from here on, to be gone through at most once and as far as wanted; the
                same frames come again, one by one. None where they can be read once only.

        Raises:
            DataError: it cannot be segmented in this way.
        """

    @abstractmethod
    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        """Each person of the frame: masks within the frame, none of them empty.

        People who cannot be told apart may be one detection. ``Detection.of_mask`` makes one of a mask of
        the whole frame.
        """

    def new_scene(self) -> bool:
        """Whether another view begins with the newest frame: the camera was pushed, or the film was cut.

        Asked after each frame. Where it is so, every track ends before that frame.
        """
        return False

    def remarks(self) -> Sequence[str]:
        """What the user should know of the film that was segmented, in words; asked when it has ended.

        A long film is segmented in chapters: ``begin`` is called for each, and times are those of the film.
        """
        return ()


class Tracker(HasExample, ABC):
    """Follows people from frame to frame: detections to tracks."""

    memory: float = 3.0
    """Seconds after its last sighting when a track is over, and never seen again."""

    def begin(self, film: Film) -> None:
        """A film begins; whatever is known of an earlier one is to be forgotten."""

    @abstractmethod
    def update(self, frame: FilmFrame, people: Sequence[Detection]) -> Sequence[Sighting]:
        """The tracks that are seen in this frame, each at most once.

        A sighting may have a mask of its own, such as one body of two that touch. Where a tracker is unsure
        whether a person is still the same, it begins a new track: two tracks of one person do less harm
        than one of two people.
        """


class PoseEstimator(HasExample, ABC):
    """Finds the joints of people in a frame."""

    order: ClassVar[str] = "coco17"
    """Name of the order of the joints, as ``gait_plugins.skeleton`` knows it."""
    joints: ClassVar[int] = 17
    """How many there are."""

    def begin(self, film: Film) -> None:
        """A film begins; whatever is known of an earlier one is to be forgotten."""

    @abstractmethod
    def keypoints(self, frame: FilmFrame, people: Sequence[Detection]) -> np.ndarray:
        """The joints of each person, in the order of ``people``.

        Returns:
            float32 ``[n, joints, 3]``: column and row in pixels of the frame, and confidence in [0, 1];
            ``[0, joints, 3]`` for nobody.
        """
