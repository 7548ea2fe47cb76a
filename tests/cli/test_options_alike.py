"""Options of all commands: ``-o`` overrides everywhere, and ``--out`` names what is written."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from gait_plugins.cli import app

WRITES = re.compile(r"(file|folder) (to (write|make)|for runs)")
"""In the help of an option or argument that names what is written."""
READS_A_CONFIGURATION = {"CONFIG", "YAML"}
FEW = ("-o", "data_cfg.test=2", "-o", "data_cfg.train=2")
WITHOUT_OVERRIDES = {"config explain", "config schema", "config list"}


def commands(group: Any, words: tuple[str, ...], parent: Any) -> Iterator[tuple[str, list[Any]]]:
    for name in group.list_commands(parent):
        command = group.get_command(parent, name)
        if hasattr(command, "list_commands"):
            inner = typer.Context(command, info_name=name, parent=parent)
            yield from commands(command, (*words, name), inner)
        else:
            if hasattr(command, "_command"):  # of a plugin, imported when it is called
                own = typer.Typer(add_completion=False, rich_markup_mode=None)
                own.command(name)(command._command.load())
                command = typer.main.get_command(own)
            yield " ".join((*words, name)), command.params


def swept() -> dict[str, list[Any]]:
    root = typer.main.get_command(app)
    return dict(commands(root, (), typer.Context(root, info_name="gait-plugins")))


COMMANDS = swept()


def test_the_sweep_sees_the_commands_of_plugins_too():
    assert {"train", "data film", "runs retention", "video watch", "upstream run"} <= COMMANDS.keys()


@pytest.mark.parametrize("name", COMMANDS)
def test_the_short_options_mean_the_same_everywhere(name: str):
    for option in COMMANDS[name]:
        if option.param_type_name != "option" or getattr(option, "hidden", False):
            continue
        assert ("-o" in option.opts) == ("--override" in option.opts), option.opts
        assert ("-O" in option.opts) == ("--out" in option.opts), option.opts
        if "-o" in option.opts:
            assert option.metavar == "KEY=VALUE"
            assert option.multiple


@pytest.mark.parametrize("name", COMMANDS)
def test_what_reads_a_configuration_takes_overrides(name: str):
    shown = [p for p in COMMANDS[name] if not getattr(p, "hidden", False)]
    metavars = {str(p.metavar).strip("[].") for p in shown}
    spelt = {spelling for p in shown for spelling in p.opts}
    if name not in WITHOUT_OVERRIDES and (metavars & READS_A_CONFIGURATION or spelt & {"--config", "--cfgs"}):
        assert "-o" in spelt


@pytest.mark.parametrize("name", COMMANDS)
def test_what_is_written_is_named_by_out(name: str):
    shown = [p for p in COMMANDS[name] if not getattr(p, "hidden", False)]
    spelt = {spelling for p in shown for spelling in p.opts}
    for one in shown:
        if WRITES.search((getattr(one, "help", None) or "").lower()):
            assert "--out" in spelt, (name, one.opts)
            assert one.param_type_name == "argument" or "--out" in one.opts, (name, one.opts)


@pytest.mark.parametrize(
    "name", ["test", "embed", "enroll", "identify", "export", "video identify", "video watch"]
)
def test_what_embeds_can_be_fast(name: str):
    (found,) = (p for p in COMMANDS[name] if "--fast" in p.opts)
    assert found.is_flag
    assert "-o evaluator_cfg.fast=true" in found.help


def gait(*words: str | Path, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == code, done.output
    return done.output


def test_old_spellings_are_taken_with_a_warning(tmp_path: Path):
    sheet = tmp_path / "sheet.png"
    told = gait("data", "sheet", "walkers/gei", "--to", sheet, "--identities", 1)
    assert f"warning: --to {sheet} is spelt --out {sheet}; 0.2 is the last version" in told
    assert sheet.exists()
    told = gait("embed", "walkers/gei", "-o", tmp_path / "old.npz", "-o", "data_cfg.test=1")
    assert "warning: -o " in told
    assert "0.2 is the last version that takes the old spelling" in told
    assert "60 sequences" in told
    assert (tmp_path / "old.npz").exists()
    gait(
        "data",
        "export",
        "walkers/gei",
        "--out",
        tmp_path / "tree",
        "-o",
        "data_cfg.test=2",
        "-o",
        "data_cfg.train=2",
    )
    told = gait("data", "partition", tmp_path / "tree", "-o", tmp_path / "p.json")
    assert "warning: -o " in told
    assert (tmp_path / "p.json").exists()


def test_overrides_reach_embed(tmp_path: Path):
    told = gait("embed", "walkers/gei", "-O", tmp_path / "new.npz", "-o", "data_cfg.test=1")
    assert "60 sequences" in told
    assert "warning" not in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["embed", "walkers/gei"], "embed: it is not said what is written"),
        (["embed", "walkers/gei", "-O", "a.npz", "-o", "b.npz"], "it is said more than once"),
        (["data", "export", "walkers/gei"], "data export: it is not said what is written"),
        (["data", "pack", "x.npz", "a.npz", "-O", "b.npz"], "data pack: it is said more than once"),
        (["data", "pack", "somewhere", "a.npz", "-o", "a=1"], "-o needs a configuration"),
        (["data", "film"], "data film: it is not said"),
        (["video", "segment", "x.mp4"], "video segment: it is not said"),
        (["gallery", "convert", "a.npz"], "gallery convert: it is not said"),
        (["train", "walkers/gei", "-o", "out"], "an override has the form key.key=value"),
    ],
)
def test_what_is_not_said_is_asked_for(words: list[str], said: str):
    told = gait(*words, code=2)
    assert said in told
    assert "Traceback" not in told


def test_arguments_and_out_name_the_same(tmp_path: Path):
    gait(
        "data",
        "export",
        "walkers/gei",
        "-O",
        tmp_path / "tree",
        "-o",
        "data_cfg.test=1",
        "-o",
        "data_cfg.train=1",
    )
    gait("data", "pack", tmp_path / "tree", "-O", tmp_path / "a.npz")
    gait("data", "pack", tmp_path / "tree", tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize(
    "words",
    [
        ("data", "pack", "people"),
        ("data", "prepare", "raw"),
        ("embed", "c.yaml", "w.pt", "-O"),
        ("report", "run", "--out"),
        ("gallery", "evaluate", "a.gallery", "--out"),
        ("plugins", "new", "gait-mine", "-O"),
        ("demo", "-O"),
    ],
)
def test_an_address_is_no_place_to_write_to(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [*words, "s3://KEY:SECRET@bucket/walks.npz"])
    assert result.exit_code
    assert "s3://***@bucket/walks.npz is an address" in result.output
    assert not list(tmp_path.iterdir())
