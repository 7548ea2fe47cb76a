"""Layouts of raw silhouettes, as the owners of the data sets distribute them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from gait_plugins.errors import ConfigError
from gait_plugins.prepare.align import Interpolation
from gait_plugins.prepare.patterns import Rule
from gait_plugins.suggest import did_you_mean

OWN = "own"


@dataclass(frozen=True)
class Layout:
    """Where sequences lie, and what their images still need.

    Args:
        rules: tried in this order; the first that a path fits names its sequence.
        note: what to know of it, in a line.
        aligned: the owners' images are aligned: they are only brought to the size asked for.
        interpolation: how pixels are resampled.
        min_frames: sequences with fewer usable frames are left out.
        as_is: the owners' masks are taken as they are: soft edges, several bodies and all.
        natural: frame2 comes before frame10; else names are ordered letter by letter.
    """

    rules: tuple[Rule, ...]
    note: str = ""
    aligned: bool = False
    interpolation: Interpolation = "cubic"
    min_frames: int = 1
    natural: bool = False
    as_is: bool = False

    @property
    def expected(self) -> str:
        """The patterns, in words."""
        return " or ".join(f"SOURCE/{rule.pattern}" for rule in self.rules)


_PLAIN = "{id}/{type}/{view}/{frame}"
_CASIA_E = "{id}/{height}/{scene}/{condition}/{view}/{take}/{frame}"

_LAYOUTS = {
    OWN: Layout((Rule(_PLAIN),), "your own folder; --pattern describes another layout", natural=True),
    "CASIA-B": Layout((Rule(_PLAIN + ".png"),), "the unpacked GaitDatasetB-silh archives"),
    "OUMVLP": Layout(
        (Rule("Silhouette_{view}-{type}/{id}/{frame}.png"),), "the unpacked Silhouette archives"
    ),
    "GREW": Layout(
        (
            Rule("train/{id}/{view}/{frame}.png", id="{id}train", type="00"),
            Rule("test/gallery/{id}/{view}/{frame}.png", type="{number}"),
            Rule("test/probe/{view}/{frame}.png", id="probe", type="03"),
        ),
        "the unpacked train and test archives; the images are aligned",
        aligned=True,
    ),
    "Gait3D": Layout((Rule(_PLAIN + ".png"),), "the folder 2D_Silhouettes"),
    "CCPG": Layout((Rule(_PLAIN + ".png"),), "the folder of masks", interpolation="area"),
    "SUSTech1K": Layout(
        (Rule("{id}/{type}/{view}/Sils_aligned/{frame}.png"),),
        "the raw release; its images are aligned (for Sils_raw use --pattern)",
        aligned=True,
    ),
    "CASIA-E": Layout(
        tuple(
            Rule(prefix + _CASIA_E, type="{height}-{scene}-{condition}-{take}")
            for prefix in ("", "forTrain/")
        ),
        "the unpacked archives of the identities; the images are aligned",
        aligned=True,
        interpolation="linear",
        min_frames=6,
    ),
    "HID": Layout(
        (
            Rule("*probe*/{type}/{frame}", id="probe", view="default"),
            Rule("train/{id}/{type}/{frame}", view="default"),
            Rule("*gallery*/{id}/{type}/{frame}", view="default"),
            Rule("{id}/{type}/{frame}", view="default"),
        ),
        "the unpacked train, gallery and probe archives; the images are aligned",
        aligned=True,
    ),
}
LAYOUTS = {name: replace(layout, as_is=name != OWN) for name, layout in _LAYOUTS.items()}


def layout_named(name: str) -> Layout:
    """The layout of a data set; case, hyphens and underscores do not matter.

    Raises:
        ConfigError: none has that name; tells the nearest.
    """
    by_letters = {_letters(known): layout for known, layout in LAYOUTS.items()}
    found = by_letters.get(_letters(name))
    if found is None:
        own = f"For your own folder use --dataset {OWN}, with --pattern unless it is id/type/view"
        raise ConfigError(
            f"unknown data set {name!r}; known data sets: {', '.join(LAYOUTS)}",
            where="data prepare --dataset",
            hint=did_you_mean(name, LAYOUTS, also=own),
        )
    return found


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).lower()
