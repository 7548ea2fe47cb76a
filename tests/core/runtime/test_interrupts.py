"""Interrupts: what Ctrl-C ends at once, and what is finished first."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.components.tiny_training import run

from gait_plugins.core.runtime.interrupts import Interrupts
from gait_plugins.core.train.state import Training

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs signals")


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_first_one_raises_a_flag_and_the_second_acts() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interrupts() as interrupts:
        interrupt()
        assert interrupts.requested
        with pytest.raises(KeyboardInterrupt):
            interrupt()
    assert signal.getsignal(signal.SIGINT) is before


def test_where_nothing_is_to_be_finished_the_first_one_acts() -> None:
    with Interrupts() as interrupts:
        with pytest.raises(KeyboardInterrupt), interrupts.at_once():
            interrupt()
        interrupt()
        assert interrupts.requested
        with pytest.raises(KeyboardInterrupt), interrupts.at_once():
            pytest.fail("it was asked for before")


@pytest.mark.usefixtures("tiny")
def test_a_test_of_a_training_ends_at_once(
    tiny_yaml: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    finished = []
    whole: Callable[..., Any] = Training.test

    def interrupted(training: Training, step: int) -> Any:
        interrupt()
        finished.append(step)
        return whole(training, step)

    monkeypatch.setattr(Training, "test", interrupted)
    with caplog.at_level("INFO", "gait_plugins"), pytest.raises(KeyboardInterrupt):
        run(tiny_yaml, "trainer_cfg.with_test=true", "trainer_cfg.save_iter=2", go_on="train --resume")
    assert finished == []
    assert "to go on: train --resume" in caplog.text
    assert [path.name for path in tiny_yaml.parent.rglob("*.pt")] == ["tiny-00002.pt"]
