"""Hooks of one training: heard in it alone, they may end it; who interrupts it is told how to go on."""

from __future__ import annotations

import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.components.tiny_training import equal, final, trained

import gait_plugins
from gait_plugins import hookimpl
from gait_plugins.cli.train import _to_go_on

pytestmark = pytest.mark.usefixtures("tiny")

SCORED = ("trainer_cfg.with_test=true",)


class Impatient:
    """Asks for the end."""

    def __init__(self, at: int, hook: str = "evaluated") -> None:
        self.at, self.hook, self.heard = at, hook, []  # type: ignore[var-annotated]

    @hookimpl
    def gait_evaluated(self, run: Any, step: int) -> None:
        self.heard.append(step)
        if self.hook == "evaluated" and step == self.at:
            run.stop()

    @hookimpl
    def gait_step_end(self, run: Any, step: int) -> None:
        if self.hook == "step_end" and step == self.at:
            run.stop()


@pytest.mark.parametrize(
    ("at", "hook", "last"), [(2, "evaluated", 2), (3, "step_end", 4), (6, "evaluated", 6)]
)
def test_a_hook_ends_its_training_with_a_checkpoint_and_it_can_be_resumed(
    tiny_yaml: Path, tmp_path: Path, at: int, hook: str, last: int
):
    folder = tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"
    gait_plugins.train(tiny_yaml, SCORED, device="cpu")
    whole = final(folder)
    monitor = Impatient(at, hook)
    ended = gait_plugins.train(tiny_yaml, SCORED, device="cpu", overwrite=True, monitors=[monitor])
    assert ended.checkpoint.name == f"tiny-{last:05d}.pt"
    assert monitor.heard == list(range(2, last + 1, 2))
    assert '"error": null' in (folder / "log.jsonl").read_text().splitlines()[-1]
    gait_plugins.train(tiny_yaml, SCORED, device="cpu", resume=True)
    assert monitor.heard == list(range(2, last + 1, 2))  # of its own training alone
    assert equal(trained(final(folder)), trained(whole))


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts by a POSIX signal")
def test_whoever_interrupts_a_script_is_told_how_to_go_on(tiny_yaml: Path, caplog: pytest.LogCaptureFixture):
    class Interrupts:
        """Ctrl-C in the middle of a training."""

        @hookimpl
        def gait_step_end(self, step: int) -> None:
            if step == 3:
                os.kill(os.getpid(), signal.SIGINT)

    caplog.set_level(logging.INFO, "gait_plugins")
    with pytest.raises(KeyboardInterrupt):
        gait_plugins.train(tiny_yaml, device="cpu", monitors=[Interrupts()])
    assert caplog.messages[-1] == "to go on: gait_plugins.train(..., resume=True)"
    assert "step 4 is saved" in caplog.messages[-2]


def test_the_command_to_go_on_is_one_to_type(monkeypatch: pytest.MonkeyPatch):
    assert _to_go_on("my.yaml", None, None, "auto", 1) == "gait-plugins train my.yaml --resume"
    full = _to_go_on("a b.yaml", ["trainer_cfg.init={x: y}"], "head", "cpu", 2)
    assert full == (
        "gait-plugins train 'a b.yaml' -o 'trainer_cfg.init={x: y}' --stage head --device cpu --devices 2 "
        "--resume"
    )
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "x")
    assert _to_go_on("my.yaml", None, None, "auto", 1) == "the same command with --resume"
