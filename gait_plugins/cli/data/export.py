"""``gait-plugins data export`` and ``data sheet``: any data set as OpenGait's folders, or as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gait_plugins.errors import ConfigError

if TYPE_CHECKING:
    from gait_plugins.api import GaitDataset

Config = Annotated[str | None, typer.Argument(metavar="CONFIG", help="Take the data of this configuration.")]
Cfgs = Annotated[str | None, typer.Option("--cfgs", help="The same, as OpenGait spells it.")]
Type = Annotated[
    str | None, typer.Option("--type", metavar="NAME", help="Take this data set as it is by default.")
]
Override = Annotated[
    list[str] | None,
    typer.Option("-o", "--override", metavar="KEY=VALUE", help="Override a setting of CONFIG."),
]


def export(
    to: Annotated[Path, typer.Option("--to", help="Folder to write; it must not exist, or be empty.")],
    config: Config = None,
    cfgs: Cfgs = None,
    dataset_type: Type = None,
    override: Override = None,
) -> None:
    """Write a data set as ID/TYPE/VIEW/VIEW.pkl with its partition.json, for OpenGait or another machine."""
    from gait_plugins.core.tools.export import write_opengait_layout

    dataset = _chosen("data export", config or cfgs, dataset_type, override)
    partition = write_opengait_layout(dataset, to)
    print(f"data_cfg: {{dataset_root: {to}, dataset_partition: {partition}}}")


def sheet(
    to: Annotated[Path, typer.Option("--to", help="PNG file to write.")],
    config: Config = None,
    cfgs: Cfgs = None,
    dataset_type: Type = None,
    override: Override = None,
    identities: Annotated[int, typer.Option(min=1, help="Test identities to show.")] = 2,
    types: Annotated[
        list[str] | None, typer.Option("--condition", help="Conditions to show (nm-01).")
    ] = None,
    views: Annotated[list[str] | None, typer.Option("--view", help="Views to show (090).")] = None,
    columns: Annotated[int, typer.Option(min=1, help="Frames of each row.")] = 16,
    step: Annotated[int, typer.Option(min=1, help="Show one frame in so many.")] = 2,
) -> None:
    """Draw sequences of a data set as a picture, a row each."""
    from gait_plugins.core.tools.contact_sheet import contact_sheet, sheet_rows

    dataset = _chosen("data sheet", config or cfgs, dataset_type, override)
    rows = sheet_rows(dataset, identities=identities, types=types, views=views)
    print(contact_sheet(rows, to, columns=columns, step=step))


def _chosen(
    command: str, config: str | None, dataset_type: str | None, override: list[str] | None
) -> GaitDataset:
    from gait_plugins.config import build, load_config

    if (config is None) == (dataset_type is None):
        raise ConfigError(
            "which data is not clear: give a configuration or --type, one of them",
            where=command,
            hint=f"gait-plugins {command} --type walkers --to TARGET",
        )
    if config is None and override:
        raise ConfigError("-o changes a configuration, and none is given", where=command)
    if config is None:
        default: GaitDataset = build("dataset", {"type": dataset_type})
        return default
    dataset: GaitDataset = load_config(config, override or ()).data_cfg.dataset.build()
    return dataset
