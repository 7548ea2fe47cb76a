"""Forms of masks: what the pictures of a sequence are, told from a sample, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import cv2
import numpy as np

from gait_plugins.io.pictures import Picture
from gait_plugins.prepare.grey_values import BRIGHT
from gait_plugins.prepare.masks.bodies import without_specks
from gait_plugins.prepare.masks.greys import (
    HALF,
    are_people,
    cut_between,
    cut_of_faintest,
    flat_counts,
    ground_and_person,
    has_grey_plateau,
    has_several_plateaus,
    is_soft,
)
from gait_plugins.prepare.masks.labels import (
    CLEAR,
    SEEN,
    Labels,
    areas_of,
    codes,
    find_labels,
    greys_of_palette,
    label_name,
    labels_of,
)

CLEAN = ""
CUT_OUT = "sequences are cut-outs: their alpha channel is the mask"
CONFIDENCE = "sequences are confidence maps, cut to the person"
SHADOWS = "sequences have shadows in grey, which are cut off"
ONE_LABEL = "sequences have one label, taken for the person"
PICTURES = "sequences are left out: pictures rather than masks"
SCALED = "sequences have numbers beyond 0 to 255, or fractions, brought to 0 and 255"
COLOURED = "sequences are coloured: what is bright is taken for the person"
CHOSEN = "sequences have labels, of which the chosen one is taken"
SEVERAL = "sequences are left out: their masks hold several labels, and one sequence shows one person"
SOFT_LABELS = "sequences are left out: they hold several grey values with soft edges, as of several people"
NO_LABELS = "sequences are left out: their masks have no labels"
NOT_THERE = "sequences are left out: they do not have the chosen label"
BAD_VALUES = "sequences are left out: their values are no mask"

Channel = Literal["values", "alpha", "brightest", "codes"]
_SHADOW = range(126, 130)
_LISTED = 12
_LOOKED_AT = 300_000
_PICTURE_COLOURS = 1000
_DARK_GROUND, _WHITE_PERSON = 20, 235


@dataclass(frozen=True)
class Choices:
    """What the user has said of the masks.

    Args:
        threshold: grey value above which a pixel is the person.
        invert: the masks are black on white.
        label: the label that is the person.
        each_label: every label is a person.
        as_is: keep soft masks as they are: their data set's owners prepare them so.
        aligned: and lossy ones too.
    """

    threshold: int | None = None
    invert: bool = False
    label: int | None = None
    each_label: bool = False
    as_is: bool = False
    aligned: bool = False


@dataclass(frozen=True)
class Form:
    """How the masks of one sequence are read.

    Args:
        kind: remark that tells of it; empty for clean masks.
        detail: numbers that belong to the remark.
        channel: where the mask lies: grey values, the alpha channel, the brightest colour, or labels.
        factor: grey values are multiplied by it.
        threshold: grey value above which a pixel is the person; None: they are kept.
        label, background: of label masks: the person, and what is nobody.
        coloured: labels are colours.
        labels: all labels of the sample.
        with_palette: the indices of a palette count, and not its greys.
        refused: no silhouettes can be made.
    """

    kind: str = CLEAN
    detail: str = ""
    channel: Channel = "values"
    factor: float = 1
    threshold: int | None = None
    label: int | None = None
    background: int = 0
    coloured: bool = False
    labels: tuple[int, ...] = ()
    with_palette: bool = True
    refused: bool = False
    invert: bool = False

    def grey(self, picture: Picture) -> np.ndarray:
        """The mask in grey values, uint8 ``[h, w]``; not cut by the threshold yet."""
        if self.channel == "codes":
            return self.person(picture, self.label)
        grey = in_255(_greys(picture, self.channel, self.factor))
        return np.asarray(cv2.bitwise_not(grey)) if self.invert else grey

    def cut(self, grey: np.ndarray) -> np.ndarray:
        """The person of a mask in grey values; grey edges stay where there is no threshold."""
        if self.threshold is None:
            return grey
        binary = np.asarray(cv2.threshold(grey, self.threshold, 255, cv2.THRESH_BINARY)[1])
        return without_specks(binary) if self.kind == CONFIDENCE else binary

    def person(self, picture: Picture, label: int | None) -> np.ndarray:
        """The pixels of a label in white, uint8 ``[h, w]``."""
        found = codes(picture, self.with_palette) == label
        return np.asarray(found.astype(np.uint8) * np.uint8(255))

    def has_others(self, picture: Picture) -> bool:
        """True where a picture has considerable areas of another label than the person's."""
        found = codes(picture, self.with_palette)
        nobody = (found == self.label) | (found == self.background) | (found == CLEAR)
        return found.size - int(np.count_nonzero(nobody)) >= SEEN

    def people(self, picture: Picture) -> list[int]:
        """Labels of considerable areas in one picture."""
        values, counts = np.unique(codes(picture, self.with_palette), return_counts=True)
        return [
            int(value)
            for value, count in zip(values, counts, strict=True)
            if value not in (self.background, CLEAR) and count >= SEEN
        ]


def in_255(grey: np.ndarray) -> np.ndarray:
    """A uint8 mask of 0 and 1 as one of 0 and 255; any other as it is."""
    return np.asarray(grey * np.uint8(255)) if grey.max() == 1 else grey


def form_of(sample: Sequence[Picture], choices: Choices | None = None) -> Form:
    """The form of a sequence's masks.

    Args:
        sample: some of its pictures, from all parts of it.
        choices: what the user has said.
    """
    choices = choices or Choices()
    if not sample:
        return Form(threshold=choices.threshold, invert=choices.invert)
    by_palette = _palette_counts(sample)
    if choices.label is not None or choices.each_label:
        return _chosen(sample, choices, by_palette)
    coloured = any(picture.values.ndim == 3 for picture in sample)
    cut_out = any(_varies(picture.alpha) for picture in sample)
    if coloured or by_palette:
        form = _of_labels(sample, by_palette, cut_out)
        if form is not None:
            return form
    if cut_out:
        form = _of_greys(sample, choices, "alpha")
        return replace(form, kind=CUT_OUT, detail="") if form.kind == CLEAN else form
    if coloured or by_palette:
        if choices.threshold is None and _many_colours(sample):
            return Form(PICTURES, refused=True)
        form = _of_greys(sample, choices, "brightest")
        return replace(form, kind=COLOURED) if form.kind == CLEAN else form
    if not all(_is_8_bit(picture) for picture in sample):
        return _of_wide(sample, choices)
    return _of_greys(sample, choices, "values")


def _palette_counts(sample: Sequence[Picture]) -> bool:
    """True where the colours in use are not all grey: the indices are what a tool has written."""
    for picture in sample:
        if picture.palette is not None:
            used = picture.palette[np.bincount(picture.values.ravel(), minlength=256) > 0]
            if (used != used[:, :1]).any():
                return True
    return False


def _varies(alpha: np.ndarray | None) -> bool:
    return alpha is not None and bool(alpha.min() < alpha.max())


def _is_8_bit(picture: Picture) -> bool:
    return picture.values.dtype in (np.uint8, np.bool_)


def _greys(picture: Picture, channel: Channel, factor: float = 1) -> np.ndarray:
    values = picture.values
    if channel == "alpha":
        # A picture without it among cut-outs is opaque: nothing has been cut out of it.
        return picture.alpha if picture.alpha is not None else np.zeros(values.shape[:2], np.uint8)
    if picture.palette is not None:
        values = picture.palette[values] if channel == "brightest" else greys_of_palette(picture)
    if values.ndim == 3:
        values = values.max(2) if channel == "brightest" else cv2.cvtColor(values, cv2.COLOR_RGB2GRAY)
    if values.dtype == np.uint8 and factor == 1:
        return np.asarray(values)
    scaled = np.clip(np.nan_to_num(values.astype(np.float32)) * factor, 0, 255)
    return np.asarray(np.rint(scaled), np.uint8)


def _of_labels(sample: Sequence[Picture], by_palette: bool, cut_out: bool) -> Form | None:
    """The form of masks that colours or palettes label; None where they are pictures, or lossy."""
    if any(picture.lossy for picture in sample):
        return None
    labels = find_labels([codes(picture) for picture in sample], _black(sample))
    if labels is None or not labels.sharp or not labels.found:
        return None
    if cut_out and len(labels.found) == 1:
        return None  # one colour on a transparent ground: the alpha channel knows the edges better
    return _label_form(labels, not by_palette)


def _black(sample: Sequence[Picture]) -> int:
    """The label that a palette shows in black, which is the background; 0 where there is none."""
    for picture in sample:
        if picture.palette is not None and picture.palette[0].any():
            black = np.flatnonzero(~picture.palette.any(1))
            used = black[np.isin(black, picture.values)]
            if len(used):
                return int(used[0])
    return 0


def _many_colours(sample: Sequence[Picture]) -> bool:
    """True for lossless pictures of more colours than the smooth edges of a few labels have."""
    for picture in sample:
        if not picture.lossy and picture.values.ndim == 3 and picture.values.size:
            step = 1 + int((picture.values.size / _LOOKED_AT) ** 0.5)
            if len(np.unique(codes(picture)[::step, ::step])) > _PICTURE_COLOURS:
                return True
    return False


def _label_form(labels: Labels, coloured: bool) -> Form:
    form = Form(
        channel="codes",
        background=labels.background,
        coloured=coloured,
        labels=labels.found,
        detail=_listed(labels.found, coloured),
    )
    if len(labels.found) == 1:
        return replace(form, kind=ONE_LABEL, label=labels.found[0])
    return replace(form, kind=SEVERAL, refused=True)


def _listed(labels: Sequence[int], coloured: bool) -> str:
    names = ", ".join(label_name(label, coloured) for label in labels[:_LISTED])
    more = f" and {len(labels) - _LISTED} more" if len(labels) > _LISTED else ""
    return f"label{'s' if len(labels) != 1 else ''} {names or 'none'}{more}"


def _chosen(sample: Sequence[Picture], choices: Choices, by_palette: bool) -> Form:
    coloured = any(picture.values.ndim == 3 for picture in sample)
    if any(picture.lossy for picture in sample):
        return Form(NO_LABELS, "lossy compression has changed their values", refused=True)
    found = None
    if all(picture.values.dtype.kind in "bui" for picture in sample):
        found = find_labels([codes(picture, by_palette) for picture in sample], _black(sample))
    form = Form(CHOSEN, channel="codes", coloured=coloured, with_palette=by_palette)
    if found is None or (choices.each_label and not (found.sharp and found.found)):
        return replace(form, kind=NO_LABELS, refused=True)
    form = replace(form, background=found.background, labels=found.found)
    return replace(form, label=choices.label, detail=_listed(found.found, coloured))


def _of_wide(sample: Sequence[Picture], choices: Choices) -> Form:
    """The form of 16-bit, 32-bit and floating-point values."""
    low = min(float(picture.values.min()) for picture in sample)
    high = max(float(picture.values.max()) for picture in sample)
    whole = all(_is_whole(picture.values) for picture in sample)
    if not (low >= 0 and high < np.inf) or (high > 255 and not whole):
        return Form(BAD_VALUES, f"values from {low:g} to {high:g}", refused=True)
    if whole and high > 0:
        labels = find_labels([picture.values.astype(np.int64) for picture in sample])
        if labels is not None and labels.sharp and labels.found:
            return _of_whole(labels, choices)
    factor = 255 / high if high > 255 else 255 if high <= 1 else 1
    form = replace(_of_greys(sample, choices, "values", factor), factor=factor)
    return replace(form, kind=SCALED, detail=f"{low:g} to {high:g}") if form.kind == CLEAN else form


def _of_whole(labels: Labels, choices: Choices) -> Form:
    if labels.background != 0 or len(labels.found) > 1:
        return _label_form(labels, False)
    (label,) = labels.found
    if label in (1, 255, 65535):
        # Nothing but another number type: black and white, and its polarity is checked as such.
        factor = 255 / label
        form = Form(
            SCALED, f"0 and {label}", factor=factor, threshold=choices.threshold, invert=choices.invert
        )
        return form
    return _label_form(labels, False)


def _is_whole(values: np.ndarray) -> bool:
    return values.dtype.kind in "bui" or bool(np.array_equal(values, np.rint(values)))


def _of_greys(sample: Sequence[Picture], choices: Choices, channel: Channel, factor: float = 1) -> Form:
    """The form of grey values: clean masks, labels, shadows or confidence."""
    form = Form(channel=channel, threshold=choices.threshold, invert=choices.invert)
    lossy = any(picture.lossy for picture in sample)
    if choices.threshold is not None:
        return form
    plain = replace(form, threshold=HALF if lossy and not choices.aligned else None)
    if choices.as_is and channel == "values":
        return plain
    greys = [form.grey(picture) for picture in sample] if factor == 1 else _scaled(sample, factor, form)
    counts = sum(cv2.calcHist([grey], [0], None, [256], [0, 256]).ravel() for grey in greys)
    assert isinstance(counts, np.ndarray)
    top = int(np.flatnonzero(counts)[-1])
    if counts[0] + counts[255] == counts.sum() or top <= 1:
        return plain
    if lossy:
        return _of_lossy(greys, counts, form)
    return _of_lossless(greys, counts, form)


def _scaled(sample: Sequence[Picture], factor: float, form: Form) -> list[np.ndarray]:
    scaled = replace(form, factor=factor)
    return [scaled.grey(picture) for picture in sample]


def _of_lossless(greys: list[np.ndarray], counts: np.ndarray, form: Form) -> Form:
    areas = areas_of(greys)
    labels = labels_of(areas)
    white = bool(areas.all[BRIGHT:].sum() >= SEEN)
    middle = [label for label in labels.found if label in _SHADOW]
    if white and len(labels.found) <= 2 and middle and not are_people(greys, middle[0], middle[0]):
        return replace(form, kind=SHADOWS, detail=f"grey {middle[0]}", threshold=middle[0])
    if labels.sharp and labels.found not in ((), (255,)):
        if labels.background == 0 and len(labels.found) == 1 and form.channel == "alpha":
            return replace(form, kind=CUT_OUT, threshold=labels.found[0] // 2)
        if form.channel == "values" and not form.invert:
            return _label_form(labels, False)
    if has_several_plateaus(areas, labels):
        return replace(form, kind=SOFT_LABELS, detail=_listed(labels.found, False), refused=True)
    threshold = cut_of_faintest(greys, counts)
    faint = threshold != cut_between(counts)
    if counts[0] and white and not faint and not is_soft(greys, threshold):
        return form
    return replace(form, kind=CONFIDENCE, detail=f"above grey {threshold}", threshold=threshold)


def _of_lossy(greys: list[np.ndarray], counts: np.ndarray, form: Form) -> Form:
    ground, person = ground_and_person(counts, cut_between(counts))
    if has_grey_plateau(flat_counts(greys), counts[BRIGHT:].sum()) and not are_people(greys, 95, 160):
        return replace(form, kind=SHADOWS, detail="about grey 127", threshold=(HALF + person) // 2)
    threshold = cut_of_faintest(greys, counts)
    if ground <= _DARK_GROUND and person >= _WHITE_PERSON and 2 * threshold >= _WHITE_PERSON:
        return replace(form, threshold=HALF)
    return replace(form, kind=CONFIDENCE, detail=f"above grey {threshold}", threshold=threshold)
