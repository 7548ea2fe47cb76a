"""The pages on the second host: their commands work, their table is that of the patches."""

from __future__ import annotations

import importlib.util
import re
import shlex
from pathlib import Path

import pytest
import yaml
from helpers.hosts.upstream_host import mini, pin, write_data
from helpers.places import DOCS
from typer.testing import CliRunner

from gait_plugins.cli import app
from upstream_patches.patches.patch import Patch


def blocks(name: str, language: str) -> list[str]:
    text = (DOCS / name).read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_every_command_of_the_page_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkout = mini(tmp_path / "OpenGait")
    pin(checkout, tmp_path / "pins", monkeypatch)
    written = yaml.safe_dump({"data_cfg": write_data(tmp_path / "data"), "trainer_cfg": {"save_iter": 2}})
    for file in (tmp_path / "my.yaml", checkout.root / "configs" / "gaitset" / "gaitset.yaml"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(written)
    monkeypatch.chdir(tmp_path)
    commands = [line for block in blocks("opengait.md", "sh") for line in block.splitlines()]
    assert len(commands) == 6
    for command in commands:
        result = CliRunner().invoke(app, shlex.split(command)[1:])
        assert result.exit_code == 0, f"{command}\n{result.output}\n{result.exception!r}"


def test_the_patch_of_the_page_is_one(tmp_path: Path) -> None:
    given: dict[str, type[Patch]] = {}
    (code,) = blocks("upstream.md", "python")
    exec(code, given)
    given["Louder"]().probe(mini(tmp_path / "host"))


def test_the_table_is_that_of_the_patches() -> None:
    spec = importlib.util.spec_from_file_location("generate_upstream", DOCS / "generate_upstream.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    text = (DOCS / "upstream.md").read_text(encoding="utf-8")
    assert generate.rendered(text) == text, "python docs/generate_upstream.py"
