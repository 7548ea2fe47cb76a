"""Silhouettes of one sequence, made from its images or its video."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gait_plugins.io.pictures import Picture
from gait_plugins.prepare.align import align_mask, resize_mask
from gait_plugins.prepare.grey_values import is_dark, is_picture, on_white
from gait_plugins.prepare.layouts import Layout
from gait_plugins.prepare.masks.bodies import Follower, beside
from gait_plugins.prepare.masks.coco import Annotations
from gait_plugins.prepare.masks.forms import (
    CHOSEN,
    CLEAN,
    NOT_THERE,
    ONE_LABEL,
    PICTURES,
    Choices,
    Form,
    form_of,
)
from gait_plugins.prepare.masks.labels import SEEN, label_name
from gait_plugins.prepare.masks.streams import Remarks, Stream

EMPTY_FRAMES = "frames hold no person (grey-sum of 10,000 or less)"
ON_WHITE = "sequences are left out: white background, the person is black"
DARK = "masks hold no white: the person is dark grey in them"
STRETCHED = "aligned images are not square, and are stretched to it"
ZERO_ONE = "masks hold 0 and 1, brought to 0 and 255"
TWO_PEOPLE = "sequences are left out: most of their masks show two people"
SOME_TWO = "masks show two people, and are centred between them"
BESIDE = "masks hold something beside the person, which moves the cut"
LOST = "masks are left out: the person who was followed is not in them"
OTHER_LABELS = "masks hold another label beside that of their sequence, which is left out"
OTHER_FORM = "masks are of another form than most of their sequence"
_WHITE = 255
_SOFT = 0.1
"""Share of grey pixels among white ones from which a clean mask is looked at again."""


class Made(NamedTuple):
    """What became of one sequence."""

    frames: np.ndarray
    """uint8 ``[t, size, size]``; t may be 0."""
    remarks: dict[str, list[str]]
    """Remark -> the frames that it is about, as paths below the source."""


@dataclass
class _Walk:
    """The frames of one person, as they come."""

    frames: list[np.ndarray] = field(default_factory=list)
    remarks: Remarks = field(default_factory=lambda: defaultdict(list))
    doubts: Remarks = field(default_factory=lambda: defaultdict(list))
    """Remarks that refuse the sequence where they hold of most masks."""
    seen: int = 0
    follower: Follower = field(default_factory=Follower)

    def made(self, size: int) -> Made:
        # A few odd frames are the data set's own; where they are most, the whole is no sequence of masks.
        refused = {doubt: places[:1] for doubt, places in self.doubts.items() if 2 * len(places) > self.seen}
        if TWO_PEOPLE in self.doubts and TWO_PEOPLE not in refused:
            self.remarks[SOME_TWO] = self.doubts[TWO_PEOPLE]
        if refused or not self.frames:
            return Made(np.empty((0, size, size), np.uint8), {**self.remarks, **refused})
        return Made(np.stack(self.frames), dict(self.remarks))


@dataclass(frozen=True)
class Maker:
    """Makes sequences from images and videos.

    Args:
        root: the folder that paths are relative to.
        layout: says whether images are aligned, and how they are resampled.
        size: height and width of the silhouettes.
        threshold: grey value above which a pixel is the person; None leaves clean lossless images as they
            are, takes 127 for JPEG and videos, whose noise would otherwise count as person, and what
            :mod:`gait_plugins.prepare.masks.forms` finds for others.
        invert: the masks are black on white.
        label: the label that is the person.
        each_label: every label is a person.
        largest: keep one body of each mask.
        annotations: masks of the paths, where they are not images themselves.
    """

    root: Path
    layout: Layout
    size: int
    threshold: int | None = None
    invert: bool = False
    label: int | None = None
    each_label: bool = False
    largest: bool = False
    annotations: Annotations | None = None

    def make(self, paths: list[str], stopped: Callable[[], bool] = lambda: False) -> Made:
        """The silhouettes of these images, or of this one video; ``stopped`` is asked before each."""
        (made,) = self.people(paths, stopped).values()
        return made

    def people(self, paths: list[str], stopped: Callable[[], bool] = lambda: False) -> dict[str, Made]:
        """Label -> its silhouettes where every label is a person; else ``""`` -> the silhouettes."""
        walks: defaultdict[str, _Walk] = defaultdict(_Walk)
        notes: Remarks = defaultdict(list)
        for label, place, mask in self._masks(paths, walks, notes, stopped):
            if stopped():
                break
            self._add(walks[label], place, mask)
        if not walks:
            walks[""] = _Walk()
        people = {label: walk.made(self.size) for label, walk in walks.items()}
        first = next(iter(people))  # what concerns all of the images is told once
        people[first] = people[first]._replace(remarks={**notes, **people[first].remarks})
        return people

    @property
    def _choices(self) -> Choices:
        return Choices(
            self.threshold,
            self.invert,
            self.label,
            self.each_label,
            as_is=self.layout.as_is,
            aligned=self.layout.aligned,
        )

    def _masks(
        self, paths: list[str], walks: defaultdict[str, _Walk], notes: Remarks, stopped: Callable[[], bool]
    ) -> Iterator[tuple[str, str, np.ndarray]]:
        """Label, place and mask of every frame; empty frames are among them."""
        if self.annotations is not None:
            yield from self.annotations.masks(paths, self.label, self.each_label, notes)
            return
        stream = Stream(self.root, paths, stopped)
        form = form_of(stream.sample(), self._choices)
        stream.grey = form.channel in ("values", "alpha")
        if form.kind != CLEAN:
            notes[form.kind].append(f"{paths[0]} ({form.detail})" if form.detail else paths[0])
        if form.refused:
            return
        for place, picture in stream.read(notes):
            if self.each_label:
                for label in form.people(picture):
                    name = label_name(label, form.coloured).removeprefix("#")
                    yield name, place, form.person(picture, label)
            else:
                yield "", place, self._mask(form, picture, place, walks[""])
        if self.label is not None and not walks[""].frames:
            notes[NOT_THERE] = notes.pop(CHOSEN)

    def _mask(self, form: Form, picture: Picture, place: str, walk: _Walk) -> np.ndarray:
        """The mask in white on black; what is odd about it goes to the remarks and doubts."""
        grey = form.grey(picture)
        if form.channel == "codes":
            if form.kind == ONE_LABEL and form.has_others(picture):
                walk.remarks[OTHER_LABELS].append(place)
            return grey
        if form.kind == CLEAN and picture.values.ndim == 2 and picture.values.max() == 1:
            walk.remarks[ZERO_ONE].append(place)
        if self.threshold is None and is_picture(grey):
            walk.doubts[PICTURES].append(place)
        elif on_white(grey):
            walk.doubts[ON_WHITE].append(place)
        elif form.kind == CLEAN and self._is_of_other_form(grey, picture):
            if grey.min() == grey.max():  # background subtraction begins so: nobody is told apart yet
                return np.zeros_like(grey)
            walk.remarks[OTHER_FORM].append(place)
        cut = form.cut(grey)
        if is_dark(cut):
            walk.remarks[DARK].append(place)
        return cut

    def _is_of_other_form(self, grey: np.ndarray, picture: Picture) -> bool:
        """True for a picture that is no clean mask, in a sequence of clean ones."""
        if self.threshold is not None or self.layout.as_is or picture.lossy:
            return False
        white = np.count_nonzero(grey == _WHITE)
        middle = np.count_nonzero(grey) - white
        if middle < SEEN or middle < _SOFT * white:
            return False
        return form_of([picture], self._choices).kind != CLEAN

    def _add(self, walk: _Walk, place: str, mask: np.ndarray) -> None:
        walk.seen += 1
        if self.layout.aligned and mask.shape[0] != mask.shape[1]:
            walk.remarks[STRETCHED].append(place)
        kept = self._one_body(walk, place, mask)
        shape = resize_mask if self.layout.aligned else align_mask
        frame = None
        if kept is not None:
            frame = partial(shape, size=self.size, interpolation=self.layout.interpolation)(kept)
            if frame is None:
                walk.remarks[EMPTY_FRAMES].append(place)
        if frame is not None:
            walk.frames.append(frame)

    def _one_body(self, walk: _Walk, place: str, mask: np.ndarray) -> np.ndarray | None:
        if self.largest:
            kept = walk.follower.keep(mask)
            if kept is None:
                walk.remarks[LOST].append(place)
            return kept
        if not self.layout.as_is:
            two, moved = beside(mask)
            if two:
                walk.doubts[TWO_PEOPLE].append(place)
            elif moved:
                walk.remarks[BESIDE].append(place)
        return mask
