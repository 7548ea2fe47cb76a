"""``plugins new``: a package of every kind whose own tests pass, that trains, and whose names are free."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from helpers.components.environments import Environment
from helpers.places import EXAMPLE
from typer.testing import CliRunner

from gait_plugins.authors.configuration import configuration
from gait_plugins.authors.package import Package, planned
from gait_plugins.authors.sweep import CHECKS
from gait_plugins.authors.texts import write_package
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.evaluate.report import results_path
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import ConfigError
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import Manager, use_manager

TRAINED = ("model", "backbone", "loss", "transform", "joint_transform", "frame_sampler", "batch_sampler")
"""Kinds that a training names, of which the data are walkers."""
OWN = '''"""A loss that needs an option, and a model."""
from __future__ import annotations

import torch

from gait_plugins import GaitModel, Loss


class Powered(Loss):
    """Mean of a power."""

    def __init__(self, power: float, loss_term_weight: float = 1.0):
        super().__init__(loss_term_weight)
        self.power = power

    @classmethod
    def example_config(cls):
        return {"power": 2.0}

    def forward(self, embeddings):
        loss = embeddings.float().abs().pow(self.power).mean()
        return loss, {"loss": loss.detach()}


class Means(GaitModel):
    """The scaled mean of the frames."""

    def __init__(self):
        super().__init__()
        self.scale = torch.nn.Parameter(torch.ones(1, 1, 1))

    def forward(self, batch):
        frames, lens = batch.inputs[0], batch.seq_lens
        clips = frames if lens is None else frames[0].split(lens[0].tolist())
        return self.outputs(self.scale * torch.stack([clip.mean((0, 2)) for clip in clips])[..., None], batch)
'''

Install = Callable[[Path, Package], ModuleType]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Makes the manager of this process know a package that was written; gives the module of its tests."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)

    def installed(folder: Path, package: Package) -> ModuleType:
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.syspath_prepend(str(folder / "tests"))
        manager = Manager(allow=[])
        manager.register(importlib.import_module(package.module), distribution=package.name, version="0.1.0")
        use_manager(manager)
        return importlib.import_module("test_components")

    yield installed
    use_manager(None)
    for module in set(sys.modules) - before:
        del sys.modules[module]


@pytest.fixture
def invoke() -> Callable[..., Any]:
    runner = CliRunner()
    return lambda *words: runner.invoke(app, ["plugins", "new", *map(str, words)])


def run_tests(module: ModuleType) -> list[str]:
    """Run every test of a module; returns their names."""
    tests = {name: test for name, test in vars(module).items() if name.startswith("test_")}
    for test in tests.values():
        test()
    return list(tests)


def test_every_kind_has_a_check() -> None:
    assert list(CHECKS) == list(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_passes_its_own_tests(kind: str, tmp_path: Path, install: Install) -> None:
    package, folder = write_package("fine-gait", [kind], tmp_path / "fine-gait")
    tests = run_tests(install(folder, package))
    assert f"test_fine_gait_{kind}_keeps_its_contract" in tests
    assert "test_the_configuration_is_accepted" in tests
    names = (folder / "fine_gait" / "__init__.py").read_text()
    assert KINDS[kind].hook in names
    text = "".join(path.read_text() for path in folder.rglob("*") if path.is_file())
    assert "Example" not in text.replace("ExampleFilm", "")


def test_a_package_of_all_kinds_names_each_in_its_configuration(tmp_path: Path) -> None:
    package, folder = write_package("fine-gait", list(KINDS), tmp_path / "fine-gait")
    text = (folder / "walkers.yaml").read_text()
    left = [part.cls for part in package.parts if part.kind != "backbone" and part.cls not in text]
    assert left == []  # a model of one's own has no place for a backbone
    assert "type: FineGaitBackbone" in configuration(planned("fine-gait", ["backbone"]))


@pytest.mark.heavy
@pytest.mark.parametrize("kind", [*TRAINED, "dataset", "protocol"])
def test_each_kind_trains(kind: str, tmp_path: Path, install: Install) -> None:
    package, folder = write_package("fine-gait", [kind], tmp_path / "fine-gait")
    install(folder, package)
    few = ["trainer_cfg.total_iter=2", "evaluator_cfg.restore_hint=2", "data_cfg.num_workers=0"]
    config = load_config(folder / "walkers.yaml", [*few, f"output_dir={tmp_path / 'output'}"])
    assert f"FineGait{kind.title().replace('_', '')}" in [spec.name for spec in config.specs()]
    results = train(config, RunOptions(device="cpu"))
    assert results is not None
    assert results.metrics


@pytest.mark.heavy
def test_the_recipe_trains(tmp_path: Path, install: Install) -> None:
    package, folder = write_package("fine-gait", ["recipe"], tmp_path / "fine-gait")
    install(folder, package)
    few = [f"{stage}.trainer_cfg.total_iter=2" for stage in ("whole", "heads")]
    recipe = load_recipe("fine-gait/FineGaitRecipe", [*few, f"output_dir={tmp_path / 'output'}"])
    results = train_recipe(recipe, RunOptions(device="cpu"), None)
    assert results is not None


def test_a_file_becomes_a_package(tmp_path: Path, install: Install) -> None:
    file = tmp_path / "own.py"
    file.write_text(OWN)
    package, folder = write_package("file-gait", ["transform"], tmp_path / "file-gait", file)
    assert (folder / "file_gait" / "own.py").read_text() == OWN
    assert [(part.kind, part.cls) for part in package.parts] == [
        ("loss", "Powered"),
        ("model", "Means"),
        ("transform", "FileGaitTransform"),
    ]
    text = (folder / "walkers.yaml").read_text()
    assert "model: Means" in text
    assert "# Powered (loss) needs options" in text
    run_tests(install(folder, package))


def test_a_name_that_others_offer_is_written_with_its_package(tmp_path: Path, install: Install) -> None:
    file = tmp_path / "__init__.py"
    file.write_text(OWN.replace("class Means", "class Baseline"))
    package, folder = write_package("file-gait", (), tmp_path / "file-gait", file)
    assert "model: file-gait/Baseline" in (folder / "walkers.yaml").read_text()
    assert (folder / "file_gait" / "components.py").is_file()
    run_tests(install(folder, package))


def test_the_files_of_the_example_become_a_package(tmp_path: Path, install: Install) -> None:
    file = EXAMPLE / "strip_gait" / "components.py"
    package, folder = write_package("more-strips", (), tmp_path / "more", file)
    assert len(run_tests(install(folder, package))) == len(package.parts) + 1 == 5


def test_a_recipe_of_a_file_takes_its_stages_along(tmp_path: Path, install: Install) -> None:
    _, folder = write_package("first-gait", ["recipe"], tmp_path / "first-gait")
    file = folder / "first_gait" / "recipe.py"
    second, copied = write_package("second-gait", (), tmp_path / "second-gait", file)
    assert (copied / "second_gait" / "recipe.yaml").is_file()
    run_tests(install(copied, second))


def test_the_files_for_ci_and_pip_are_what_they_should_be(tmp_path: Path) -> None:
    _, folder = write_package("My.Fine_gait", ["loss", "index"], tmp_path / "here")
    project = (folder / "pyproject.toml").read_text()
    assert 'my_fine_gait = "my_fine_gait"' in project
    workflow = yaml.safe_load((folder / ".github" / "workflows" / "test.yml").read_text())
    steps = [step.get("run", "") for step in workflow["jobs"]["test"]["steps"]]
    assert "pytest --gait-plugins My.Fine_gait" in steps
    assert "MyFineGaitLoss" in (folder / "README.md").read_text()


# --- the command ----------------------------------------------------------------------------------


def test_the_command_says_what_to_do_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("fine-gait")
    assert done.exit_code == 0, done.output
    assert done.output.startswith("fine-gait is written: loss FineGaitLoss\n")
    assert "pip install -e '.[test]'" in done.output
    again = invoke("fine-gait")
    assert again.exit_code == 2
    assert "a folder that is not empty" in again.output


def test_a_package_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    whole, written = Path.write_text, []

    def full(path: Path, *args: Any, **options: Any) -> int:
        if len(written) == 3:
            raise OSError(28, "No space left on device")
        written.append(path)
        return whole(path, *args, **options)

    monkeypatch.setattr(Path, "write_text", full)
    (tmp_path / "fine-gait").mkdir()
    with pytest.raises(ConfigError, match=r"cannot be written, and nothing of it is: No space left"):
        write_package("fine-gait", ["loss"], tmp_path / "fine-gait")
    assert len(written) == 3
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["fine-gait"]
    monkeypatch.undo()
    write_package("fine-gait", ["loss"], tmp_path / "fine-gait")
    assert (tmp_path / "fine-gait" / "walkers.yaml").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["fine-gait"]
    with pytest.raises(ConfigError, match="nothing of it is"):
        write_package("fine-gait", ["loss"], Path("/proc/nowhere/fine-gait"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["fine gait"], "is no name of a package"),
        (["-- ", "1gait"], "is no name of a package"),
        (["../gait"], "is no name of a package"),
        ([""], "is no name of a package"),
        (["gait\n"], "is no name of a package"),
        (["json"], "would hide one of Python's own"),
        (["class"], "would hide one of Python's own"),
        (["tests"], "would hide one of Python's own"),
        (["Numpy"], "the package numpy .* is installed already"),
        (["yaml"], "the module 'yaml' can be imported already"),
        (["gait-plugins"], "the module 'gait_plugins' can be imported already"),
        (["fine-gait", "--kind", "los"], r"(?s)no kind 'los'; the kinds are model, .*did you mean 'loss'"),
        (["fine-gait", "--from", "none.py"], "there is no such file"),
        (["fine-gait", "--from", "empty.py"], "the file has no component"),
        (["fine-gait", "--from", "mine.yaml"], r"this is no Python file\s.*--from ./my_loss.py"),
        (["fine-gait", "--from", "latin.py"], "the file is not UTF-8 text"),
        (["fine-gait", "--from", "broken.py"], r"broken\.py:2: .*ZeroDivisionError"),
        (
            ["fine-gait", "--from", "loss.py", "--kind", "loss"],
            "the module 'loss' comes from loss.py already",
        ),
        (["fine-gait", "--out", "empty.py"], "a file"),
        (["fine-gait", "--out", "nowhere"], "something already: a file"),
        (["loss", "--kind", "loss"], "would both be called 'loss'"),
    ],
)
def test_what_cannot_be_written_is_told(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, invoke: Callable[..., Any]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.py").write_text("")
    (tmp_path / "broken.py").write_text("\n1 / 0\n")
    (tmp_path / "mine.yaml").write_text("inherits: own_data/trackletgait\n")
    (tmp_path / "loss.py").write_text(OWN)
    (tmp_path / "latin.py").write_bytes(b"# coding: latin-1\n# \xe9\n" + OWN.encode())
    (tmp_path / "nowhere").symlink_to("not-there")
    before = sorted(tmp_path.iterdir())
    done = invoke(*[word for word in words if word != "-- "])
    assert done.exit_code == 2, done.output
    assert re.search(said, done.output), done.output
    assert "Traceback" not in done.output
    assert sorted(tmp_path.iterdir()) == before


# --- installed ------------------------------------------------------------------------------------


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Environment]:
    """One to install into."""
    found = Environment(tmp_path)
    yield found
    found.close()


@pytest.mark.heavy
def test_an_installed_package_is_tested_swept_and_trained(tmp_path: Path, environment: Environment) -> None:
    kinds = [word for kind in KINDS if kind != "dataset" for word in ("--kind", kind)]
    # A process of its own: those of later commands begin with what is installed when the first one does.
    made = environment.python_run("-m", "gait_plugins", "plugins", "new", "fine-gait", *kinds)
    assert made.returncode == 0, made.stderr
    source = tmp_path / "fine-gait"
    environment.install(source, editable=True)
    assert "fine-gait 0.1.0 (fine_gait): 14 of 14 components load" in environment.succeed("plugins", "check")
    known = any(point.name == "gait-plugins" for point in entry_points(group="pytest11"))
    plugin = [] if known else ["-p", "pytest_gait_plugins"]
    arguments = ["-q", "-p", "no:cacheprovider", *plugin, "--gait-plugins", "fine-gait"]
    tested = environment.python_run("-m", "pytest", *arguments, str(source))
    assert tested.returncode == 0, tested.stdout[-3000:] + tested.stderr[-2000:]
    assert "30 passed" in tested.stdout
    environment.succeed("train", source / "walkers.yaml", "--device", "cpu")
    run = tmp_path / "output" / "walkers" / "FineGaitModel" / "fine-gait"
    assert results_path(run, 40, "FineGaitProtocol").is_file()
