"""Pictures in ``gait-plugins data prepare``: colour, for models of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.errors import ConfigError

if TYPE_CHECKING:
    from gait_plugins.prepare import Layout
    from gait_plugins.prepare.rgb.convert import PictureOrder

RGB = "rgb"
Masks = Annotated[
    Path | None,
    typer.Option(
        help="With --to rgb: folder of masks of the same frames, under the same folders and names, to which "
        "pictures are cut. Without it, each picture is taken as the person's box."
    ),
]


def check_masks(to: str, masks: Path | None) -> None:
    """See that masks are given for pictures alone.

    Raises:
        ConfigError: they are given for something else.
    """
    if masks is not None and to != RGB:
        raise ConfigError(
            f"--masks: not for --to {to}",
            where="data prepare",
            hint="for silhouettes, give the folder of masks as SOURCE; for pictures, add --to rgb",
        )


def picture_order(
    source: Path,
    target: Path,
    layout: Layout,
    masks: Path | None,
    min_frames: int | None,
    workers: int | None,
) -> PictureOrder:
    """What to prepare, from the command line."""
    from gait_plugins.prepare.rgb.convert import PictureOrder

    return PictureOrder(source, target, layout, masks, 1 if min_frames is None else min_frames, workers)
