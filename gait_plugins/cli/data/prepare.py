"""``gait-plugins data prepare``: turns raw masks into aligned silhouettes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import chosen_out, out_option
from gait_plugins.cli.data.findings import finding_lines
from gait_plugins.cli.data.pictures import RGB, Masks, check_masks, picture_order
from gait_plugins.cli.data.poses import (
    DEPTH,
    KEYPOINTS,
    MAPS,
    PARSING,
    SILHOUETTES,
    SMPL,
    Index,
    Joints,
    Person,
    PoseOptions,
    Published,
    Reorder,
    Sigma,
    To,
    check_kind,
    pose_order,
)
from gait_plugins.io.printable import say, say_json

if TYPE_CHECKING:
    from gait_plugins.prepare import Layout, Order, Record
    from gait_plugins.prepare.bodies.convert import BodyOrder
    from gait_plugins.prepare.clouds.convert import CloudOrder
    from gait_plugins.prepare.parts.share import Share
    from gait_plugins.prepare.poses.convert import PoseOrder
    from gait_plugins.prepare.rgb.convert import PictureOrder

    AnyOrder = Order | PoseOrder | BodyOrder | CloudOrder | PictureOrder

Text = str | None
Threshold = Annotated[
    int | None,
    typer.Option(
        help="Grey value at which masks are made binary. Default: 127 for JPEG and videos, the middle for "
        "confidence maps, else none."
    ),
]
Label = Annotated[Text, typer.Option(help="The label that is the person: a number, or a colour '#ff0000'.")]
EachLabel = Annotated[
    bool, typer.Option("--each-label", help="Make a sequence of each label, of the identity ID-LABEL.")
]
Largest = Annotated[
    bool, typer.Option("--largest", help="Keep one body, the largest at first, and follow it.")
]


Dataset = Annotated[
    str,
    typer.Option(help="Layout of SOURCE: CASIA-B, OUMVLP, GREW, Gait3D, CCPG, SUSTech1K, CASIA-E, HID, own."),
]
Pattern = Annotated[
    Text,
    typer.Option(
        help="Your own layout of SOURCE: {id}/{type}-{view}/{frame}.png, or {id}/{type}-{view}.mp4."
    ),
]
Identity = Annotated[
    Text, typer.Option("--id", help="Identity: a fixed text, or one made of the pattern's fields: p{id}.")
]
Size = Annotated[int | None, typer.Option(help="Height and width of the images: 64 (default) or 128 pixels.")]
MinFrames = Annotated[
    int | None, typer.Option("--min-frames", help="Leave out sequences with fewer usable frames.")
]
Workers = Annotated[
    int | None, typer.Option(help="Number of sequences prepared at a time; default: one per core.")
]
Shard = Annotated[
    Text,
    typer.Option(metavar="I/N", help="Prepare part I of N alone; parts may run anywhere, in any order."),
]
Merge = Annotated[
    bool,
    typer.Option("--merge", help="Make one result of the parts, as one run would have; prepares nothing."),
]


def prepare(
    source: Annotated[
        Path,
        typer.Argument(
            help="Folder of raw masks, one video of masks, COCO annotations (.json), pose files or clouds."
        ),
    ],
    target: Annotated[
        Path | None, typer.Argument(help="Folder to write, laid out as ID/TYPE/VIEW/VIEW.pkl.")
    ] = None,
    out: Annotated[Path | None, out_option("DIR", "Same as TARGET.")] = None,
    dataset: Dataset = "own",
    pattern: Pattern = None,
    identity: Identity = None,
    kind: Annotated[Text, typer.Option("--type", help="Walking condition, given like --id.")] = None,
    view: Annotated[Text, typer.Option("--view", help="Camera view, given like --id.")] = None,
    to: To = SILHOUETTES,
    size: Size = None,
    threshold: Threshold = None,
    invert: Annotated[bool, typer.Option("--invert", help="Read masks that are black on white.")] = False,
    label: Label = None,
    each_label: EachLabel = False,
    largest: Largest = False,
    joints: Joints = None,
    reorder: Reorder = None,
    person: Person = None,
    index: Index = None,
    sigma: Sigma = None,
    published: Published = False,
    masks: Masks = None,
    min_frames: MinFrames = None,
    workers: Workers = None,
    shard: Shard = None,
    merge: Merge = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Turn raw masks into aligned silhouettes, 64x64 or 128x128, as OpenGait prepares them.

    Each mask shows one person, white on black; making masks from pictures is not part of this command.
    Confidence maps, cut-outs, labels and shadows are recognised, and the report says what was done.
    With --to keypoints or --to skeleton-maps, files of a pose estimator are read in place of masks, with
    --to parsing maps of body parts, with --to smpl parameters of a body model, with --to depth point clouds
    (.pcd, .bin, .npy, text, pickles), with --to rgb colour pictures of the person.
    A second run prepares only the missing sequences. TARGET/prepare.json lists what was left out, and why.
    On a batch system, run the same line with --shard 1/8 to --shard 8/8, then with --merge.
    """
    share = _share(shard, merge)
    target = chosen_out("data prepare", out, target)
    poses = PoseOptions(joints, reorder, person, index, sigma, published)
    of_masks = {"--size": size, "--threshold": threshold, "--invert": invert, "--label": label}
    of_masks |= {"--each-label": each_label, "--largest": largest}
    check_kind(to, poses, of_masks)
    check_masks(to, masks)
    layout = _layout(dataset, pattern, identity, kind, view, to)
    order: AnyOrder
    if to == DEPTH:
        order = _cloud_order(source, target, layout, size, published, min_frames, workers)
    elif to in (KEYPOINTS, MAPS):
        order = pose_order(
            source, target, layout, to, poses, min_frames=min_frames, workers=workers, dataset=dataset
        )
    elif to in (PARSING, SMPL):
        order = _body_order(source, target, layout, to, size, min_frames, workers)
    elif to == RGB:
        order = picture_order(source, target, layout, masks, min_frames, workers)
    else:
        order = _mask_order(source, target, layout, of_masks, min_frames, workers)
    _tell(replace(order, share=share), dataset, as_json)


def _share(shard: Text, merge: bool) -> Share:
    from gait_plugins.errors import ConfigError
    from gait_plugins.prepare.parts.share import part_of

    if shard is not None and merge:
        raise ConfigError(
            "--shard and --merge cannot be combined: give one",
            where="data prepare",
            hint="prepare all parts with --shard I/N first; then --merge alone makes one result of them",
        )
    return part_of(shard) if shard is not None else "merge" if merge else "all"


def _body_order(
    source: Path,
    target: Path,
    layout: Layout,
    to: str,
    size: int | None,
    min_frames: int | None,
    workers: int | None,
) -> BodyOrder:
    from gait_plugins.prepare.bodies.convert import BodyOrder

    return BodyOrder(
        source,
        target,
        layout,
        "parsing" if to == PARSING else "smpl",
        64 if size is None else size,
        layout.min_frames if min_frames is None else min_frames,
        workers,
    )


def _cloud_order(
    source: Path,
    target: Path,
    layout: Layout,
    size: int | None,
    published: bool,
    min_frames: int | None,
    workers: int | None,
) -> CloudOrder:
    from gait_plugins.prepare.clouds.convert import CloudOrder

    least = 1 if min_frames is None else min_frames
    return CloudOrder(source, target, layout, 64 if size is None else size, published, least, workers)


def _mask_order(
    source: Path,
    target: Path,
    layout: Layout,
    masks: dict[str, Any],
    min_frames: int | None,
    workers: int | None,
) -> Order:
    from gait_plugins.prepare import Order
    from gait_plugins.prepare.masks.labels import label_of

    label = masks["--label"]
    return Order(
        source,
        target,
        layout,
        64 if masks["--size"] is None else masks["--size"],
        masks["--threshold"],
        min_frames,
        workers,
        masks["--invert"],
        label=None if label is None else label_of(label),
        each_label=masks["--each-label"],
        largest=masks["--largest"],
    )


def _tell(order: AnyOrder, dataset: str, as_json: bool) -> None:
    """Run the order and print what came of it."""
    from gait_plugins.prepare import LAYOUTS, layout_named
    from gait_plugins.prepare.layouts import OWN
    from gait_plugins.prepare.poses.convert import PoseOrder

    record = _run(order)
    if as_json:
        say_json(_as_data(record, order))
    else:
        say(_in_words(record, order, layout_named(dataset) is LAYOUTS[OWN]))
        if isinstance(order, PoseOrder) and order.drawn_anew:
            say("for weights that others trained on OpenGait's maps, draw them with --published")


def _run(order: AnyOrder) -> Record:
    from gait_plugins.prepare import Order
    from gait_plugins.prepare import prepare as prepare_masks
    from gait_plugins.prepare.bodies.convert import BodyOrder, prepare_bodies
    from gait_plugins.prepare.clouds.convert import CloudOrder, prepare_clouds
    from gait_plugins.prepare.poses.convert import prepare_poses
    from gait_plugins.prepare.rgb.convert import PictureOrder, prepare_pictures

    if isinstance(order, Order):
        return prepare_masks(order)
    if isinstance(order, PictureOrder):
        return prepare_pictures(order)
    if isinstance(order, CloudOrder):
        return prepare_clouds(order)
    return prepare_bodies(order) if isinstance(order, BodyOrder) else prepare_poses(order)


def _layout(dataset: str, pattern: Text, identity: Text, kind: Text, view: Text, to: str) -> Layout:
    from gait_plugins.errors import ConfigError
    from gait_plugins.prepare import Rule, layout_named
    from gait_plugins.prepare.bodies.convert import smpl_layout
    from gait_plugins.prepare.clouds.layouts import cloud_layout
    from gait_plugins.prepare.poses.layouts import pose_layout

    known = {KEYPOINTS: pose_layout, MAPS: pose_layout, SMPL: smpl_layout, DEPTH: cloud_layout}
    of_kind = known.get(to, layout_named)
    layout = of_kind(dataset)
    given = {"id": identity, "type": kind, "view": view}
    names = {part: text for part, text in given.items() if text is not None}
    if pattern is None and not names:
        return layout
    if layout != of_kind("own") and pattern is None:
        raise ConfigError(
            f"--id, --type and --view need --pattern: the layout {dataset} has its own names",
            where="data prepare",
            hint=f"leave these options out, or give --pattern with them: {layout.expected}",
        )
    if pattern is None:
        alone = len(names) == len(given) and not any("{" in text for text in names.values())
        pattern = "{frame}" if alone else layout.rules[0].pattern
    return replace(layout, rules=(Rule(pattern, **names),))


def _as_data(record: Record, order: AnyOrder) -> dict[str, object]:
    remarks = [
        {"remark": finding.problem, "fix": finding.fix, "count": finding.count}
        for finding in record.findings_of_source(order.fixes)
    ]
    done = {"sequences": record.written, "frames": record.frames, "present": record.present}
    part = {"part": str(order.share)} if record.in_part else {}
    return {**part, **done, "remarks": remarks}


def _next(target: Path, own: bool, to: object) -> str:
    if own:
        # The ready configurations for one's own data are scored by the probes that a partition lists.
        return f"gait-plugins data partition {target} -O partition.json --probes 1"
    if to == DEPTH:
        return (
            "gait-plugins data check CONFIG (lidargait/sustech1k with data_cfg.data_in_use=[0], or your own)"
        )
    if to == RGB:
        return f"gait-plugins data check biggait/ccpg -o data_cfg.dataset_root={target} (or your own)"
    if to == KEYPOINTS:
        return "gait-plugins data check CONFIG (a configuration of a pose model, which declares keypoints)"
    if to == PARSING:
        return f"gait-plugins data check parsinggait/gait3d_parsing -o data_cfg.dataset_root={target}"
    if to == SMPL:
        return "put the files beside those of the silhouettes, then gait-plugins data check smplgait/gait3d"
    return f"gait-plugins data check --root {target} --partition FILE (the partition of the data set)"


def _in_words(record: Record, order: AnyOrder, own: bool) -> str:
    part = f"part {order.share}: " if record.in_part else ""
    lines = [f"{part}{record.written} sequences of {record.frames} frames written to {order.target}"]
    if record.present:
        lines.append(f"{record.present} sequences were already present")
    lists = f"{order.target}/prepare.json lists them"
    for finding in record.findings_of_source(order.fixes):
        lines += ["", *finding_lines(finding, 3, f"once merged, {lists}" if record.in_part else lists)]
    if record.in_part:
        lines += ["", "next: when all parts are prepared, the same command with --merge in place of --shard"]
    elif record.written:
        lines += ["", f"next: {_next(order.target, own, order.settings.get('to'))}"]
    return "\n".join(lines)
