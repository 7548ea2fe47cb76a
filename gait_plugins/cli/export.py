"""``gait-plugins data export``: any data set as the folders that OpenGait reads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gait_plugins.errors import ConfigError


def export(
    to: Annotated[Path, typer.Option("--to", help="Folder to write; it must not exist, or be empty.")],
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="Export the data of this configuration.")
    ] = None,
    cfgs: Annotated[str | None, typer.Option("--cfgs", help="The same, as OpenGait spells it.")] = None,
    dataset_type: Annotated[
        str | None, typer.Option("--type", metavar="NAME", help="Export this data set with its defaults.")
    ] = None,
    override: Annotated[
        list[str] | None,
        typer.Option("-o", "--override", metavar="KEY=VALUE", help="Override a setting of CONFIG."),
    ] = None,
) -> None:
    """Write a data set as ID/TYPE/VIEW/VIEW.pkl with its partition.json, for OpenGait or another machine."""
    from gait_plugins.config import build, load_config
    from gait_plugins.core.export import write_opengait_layout

    name = config or cfgs
    if (name is None) == (dataset_type is None):
        raise ConfigError(
            "what to export is not clear: give a configuration or --type, one of them",
            where="data export",
            hint="gait-plugins data export --type walkers --to DIR",
        )
    if name is not None:
        dataset = load_config(name, override or ()).data_cfg.dataset.build()
    elif override:
        raise ConfigError("-o changes a configuration, and none is given", where="data export")
    else:
        dataset = build("dataset", {"type": dataset_type})
    partition = write_opengait_layout(dataset, to)
    print(f"data_cfg: {{dataset_root: {to}, dataset_partition: {partition}}}")
