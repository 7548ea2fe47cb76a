"""Poses in ``gait-plugins data prepare``: keypoints and skeleton maps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.errors import ConfigError

if TYPE_CHECKING:
    from gait_plugins.prepare import Layout
    from gait_plugins.prepare.poses.convert import PoseOrder

Text = str | None
SILHOUETTES, KEYPOINTS, MAPS = "silhouettes", "keypoints", "skeleton-maps"
PARSING, SMPL, DEPTH, PICTURES = "parsing", "smpl", "depth", "rgb"
_PANEL = "Poses (--to keypoints, --to skeleton-maps)"

To = Annotated[
    str,
    typer.Option(
        "--to",
        help="What to make: silhouettes, parsing (of label maps), smpl (of ROMP's files), keypoints (of pose "
        "files), skeleton-maps, depth (of point clouds), rgb (of colour pictures).",
    ),
]
Joints = Annotated[
    Text,
    typer.Option(
        help="Order of the joints in the files: coco17, 18, 25, limbs12. Default: told by their number.",
        rich_help_panel=_PANEL,
    ),
]
Reorder = Annotated[
    Text, typer.Option(help="Write keypoints in this order of joints.", rich_help_panel=_PANEL)
]
Person = Annotated[
    Text,
    typer.Option(
        help="Of several people: this track, or where there are none this place in each frame, from 0.",
        rich_help_panel=_PANEL,
    ),
]
Index = Annotated[
    Path | None,
    typer.Option(
        help="Folder of OU-MVLP's index files (pose_selection_idx.pkl), which tell who is meant.",
        rich_help_panel=_PANEL,
    ),
]
Sigma = Annotated[
    float | None,
    typer.Option(
        help="Spread of limbs and joints, in pixels of 128x128. Default: 8.", rich_help_panel=_PANEL
    ),
]
Published = Annotated[
    bool,
    typer.Option(
        "--published",
        help="Draw skeleton maps, or cut depth images, as OpenGait's script does: for weights that others "
        "have trained.",
        rich_help_panel=_PANEL,
    ),
]


@dataclass(frozen=True)
class PoseOptions:
    """What the command line says about poses."""

    joints: Text
    reorder: Text
    person: Text
    index: Path | None
    sigma: float | None
    published: bool


def check_kind(to: str, poses: PoseOptions, masks: Mapping[str, Any]) -> None:
    """See that the options are for what is to be made.

    Args:
        to: what is to be made.
        poses: options for poses.
        masks: options for silhouettes, by their names on the command line; None and False are not given.

    Raises:
        ConfigError: ``to`` is none of the seven, or options are given that it has no use for.
    """
    given = [f"--{name}" for name, value in asdict(poses).items() if value not in (None, False)]
    of_masks = [name for name, value in masks.items() if value not in (None, False)]
    wrong = {
        SILHOUETTES: given,
        PARSING: given + [name for name in of_masks if name != "--size"],
        SMPL: given + of_masks,
        KEYPOINTS: of_masks + [name for name in given if name in ("--sigma", "--published")],
        MAPS: of_masks,
        DEPTH: [name for name in [*of_masks, *given] if name not in ("--size", "--published")],
        PICTURES: of_masks + given,
    }
    if to not in wrong:
        raise ConfigError(f"--to {to!r}: expected one of {', '.join(wrong)}", where="data prepare")
    if wrong[to]:
        raise ConfigError(
            f"{', '.join(wrong[to])}: not for --to {to}",
            where="data prepare",
            hint="leave it out, or say with --to what is made: keypoints or skeleton-maps of files of poses, "
            "silhouettes of masks, parsing of label maps, smpl of a body model's parameters, depth of clouds "
            "or rgb of pictures",
        )


def pose_order(
    source: Path,
    target: Path,
    layout: Layout,
    to: str,
    options: PoseOptions,
    *,
    min_frames: int | None,
    workers: int | None,
    dataset: str,
) -> PoseOrder:
    """What to prepare, from the command line.

    Raises:
        ConfigError: an option's value is not possible.
    """
    from gait_plugins.prepare.poses.convert import PoseOrder
    from gait_plugins.prepare.poses.maps import MapRule
    from gait_plugins.skeleton import joint_order

    where = "data prepare"
    return PoseOrder(
        source,
        target,
        layout,
        "keypoints" if to == KEYPOINTS else "skeleton-maps",
        joints=None if options.joints is None else joint_order(options.joints, f"{where} --joints"),
        wanted=None if options.reorder is None else joint_order(options.reorder, f"{where} --reorder"),
        person=options.person,
        index=options.index,
        # OU-MVLP's rule: the index tells who is meant, else it is the first.
        first=options.index is not None or "".join(filter(str.isalnum, dataset)).lower() == "oumvlp",
        rule=MapRule(sigma=8.0 if options.sigma is None else options.sigma, published=options.published),
        min_frames=1 if min_frames is None else min_frames,
        workers=workers,
    )
