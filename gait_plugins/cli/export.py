"""``gait-plugins export``: a model as an ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.api.commands import Fast, Overrides, chosen_out, out_option, with_fast
from gait_plugins.cli.embed import Checkpoint, Name
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.io.folders import require_there
from gait_plugins.io.printable import printable, say, say_json

if TYPE_CHECKING:
    from gait_plugins.api import GaitDataset
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.tools.onnx_export import Exported
    from gait_plugins.core.tools.onnx_precision import Precision

WALKERS = {
    "type": "walkers",
    "train": 2,
    "test": 8,
    "nm": 2,
    "bg": 1,
    "cl": 1,
    "views": ["090"],
    "frames": 16,
}
"""Who a smaller graph is measured on, where no other sequences are given."""


def run_export(
    config: Name,
    out: Annotated[Path | None, out_option("FILE", "File to write: .onnx.")] = None,
    checkpoint: Checkpoint = None,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Make a graph for exactly so many frames; default: for any number."),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW", help="Size of the frames, where the checkpoint does not say; default: 64x44."
        ),
    ] = None,
    precision: Annotated[
        str,
        typer.Option(help="Of the weights: float32, float16 (half the file) or int8 (integers, faster)."),
    ] = "float32",
    data: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH",
            help="Sequences that a smaller graph is measured on and calibrated by, as embed takes them; may "
            "be repeated. Default: synthetic walkers.",
        ),
    ] = None,
    override: Overrides = None,
    fast: Fast = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the embedding part of a model as an ONNX graph, compared with the model on several sizes.

    The graph takes what the transforms of the test give, in 0..255, as float32 [n, s, h, w], and gives
    embeddings [n, c, p]. Nothing is written where it does not do what the model does.
    """
    target = chosen_out("export", out)
    _check_target(target)
    asked = None if size is None else _size(size)
    chosen = _precision(precision, data)
    _check_checkpoint(checkpoint)
    require_there(data or ())

    from gait_plugins.config import load_config
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.tools.onnx_export import export_onnx, require_packages

    require_packages()
    embedder = Embedder(load_config(config, with_fast(override, fast) or ()), checkpoint, device="cpu")
    measured = None if chosen == "float32" else _sequences(embedder, data)
    found = export_onnx(embedder, target, frames=frames, size=asked, precision=chosen, data=measured)
    if as_json:
        say_json(found.as_dict())
    else:
        say("\n".join(_lines(found)))


def _check_target(path: Path) -> None:
    """See before the work that the file can be written."""
    from gait_plugins.io.atomic import is_writable

    if path.suffix != ".onnx":
        raise ConfigError(
            f"--out is {printable(path)}, expected a file that ends in .onnx",
            hint=f"write {printable(path.with_suffix('.onnx'))}",
        )
    if not is_writable(path):
        raise ConfigError(
            "it is a folder" if path.is_dir() else "the file cannot be written there",
            where=str(path),
            hint="give another FILE.onnx with --out",
        )


def _check_checkpoint(path: Path | None) -> None:
    """See that a file of weights is there, before torch is imported."""
    import os

    from gait_plugins.io.weights.part_of_file import split_part

    if path is not None and not split_part(path)[0].exists():
        raise CheckpointError(
            "there is no such checkpoint",
            where=str(path),
            hint=f"relative paths start at the working directory ({os.getcwd()})",
        )


def _precision(text: str, data: list[Path] | None) -> Precision:
    known: tuple[Precision, ...] = ("float32", "float16", "int8")
    for each in known:
        if each == text:
            if each == "float32" and data:
                raise ConfigError(
                    "--data is for a smaller graph: one of float32 is compared with the model itself",
                    hint="leave out --data, or give --precision float16 or int8",
                )
            return each
    raise ConfigError(
        f"--precision is {printable(text)!r}, expected one of {', '.join(known)}", hint="--precision float16"
    )


def _sequences(embedder: Embedder, data: list[Path] | None) -> GaitDataset:
    from gait_plugins.config import build
    from gait_plugins.core.tools.sequence_files import SequenceFiles

    if data:
        return SequenceFiles(data, None, embedder.config.data_cfg.dataset.options)
    taken = embedder.model.streams
    streams = None if taken is None else [stream.name for stream in taken]
    try:
        found: GaitDataset = build("dataset", {**WALKERS, "streams": streams})
    except ConfigError as error:
        raise ConfigError(
            f"the synthetic walkers have not what the model takes ({', '.join(streams or ())}), to measure a "
            "smaller graph on",
            where=embedder.config.model_cfg.name,
            hint="give sequences with --data PATH",
        ) from error
    return found


def _size(text: str) -> tuple[int, int]:
    height, x, width = text.partition("x")
    if not (x and height.isdecimal() and width.isdecimal() and int(height) and int(width)):
        raise ConfigError(f"--size is {printable(text)!r}, expected HxW", hint="for example --size 64x44")
    return int(height), int(width)


def _lines(found: Exported) -> list[str]:
    counts = ["n" if found.sequences is None else str(found.sequences)]
    counts.append("s" if found.frames is None else str(found.frames))
    taken = ", ".join(
        f"{printable(each.name)} float32 [{', '.join([*counts, *map(str, each.shape)])}]"
        + (f" in 0..{each.divisor:g}" if each.divisor != 1 else "")
        for each in found.inputs
    )
    channels, parts = found.output
    lines = [
        f"{printable(found.path)}: {found.size / 1e6:.1f} MB, {found.precision}",
        f"takes {taken}",
        *([f"that went through {', '.join(map(printable, found.transforms))}"] if found.transforms else []),
        f"gives embeddings float32 [{counts[0]}, {channels}, {parts}]",
        "",
        f"{'sequences':>9}  {'frames':>6}  {'difference':>10}",
        *(f"{each.sequences:9}  {each.frames:6}  {each.difference:10.1e}" for each in found.compared),
        "",
        f"one sequence of {found.latency.frames} frames on one thread, median of five: "
        f"onnxruntime {found.latency.onnx:.1f} ms, PyTorch {found.latency.torch:.1f} ms",
    ]
    told = found.accuracy
    if told is not None:
        lines.append(
            f"the embeddings of {told.sequences} sequences move by {told.shift:.2%} of the distance between "
            "two of them"
        )
        if told.rank_1 is not None:
            before, after = told.rank_1
            lines.append(f"nearest other sequence of the same person: {after}, with float32 {before}")
    return lines
