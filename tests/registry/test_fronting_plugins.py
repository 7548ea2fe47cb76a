"""A plugin that fronts other code: names with that code's name before them, and what is missing of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from helpers.components.fake_site import FakeSite
from typer.testing import CliRunner, Result

from gait_plugins.cli import app
from gait_plugins.errors import ConfigError, PluginLoadError, UnknownComponent
from gait_plugins.registry.manager import Manager, default_manager, use_manager

MANIFEST = """
from gait_plugins import Offer, hookimpl

fronts = {"fronted": "never said, it is there", "absent": "set ABSENT_HOME to its folder"}

@hookimpl
def gait_models():
    return {
        "fronted/GaitSet": Offer("fronting_models:Fronted", source="fronted 4f2a"),
        "fronted/Costly": Offer("fronting_models:Costly", missing="needs moonlight, which is not installed"),
        "fronted/Alone": "fronting_models:Fronted",
    }
"""
MODELS = '''
from gait_plugins import GaitModel

class Fronted(GaitModel):
    """Made elsewhere."""
'''


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    site = FakeSite(tmp_path, monkeypatch)
    site.package("front-gait", MANIFEST)
    site.module("fronting_models", MODELS)
    use_manager(None)
    yield site
    use_manager(None)


@pytest.fixture
def gait_plugins(site: FakeSite) -> Callable[..., Result]:
    runner = CliRunner()
    return lambda *words: runner.invoke(app, list(words))


@pytest.mark.usefixtures("site")
def test_the_bare_name_stays_whose_it_is() -> None:
    manager = Manager()
    assert manager.find("model", "GaitSet").owner.distribution == "gait-plugins-trackletgait"
    for spelling in ("fronted/GaitSet", "Fronted/GaitSet", "front_gait/fronted/GaitSet"):
        assert manager.get("model", spelling).__name__ == "Fronted"
    with pytest.raises(UnknownComponent, match=r"did you mean 'fronted/Alone'\? \(model of front-gait 1.0\)"):
        manager.find("model", "Alone")
    with pytest.raises(UnknownComponent, match="did you mean 'fronted/GaitSet'"):
        manager.find("model", "fronted/GaitSte")


@pytest.mark.usefixtures("site")
def test_who_asks_for_code_that_is_not_there_is_told_how_to_name_it() -> None:
    manager = Manager()
    for spelling in ("absent/GaitSet", "Absent/GaitSet", "front-gait/absent/Any"):
        with pytest.raises(UnknownComponent, match="ABSENT_HOME to its folder"):
            manager.find("model", spelling)
    for spelling in ("fronted/Nothing", "GaitSed", "other/GaitSet"):
        with pytest.raises(UnknownComponent) as caught:
            manager.find("model", spelling)
        assert "_HOME" not in str(caught.value)
        assert "never said" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "/M", "fronted/", "a//M"])
def test_a_name_with_an_empty_part_is_refused(site: FakeSite, name: str) -> None:
    site.package(
        "own",
        f"from gait_plugins import hookimpl\n@hookimpl\ndef gait_models(): return {{{name!r}: 'a:B'}}\n",
    )
    (failure,) = Manager().failures
    assert 'expected a mapping name -> "module:attr", class or Offer' in failure.reason


@pytest.mark.usefixtures("site")
def test_asking_for_what_is_missing_says_why() -> None:
    with pytest.raises(
        PluginLoadError, match="'fronted/Costly' is not available here: it needs moonlight"
    ) as caught:
        default_manager().get("model", "fronted/Costly")
    assert "plugins list" in str(caught.value.hint)


@pytest.mark.usefixtures("site")
def test_a_configuration_that_asks_for_what_is_missing_names_its_line(tmp_path: Path) -> None:
    from gait_plugins.config import load_config

    path = tmp_path / "costly.yaml"
    path.write_text("model_cfg:\n  model: fronted/Costly\nloss_cfg: []\n")
    with pytest.raises(
        ConfigError, match=r"costly.yaml:2: (?s:.)*it needs moonlight, which is not installed"
    ):
        load_config(path)


@pytest.mark.usefixtures("site")
def test_the_source_is_part_of_the_provenance() -> None:
    component = default_manager().find("model", "fronted/GaitSet")
    assert component.provenance()["source"] == "fronted 4f2a"
    assert "source" not in default_manager().find("model", "GaitPart").provenance()


def test_the_list_tells_what_is_missing_apart(gait_plugins: Callable[..., Result]) -> None:
    table, _, missing = gait_plugins("plugins", "list", "--kind", "model").stdout.partition(
        "not available here:\n"
    )
    assert "fronted/GaitSet" in table
    assert "fronted/Costly" not in table
    assert " ".join(missing.split()) == "model fronted/Costly needs moonlight, which is not installed"
    listed = json.loads(gait_plugins("plugins", "list", "--json").stdout)["components"]
    reasons = {c["name"]: c.get("missing") for c in listed if c["distribution"] == "front-gait"}
    assert reasons["fronted/Costly"] == "needs moonlight, which is not installed"
    assert reasons["fronted/Alone"] is None


def test_show_tells_source_and_reason(gait_plugins: Callable[..., Result]) -> None:
    assert "source   fronted 4f2a" in gait_plugins("plugins", "show", "fronted/GaitSet").stdout
    shown = gait_plugins("plugins", "show", "fronted/Costly")
    assert shown.exit_code == 0
    assert "not available here: it needs moonlight" in shown.stdout


def test_what_is_missing_is_no_failure_of_the_check(gait_plugins: Callable[..., Result]) -> None:
    result = gait_plugins("plugins", "check")
    assert result.exit_code == 0
    assert "front-gait 1.0 (front_gait): 2 of 2 components load, 1 not available here" in result.stdout
