"""``plugins list``, ``show`` and ``check``: what they print, for people and for programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.components.fake_site import FakeSite, manifest
from typer.testing import CliRunner, Result

from gait_plugins.cli import app
from gait_plugins.registry.manager import use_manager

LOSSES = '''
from gait_plugins import Loss

class Own(Loss):
    """Pulls what belongs together.

    More words.

    Args:
        pull: how strongly.
    """

    def __init__(self, pull: float, steps: list[int] = [1, 2]) -> None:
        super().__init__()

not_a_class = 3
'''


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    site = FakeSite(tmp_path, monkeypatch)
    site.package("own-gait", manifest(gait_losses={"Own": "own_losses:Own"}), version="1.2")
    site.module("own_losses", LOSSES)
    use_manager(None)
    yield site
    use_manager(None)


@pytest.fixture
def gait_plugins(site: FakeSite) -> Callable[..., Result]:
    runner = CliRunner()
    return lambda *words: runner.invoke(app, list(words))


def test_the_list_is_a_row_each_with_its_package(gait_plugins: Callable[..., Result]) -> None:
    result = gait_plugins("plugins", "list")
    assert result.exit_code == 0
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0] == ["KIND", "NAME", "PACKAGE", "VERSION", "ORIGIN"]
    assert ["loss", "Own", "own-gait", "1.2", "own_losses:Own"] in rows
    assert "gait_plugins.plugins.monitors): gait_run_begin, gait_progress" in result.stdout
    assert "failed" not in result.stdout


def test_the_list_can_be_cut_to_a_kind(gait_plugins: Callable[..., Result]) -> None:
    rows = gait_plugins("plugins", "list", "--kind", "loss").stdout.splitlines()
    assert {row.split()[0] for row in rows} == {"KIND", "loss"}
    result = gait_plugins("plugins", "list", "--kind", "losses")
    assert result.exit_code == 2
    assert "unknown component kind 'losses'" in result.stderr


def test_failures_end_the_list(site: FakeSite, gait_plugins: Callable[..., Result]) -> None:
    site.package("broken-gait", "1 / 0\n")
    site.package("stale", f"requires_api = 9\n{manifest(gait_losses={})}")
    result = gait_plugins("plugins", "list")
    assert result.exit_code == 0
    failures = result.stdout.partition("failed to load:\n")[2].splitlines()
    assert failures == [
        "  broken-gait 1.0 (broken_gait): ZeroDivisionError: division by zero",
        "  stale 1.0 (stale): the plugin needs plugin API 9, this version offers 1",
    ]


def test_the_list_says_what_may_load(
    gait_plugins: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_LOAD", "")
    result = gait_plugins("plugins", "list")
    assert "only these plugins may load beside the built-ins: none" in result.stdout
    assert "own-gait" not in result.stdout


def test_programs_get_the_list_as_json(site: FakeSite, gait_plugins: Callable[..., Result]) -> None:
    site.package("broken-gait", "1 / 0\n")
    data = json.loads(gait_plugins("plugins", "list", "--json", "--kind", "loss").stdout)
    assert {
        "kind": "loss",
        "name": "Own",
        "qualified": "own-gait/Own",
        "distribution": "own-gait",
        "version": "1.2",
        "target": "own_losses:Own",
    } in data["components"]
    (failure,) = data["failures"]
    assert failure["distribution"] == "broken-gait"
    assert failure["reason"] == "ZeroDivisionError: division by zero"
    assert data["allow"] is None


@pytest.mark.parametrize("name", ["Own", "own-gait/Own", "Own_Gait/Own"])
def test_show_prints_options_documentation_and_origin(gait_plugins: Callable[..., Result], name: str) -> None:
    result = gait_plugins("plugins", "show", name)
    assert result.exit_code == 0, result.output
    assert result.stdout == (
        "loss Own\n"
        "  package  own-gait 1.2, unambiguous name own-gait/Own\n"
        "  class    own_losses:Own\n"
        "\n"
        "  Pulls what belongs together.\n"
        "\n"
        "  options\n"
        "    pull: float  (required)\n"
        "        how strongly.\n"
        "    steps: list[int] = [1, 2]\n"
    )


def test_show_prints_every_component_of_a_name(site: FakeSite, gait_plugins: Callable[..., Result]) -> None:
    site.package("other-gait", manifest(gait_losses={"Own": "own_losses:Own"}))
    site.package("net-gait", manifest(gait_backbones={"Own": "torch.nn:Identity"}))
    shown = gait_plugins("plugins", "show", "Own").stdout
    assert [line for line in shown.splitlines() if line.endswith(" Own")] == [
        "backbone Own",
        "loss Own",
        "loss Own",
    ]
    assert gait_plugins("plugins", "show", "Own", "--kind", "loss").stdout.count("class  ") == 2


def test_show_of_an_unknown_name_suggests_others(gait_plugins: Callable[..., Result]) -> None:
    result = gait_plugins("plugins", "show", "Owm")
    assert result.exit_code == 2
    assert "did you mean 'Own'? (loss of own-gait 1.2)" in result.stderr


def test_check_imports_everything_and_reports_all_failures(
    site: FakeSite, gait_plugins: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    site.package("half", manifest(gait_losses={"Good": "own_losses:Own", "No": "own_losses:not_a_class"}))
    site.package("gone", manifest(gait_losses={"Gone": "no_such_module:Gone"}))
    site.package("broken-gait", "1 / 0\n")
    result = gait_plugins("plugins", "check")
    assert result.exit_code == 2
    assert "own-gait 1.2 (own_gait): 1 of 1 components load" in result.stdout
    assert "half 1.0 (half): 1 of 2 components load" in result.stdout
    failed = result.stdout.partition("failed:\n")[2]
    for text in ("broken_gait): ZeroDivisionError", "loss 'No' is 3", "No module named 'no_such_module'"):
        assert text in failed


@pytest.mark.smoke
def test_all_built_ins_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_LOAD", "")
    use_manager(None)
    result = CliRunner().invoke(app, ["plugins", "check"])
    use_manager(None)
    assert result.exit_code == 0, result.output


@pytest.mark.smoke
def test_the_list_imports_nothing_heavy() -> None:
    code = (
        "import sys; from gait_plugins.cli import app\n"
        "app(['plugins', 'list'], standalone_mode=False)\n"
        "heavy = {'torch', 'numpy', 'cv2', 'rich', 'yaml', 'lightning'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL, env=os.environ)
