"""Remarks of a preparation: each with what to do about it."""

from __future__ import annotations

from gait_plugins.prepare.masks.coco import NO_TRACKS, UNDECODED
from gait_plugins.prepare.masks.forms import (
    BAD_VALUES,
    CHOSEN,
    COLOURED,
    CONFIDENCE,
    CUT_OUT,
    NO_LABELS,
    NOT_THERE,
    ONE_LABEL,
    PICTURES,
    SCALED,
    SEVERAL,
    SHADOWS,
    SOFT_LABELS,
)
from gait_plugins.prepare.masks.streams import CUT_SHORT, DAMAGED_IMAGES, DAMAGED_VIDEOS, PAGES
from gait_plugins.prepare.read import (
    BESIDE,
    DARK,
    EMPTY_FRAMES,
    LOST,
    ON_WHITE,
    OTHER_FORM,
    OTHER_LABELS,
    SOME_TWO,
    STRETCHED,
    TWO_PEOPLE,
    ZERO_ONE,
)

SHORT = 15
NO_FRAMES = "sequences are left out: no usable frame"
TOO_SHORT = "sequences are left out: fewer than {} usable frames"
RATHER_SHORT = f"sequences are shorter than {SHORT} frames"
MISFITS = "images and videos do not fit the layout and are left out"
OTHERS = "other files lie among the images and are left out"
HIDDEN = "hidden files and folders are left out"
REFUSALS = (
    SEVERAL,
    SOFT_LABELS,
    NO_TRACKS,
    NOT_THERE,
    NO_LABELS,
    TWO_PEOPLE,
    BAD_VALUES,
    ON_WHITE,
    PICTURES,
    DARK,
)
"""Remarks that leave a sequence out, and whose advice helps."""


def fixes_of(shortest: int, invert: bool) -> dict[str, str]:
    """Every remark that may be made -> what to do about it.

    Args:
        shortest: frames that a sequence needs at least.
        invert: masks are read as black on white already.
    """
    return {**_refusals(shortest, invert), **_conversions(), **_odd_ones()}


def _refusals(shortest: int, invert: bool) -> dict[str, str]:
    """What leaves sequences, images or films out."""
    copy_again = "copy them again, delete the sequence's .pkl, and run again"
    return {
        NO_FRAMES: "see the remarks about its frames; the next run tries the sequence again",
        TOO_SHORT.format(shortest): "take longer tracks, or lower --min-frames",
        DAMAGED_IMAGES: f"unpack or {copy_again}",
        SEVERAL: "choose the person with --label N, or use --each-label, which makes a sequence of each; "
        "use another TARGET",
        SOFT_LABELS: "use --threshold N, a value below all of one person's greys, or between two people's; "
        "labels are best saved without smoothing",
        NO_TRACKS: "give each annotation of a person the same track_id in all images, or leave one person in",
        NOT_THERE: "give --label one of the labels that they have",
        NO_LABELS: "leave out --label and --each-label for these masks, and use another TARGET",
        TWO_PEOPLE: "give each person's masks a folder or a label of their own (--label N, --each-label), or "
        "use --largest, which keeps one body and follows it; use another TARGET",
        BAD_VALUES: "save masks of 0 and 1, or confidence from 0 to 1; of logits, save logits > 0",
        ON_WHITE: "run again without --invert: it turned masks that were right"
        if invert
        else "run again with --invert: it prepares the missing sequences",
        PICTURES: "segment the people first; a mask is white where the person is and black elsewhere. For "
        "soft masks use --threshold 127, for a film of a still camera gait-plugins video segment",
        DARK: "use --threshold 0, which makes every pixel white that is not black, and another TARGET",
        CUT_SHORT: copy_again,
        DAMAGED_VIDEOS: "convert them: ffmpeg -i VIDEO -c:v libx264 NEW.mp4",
        UNDECODED: "export the annotations again: size and counts must fit the image",
        MISFITS: "move them into the layout, or describe their layout with --pattern",
    }


def _conversions() -> dict[str, str]:
    """What has been made of masks that are not plainly white on black."""
    chosen = "nothing to do; --threshold N sets another grey value, with another TARGET"
    return {
        ZERO_ONE: "nothing to do",
        SCALED: "nothing to do",
        CUT_OUT: "nothing to do, if the person is what was cut out",
        CONFIDENCE: chosen,
        COLOURED: "nothing to do, if each mask shows one person; lossless images keep the edges sharper",
        SHADOWS: "nothing to do; if the grey is a person, choose with --label N, and use another TARGET",
        ONE_LABEL: "nothing to do, if that label is the person",
        CHOSEN: "nothing to do",
        PAGES: "nothing to do, if the pages are the frames of a walk",
    }


def _odd_ones() -> dict[str, str]:
    """What may be wrong with some frames of a sequence that is written, and what is left out by rule."""
    return {
        STRETCHED: "check that these are the images that the data set's owners distribute",
        RATHER_SHORT: "they are written, but less than half a step is hardly enough for recognition",
        SOME_TWO: "look at them; --largest keeps one body and follows it, with another TARGET",
        BESIDE: "look at them; --largest keeps the person alone, with another TARGET",
        LOST: "nothing to do, unless there are many",
        OTHER_LABELS: "look at them; --label N and --each-label choose, with another TARGET",
        OTHER_FORM: "look at them, and write all masks of a sequence in one form",
        EMPTY_FRAMES: "frames without a person are always left out; if there are many, check the masks",
        OTHERS: "nothing to do",
        HIDDEN: "nothing to do",
    }
