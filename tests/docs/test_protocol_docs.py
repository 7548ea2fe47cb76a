"""The page of protocols: it names every one of this package, and its examples work."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from helpers.files.walks import embedded, every
from helpers.places import DOCS

import gait_plugins
from gait_plugins.registry.manager import default_manager

PAGE = (DOCS / "protocols.md").read_text(encoding="utf-8")
EXAMPLES = [
    yaml.safe_load(text)["evaluator_cfg"] for text in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
]


def test_every_protocol_has_a_row() -> None:
    ours = {c.name for c in default_manager().components("protocol") if ".plugins.zoo." in c.origin}
    assert len(ours) >= 9
    assert ours <= set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))


@pytest.mark.parametrize("cfg", EXAMPLES, ids=lambda cfg: cfg["eval_func"])
def test_the_examples_score_the_data_that_they_are_about(cfg: dict[str, Any]) -> None:
    walks = every([f"{i:02d}" for i in range(30)], ["plain-1", "plain-2", "coat"], ["a", "b"])
    results = gait_plugins.build("protocol", cfg).evaluate(embedded(walks, "mine"))
    assert set(results.metrics.values()) == {100.0}
    assert results.notes == ()


def test_the_functions_that_it_names_exist() -> None:
    table = PAGE[PAGE.index("## From Python") :]
    named = re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)))
    assert len(named) >= 9
    assert set(named) <= set(gait_plugins.metrics.__all__)
