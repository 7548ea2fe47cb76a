"""Background subtraction: the people of a film that a camera took without moving."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import cv2
import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.api.video.components import Segmenter
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import Detection
from gait_plugins.errors import DataError
from gait_plugins.plugins.films.components import parts_of
from gait_plugins.plugins.films.heads import side_by_side
from gait_plugins.plugins.films.stillness import Stillness

PREVIEW = 120.0
"""Seconds of a film that its background is learnt from before people are looked for."""
_FEWEST, _MOST = 200, 3000
"""Frames of it at least and at most."""
_WARM = 2.0
"""Seconds of a camera's pictures that its background is learnt from at first."""
_FINE = 400
"""Columns up to which a frame is looked at as it is; wider ones at half their size."""
_WIDEST = 640
_TOLD = 5
"""Times that are listed in a remark."""
_MOVING = "the camera moves"


class Background(Segmenter):
    """People before a still background, by an adaptive mixture of Gaussians (Zivkovic 2004).

    The background of a film is learnt from its first two minutes before people are looked for; that of a
    camera while they are. Shadows are removed. A person who stands still becomes background after about
    ``stay`` seconds.

    Args:
        scale: size at which frames are looked at, in (0, 1]; null: full up to 400 columns, half up to 1280,
            and beyond that such that 640 are left.
        contrast: how far a pixel's colour has to be from the background, in squared standard deviations.
        smallest: height of the smallest person, as a share of the frame's.
        stay: seconds for which a person who stands still is still seen, about.
    """

    def __init__(
        self, scale: float | None = None, contrast: float = 20.0, smallest: float = 0.045, stay: float = 20.0
    ) -> None:
        name = type(self).__name__
        self.scale = None if scale is None else number_within(name, "scale", scale, 0.05, 1)
        self.contrast = number_within(name, "contrast", contrast, 1, 1000)
        self.smallest = number_within(name, "smallest", smallest, 0.005, 1)
        self.stay = number_within(name, "stay", stay, 0.5, 3600)

    def begin(self, film: Film, preview: Iterable[FilmFrame] | None) -> None:
        """Learn the background.

        Raises:
            DataError: the camera moves in most of the preview.
        """
        self._film = film
        scale = self.scale or (1.0 if film.width <= _FINE else min(0.5, _WIDEST / film.width))
        self._size = max(8, round(film.width * scale)), max(8, round(film.height * scale))
        # A new colour is background once a tenth of the weight is its: after this share of `stay` a frame.
        self._rate = min(0.05, 0.1 / (self.stay * film.rate))
        self._jumped = False
        self._begin_model()
        if preview is not None:
            self._learn(islice(preview, int(np.clip(PREVIEW * film.rate, _FEWEST, _MOST))))
        self._still = Stillness(film.rate)

    def _begin_model(self) -> None:
        """Nothing is known of the background."""
        self._model = cv2.createBackgroundSubtractorMOG2(500, self.contrast, True)
        self._model.setShadowThreshold(0.5)
        self._learnt, self._seen = False, 0

    def _learn(self, frames: Iterator[FilmFrame]) -> None:
        still, seen, jumped = Stillness(self._film.rate), 0, False
        for frame in frames:
            small = self._small(frame)
            jumped = still.look(FilmFrame(frame.number, frame.time, small)) or jumped
            # What comes after another view is learnt when it comes.
            if not jumped:
                # All frames count alike, so that one who stands for a while does not become background.
                self._model.apply(small, learningRate=1 / (self._seen + 2))
                self._seen += 1
            seen += 1
        self._learnt = not jumped
        if still.share() > 0.5:
            raise DataError(
                f"{_MOVING} in {still.share():.0%} of the first {seen} frames: the segmenter "
                "'background' needs a camera that stands still",
                where=self._film.name,
                hint="choose a segmenter that knows people, such as a model in a file: gait-plugins plugins "
                "list --kind segmenter",
            )

    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        """The bodies that differ from the background; people who touch are one."""
        small = self._small(frame)
        self._jumped = self._still.look(FilmFrame(frame.number, frame.time, small))
        if self._jumped:
            self._begin_model()
        self._seen += 1
        # Of a camera nothing is known at first: for a while each picture counts like those before it.
        learnt = self._learnt or self._seen > max(_WARM * self._film.rate, 10)
        rate = self._rate if learnt else 1 / (self._seen + 1)
        found = self._model.apply(small, learningRate=rate)
        mask = _cleaned(np.asarray(cv2.threshold(found, 128, 255, cv2.THRESH_BINARY)[1]))
        least = max(4, round(self.smallest * self._size[1]))
        height, width = frame.pixels.shape[:2]
        bodies = [body for part in parts_of(mask, least) for body in side_by_side(part)]
        detections = (_enlarged(body, self._size, (width, height)) for body in bodies)
        return [person for person in detections if person is not None]

    def new_scene(self) -> bool:
        """Whether the camera was pushed, or all of the light changed, before the newest frame."""
        return self._jumped

    def remarks(self) -> Sequence[str]:
        """When the camera moved, where it did."""
        moved = [f"from {first:.1f} s to {last:.1f} s" for first, last in self._still.movements()]
        jumps = [f"at {time:.1f} s" for time in self._still.jumps()]
        found = []
        if moved:
            found.append(f"{_MOVING} {_listed(moved)}: whatever is seen there is not to be relied on")
        if jumps:
            found.append(
                f"the view changes at once {_listed(jumps)}, for the camera was pushed or the light changed: "
                "the background is learnt anew, and all tracks end there"
            )
        return found

    def _small(self, frame: FilmFrame) -> np.ndarray:
        if (frame.pixels.shape[1], frame.pixels.shape[0]) == self._size:
            return frame.pixels
        return np.asarray(cv2.resize(frame.pixels, self._size, interpolation=cv2.INTER_AREA))


def _listed(times: Sequence[str]) -> str:
    more = [f"{len(times) - _TOLD} times more"] if len(times) > _TOLD else []
    shown = [*times[:_TOLD], *more]
    return " and ".join([", ".join(shown[:-1]), shown[-1]] if len(shown) > 1 else shown)


def _cleaned(mask: np.ndarray) -> np.ndarray:
    """Without single pixels, and with narrow gaps closed: odd elements, so that nothing is shifted."""
    mask = np.asarray(cv2.medianBlur(mask, 3))
    return np.asarray(cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((5, 3), np.uint8)))


def _enlarged(part: Detection, size: tuple[int, int], full: tuple[int, int]) -> Detection | None:
    """A detection of the small picture in the frame itself."""
    across, down = full[0] / size[0], full[1] / size[1]
    left, top, right, bottom = part.box
    box = round(left * across), round(top * down), round(right * across), round(bottom * down)
    shape = box[2] - box[0], box[3] - box[1]
    mask = part.mask
    if shape != (part.width, part.height):
        soft = cv2.resize(mask, shape, interpolation=cv2.INTER_LINEAR)
        mask = np.asarray(cv2.threshold(soft, 127, 255, cv2.THRESH_BINARY)[1])
    return Detection(box[0], box[1], mask) if mask.any() else None
