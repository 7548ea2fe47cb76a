"""Two trainings never write into one run folder, and a killed one leaves no lock behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.places import PROGRAMS

from gait_plugins import ConfigError
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

pytestmark = [
    pytest.mark.usefixtures("tiny"),
    pytest.mark.skipif(sys.platform == "win32", reason="needs locks that die with their process"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def start(tiny_yaml: Path, folder: Path) -> subprocess.Popen[bytes]:
    """A training without end, with a worker, that has saved something."""
    words = ["train", str(tiny_yaml), "--device", "cpu", "-o", "data_cfg.num_workers=1"]
    words += ["-o", "trainer_cfg.total_iter=1000000", "-o", "trainer_cfg.log_iter=1000000"]
    process = subprocess.Popen(
        [sys.executable, str(PROGRAMS / "run_tiny.py"), *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"GAIT_PLUGINS_LOAD": ""},
    )
    while not checkpoint_path(folder, "tiny", 2).exists():
        assert process.poll() is None
        time.sleep(0.05)
    return process


def run(tiny_yaml: Path, **options: bool) -> None:
    train(load_config(str(tiny_yaml)), RunOptions(device="cpu", **options))  # type: ignore[arg-type]


def test_another_training_is_kept_out_until_the_first_is_gone(tiny_yaml: Path, folder: Path) -> None:
    with start(tiny_yaml, folder) as process:
        try:
            for options in ({"overwrite": True}, {"resume": True}, {}):
                with pytest.raises(ConfigError, match=f"another training .process {process.pid} on"):
                    run(tiny_yaml, **options)
            assert process.poll() is None
            assert checkpoint_path(folder, "tiny", 2).exists()
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    run(tiny_yaml, overwrite=True)
    assert checkpoint_path(folder, "tiny", 6).exists()
