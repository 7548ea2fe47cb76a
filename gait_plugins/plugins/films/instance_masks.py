"""Films of masks: people that another program has segmented, as white bodies, confidence or labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from gait_plugins.api.options import number_within
from gait_plugins.api.video.components import Segmenter
from gait_plugins.api.video.frames import Film, FilmFrame
from gait_plugins.api.video.people import Detection
from gait_plugins.errors import DataError
from gait_plugins.io.pictures import Picture
from gait_plugins.plugins.films.components import parts_of
from gait_plugins.prepare.masks.forms import PICTURES, SEVERAL, SHADOWS, Choices, Form, form_of
from gait_plugins.prepare.masks.streams import film_picture

_SAMPLED, _SAMPLES = 240, 8
"""Frames at the beginning that the form of the masks is told from, and how many of them are looked at."""
_SHADOW_AND_WHITE = {*range(126, 130), 255}
"""Grey values of shadows and people, as background subtraction writes them."""
_LEAST = 40
"""Pixels of a person, at least."""


class InstanceMasks(Segmenter):
    """People of a film, or of a folder of pictures, that holds masks instead of photographs.

    White bodies on black, confidence, and shadows beside white are taken apart where they do not touch.
    Several labels (numbers, colours, indices of a palette) are a person each, who keeps the label: the
    tracker makes a track of it. Labels need a lossless film: FFV1, PNG.

    Args:
        label: the label that is all people, such as the class of persons; null: each label is one person.
        smallest: height of the smallest person, as a share of the frame's.
    """

    def __init__(self, label: int | None = None, smallest: float = 0.045) -> None:
        self.label = label
        self.smallest = number_within(type(self).__name__, "smallest", smallest, 0.005, 1)

    def begin(self, film: Film, preview: Iterable[FilmFrame] | None) -> None:
        """Tell from the first frames what the masks are.

        Raises:
            DataError: they are pictures rather than masks.
        """
        self._film = film
        self._form: Form | None = None
        if preview is not None:
            span = min(film.frames or _SAMPLED, _SAMPLED)
            frames = list(islice(preview, 0, span, max(1, span // _SAMPLES)))
            # A frame without anybody tells nothing.
            shown = [frame for frame in frames if frame.pixels.any()] or frames
            self._form = self._formed([self._picture(frame) for frame in shown])

    def people(self, frame: FilmFrame) -> Sequence[Detection]:
        """The people of a mask."""
        picture = self._picture(frame)
        if self._form is None:
            if not frame.pixels.any():
                return []
            self._form = self._formed([picture])
        if self._form.kind == SEVERAL:
            found = (
                Detection.of_mask(self._form.person(picture, label), label=label)
                for label in self._form.people(picture)
            )
            return [person for person in found if person is not None and person.area >= _LEAST]
        mask = self._form.cut(self._form.grey(picture))
        white = np.where(mask > 127, np.uint8(255), np.uint8(0))
        return parts_of(white, max(4, round(self.smallest * frame.pixels.shape[0])))

    def _picture(self, frame: FilmFrame) -> Picture:
        return film_picture(frame.pixels, lossy=not self._film.lossless)

    def _formed(self, sample: list[Picture]) -> Form:
        form = form_of(sample, Choices(label=self.label))
        if form.kind == SEVERAL and not form.coloured and {*form.labels} <= _SHADOW_AND_WHITE:
            return Form(SHADOWS, threshold=max(_SHADOW_AND_WHITE - {255}))
        photographs = form.channel == "brightest"
        if form.kind == SEVERAL or not (form.refused or photographs):
            return form
        found = PICTURES if photographs else form.kind
        raise DataError(
            f"the film is no film of masks: {found.removeprefix('sequences are left out: ')}"
            + (f" ({form.detail})" if form.detail else ""),
            where=self._film.name,
            hint="for a film of people choose another segmenter: -o video_cfg.segmenter.type=background; "
            "save labels without loss, as FFV1 or PNG",
        )
