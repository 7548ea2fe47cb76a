"""Fills the table of ``zoo.md``: the shipped configurations.

python docs/generate_zoo.py
"""

from __future__ import annotations

import re
from pathlib import Path

import torch

from gait_plugins.config import Config, load_config, shipped

PAGE = Path(__file__).with_name("zoo.md")
HEAD = ("Configuration", "Model", "Data set", "Protocol", "Parameters")


def rendered(text: str) -> str:
    """The page with its table made anew."""
    rows = [HEAD, *((f"`{name}`", *columns(load_config(name))) for name in shipped())]
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    table = "\n".join([head, "|---|---|---|---|--:|", *body])
    pattern = r"(<!-- generated: configurations -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda match: f"{match[1]}{table}\n{match[2]}", text, flags=re.DOTALL)


def columns(config: Config) -> tuple[str, ...]:
    """Model, data set, protocol and millions of parameters, of 60 people where a training counts them."""
    with torch.device("meta"):  # counting needs neither time nor memory
        model = config.counted(lambda name: 60).model_cfg.build()
    count = sum(parameter.numel() for parameter in model.parameters())
    trained, tested = config.data_cfg.dataset_name, config.data_cfg.test_dataset_name
    tested = config.data_cfg.dataset.component.load().called or tested
    data = trained if trained == tested else f"{trained}, tested on {tested}"
    return config.model_cfg.name, data, f"`{config.evaluator_cfg.protocol.name}`", f"{count / 1e6:.2f}"


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
