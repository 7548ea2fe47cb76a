"""A plugin that fails is recorded with its reason, hurts nobody, and raises only when it is asked for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from helpers.components.fake_site import FakeSite, manifest

from gait_plugins import hookimpl
from gait_plugins.errors import PluginLoadError, UnknownComponent
from gait_plugins.registry.manager import Manager


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeSite:
    site = FakeSite(tmp_path, monkeypatch)
    site.package("good", manifest(gait_losses={"Good": "good_losses:Good"}))
    site.module("good_losses", "from gait_plugins import Loss\nclass Good(Loss):\n    pass\n")
    return site


BROKEN = {
    "missing module": ("import no_such_module_here\n", "No module named 'no_such_module_here'; install"),
    "error on import": ("1 / 0\n", "ZeroDivisionError: division by zero"),
    "syntax error": ("def broken(:\n", r"SyntaxError: invalid syntax \(broken.py, line 1\)"),
    "exit on import": ("raise SystemExit('bye')\n", "SystemExit: bye"),
    "hook that raises": (
        "from gait_plugins import hookimpl\n@hookimpl\ndef gait_losses():\n    raise KeyError('x')\n",
        "gait_losses raised KeyError: 'x'",
    ),
    "result of a wrong type": (
        manifest(gait_losses=["Triplet"]),
        r"gait_losses of broken \(broken 1.0\) returned \['Triplet'\], expected a mapping",
    ),
    "no result": (manifest(gait_losses=None), "gait_losses of broken .* returned None, expected"),
    "target without attribute": (manifest(gait_losses={"X": "module.only"}), "returned {'X': 'module.only'}"),
    "target of a wrong type": (manifest(gait_losses={"X": 3}), "returned {'X': 3}, expected"),
    "name of a wrong type": (manifest(gait_losses={3: "a:B"}), "returned {3: 'a:B'}"),
    "empty name": (manifest(gait_losses={"": "a:B"}), "returned {'': 'a:B'}"),
    "misspelt hook": (
        manifest(gait_loses={"X": "a:B"}),
        "unknown hook 'gait_loses' in plugin .*did you mean 'gait_losses'",
    ),
    "unknown argument": (
        "from gait_plugins import hookimpl\n@hookimpl\ndef gait_step_end(run, stepp):\n    pass\n",
        "(?s)gait_step_end.*stepp",
    ),
    "forgotten marker": (
        "def gait_losses():\n    return {}\n",
        "gait_losses is not marked with @gait_plugins.hookimpl",
    ),
    "no hook at all": ("x = 1\n", "the plugin has no hook"),
    "hook wrapper": (
        "from gait_plugins import hookimpl\n"
        "@hookimpl(wrapper=True)\ndef gait_run_begin(run):\n    return (yield)\n",
        "gait_run_begin is a hook wrapper",
    ),
    "future plugin API": (
        f"requires_api = 99\n{manifest(gait_losses={})}",
        "the plugin needs plugin API 99, this version offers 1",
    ),
    "API of a wrong type": (
        f"requires_api = '1'\n{manifest(gait_losses={})}",
        "the plugin needs plugin API '1'",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_is_recorded_and_hurts_nobody(site: FakeSite, case: str) -> None:
    source, reason = BROKEN[case]
    site.package("broken", source)
    manager = Manager()
    (failure,) = manager.failures
    assert str(failure.owner) == "broken 1.0"
    assert failure.error is not None
    assert re.search(reason, failure.reason)
    assert manager.get("loss", "Good").__name__ == "Good"
    assert manager.find("model", "TrackletGait")


@pytest.mark.parametrize("case", ["missing module", "misspelt hook"])
def test_a_broken_plugin_raises_only_when_it_is_asked_for(site: FakeSite, case: str) -> None:
    source, reason = BROKEN[case]
    site.package("broken", source)
    manager = Manager()
    with pytest.raises(PluginLoadError, match=reason) as caught:
        manager.find("loss", "broken/Anything")
    assert "broken (broken 1.0)" in str(caught.value)
    with pytest.raises(UnknownComponent, match=r"broken 1.0 may offer it, but failed to load"):
        manager.find("loss", "Anything")


def test_one_broken_entry_point_leaves_the_others_of_its_package_usable(site: FakeSite) -> None:
    site.package("mixed", manifest(gait_losses={"Fine": "a:B"}), module="mixed_fine")
    site.package("mixed", "import no_such_module_here\n", module="mixed_broken")
    manager = Manager()
    assert [failure.owner.entry_point for failure in manager.failures] == ["mixed_broken"]
    assert manager.find("loss", "mixed/Fine").origin == "a:B"


def test_a_refused_plugin_leaves_no_hook_behind() -> None:
    calls = []

    class Refused:
        @hookimpl
        def gait_configure(self, config: dict[str, object]) -> None:
            calls.append(config)

        @hookimpl
        def gait_losses(self) -> int:
            return 3

    manager = Manager()
    with pytest.raises(PluginLoadError, match="gait_losses"):
        manager.register(Refused(), distribution="refused")
    manager.lifecycle.configure({})
    assert calls == []

    class Misspelt:
        @hookimpl
        def gait_configur(self) -> None: ...

    class Right:
        @hookimpl
        def gait_losses(self) -> dict[str, str]:
            return {"Right": "a:B"}

    with pytest.raises(PluginLoadError, match="did you mean 'gait_configure'"):
        manager.register(Misspelt(), distribution="misspelt")
    manager.register(Right(), distribution="right")
    assert manager.find("loss", "Right")


def test_a_missing_module_is_traced_to_the_extra_that_brings_it(site: FakeSite) -> None:
    site.package(
        "extras",
        manifest(gait_losses={"Needy": "extras_needy:Needy", "Own": "extras.losses:Own"}),
        requires=["numpy", "No.Such_module>=2; extra == 'wave'"],
    )
    site.module("extras_needy", "import no_such_module.deep\n")
    manager = Manager()
    with pytest.raises(PluginLoadError, match=r"pip install 'extras\[wave\]'"):
        manager.get("loss", "Needy")
    with pytest.raises(PluginLoadError, match="extras is not completely installed"):
        manager.get("loss", "Own")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("Class = 3\n", "loss 'X' is 3, expected a subclass of gait_plugins.api.loss.Loss"),
        ("class Class:\n    pass\n", "expected a subclass of gait_plugins.api.loss.Loss"),
        ("from torch.nn import Module as Class\n", "expected a subclass of gait_plugins.api.loss.Loss"),
        ("other = 1\n", "AttributeError: module 'typed_losses' has no attribute 'Class'"),
        ("1 / 0\n", "ZeroDivisionError"),
    ],
)
def test_a_component_of_a_wrong_type_raises_when_it_is_used(site: FakeSite, source: str, reason: str) -> None:
    site.package("typed", manifest(gait_losses={"X": "typed_losses:Class"}))
    site.module("typed_losses", source)
    manager = Manager()
    assert manager.failures == []
    with pytest.raises(PluginLoadError, match=reason) as caught:
        manager.get("loss", "X")
    assert "typed_losses:Class (typed 1.0)" in str(caught.value)


def test_any_network_may_be_a_backbone_but_nothing_else(site: FakeSite) -> None:
    site.package("nets", manifest(gait_backbones={"Net": "torch.nn:Identity", "No": "builtins:dict"}))
    manager = Manager()
    assert manager.get("backbone", "Net").__name__ == "Identity"
    with pytest.raises(PluginLoadError, match=r"expected a subclass of torch.nn.Module"):
        manager.get("backbone", "No")
