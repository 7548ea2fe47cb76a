"""Fills the tables of ``zoo.md``: the published works, and the shipped configurations.

python docs/generate_zoo.py
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from gait_plugins.config import Config, load_config, shipped
from gait_plugins.config.yaml.sources import locate
from gait_plugins.registry.manager import default_manager
from gait_plugins.registry.works import NamedWork

PAGE = Path(__file__).with_name("zoo.md")
HEAD = ("Configuration", "Model", "Data set", "Protocol", "Published", "Parameters")
DATA = ("Work", "Models", "Takes", "Configurations", "Needs weights")
FIGURES = ("Work", "Source", "Published figures", "Published weights", "Licence of weights", "Seen here")
_FIGURES = re.compile(r"\(((?:[^()]*\b(?:Rank-1|NM|CL)\b)[^()]*)\)")
"""Of the first line of a configuration."""


def rendered(text: str) -> str:
    """The page with its tables made anew."""
    works = [work for work in default_manager().works() if work.owner.is_built_in]
    tables = {
        "works": _table([DATA, *map(data_columns, works)], "|---|---|---|---|---|"),
        "figures": _table([FIGURES, *map(figure_columns, works)], "|---|---|---|---|---|---|"),
        "configurations": _table(
            [HEAD, *((f"`{name}`", *columns(name, load_config(name))) for name in shipped())],
            "|---|---|---|---|---|--:|",
        ),
    }
    for name, table in tables.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda m, table=table: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)
    return text


def _table(rows: list[tuple[str, ...]], line: str) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, line, *body])


def data_columns(work: NamedWork) -> tuple[str, ...]:
    """What a work takes, and under which names it is used."""
    told = work.told
    named = [", ".join(f"`{name}`" for name in names) for names in (told.models, told.streams)]
    shipped_as = ", ".join(f"`{start}...`" for start in told.configurations)
    return work.name, *named, shipped_as, told.needs or "none"


def figure_columns(work: NamedWork) -> tuple[str, ...]:
    """What is published of a work, and what was seen of it."""
    told = work.told
    return work.name, told.source, told.published, told.weights, told.licence, told.seen


def published(name: str) -> str:
    """Figures that the first line of a configuration names, or nothing."""
    first = locate(name).read_text(encoding="utf-8").partition("\n")[0]
    found = _FIGURES.search(first)
    return found[1] if found else ""


def columns(name: str, config: Config) -> tuple[str, ...]:
    """Model, data set, protocol, published figures and millions of parameters.

    Parameters are counted for 60 people where a training counts its people.
    """
    with torch.device("meta"):  # counting needs neither time nor memory
        model = config.counted(lambda name: 60).model_cfg.build()
    count = sum(parameter.numel() for parameter in model.parameters())
    trained, tested = config.data_cfg.dataset_name, config.data_cfg.test_dataset_name
    tested = config.data_cfg.dataset.component.load().called or tested
    data = trained if trained == tested else f"{trained}, tested on {tested}"
    protocol, millions = f"`{config.evaluator_cfg.protocol.name}`", f"{count / 1e6:.2f}"
    return config.model_cfg.name, data, protocol, published(name), millions


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
