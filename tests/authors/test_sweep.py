"""``pytest --gait-plugins PACKAGE``: a test for each component, and nothing at all without the option."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest
from helpers.components.fake_site import FakeSite, manifest
from helpers.places import EXAMPLE, ROOT

from gait_plugins.authors.sweep import components_of, try_component, why_not
from gait_plugins.errors import PluginLoadError, UnknownComponent
from gait_plugins.registry.manager import Manager, use_manager

COMPONENTS = """
import numpy as np
from gait_plugins import FrameSampler, GaitDataset, SequenceRef, Transform

class Still(Transform):
    def __call__(self, sequence, rng):
        return sequence

class Careless(Transform):
    def __call__(self, sequence, rng):
        sequence += np.uint8(1)
        return sequence

class Needy(FrameSampler):
    def __init__(self, frames: int):
        self.frames = frames

    def indices(self, length, rng):
        return rng.integers(0, length, self.frames)

class Given(Needy):
    @classmethod
    def example_config(cls):
        return {"frames": 4}

class OfFiles(GaitDataset):
    def __init__(self, dataset_root: str):
        self.root = dataset_root

    def sequences(self, subset):
        return []

    def load(self, ref):
        return []
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeSite]:
    """A package with components that keep, break and cannot be asked for their contract."""
    found = FakeSite(tmp_path, monkeypatch)
    found.module("sweepable", COMPONENTS)
    found.package(
        "swept-gait",
        manifest(
            gait_transforms={"Still": "sweepable:Still", "Careless": "sweepable:Careless"},
            gait_frame_samplers={"Needy": "sweepable:Needy", "Given": "sweepable:Given"},
            gait_datasets={"OfFiles": "sweepable:OfFiles"},
        ),
    )
    found.package("broken-gait", "import not_there")
    use_manager(Manager())
    yield found
    use_manager(None)


def test_each_component_is_tried(site: FakeSite) -> None:
    found = {component.name: component for component in components_of("Swept_gait")}
    assert list(found) == ["Careless", "Still", "Given", "Needy", "OfFiles"]
    for name in ("Still", "Given"):
        assert why_not(found[name]) == ""
        try_component(found[name])
    with pytest.raises(AssertionError, match="the transform changes its input"):
        try_component(found["Careless"])
    with pytest.raises(
        AssertionError, match="cannot be built without frames: give the class an example_config"
    ):
        try_component(found["Needy"])
    assert "it needs dataset_root: try it by check_dataset" in why_not(found["OfFiles"])


def test_a_package_without_components_is_told(site: FakeSite) -> None:
    with pytest.raises(PluginLoadError, match=r"cannot be loaded: .*not_there"):
        components_of("broken-gait")
    with pytest.raises(
        UnknownComponent, match=r"(?s)'swep-gait' offers components.*did you mean 'swept-gait'"
    ):
        components_of("swep-gait")


def test_the_example_package_passes_its_sweep(strip_gait: Path) -> None:
    found = components_of("strip-gait")
    assert [component.name for component in found] == ["StripNet", "CompactLoss", "Dilate", "EveryOther"]
    for component in found:
        try_component(component)


def test_a_run_without_the_option_imports_nothing_of_ours() -> None:
    code = (
        "import sys, pytest, pytest_gait_plugins as plugin; parser = pytest.Parser(_ispytest=True); "
        "plugin.pytest_addoption(parser); config = type('C', (), {'getoption': lambda self, name: []})(); "
        "plugin.pytest_configure(config); plugin.pytest_collection_modifyitems(None, config, []); "
        "print([name for name in sys.modules if name.partition('.')[0] in ('gait_plugins', 'torch')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "[]\n", done.stderr


def test_the_project_file_names_the_plugin_and_takes_it_along() -> None:
    project = (ROOT / "pyproject.toml").read_text()
    assert '[project.entry-points.pytest11]\ngait-plugins = "pytest_gait_plugins"' in project
    assert project.count('"pytest_gait_plugins.py"') == 2  # the wheel and the source distribution


def run_pytest(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Pytest with the plugin, whether or not it is installed here."""
    known = any(point.name == "gait-plugins" for point in entry_points(group="pytest11"))
    plugin = [] if known else ["-p", "pytest_gait_plugins"]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *plugin, *words]
    path = ":".join([str(folder), str(EXAMPLE), *sys.path])
    return subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=folder, env={"PYTHONPATH": path}
    )


@pytest.mark.heavy
def test_pytest_tells_what_breaks_its_contract(site: FakeSite) -> None:
    done = run_pytest(site.folder, "--gait-plugins", "swept-gait", "-rs", "-W", "error")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 failed, 2 passed, 1 skipped" in done.stdout
    assert "transform Careless (swept-gait 1.0), sweepable:Careless\n  the transform changes" in done.stdout
    assert "it needs dataset_root: try it by check_dataset on files" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.heavy
def test_pytest_chooses_among_components_and_with_several_workers(site: FakeSite) -> None:
    done = run_pytest(site.folder, "--gait-plugins", "swept-gait", "-k", "Still or Given", "-v", "-n", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "swept-gait::transform[Still]" in done.stdout
    assert "2 passed" in done.stdout


@pytest.mark.heavy
def test_pytest_refuses_an_unknown_package_before_any_test(site: FakeSite) -> None:
    done = run_pytest(site.folder, "--gait-plugins", "no-gait")
    assert done.returncode == 4
    assert "no installed package 'no-gait' offers components" in done.stderr
    assert "Traceback" not in done.stderr
