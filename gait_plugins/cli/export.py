"""``gait-plugins export``: a model as an ONNX graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.cli.embed import Checkpoint, Name
from gait_plugins.cli.train import Overrides
from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import printable, say, say_json

if TYPE_CHECKING:
    from gait_plugins.core.tools.onnx_graph import Exported


def run_export(
    config: Name,
    output: Annotated[Path, typer.Option("-O", "--out", metavar="FILE", help="File to write: .onnx.")],
    checkpoint: Checkpoint = None,
    frames: Annotated[
        int | None,
        typer.Option(min=1, help="Make a graph for exactly so many frames; default: for any number."),
    ] = None,
    size: Annotated[
        str, typer.Option(metavar="HxW", help="Size of the frames, where the checkpoint does not say.")
    ] = "64x44",
    override: Overrides = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write the embedding part of a model as an ONNX graph, compared with the model on several sizes.

    The graph takes what the transforms of the test give, in 0..255, as float32 [n, s, h, w], and gives
    embeddings [n, c, p]. Nothing is written where it does not do what the model does.
    """
    from gait_plugins.config import load_config
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.tools.onnx_graph import export_onnx

    if output.suffix != ".onnx":
        raise ConfigError(
            f"--out is {printable(output)}, expected a file that ends in .onnx",
            hint=f"write {printable(output.with_suffix('.onnx'))}",
        )
    height, width = _size(size)
    embedder = Embedder(load_config(config, override or ()), checkpoint, device="cpu")
    found = export_onnx(embedder, output, frames=frames, size=(height, width))
    if as_json:
        say_json(found.as_dict())
    else:
        say("\n".join(_lines(found)))


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
        f"{printable(found.path)}: {found.size / 1e6:.1f} MB",
        f"takes {taken}",
        f"gives embeddings float32 [{counts[0]}, {channels}, {parts}]",
        "",
        f"{'sequences':>9}  {'frames':>6}  {'difference':>10}  {'ONNX ms':>8}  {'PyTorch ms':>10}",
    ]
    for each in found.compared:
        lines.append(
            f"{each.sequences:9}  {each.frames:6}  {each.difference:10.1e}  {each.milliseconds:8.1f}  "
            f"{each.torch_milliseconds:10.1f}"
        )
    return lines
