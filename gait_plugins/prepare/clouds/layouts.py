"""Layouts of point clouds, as data sets have them, and the remarks about them."""

from __future__ import annotations

from gait_plugins.prepare.layouts import LAYOUTS, OWN, Layout, layout_named
from gait_plugins.prepare.patterns import Rule
from gait_plugins.prepare.remarks import HIDDEN, NO_FRAMES, OTHERS, RATHER_SHORT, TOO_SHORT

_PLAIN = Rule("{id}/{type}/{view}/{frame}")
_WHOLE = tuple(Rule(f"{{id}}/{{type}}/{{view}}{kind}") for kind in (".pkl", ".npz", ".npy"))
CLOUD_LAYOUTS = {
    OWN: Layout((_PLAIN, *_WHOLE), "a file a frame, or one a sequence", natural=True),
    "SUSTech1K": Layout(
        (Rule("{id}/{type}/{view}/PCDs/{frame}"), Rule("{id}/{type}/{view}/00-{file}.pkl")),
        "the raw clouds, or the pickles: those of 00",
    ),
}
"""Data set -> where its clouds lie. Others are laid out as one's own."""

DAMAGED = "files of clouds cannot be read"
NOTHING = "frames hold no point and are left out"
UNSEEN = "frames lie above or below what the scanner sees and are left out"
SEVERAL_FILES = "sequences are left out: several files, each with many frames"
MISFITS = "files do not fit the layout and are left out"


def cloud_layout(dataset: str) -> Layout:
    """Where the clouds of a data set lie; case, hyphens and underscores do not matter.

    Raises:
        ConfigError: no data set has that name; tells the nearest.
    """
    masks = layout_named(dataset)
    name = next(name for name, layout in LAYOUTS.items() if layout is masks)
    return CLOUD_LAYOUTS.get(name, CLOUD_LAYOUTS[OWN])


def fixes_of(shortest: int) -> dict[str, str]:
    """Every remark that may be made of clouds -> what to do about it.

    Args:
        shortest: frames that a sequence needs at least.
    """
    return {
        NO_FRAMES: "see the remarks about its frames; the next run tries the sequence again",
        TOO_SHORT.format(shortest): "take longer tracks, or lower --min-frames",
        SEVERAL_FILES: "name the file of each sequence by --pattern, as '{id}/{type}/{view}/00-{file}.pkl'",
        DAMAGED: "copy them again, delete the sequence's .pkl, and run again",
        NOTHING: "nothing to do, unless there are many",
        UNSEEN: "clouds are expected in metres from the scanner, z up; turn or move them first",
        RATHER_SHORT: "they are written, but less than half a step is hardly enough for recognition",
        MISFITS: "move them into the layout, or describe their layout with --pattern",
        OTHERS: "nothing to do",
        HIDDEN: "nothing to do",
    }
