"""The command line: messages, exit codes, interruption, and no torch where none is needed."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.places import PROGRAMS
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.config.yaml.sources import shipped, shipped_recipes
from gait_plugins.core.checkpoints.files import load_checkpoint

FEW = ("-o", "data_cfg.train=12", "-o", "data_cfg.test=2", "-o", "data_cfg.frames=8")
"""Walkers that are drawn in no time."""


def gait(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.mark.smoke
def test_module_and_command_are_the_same():
    import gait_plugins

    done = subprocess.run(
        [sys.executable, "-m", "gait_plugins", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"gait-plugins-trackletgait {gait_plugins.__version__}"


@pytest.mark.smoke
@pytest.mark.parametrize("name", [*shipped(), *shipped_recipes()])
def test_every_shipped_configuration_passes_the_check(name: str):
    code, output = gait("config", "check", name)
    assert code == 0, output


@pytest.mark.smoke
def test_train_and_test_by_the_command_line(tiny, tiny_yaml: Path):
    assert gait("train", str(tiny_yaml), "--device", "cpu")[0] == 0
    code, output = gait("test", str(tiny_yaml), "--device", "cpu")
    assert code == 0
    assert "R1" in output


def test_opengaits_spellings_are_understood(tiny, tiny_yaml: Path, tmp_path: Path):
    assert gait("train", "--cfgs", str(tiny_yaml), "--phase", "train", "--log_to_file")[0] == 0
    logs = list((tmp_path / "output").glob("Tiny/TinyModel/tiny/logs/*.txt"))
    assert "step 6/6" in logs[0].read_text()
    code, output = gait("train", "--cfgs", str(tiny_yaml), "--phase", "test", "--iter", "4")
    assert code == 0
    assert "R1" in output
    assert (tmp_path / "output/Tiny/TinyModel/tiny/results-4-Nearest.json").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["train"], "give one configuration"),
        (["train", "a.yaml", "--cfgs", "b.yaml"], "give one configuration"),
        (["train", "no/such"], "no/such"),
        (["train", "walkers/gei", "--phase", "tst"], "train or test"),
        (["train", "walkers/gei", *FEW], "no trainable parameter"),
        (["train", "gaitbase/gait3d"], "your_path"),
        (["train", "walkers/gei", "--device", "abacus"], "abacus"),
        (["plugins", "show", "TrackletGit"], "TrackletGait"),
    ],
)
def test_bad_input_ends_with_words_and_code_two(words: list[str], said: str):
    code, output = gait(*words)
    assert code == 2
    assert said in output
    assert "Traceback" not in output


def test_interrupted_training_saves_its_step_and_ends_with_130(tiny_yaml: Path, tmp_path: Path):
    command = [sys.executable, str(PROGRAMS / "run_tiny.py"), "train", str(tiny_yaml), "--device", "cpu"]
    command += ["-o", "trainer_cfg.total_iter=100000", "-o", "trainer_cfg.save_iter=100000"]
    command += ["-o", "data_cfg.num_workers=1"]
    folder = tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        log = folder / "log.jsonl"
        while not (log.is_file() and '"step"' in log.read_text()):
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    (saved,) = (folder / "checkpoints").iterdir()
    assert load_checkpoint(saved)["iteration"] == int(saved.stem.rpartition("-")[2]) > 0


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits on the size of files")
def test_full_disk_ends_with_words_and_keeps_the_last_checkpoint(tiny_yaml: Path, tmp_path: Path):
    def small_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    command = [sys.executable, str(PROGRAMS / "run_tiny.py"), "train", str(tiny_yaml), "--device", "cpu"]
    done = subprocess.run(
        [*command, "-o", "trainer_cfg.log_iter=1000"],
        capture_output=True,
        text=True,
        preexec_fn=small_files,
        env=os.environ | {"GAIT_PLUGINS_LOAD": ""},
    )
    assert done.returncode == 2, done.stderr
    assert "could not be written" in done.stderr
    assert "--resume" in done.stderr
    assert not list((tmp_path / "output").glob("**/checkpoints/*"))


def test_listing_needs_no_torch():
    code = "import sys\nfrom gait_plugins.cli import app\n"
    code += "try: app(['plugins', 'list'])\nexcept SystemExit: pass\n"
    done = subprocess.run(
        [sys.executable, "-c", code + "print('torch' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "TrackletGait_s" in done.stdout
    assert done.stdout.splitlines()[-1] == "False"


def test_a_command_imports_the_module_of_its_group_alone():
    code = "import sys\nfrom gait_plugins.cli import app\n"
    code += "try: app(['plugins', 'list', '--kind', 'loss'])\nexcept SystemExit: pass\n"
    heavy = ("torch", "numpy", "pydantic", "rich", "yaml")
    others = ("checkpoint", "config", "data", "embed", "gallery", "runs", "train", "video")
    names = [*(f"{name}" for name in heavy), *(f"gait_plugins.cli.{name}" for name in others)]
    code += f"print([name for name in {names!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "TripletLoss" in done.stdout
    # a value of --kind is text, which needs no conversion either
    assert done.stdout.splitlines()[-1] == "[]"
