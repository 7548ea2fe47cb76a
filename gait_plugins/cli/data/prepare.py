"""``gait-plugins data prepare``: turns raw masks into aligned silhouettes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.cli.data.findings import finding_lines
from gait_plugins.io.printable import say, say_json

if TYPE_CHECKING:
    from gait_plugins.prepare import Layout, Order, Record

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


def prepare(
    source: Annotated[
        Path, typer.Argument(help="Folder of raw masks, one video of masks, or COCO annotations (.json).")
    ],
    target: Annotated[Path, typer.Argument(help="Folder to write, laid out as ID/TYPE/VIEW/VIEW.pkl.")],
    dataset: Annotated[
        str,
        typer.Option(
            help="Layout of SOURCE: CASIA-B, OUMVLP, GREW, Gait3D, CCPG, SUSTech1K, CASIA-E, HID, own."
        ),
    ] = "own",
    pattern: Annotated[
        str | None,
        typer.Option(
            help="Your own layout of SOURCE: {id}/{type}-{view}/{frame}.png, or {id}/{type}-{view}.mp4."
        ),
    ] = None,
    identity: Annotated[
        str | None,
        typer.Option("--id", help="Identity: a fixed text, or one made of the pattern's fields: p{id}."),
    ] = None,
    kind: Annotated[str | None, typer.Option("--type", help="Walking condition, given like --id.")] = None,
    view: Annotated[str | None, typer.Option("--view", help="Camera view, given like --id.")] = None,
    size: Annotated[int, typer.Option(help="Height and width of the silhouettes in pixels: 64 or 128.")] = 64,
    threshold: Threshold = None,
    invert: Annotated[bool, typer.Option("--invert", help="Read masks that are black on white.")] = False,
    label: Label = None,
    each_label: EachLabel = False,
    largest: Largest = False,
    min_frames: Annotated[
        int | None, typer.Option("--min-frames", help="Leave out sequences with fewer usable frames.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Number of sequences prepared at a time; default: one per core.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Turn raw masks into aligned silhouettes, 64x64 or 128x128, as OpenGait prepares them.

    Each mask shows one person, white on black; making masks from pictures is not part of this command.
    Confidence maps, cut-outs, labels and shadows are recognised, and the report says what was done.
    A second run prepares only the missing sequences. TARGET/prepare.json lists what was left out, and why.
    """
    from gait_plugins.prepare import LAYOUTS, Order, layout_named
    from gait_plugins.prepare import prepare as run
    from gait_plugins.prepare.layouts import OWN
    from gait_plugins.prepare.masks.labels import label_of

    layout = _layout(dataset, pattern, identity, kind, view)
    order = Order(
        source,
        target,
        layout,
        size,
        threshold,
        min_frames,
        workers,
        invert,
        label=None if label is None else label_of(label),
        each_label=each_label,
        largest=largest,
    )
    record = run(order)
    own = layout_named(dataset) is LAYOUTS[OWN]
    if as_json:
        say_json(_as_data(record, order))
    else:
        say(_in_words(record, order, own))


def _layout(dataset: str, pattern: Text, identity: Text, kind: Text, view: Text) -> Layout:
    from dataclasses import replace

    from gait_plugins.errors import ConfigError
    from gait_plugins.prepare import Rule, layout_named

    layout = layout_named(dataset)
    given = {"id": identity, "type": kind, "view": view}
    names = {part: text for part, text in given.items() if text is not None}
    if pattern is None and not names:
        return layout
    if layout is not layout_named("own") and pattern is None:
        raise ConfigError(
            f"--id, --type and --view need --pattern: the layout {dataset} has its own names",
            where="data prepare",
            hint=f"leave these options out, or give --pattern with them: {layout.expected}",
        )
    if pattern is None:
        alone = len(names) == len(given) and not any("{" in text for text in names.values())
        pattern = "{frame}" if alone else layout.rules[0].pattern
    return replace(layout, rules=(Rule(pattern, **names),))


def _as_data(record: Record, order: Order) -> dict[str, object]:
    remarks = [
        {"remark": finding.problem, "fix": finding.fix, "count": finding.count}
        for finding in record.findings(order.fixes)
    ]
    done = {"sequences": record.written, "frames": record.frames, "present": record.present}
    return {**done, "remarks": remarks}


def _next(target: Path, own: bool) -> str:
    if own:
        # The ready configurations for one's own data are scored by the probes that a partition lists.
        return f"gait-plugins data partition {target} -o partition.json --probes 1"
    return f"gait-plugins data check --root {target} --partition FILE (the partition of the data set)"


def _in_words(record: Record, order: Order, own: bool) -> str:
    lines = [f"{record.written} sequences of {record.frames} frames written to {order.target}"]
    if record.present:
        lines.append(f"{record.present} sequences were already present")
    for finding in record.findings(order.fixes):
        lines += ["", *finding_lines(finding, 3, f"{order.target}/prepare.json lists them")]
    if record.written:
        lines += ["", f"next: {_next(order.target, own)}"]
    return "\n".join(lines)
