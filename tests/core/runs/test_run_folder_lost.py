"""A run folder that vanishes or cannot be written any more ends a run in words, and is not made anew."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import pytest
from helpers.children import free_port, import_path
from helpers.components.tiny import TINY_YAML
from helpers.components.tiny_recipe import TinyRecipePlugin, write_recipe
from helpers.components.tiny_training import run

from gait_plugins import CheckpointError, Run, RunFolderLost, hookimpl
from gait_plugins.config import load_config
from gait_plugins.config.recipe.load import load_recipe
from gait_plugins.core.checkpoints import files
from gait_plugins.core.evaluate import report, score
from gait_plugins.core.recipes.run import train_recipe
from gait_plugins.core.runs.folder import HELD
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.io import atomic
from gait_plugins.registry.manager import Manager, use_manager


@pytest.fixture(autouse=True)
def _without_tensorboard(monkeypatch: pytest.MonkeyPatch) -> None:
    # Its thread would tell of its own file, and pytest takes what threads tell for an error.
    monkeypatch.setattr("gait_plugins.plugins.monitors.tensorboard.TensorBoard._add", lambda *_: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


class Vandal:
    """Does harm to the run folder at one moment of a training."""

    def __init__(self, moment: str, step: int, harm: Callable[[Path], object]) -> None:
        self.moment, self.step, self.harm = moment, step, harm

    @hookimpl
    def gait_step_end(self, run: Run, step: int) -> None:
        self._at("step", run, step)

    @hookimpl
    def gait_checkpoint_saved(self, run: Run, step: int) -> None:
        self._at("saved", run, step)

    @hookimpl
    def gait_evaluated(self, run: Run, step: int) -> None:
        self._at("tested", run, step)

    def _at(self, moment: str, run: Run, step: int) -> None:
        if (moment, step) == (self.moment, self.step):
            self.harm(run.folder)


def moved(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def replaced(folder: Path) -> None:
    shutil.copytree(folder, folder.with_name("copy"))
    shutil.rmtree(folder)
    folder.with_name("copy").rename(folder)


def emptied(folder: Path) -> None:
    """What ``rm -rf FOLDER/*`` leaves."""
    for entry in folder.iterdir():
        if entry.name != HELD:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


@pytest.mark.parametrize(
    ("moment", "step", "noticed", "saved"),
    [
        ("step", 1, 2, "no checkpoint was saved yet"),
        ("step", 2, 2, "no checkpoint was saved yet"),  # before a save
        ("step", 3, 4, "its last checkpoint was that of step 2"),
        ("saved", 4, 4, "its last checkpoint was that of step 4"),  # before its test is written
        ("tested", 4, 5, "its last checkpoint was that of step 4"),
        ("saved", 6, 6, "its last checkpoint was that of step 6"),  # before the last test
    ],
)
def test_a_removed_folder_is_noticed_by_the_next_write(
    tiny: Manager, tiny_yaml: Path, folder: Path, moment: str, step: int, noticed: int, saved: str
):
    tiny.register(Vandal(moment, step, shutil.rmtree), distribution="vandal")
    with pytest.raises(RunFolderLost) as caught:
        run(tiny_yaml, "trainer_cfg.with_test=true")
    said = (
        f"the run folder is gone: it was removed or moved; the training was at step {noticed} of 6, {saved}"
    )
    assert caught.value.message.startswith(said)
    assert ("figures of step" in caught.value.message) == (moment == "saved")
    assert caught.value.where == str(folder)
    assert "--resume" in (caught.value.hint or "")
    assert not folder.exists()


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (moved, "it was removed or moved"),
        (replaced, "another one stands in its place"),
        (emptied, "there is no config.yaml any more"),
        (lambda folder: shutil.rmtree(folder.parents[2]), "it was removed or moved"),
    ],
)
def test_so_is_a_folder_that_is_another_one(
    tiny: Manager, tiny_yaml: Path, harm: Callable[[Path], object], said: str
):
    tiny.register(Vandal("step", 3, harm), distribution="vandal")
    with pytest.raises(RunFolderLost, match=said):
        run(tiny_yaml)


def test_nothing_is_looked_at_between_writes(tiny: Manager, tiny_yaml: Path, folder: Path):
    tiny.register(Vandal("step", 1, shutil.rmtree), distribution="vandal")
    with pytest.raises(RunFolderLost, match="at step 6 of 6"):
        run(tiny_yaml, "trainer_cfg.log_iter=100", "trainer_cfg.save_iter=100")
    assert not folder.exists()


def test_other_files_may_be_removed(tiny: Manager, tiny_yaml: Path, folder: Path):
    def tidy(folder: Path) -> None:
        shutil.rmtree(folder / "checkpoints")
        (folder / HELD).unlink()
        (folder / "plugins.json").unlink()

    tiny.register(Vandal("step", 3, tidy), distribution="vandal")
    run(tiny_yaml)
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == [
        "tiny-00004.pt",
        "tiny-00006.pt",
    ]


@pytest.mark.parametrize("remade", [False, True])
def test_a_folder_that_vanishes_while_a_checkpoint_is_written(
    tiny: Manager, tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, remade: bool
):
    save = files.save_checkpoint

    def save_slowly(path: Path, checkpoint: files.Checkpoint) -> None:
        shutil.rmtree(folder)
        if not remade:
            raise CheckpointError("the checkpoint could not be written")
        save(path, checkpoint)

    monkeypatch.setattr(files, "save_checkpoint", save_slowly)
    with pytest.raises(RunFolderLost, match=r"at step 2 of 6, no checkpoint"):
        run(tiny_yaml)


def test_the_best_weights_that_the_last_test_wants_are_gone(tiny: Manager, tiny_yaml: Path):
    tiny.register(Vandal("tested", 6, shutil.rmtree), distribution="vandal")
    with pytest.raises(RunFolderLost, match=r"removed or moved; the training was at step 6 of 6"):
        run(
            tiny_yaml,
            "data_cfg.identities=6",
            "data_cfg.validation=2",
            "trainer_cfg.with_test=true",
            "trainer_cfg.keep_best.metric=R1",
        )


def test_a_test_tells_the_figures_that_it_cannot_write(
    tiny: Manager, tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    run(tiny_yaml)
    evaluate = score.evaluate

    def evaluate_long(*args: object) -> object:
        shutil.rmtree(folder)
        return evaluate(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(score, "evaluate", evaluate_long)
    with pytest.raises(RunFolderLost, match=r"could not be written: R1 \d+\.\d\d"):
        score.score(load_config(str(tiny_yaml)), RunOptions(device="cpu"))
    assert not folder.exists()


def test_a_recipe_ends_with_its_stage(tmp_path: Path):
    manager = Manager(allow=[])
    manager.register(TinyRecipePlugin(), distribution="tiny-gait", version="1.0")
    manager.register(Vandal("step", 5, shutil.rmtree), distribution="vandal")
    use_manager(manager)
    try:
        with pytest.raises(RunFolderLost, match="the training was at step 6 of 6") as caught:
            train_recipe(load_recipe(write_recipe(tmp_path)), RunOptions(device="cpu"))
    finally:
        use_manager(None)
    assert f"{Path('pair') / 'beside'}" in (caught.value.where or "")


@contextmanager
def _full(path: Path) -> Iterator[BinaryIO]:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    yield


def test_a_full_disk_costs_no_figures(
    tiny: Manager, tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def write_text(path: Path, text: str) -> None:
        with _full(path) as file:
            file.write(text.encode())

    monkeypatch.setattr(report, "write_text", write_text)
    with pytest.raises(OSError, match="No space left"), caplog.at_level(logging.ERROR):
        run(tiny_yaml, "trainer_cfg.with_test=true")
    assert "the results of step 2 cannot be written: R1 " in caplog.text


@pytest.mark.parametrize(
    ("number", "advice"), [(errno.ENOSPC, "free some disk space"), (errno.EACCES, "make the folder writable")]
)
def test_a_checkpoint_that_cannot_be_written_comes_with_advice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, advice: str
):
    def open_not(*_: object) -> BinaryIO:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(atomic, "open", open_not, raising=False)
    with pytest.raises(CheckpointError, match=os.strerror(number)) as caught:
        files.save_checkpoint(tmp_path / "a.pt", {"model": {}})
    assert (caught.value.hint or "").startswith(advice)


def test_a_log_on_a_full_disk_hides_no_other_error(
    tiny: Manager, tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch
):
    def close(self: logging.FileHandler) -> None:
        close_file(self)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    close_file = logging.FileHandler.close
    monkeypatch.setattr(logging.FileHandler, "close", close)
    tiny.register(Vandal("step", 3, shutil.rmtree), distribution="vandal")
    with pytest.raises(RunFolderLost):
        run(tiny_yaml, log_to_file=True)


REMOVED_AFTER_A_SAVE = """
import shutil
from gait_plugins import hookimpl
from helpers.components import tiny
from helpers.programs import run_tiny
class Plugin(tiny.TinyPlugin):
    @hookimpl
    def gait_checkpoint_saved(self, run):
        if run.is_main:
            {harm}
run_tiny.TinyPlugin = Plugin
run_tiny.run()
"""


FULL = """from gait_plugins.core.evaluate import report
            def full(path, text): raise OSError(28, "No space left on device", str(path))
            report.write_text = full"""


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("shutil.rmtree(run.folder)", "RunFolderLost: "),
        (FULL, "OSError: "),
    ],
)
def test_all_processes_end_in_the_same_words(tmp_path: Path, harm: str, said: str):
    yaml_path, script = tmp_path / "tiny.yaml", tmp_path / "vandal.py"
    yaml_path.write_text(TINY_YAML)
    script.write_text(REMOVED_AFTER_A_SAVE.format(harm=harm))
    command = [sys.executable, str(script), "train", str(yaml_path), "--device", "cpu", "--devices", "2"]
    for setting in (
        f"output_dir={tmp_path / 'out'}",
        "trainer_cfg.sync_BN=true",
        "trainer_cfg.with_test=true",
    ):
        command += ["-o", setting]
    own = {"MASTER_PORT": str(free_port()), "PYTHONPATH": import_path()}
    done = subprocess.run(command, env=os.environ | own, capture_output=True, text=True, timeout=180)
    output = done.stdout + done.stderr
    assert done.returncode == 2, output[-3000:]
    assert output.count(said) == 2, output[-3000:]  # each process tells it
    assert "Traceback" not in output
