"""``gait-plugins data export`` and ``data sheet``: write a data set as OpenGait's folders, or a picture."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.api.commands import chosen_out, old_option, out_option, override_option
from gait_plugins.errors import ConfigError
from gait_plugins.io.printable import say

log = logging.getLogger("gait_plugins")

if TYPE_CHECKING:
    from gait_plugins.api import GaitDataset

Config = Annotated[
    str | None, typer.Argument(metavar="CONFIG", help="Take the data set of this configuration.")
]
Cfgs = Annotated[str | None, typer.Option("--cfgs", help="Same as CONFIG, in OpenGait's spelling.")]
Type = Annotated[
    str | None,
    typer.Option("--type", metavar="NAME", help="Take the data set of this type, with its default options."),
]
Override = Annotated[
    list[str] | None,
    override_option("Override a setting of CONFIG; may be repeated."),
]
Old = Annotated[Path | None, old_option("--to")]


def export(
    config: Config = None,
    out: Annotated[
        Path | None, out_option("DIR", "Folder to write; must not exist or must be empty.")
    ] = None,
    cfgs: Cfgs = None,
    dataset_type: Type = None,
    override: Override = None,
    old: Old = None,
) -> None:
    """Write a data set as ID/TYPE/VIEW/VIEW.pkl with its partition.json, for OpenGait or another machine."""
    from gait_plugins.core.tools.export import write_opengait_layout

    to = chosen_out("data export", out, to=old)
    dataset = _chosen("data export", config or cfgs, dataset_type, override)
    partition = write_opengait_layout(dataset, to)
    say(f"data_cfg: {{dataset_root: {to}, dataset_partition: {partition}}}")


def sheet(
    config: Config = None,
    out: Annotated[Path | None, out_option("FILE", "PNG file to write.")] = None,
    cfgs: Cfgs = None,
    dataset_type: Type = None,
    override: Override = None,
    root: Annotated[
        Path | None,
        typer.Option(
            help="Show what lies in this folder (ID/TYPE/VIEW/FILES) or packed data file; no partition."
        ),
    ] = None,
    identities: Annotated[int, typer.Option(min=1, help="Number of test identities to show.")] = 2,
    types: Annotated[
        list[str] | None,
        typer.Option("--condition", help="Walking condition to show (nm-01); may be repeated."),
    ] = None,
    views: Annotated[
        list[str] | None, typer.Option("--view", help="View to show (090); may be repeated.")
    ] = None,
    columns: Annotated[int, typer.Option(min=1, help="Number of frames in each row.")] = 16,
    step: Annotated[int, typer.Option(min=1, help="Show every n-th frame.")] = 2,
    old: Old = None,
) -> None:
    """Draw sequences of a data set as a picture, one row for each sequence.

    With --root, or while a partition is missing, identities of the whole folder are shown.
    """
    from gait_plugins.core.tools.contact_sheet import contact_sheet, sheet_rows
    from gait_plugins.core.tools.sequence_files import SequenceFiles

    to = chosen_out("data sheet", out, to=old)
    if root is not None and (config or cfgs or dataset_type or override):
        raise ConfigError(
            "--root is a data set of its own",
            where="data sheet",
            hint="give --root alone, or a configuration with -o data_cfg.dataset_root=DIR",
        )
    if root is not None:
        dataset: GaitDataset = SequenceFiles([root])
    else:
        dataset = _unparted(config or cfgs, override) or _chosen(
            "data sheet", config or cfgs, dataset_type, override
        )
    rows = sheet_rows(dataset, identities=identities, types=types, views=views)
    say(contact_sheet(rows, to, columns=columns, step=step))


def _unparted(config: str | None, override: list[str] | None) -> GaitDataset | None:
    """All that lies in a configuration's folder, where the partition that it names is not there yet."""
    from gait_plugins.config import load_config
    from gait_plugins.core.tools.sequence_files import SequenceFiles

    if config is None:
        return None
    options = load_config(config, override or ()).data_cfg.dataset.options
    root, partition = options.get("dataset_root"), options.get("dataset_partition")
    if not isinstance(root, str) or not isinstance(partition, str):
        return None
    if not Path(root).exists() or Path(partition).exists():
        return None
    log.warning("%s is not there: identities of all of %s are shown", partition, root)
    return SequenceFiles([Path(root)], None, options)


def _chosen(
    command: str, config: str | None, dataset_type: str | None, override: list[str] | None
) -> GaitDataset:
    from gait_plugins.config import build, load_config

    if (config is None) == (dataset_type is None):
        raise ConfigError(
            "no data set is given, or more than one: give either a configuration or --type",
            where=command,
            hint=f"for example gait-plugins {command} --type walkers --out TARGET",
        )
    if config is None and override:
        raise ConfigError("-o needs a configuration", where=command, hint="give CONFIG in place of --type")
    if config is None:
        default: GaitDataset = build("dataset", {"type": dataset_type})
        return default
    dataset: GaitDataset = load_config(config, override or ()).data_cfg.dataset.build()
    return dataset
