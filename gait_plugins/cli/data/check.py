"""``gait-plugins data``: the group of commands on data sets, and ``data check``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gait_plugins.api.commands import override_option
from gait_plugins.cli.data.export import export, sheet
from gait_plugins.cli.data.findings import finding_lines
from gait_plugins.cli.data.pack import pack, partition
from gait_plugins.cli.data.prepare import prepare
from gait_plugins.cli.plugin_commands import OpenGroup
from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import say, say_json
from gait_plugins.io.remote.address import has_suffix, path_or_address

if TYPE_CHECKING:
    from gait_plugins.api import DataReport, GaitDataset

EXIT_ERRORS = 2
_SHOWN = 5

app = typer.Typer(cls=OpenGroup, no_args_is_help=True)
app.command("prepare")(prepare)
app.command("partition")(partition)
app.command("pack")(pack)
app.command("export")(export)
app.command("sheet")(sheet)


@app.callback()
def _group() -> None:
    """Prepare, check, pack and export data sets."""


@app.command("check")
def check(
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="Check the data set of this configuration.")
    ] = None,
    cfgs: Annotated[
        str | None, typer.Option("--cfgs", help="Same as CONFIG, in OpenGait's spelling.")
    ] = None,
    override: Annotated[
        list[str] | None,
        override_option("Override a setting of CONFIG; may be repeated."),
    ] = None,
    root: Annotated[
        Any,
        typer.Option(
            metavar="PATH",
            parser=path_or_address,
            help="Folder of the identities, or a packed data file, or the address of one (s3://...); needs "
            "--partition.",
        ),
    ] = None,
    listed: Annotated[
        Any,
        typer.Option(
            "--partition",
            metavar="PATH",
            parser=path_or_address,
            help="JSON file with TRAIN_SET and TEST_SET; needs --root.",
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Check folders and names only; do not read frames.")
    ] = False,
    every: Annotated[
        bool, typer.Option("--all", help="Show all places of each problem, not only the first 5.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Processes that read. Default: one for each core.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Report everything that is wrong with a data set at once, each problem with its fix.

    The exit code is 0 if there are only warnings or no problems, 2 if there are errors.
    """
    from gait_plugins.api.census.processes import processes

    dataset = _dataset(config or cfgs, override, root, listed)
    with processes(workers):
        report = dataset.check(read_frames=not quick)
    if as_json:
        say_json(_plain(report))
    else:
        say(_in_words(report, None if every else _SHOWN))
    if report.errors:
        raise typer.Exit(EXIT_ERRORS)


def _dataset(
    config: str | None, override: list[str] | None, root: Path | str | None, partition: Path | str | None
) -> GaitDataset:
    from gait_plugins.config import build, load_config
    from gait_plugins.io.dataset_file import SUFFIX

    if config is not None and root is None and partition is None:
        dataset: GaitDataset = load_config(config, override or ()).data_cfg.dataset.build()
        return dataset
    if config is None and root is not None and partition is not None:
        packed = has_suffix(root, SUFFIX) if isinstance(root, str) else root.is_file()
        kind = "PackedSilhouettes" if packed else "OpenGaitLayout"
        layout = {"type": kind, "dataset_root": str(root), "dataset_partition": str(partition)}
        built: GaitDataset = build("dataset", layout)
        return built
    raise ConfigError(
        "no data set is given to check, or more than one: give a configuration, or --root with --partition",
        where="data check",
        hint="for example gait-plugins data check --root DIR --partition FILE",
    )


def _plain(report: DataReport) -> dict[str, Any]:
    return {
        "counts": dict(report.counts),
        "findings": [{**asdict(finding), "count": finding.count} for finding in report.findings],
    }


def _in_words(report: DataReport, shown: int | None) -> str:
    width = max((len(name) for name in report.counts), default=0)
    lines = [f"{name:<{width}}  {value}" for name, value in report.counts.items()]
    for finding in report.findings:
        lines += ["", *finding_lines(finding, shown, "--all shows them")]
    errors = len(report.errors)
    warnings = len(report.findings) - errors
    counts = {"error": errors, "warning": warnings}
    told = ", ".join(f"{count} kind{'s' * (count != 1)} of {name}" for name, count in counts.items())
    verdict = told if report.findings else "no problems"
    return "\n".join([*lines, "", verdict])
