"""Finding plugins: where each component comes from, what may load, and that listing imports nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.children import import_path
from helpers.components.fake_site import FakeSite, manifest

import gait_plugins
from gait_plugins.errors import PluginLoadError, UnknownComponent
from gait_plugins.registry.discovery import BUILT_IN
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import Manager, default_manager, use_manager


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    return FakeSite(tmp_path, monkeypatch)


def test_a_component_is_known_with_its_package_version_and_class(site: FakeSite) -> None:
    site.package("Strip-Net", manifest(gait_models={"Strips": "strip_net_model:Strips"}), version="2.3")
    component = Manager().find("model", "Strips")
    assert component.provenance() == {
        "distribution": "Strip-Net",
        "version": "2.3",
        "target": "strip_net_model:Strips",
    }
    assert component.qualified == "Strip-Net/Strips"
    assert str(component.owner) == "Strip-Net 2.3"


def test_built_ins_are_found_like_any_package() -> None:
    offered = {(c.kind, c.name): c.owner.distribution for c in Manager().components()}
    assert offered["model", "TrackletGait"] == offered["dataset", "walkers"] == BUILT_IN


def test_every_kind_can_be_contributed(site: FakeSite) -> None:
    hooks = {kind.hook: {f"Own{kind.name}": "nowhere:Class"} for kind in KINDS.values()}
    site.package("own", manifest(**hooks))
    manager = Manager()
    for kind in KINDS:
        assert manager.find(kind, f"Own{kind}").owner.distribution == "own"


def test_components_are_sorted_by_kind_then_name(site: FakeSite) -> None:
    site.package("own", manifest(gait_losses={"zeta": "a:B", "Alpha": "a:B"}, gait_models={"m": "a:B"}))
    order = list(KINDS)
    listed = [(order.index(c.kind), c.name.lower()) for c in Manager().components()]
    assert listed == sorted(listed)


def test_a_class_object_serves_as_well_as_its_path(site: FakeSite) -> None:
    site.package(
        "direct",
        """
        from gait_plugins import Loss, hookimpl

        class Plain(Loss):
            pass

        @hookimpl
        def gait_losses():
            return {"Plain": Plain}
        """,
    )
    manager = Manager()
    assert manager.get("loss", "Plain").__name__ == "Plain"
    assert manager.find("loss", "Plain").origin == "direct:Plain"


def test_an_entry_point_may_name_an_object_in_its_module(site: FakeSite) -> None:
    site.package(
        "objects",
        """
        from gait_plugins import hookimpl

        class Manifest:
            @hookimpl
            def gait_losses(self):
                return {"FromObject": "nowhere:Class"}

        plugin = Manifest()
        """,
    )
    table = next(site.folder.glob("*.dist-info")) / "entry_points.txt"
    table.write_text("[gait_plugins]\nobjects = objects:plugin\n")
    assert Manager().find("loss", "FromObject").owner.module == "objects"


def test_the_first_copy_of_a_package_on_the_path_wins(
    site: FakeSite, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.package("twice", manifest(gait_losses={"Shadowed": "a:B"}), version="1.0")
    front = FakeSite(tmp_path_factory.mktemp("front"), monkeypatch)
    front.package("Twice", manifest(gait_losses={"Shown": "a:B"}), version="2.0")
    losses = {c.name: str(c.owner) for c in Manager().components("loss")}
    assert losses["Shown"] == "Twice 2.0"
    assert "Shadowed" not in losses


@pytest.mark.parametrize("spelling", ["Dotted.Name-x", "dotted-name-x", "DOTTED_NAME.X"])
def test_a_package_name_is_understood_in_every_customary_spelling(
    site: FakeSite, spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.package("Dotted.Name-x", manifest(gait_losses={"Own": "a:B"}))
    assert Manager().find("loss", f"{spelling}/Own").name == "Own"
    assert Manager(allow=[spelling]).find("loss", "Own").name == "Own"
    monkeypatch.setenv("GAIT_PLUGINS_LOAD", f" {spelling} ,")
    assert Manager().find("loss", "Own").name == "Own"


@pytest.mark.parametrize(
    ("listed", "loaded"),
    [
        (None, {"one", "two"}),
        ("", set()),
        ("one", {"one"}),
        ("second_entry", {"two"}),
        (" two , one", {"one", "two"}),
        ("absent", set()),
    ],
)
def test_the_environment_decides_what_loads_beside_the_built_ins(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch, listed: str | None, loaded: set[str]
) -> None:
    site.package("one", manifest(gait_losses={"One": "a:B"}))
    site.package("two", manifest(gait_losses={"Two": "a:B"}), entry_point="second-entry")
    if listed is not None:
        monkeypatch.setenv("GAIT_PLUGINS_LOAD", listed)
    owners = {owner.distribution for owner in Manager().owners}
    assert owners == loaded | {BUILT_IN}


def test_a_list_given_in_code_is_narrowed_by_the_environment(
    site: FakeSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "two"):
        site.package(name, manifest(gait_losses={name: "a:B"}))
    monkeypatch.setenv("GAIT_PLUGINS_LOAD", "two")
    manager = Manager(allow=["one", "two"])
    assert {owner.distribution for owner in manager.owners} == {"two", BUILT_IN}
    with pytest.raises(UnknownComponent, match="only these plugins may load beside the built-ins: two"):
        manager.find("loss", "one")


def test_a_plugin_that_may_not_load_is_not_even_imported(site: FakeSite) -> None:
    site.package("bomb", "raise RuntimeError('imported')\n")
    manager = Manager(allow=[])
    assert manager.failures == []
    assert "bomb" not in sys.modules


def test_a_plugin_object_of_this_process_can_be_registered() -> None:
    class Notebook:
        @gait_plugins.hookimpl
        def gait_losses(self) -> dict[str, str]:
            return {"Mine": "nowhere:Mine"}

    manager, notebook = Manager(), Notebook()
    manager.register(notebook, distribution="notebook")
    assert str(manager.find("loss", "notebook/Mine").owner) == "notebook 0"
    with pytest.raises(PluginLoadError, match="already registered"):
        manager.register(notebook, distribution="notebook")
    assert len(manager.search("Mine")) == 1


def test_get_uses_the_manager_of_the_process(site: FakeSite) -> None:
    site.package("late", manifest(gait_losses={"Late": "late_losses:Late"}))
    site.module("late_losses", "from gait_plugins import Loss\nclass Late(Loss):\n    pass\n")
    use_manager(None)
    try:
        assert gait_plugins.get("loss", "Late").__module__ == "late_losses"
        assert default_manager() is default_manager()
    finally:
        use_manager(None)


def test_listing_imports_no_torch_and_no_component(site: FakeSite) -> None:
    site.package("lazy", manifest(gait_models={"Lazy": "lazy_model:Lazy"}))
    site.module("lazy_model", "raise RuntimeError('imported too early')\n")
    code = (
        "import sys; from gait_plugins.registry.manager import default_manager\n"
        "names = [c.name for c in default_manager().components()]\n"
        "assert 'Lazy' in names and 'TrackletGait' in names\n"
        "heavy = {'torch', 'numpy', 'cv2', 'pydantic', 'lightning', 'lazy_model'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    environment = {**os.environ, "PYTHONPATH": import_path(site.folder)}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
