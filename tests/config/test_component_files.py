"""Components in single files: found from the YAML's folder, hashed, and run only where a user named them."""

from __future__ import annotations

import json
import logging
import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers.components import tiny as tiny_module
from helpers.components.tiny import TINY_YAML
from helpers.components.tiny_training import final, run
from helpers.places import EXAMPLE
from typer.testing import CliRunner

import gait_plugins
from gait_plugins.cli import app
from gait_plugins.config import build, load_config
from gait_plugins.config.loading import load_video
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.checkpoints.files import checkpoint_path
from gait_plugins.core.checkpoints.inspect import checkpoint_info
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runs.folder import provenance_of
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.errors import ConfigError, PluginLoadError
from gait_plugins.io.atomic import file_sha256
from gait_plugins.registry import files
from gait_plugins.registry.kinds import KINDS

LOSS = '''"""A loss."""
from gait_plugins import Loss


class MyLoss(Loss):
    """Mean square.

    Args:
        power: of the distance.
    """

    def __init__(self, power: float = 2.0, loss_term_weight: float = 1.0):
        super().__init__(loss_term_weight)
        self.power = power

    def forward(self, embeddings, labels):
        loss = embeddings.float().abs().pow(self.power).mean()
        return loss, {"loss": loss.detach()}
'''
OTHERS = '''"""What is neither data, nor model, nor loss."""
import numpy as np
from torch import nn

from gait_plugins import (
    Detection, GalleryIndex, JointTransform, PoseEstimator, Recipe, Segmenter, Sighting, Silhouettes, Tracker,
)


class Net(nn.Sequential):
    def __init__(self, width: int = 4):
        super().__init__(nn.Conv2d(1, width, 3))


class Pictures(Silhouettes):
    """A kind of silhouettes."""


class Nothing(JointTransform):
    streams = ("silhouettes",)

    def __call__(self, clips, rng):
        return {}


class All(GalleryIndex):
    def build(self, vectors, metric):
        self.size = len(vectors)

    def candidates(self, probes, count):
        return np.tile(np.arange(self.size), (len(probes), 1))


class Nobody(Segmenter):
    def people(self, frame):
        return []


class Everybody(Tracker):
    def update(self, frame, people):
        return [Sighting(number, person) for number, person in enumerate(people, 1)]


class Still(PoseEstimator):
    def keypoints(self, frame, people):
        return np.zeros((len(people), 17, 3), np.float32)


class Pair(Recipe):
    """Two stages."""

    file = "pair.yaml"
'''
NAMES = {
    "model": "tiny.py:TinyModel",
    "backbone": "others.py:Net",
    "loss": "tiny.py:Contrast",
    "transform": "tiny.py:Shift",
    "joint_transform": "others.py:Nothing",
    "frame_sampler": "tiny.py:FirstFrames",
    "batch_sampler": "tiny.py:Draw",
    "dataset": "tiny.py:TinyWalks",
    "stream": "others.py:Pictures",
    "protocol": "tiny.py:Nearest",
    "index": "others.py:All",
    "segmenter": "others.py:Nobody",
    "tracker": "others.py:Everybody",
    "pose_estimator": "others.py:Still",
    "recipe": "others.py:Pair",
}


@pytest.fixture(autouse=True)
def _own_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAIT_PLUGINS_FILES", raising=False)
    monkeypatch.setenv("GAIT_PLUGINS_FILES", "{}")  # so that what a test adds is taken back


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with files of components of every kind."""
    shutil.copy(str(tiny_module.__file__), tmp_path / "tiny.py")
    (tmp_path / "others.py").write_text(OTHERS)
    (tmp_path / "my_loss.py").write_text(LOSS)
    return tmp_path


@pytest.fixture
def one_yaml(folder: Path) -> Path:
    """A configuration whose every component is in ``tiny.py`` beside it."""
    text = re.sub(r"((?:type|model|method|eval_func): )(\w+)", r"\1./tiny.py:\2", TINY_YAML)
    path = folder / "one.yaml"
    path.write_text(f"output_dir: {folder / 'output'}\n{text}")
    return path


@pytest.fixture
def invoke() -> Callable[..., Any]:
    runner = CliRunner()
    return lambda *words: runner.invoke(app, list(map(str, words)))


def run_folder(folder: Path) -> Path:
    return folder / "output" / "Tiny" / "TinyModel" / "tiny"


def test_there_is_a_file_of_every_kind() -> None:
    assert list(NAMES) == list(KINDS)


@pytest.mark.parametrize("kind", NAMES)
def test_a_component_of_every_kind_is_built_from_a_file(
    kind: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    built = build(kind, {KINDS[kind].key: f"./{NAMES[kind]}"})
    cls = gait_plugins.get(kind, f"./{NAMES[kind]}")
    assert type(built) is cls
    assert cls.__name__ == NAMES[kind].partition(":")[2]


def test_a_training_of_components_of_a_file_alone(one_yaml: Path, folder: Path) -> None:
    run(one_yaml, "data_cfg.num_workers=1")
    state = final(run_folder(folder))
    told = state["plugins"]["dataset/tiny.py:TinyWalks"]
    assert told["sha256"] == file_sha256(folder / "tiny.py")
    assert told["distribution"] == "tiny.py"
    assert told["file"] == str(folder / "tiny.py")
    assert json.loads((run_folder(folder) / "plugins.json").read_text()) == state["plugins"]


def test_a_test_finds_the_file_again_from_anywhere(
    one_yaml: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(one_yaml)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    resolved = run_folder(folder) / "config.yaml"
    results = score(load_config(resolved), RunOptions(device="cpu"))
    assert results is not None
    assert (run_folder(folder) / "results-6-Nearest.json").is_file()


def test_the_resolved_configuration_is_one_that_can_be_loaded(
    one_yaml: Path, folder: Path, invoke: Callable[..., Any]
) -> None:
    done = invoke("config", "check", one_yaml, "--resolved")
    assert done.exit_code == 0, done.output
    (folder / "deeper").mkdir()
    again = folder / "deeper" / "resolved.yaml"
    again.write_text(done.stdout)
    data = load_config(one_yaml).data
    assert load_config(again).data == data == yaml.safe_load(done.stdout)


def test_a_changed_file_is_told_on_resume(
    one_yaml: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(one_yaml, "trainer_cfg.total_iter=2")
    file = folder / "tiny.py"
    file.write_text(file.read_text() + "\n# another comment\n")
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        run(one_yaml, resume=True)
    assert "loss/tiny.py:Contrast was tiny.py sha256" in caplog.text
    assert f"is tiny.py sha256 {file_sha256(file)[:12]}" in caplog.text
    kept = sorted((run_folder(folder) / "components").iterdir())
    assert len(kept) == 2
    assert {path.name for path in kept} == {f"{file_sha256(path)[:12]}-tiny.py" for path in kept}


def test_a_moved_folder_goes_on_without_a_word(
    one_yaml: Path, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run(one_yaml, "trainer_cfg.total_iter=2")
    (folder / "moved").mkdir()
    for name in ("one.yaml", "tiny.py"):
        (folder / name).rename(folder / "moved" / name)
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        run(folder / "moved" / "one.yaml", resume=True)
    assert not caplog.records
    assert final(run_folder(folder))["iteration"] == 6


def test_another_class_of_the_file_is_another_setting(one_yaml: Path, folder: Path) -> None:
    run(one_yaml, "trainer_cfg.total_iter=2")
    other = f"trainer_cfg.sampler.type={folder / 'tiny.py'}:InOrder"
    with pytest.raises(ConfigError, match=r"trainer_cfg\.sampler\.type was"):
        run(one_yaml, other, resume=True)


def test_paths_start_from_the_file_that_names_them(folder: Path, one_yaml: Path) -> None:
    (folder / "deep").mkdir()
    below = folder / "deep" / "below.yaml"
    below.write_text("inherits: ../one.yaml\nloss_cfg: {type: ../my_loss.py:MyLoss, log_prefix: contrast}\n")
    config = load_config(below)
    assert config.loss_cfg[0].mapping()["type"] == str(folder / "my_loss.py:MyLoss")
    assert config.model_cfg.mapping()["model"] == str(folder / "tiny.py:TinyModel")


def test_paths_of_overrides_start_from_the_working_directory(
    folder: Path, tiny_yaml: Path, tiny: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    config = load_config(
        tiny_yaml, ["loss_cfg.0={type: ./my_loss.py:MyLoss, log_prefix: contrast, power: 3}"]
    )
    assert config.loss_cfg[0].mapping()["type"] == str(folder / "my_loss.py:MyLoss")


def test_stages_of_a_recipe_take_files_beside_it(folder: Path, one_yaml: Path) -> None:
    own = "loss_cfg: {type: ./my_loss.py:MyLoss, log_prefix: contrast}"
    recipe = folder / "pair.yaml"
    recipe.write_text(
        f"output_dir: {folder / 'output'}\nstages:\n"
        f"  - {{name: a, cfgs: one.yaml, overrides: {{{own}}}}}\n"
        "  - {name: b, cfgs: one.yaml, overrides: [model_cfg.model=./tiny.py:TinyModel]}\n"
        f"  - name: c\n    cfgs: {{inherits: one.yaml, {own}}}\n"
        "    settings: {trainer_cfg.transform: b.trainer_cfg.transform}\n"
    )
    for named in (recipe, f"{folder / 'others.py'}:Pair"):
        loaded = load_recipe(named)
        assert [stage.config.loss_cfg[0].component.name for stage in loaded.stages] == [
            "my_loss.py:MyLoss",
            "tiny.py:Contrast",
            "my_loss.py:MyLoss",
        ]


def test_two_files_of_one_name_are_two_origins(folder: Path, one_yaml: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "my_loss.py").write_text(LOSS + "# another one\n")
    file = f"{folder}/my_loss.py:MyLoss, log_prefix: a"
    other = f"{folder}/deep/my_loss.py:MyLoss, log_prefix: b"
    config = load_config(one_yaml, [f"loss_cfg=[{{type: {file}}}, {{type: {other}}}]"])
    found = provenance_of(config)
    assert found["loss/my_loss.py:MyLoss"]["file"] == str(folder / "my_loss.py")
    assert found[f"loss/{folder}/deep/my_loss.py:MyLoss"]["file"] == str(folder / "deep" / "my_loss.py")


def test_what_a_model_of_a_file_embeds_is_named_without_folders(one_yaml: Path, folder: Path) -> None:
    run(one_yaml)
    assert Embedder(load_config(one_yaml), device="cpu").origin.model == "tiny.py:TinyModel"


def test_films_are_read_by_components_of_a_file(folder: Path) -> None:
    path = folder / "film.yaml"
    path.write_text(
        "video_cfg:\n  segmenter: {type: others.py:Nobody}\n  tracker: {type: others.py:Everybody}\n"
        "  pose_estimator: {type: others.py:Still}\n"
    )
    assert load_video(path).plain()["segmenter"] == {"type": str(folder / "others.py:Nobody")}


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name", "words"),
    [
        (
            None,
            "no_loss.py:MyLoss",
            r"no_loss\.py: there is no such file\n  -> did you mean 'my_loss\.py'",
        ),
        (None, "away/loss.py:MyLoss", r"there is no such file\n  -> the folder .*away does not exist"),
        (LOSS, "broken.py:MyLos", r"has no class 'MyLos'; it has MyLoss\n  -> did you mean 'MyLoss'"),
        (
            LOSS + "\nx = 1 / 0\n",
            "broken.py:MyLoss",
            r"broken\.py:20: the file of this loss cannot be run: ZeroDiv",
        ),
        ("def f(:\n", "broken.py:MyLoss", r"broken\.py:1: .* SyntaxError: invalid syntax"),
        ("import sys\nsys.exit(3)\n", "broken.py:MyLoss", r"broken\.py:2: .* SystemExit: 3"),
        (
            "import not_there\n",
            "broken.py:MyLoss",
            r"(?s)broken\.py:1: .*install the package that contains not_there",
        ),
        (
            "import my_loss\n",
            "broken.py:MyLoss",
            r"(?s)stands alone and cannot import 'my_loss' beside it.*--from",
        ),
        ("class MyLoss:\n    pass\n", "broken.py:MyLoss", "is no component: .* expected a loss"),
        (LOSS + "\ndef MyFunction(): ...\n", "broken.py:MyFunction", "is no component: .* expected a loss"),
        (
            "from gait_plugins.plugins.zoo.losses.triplet import TripletLoss\n",
            "broken.py:TripletLoss",
            r"not defined in the file, but imported from .*triplet(?s:.*)class Mine\(TripletLoss\)"
            r".*type: TripletLoss",
        ),
        (
            None,
            "tiny.py:TinyModel",
            r"'TinyModel' is a model, expected a loss\n  -> derive the class from .*\.Loss",
        ),
    ],
)
def test_what_is_wrong_with_a_file_is_told_with_the_line_of_the_yaml(
    text: str | None, name: str, words: str, folder: Path, one_yaml: Path
) -> None:
    if text is not None:
        (folder / "broken.py").write_text(text)
    path = folder / "wrong.yaml"
    path.write_text(f"inherits: one.yaml\n\nloss_cfg:\n  type: {name}\n  log_prefix: contrast\n")
    with pytest.raises(ConfigError, match=words) as caught:
        load_config(path)
    assert str(caught.value.where).endswith("wrong.yaml:4")
    assert "loss_cfg.type" in caught.value.message


def test_commands_tell_it_without_a_traceback(
    folder: Path, one_yaml: Path, invoke: Callable[..., Any]
) -> None:
    done = invoke("config", "check", one_yaml, "-o", "model_cfg.model=none.py:Model")
    assert done.exit_code == 2
    assert "there is no such file" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("my_los.py:MyLoss",), "my_los.py: there is no such file\n  -> did you mean 'my_loss.py'?"),
        (("folder.py:MyLoss",), "folder.py: the file cannot be read: Is a directory"),
        (("pipe.py:MyLoss",), "pipe.py: the file cannot be read: not a regular file"),
        (("./my_loss.py",), "a class in a file is written ./FILE.py:CLASS"),
        (("my_loss.py:MyLoss", "--kind", "lost"), "unknown component kind 'lost'; the kinds are model, "),
    ],
)
def test_a_file_that_cannot_be_shown_is_told(
    words: tuple[str, ...],
    told: str,
    folder: Path,
    invoke: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(folder)
    (folder / "folder.py").mkdir()
    os.mkfifo(folder / "pipe.py")
    done = invoke("plugins", "show", *words)
    assert done.exit_code == 2
    assert told in done.output
    assert "'folder.py" not in done.output
    assert ":_" not in done.output


def test_a_path_that_no_file_can_have_is_told(folder: Path, one_yaml: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: embedded null byte"):
        load_config(one_yaml, [r'loss_cfg.0.type="a\0b.py:MyLoss"'])


def test_a_module_path_is_no_name(folder: Path, one_yaml: Path) -> None:
    with pytest.raises(ConfigError, match=r"(?s)called 'my_pkg\.losses:MyLoss'.*\./FILE\.py:CLASS"):
        load_config(one_yaml, ["loss_cfg.0.type=my_pkg.losses:MyLoss"])


def test_what_a_file_changes_of_the_process_is_put_back(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "rude.py").write_text("import torch\ntorch.set_default_dtype(torch.float64)\n" + LOSS)
    build("loss", {"type": f"{folder}/rude.py:MyLoss"})
    assert torch.get_default_dtype() == torch.float32
    assert "rude.py sha256" in caplog.text


# --- whose code is run ----------------------------------------------------------------------------


def marking(folder: Path) -> Path:
    """A file that leaves a mark when it is run."""
    file = folder / "marking.py"
    file.write_text((folder / "tiny.py").read_text() + f"\nopen({str(folder / 'mark')!r}, 'w').close()\n")
    return folder / "mark"


def test_a_checkpoint_runs_no_file(one_yaml: Path, folder: Path, invoke: Callable[..., Any]) -> None:
    mark = marking(folder)
    one_yaml.write_text(one_yaml.read_text().replace("./tiny.py:", "./marking.py:"))
    run(one_yaml)
    mark.unlink()
    for module in [name for name in sys.modules if name.startswith(f"{files.__name__}.")]:
        del sys.modules[module]
    checkpoint = checkpoint_path(run_folder(folder), "tiny", 6)
    done = invoke("checkpoint", "show", checkpoint)
    assert done.exit_code == 0, done.output
    info = checkpoint_info(checkpoint)
    assert "component of a file, which is not run" in str(info)
    assert not mark.exists()
    config = torch.load(checkpoint, weights_only=True)["config"]
    with pytest.raises(ConfigError, match="is a component of a file, which is not run"):
        load_config(config)
    assert not mark.exists()
    load_config(config, folder=folder)
    assert mark.exists()


def test_looking_a_name_up_reads_the_file_and_does_not_run_it(folder: Path) -> None:
    mark = marking(folder)
    component = files.file_component("loss", f"{folder}/marking.py:Contrast")
    assert not mark.exists()
    component.load()
    assert mark.exists()


def test_the_bytes_that_were_hashed_are_run(folder: Path) -> None:
    component = files.file_component("loss", f"{folder}/my_loss.py:MyLoss")
    (folder / "my_loss.py").write_text("raise RuntimeError")
    assert component.load().__name__ == "MyLoss"
    with pytest.raises(PluginLoadError, match="RuntimeError"):
        files.file_component("loss", f"{folder}/my_loss.py:MyLoss").load()


@pytest.mark.heavy
def test_another_process_unpickles_a_component_of_a_file(folder: Path) -> None:
    shift = build("transform", {"type": f"{folder}/tiny.py:Shift"})
    script = "import pickle, sys; print(pickle.load(open(sys.argv[1], 'rb')).divisor)"
    (folder / "shift.pkl").write_bytes(pickle.dumps(shift))

    def another() -> subprocess.CompletedProcess[str]:
        words = [sys.executable, "-c", script, str(folder / "shift.pkl")]
        return subprocess.run(words, capture_output=True, text=True, env=dict(os.environ), check=False)

    assert another().stdout == "255.0\n"
    (folder / "tiny.py").write_text("")
    assert "has been changed since this program was started" in another().stderr


def test_the_example_package_works_as_a_file(invoke: Callable[..., Any]) -> None:
    file = EXAMPLE / "strip_gait" / "components.py"
    found = {component.kind: component.target for component in files.components_in(file)}
    assert found == {
        "model": "StripNet",
        "loss": "CompactLoss",
        "frame_sampler": "EveryOther",
        "transform": "Dilate",
    }
    for command in (("plugins", "show"), ("config", "explain")):
        done = invoke(*command, f"{file}:StripNet")
        assert done.exit_code == 0, done.output
        assert "strips: int = 16" in done.output
