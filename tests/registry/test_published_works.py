"""Published works: what a plugin may tell of them, and that none of the built-in models lacks one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner

from gait_plugins import PublishedWork, hookimpl
from gait_plugins.cli import app
from gait_plugins.config import shipped
from gait_plugins.config.yaml.sources import locate, shipped_recipes
from gait_plugins.errors import PluginLoadError
from gait_plugins.registry.manager import Manager, use_manager

OWN = ("walkers/", "own_data/", "gaitedge/walkers")
"""Configurations that nobody published."""


def work(**changes: Any) -> PublishedWork:
    told: dict[str, Any] = {
        "source": "Somebody, 2026",
        "models": ("GaitSet",),
        "streams": ("silhouettes",),
        "configurations": (),
        **dict.fromkeys(("weights", "licence", "published", "seen"), "none"),
    }
    return PublishedWork(**(told | changes))


class Telling:
    def __init__(self, told: Any) -> None:
        self.told = told

    @hookimpl
    def gait_works(self) -> Any:
        return self.told


@pytest.fixture
def manager() -> Iterator[Manager]:
    found = Manager(allow=[])
    use_manager(found)
    yield found
    use_manager(None)


def test_no_built_in_model_lacks_a_work(manager: Manager) -> None:
    works = manager.works()
    models = [model for model in manager.components("model") if model.owner.is_built_in]
    assert [model.name for model in models if not any(work.is_of(model) for work in works)] == []
    offered = {model.name for model in models}
    assert [(work.name, name) for work in works for name in work.told.models if name not in offered] == []


def test_every_published_configuration_is_of_a_work(manager: Manager) -> None:
    starts = [start for work in manager.works() for start in work.told.configurations]
    names = [name for name in [*shipped(), *shipped_recipes()] if not name.startswith(OWN)]
    assert [name for name in names if not name.startswith(tuple(starts))] == []
    assert [start for start in starts if not any(name.startswith(start) for name in names)] == []


def test_a_configuration_takes_what_its_work_says(manager: Manager) -> None:
    told: dict[str, set[str]] = {}
    for each in manager.works():
        for start in each.told.configurations:
            told.setdefault(start, set()).update(each.told.streams)
    declared = r"^  streams: \{(?:\{[^}]*\}|[^{}])*\}$"
    for name in shipped():
        found = re.search(declared, locate(name).read_text(encoding="utf-8"), re.MULTILINE)
        own = next((told[start] for start in told if name.startswith(start)), None)
        if found and own is not None:
            streams = set(re.findall(r"[{ ](\w+): \{type", found[0]))
            assert streams <= own | {"maps"}, name


def test_a_model_shows_its_works(manager: Manager) -> None:
    manager.register(Telling({"Walk": work(seen="all of it")}), distribution="gait-plugins-trackletgait")
    shown = CliRunner().invoke(app, ["plugins", "show", "GaitSet"]).output
    assert "GaitSet (Chao et al., AAAI 2019)" in shown
    assert re.search(r"Walk \(Somebody, 2026\)\n    takes +silhouettes\n(.|\n)*seen here +all of it", shown)


def test_a_work_of_another_package_is_not_of_a_model_of_the_same_name(manager: Manager) -> None:
    manager.register(Telling({"Walk": work()}), distribution="elsewhere")
    assert "Walk (" not in CliRunner().invoke(app, ["plugins", "show", "GaitSet"]).output
    assert "elsewhere" not in {owner.distribution for owner in manager.listeners()}


@pytest.mark.parametrize(
    "changes",
    [{"seen": ""}, {"models": ()}, {"streams": "silhouettes"}, {"licence": "a\nb"}, {"needs": None}],
)
def test_what_is_not_told_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(PluginLoadError, match=f"its {next(iter(changes))} is .* expected a"):
        work(**changes)


@pytest.mark.parametrize("told", [None, {"Walk": "good"}, {"": work()}])
def test_a_hook_that_returns_something_else_is_named(manager: Manager, told: Any) -> None:
    manager.register(Telling(told), distribution="elsewhere")
    with pytest.raises(PluginLoadError, match=r"gait_works of Telling \(elsewhere 0"):
        manager.works()


class Raising:
    @hookimpl
    def gait_works(self) -> Any:
        return {"Walk": work(models=())}


def test_a_hook_that_raises_is_named_and_harms_no_other_package(manager: Manager) -> None:
    manager.register(Raising(), distribution="elsewhere")
    with pytest.raises(PluginLoadError, match=r"gait_works of .*elsewhere.* raised: .* its models is \(\)"):
        manager.works()
    shown = CliRunner().invoke(app, ["plugins", "show", "GaitSet"])
    assert shown.exit_code == 0
    assert "GaitSet (Chao et al., AAAI 2019)" in shown.output
