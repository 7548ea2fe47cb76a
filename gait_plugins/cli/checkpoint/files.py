"""Checkpoint files: ``gait-plugins checkpoint show`` and ``checkpoint convert``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import chosen_out, out_option, override_option
from gait_plugins.cli.exit_codes import EXIT_ERROR
from gait_plugins.io.printable import megabytes, printable, say, say_json

if TYPE_CHECKING:
    from gait_plugins.api import GaitModel
    from gait_plugins.core.checkpoints.compare import LoadReport
    from gait_plugins.core.checkpoints.identify import Guess
    from gait_plugins.core.checkpoints.inspect import CheckpointInfo, Size

Config = Annotated[
    str | None,
    typer.Option(metavar="CONFIG", help="Compare the file with the model of this configuration."),
]
Override = Annotated[
    list[str] | None,
    override_option("Override a setting of CONFIG; may be repeated."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def run_show(
    file: Annotated[
        Path,
        typer.Argument(
            help="Checkpoint of this package, of OpenGait or of another tool, or weights alone (.pt, "
            ".safetensors), or the name of a published one. FILE#PART: the weights under that key."
        ),
    ],
    config: Config = None,
    override: Override = None,
    as_json: AsJson = False,
) -> None:
    """Show model, iteration, sizes, identities, plugin versions and, where unknown, fitting configurations.

    With --config, the exit code is 2 if some weights do not fit.
    """
    from gait_plugins.core.checkpoints.inspect import checkpoint_info

    model = _model(config, override, "checkpoint show", file)
    info = checkpoint_info(file, None if model is None else model.state_dict())
    report = None if model is None else _report(file, model)
    if as_json:
        fits = {} if report is None else {"load_report": {"config": config, **report.as_dict()}}
        say_json({**info.as_dict(), **fits})
    else:
        say("\n".join(_info_lines(info)))
        if report is not None:
            say("\n".join(["", *_report_lines(report, str(config))]))
    if report is not None and not report.complete:
        raise typer.Exit(EXIT_ERROR)


def run_convert(
    file: Annotated[
        Path, typer.Argument(help="File to read: what checkpoint show reads. FILE#PART: one of its weights.")
    ],
    to: Annotated[
        Path | None,
        typer.Argument(metavar="OUT", help="File to write: .safetensors, or .pt, .pth, .ckpt or .bin."),
    ] = None,
    out: Annotated[Path | None, out_option("FILE", "Same as OUT.")] = None,
    config: Annotated[
        str | None,
        typer.Option(metavar="CONFIG", help="Take the weights that fit this model best, by its names."),
    ] = None,
    override: Override = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the weights of a file to a file of safetensors or of PyTorch; training states are left out."""
    from gait_plugins.core.checkpoints.convert import check_target, convert
    from gait_plugins.errors import CheckpointError

    to = chosen_out("checkpoint convert", out, to)
    check_target(file, to)
    if to.exists() and not overwrite:
        raise CheckpointError("the file exists", where=str(to), hint="--overwrite replaces it")
    model = _model(config, override, "checkpoint convert", file)
    done = convert(file, to, like=None if model is None else model.state_dict())
    if as_json:
        say_json(done.as_dict())
        return
    beside = f"; kept: {', '.join(done.kept)}" if done.kept else ""
    say(printable(f"{to}: {done.weights} weights, from {done.found}{beside}"))
    if done.left:
        say(printable(f"left out: {', '.join(done.left[:8])}{', ...' * (len(done.left) > 8)}"))
    for names in done.tied:
        say(printable(f"one tensor of several names, written for each: {', '.join(names)}"))


def _model(config: str | None, override: list[str] | None, where: str, file: Path) -> GaitModel | None:
    """The model of a configuration, without memory for its weights, for as many identities as the file's."""
    from gait_plugins.config import load_config
    from gait_plugins.core.assembly.components import on_meta
    from gait_plugins.core.evaluate.score import counted_by_checkpoint
    from gait_plugins.errors import ConfigError

    if config is None:
        if override:
            raise ConfigError("-o needs a configuration", where=where, hint="give one with --config CONFIG")
        return None
    counted = counted_by_checkpoint(load_config(config, override or ()), file)
    model: GaitModel = on_meta(counted.model_cfg.build)
    return model


def _report(file: Path, model: GaitModel) -> LoadReport:
    from gait_plugins.core.checkpoints.compare import compare_weights
    from gait_plugins.core.checkpoints.files import read_checkpoint

    checkpoint, _ = read_checkpoint(file, like=model.state_dict())
    return compare_weights(model, checkpoint["model"])


def _info_lines(info: CheckpointInfo) -> Iterator[str]:
    classes = "unknown" if info.classes is None else f"{info.classes} (by {info.classes_by})"
    rows = {
        "file": f"{info.path} ({megabytes(info.bytes)})",
        "sha256": info.sha256,
        "written by": info.writer,
        "weights": info.weights,
        "model": info.model or "unknown",
        "iteration": "unknown" if info.iteration is None else str(info.iteration),
        "identities": classes,
        "data set": info.dataset or "unknown",
        "frames": "unknown" if info.input_size is None else "{}x{}".format(*info.input_size),
        "seed": "unknown" if info.seed is None else str(info.seed),
        "trained on": ", ".join(f"{name} {value}" for name, value in info.machine.items()) or "unknown",
    }
    if info.other_weights:
        rows["also there"] = ", ".join(f"FILE#{name}" for name in info.other_weights)
    width = max(map(len, rows))
    yield from (f"{name:{width}}  {printable(text)}" for name, text in rows.items())
    yield from _table("parts of the file", {name: s for name, s in info.parts.items() if s.tensors})
    yield from _table("parts of the model", info.layers)
    if info.not_finite:
        yield f"\nNaN or infinite: {len(info.not_finite)} weights"
        yield from (f"  {key}" for key in info.not_finite)
    if info.plugins:
        yield "\nwritten with"
        width = max(map(len, info.plugins))
        for name, origin in info.plugins.items():
            yield f"  {printable(name):{width}}  {printable(_origin(origin))}"
    if info.init:
        yield "\nstarted from"
        for record in info.init:
            part, file, digest = (record.get(key) for key in ("part", "file", "sha256"))
            yield printable(f"  {part or 'the whole model'} <- {file} (sha256 {str(digest)[:12]})")
    if info.guesses:
        yield "\nconfigurations that fit"
        yield from (f"  {_guess(guess)}" for guess in info.guesses)


def _table(title: str, sizes: Mapping[str, Size]) -> Iterator[str]:
    yield f"\n{title}"
    width = max(map(len, sizes), default=0)
    for name, size in sizes.items():
        text = f"{size.values:>12,} values, {size.tensors:>4} tensors, {megabytes(size.bytes)}"
        yield f"  {printable(name):{width}}  {text}"


def _guess(guess: Guess) -> str:
    if guess.config is None:
        return f"model {guess.model} in another size: {guess.matching} of {guess.total} names match"
    text = f"{guess.config}: {guess.matching} of {guess.total} weights match"
    if guess.exact and guess.own_classes is not None and guess.classes != guess.own_classes:
        return f"{text}, with {guess.classes} identities in place of {guess.own_classes}"
    return text


def _report_lines(report: LoadReport, config: str) -> Iterator[str]:
    yield f"into {report.model} of {config}: {len(report.fitting)} of {report.own} weights fit"
    yield from (f"  {line}" for line in report.lines())
    if not report.complete:
        yield f"  -> {report.advice()}"


def _origin(origin: Any) -> str:
    if not isinstance(origin, Mapping):  # a file may hold anything
        return repr(origin)
    return f"{origin.get('distribution')} {origin.get('version')}"
