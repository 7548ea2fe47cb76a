"""Pace of a training, by a clock that is set by hand."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from helpers.components.tiny_training import run

from gait_plugins import Job
from gait_plugins.core.runtime.pace import Pace, in_hours


class Clock:
    """Seconds that somebody sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_line_says_time_rate_and_rest():
    clock = Clock()
    pace = Pace(0, 100, clock)
    clock.now += 20
    assert pace.told(10) == "0:00:20  0.5 steps/s  0:03:00 left"
    clock.now += 2
    assert pace.told(20) == "0:00:22  5 steps/s  0:01:28 left"


def test_tests_and_checkpoints_are_left_out_of_the_rate_alone():
    clock = Clock()
    pace = Pace(0, 30, clock)
    clock.now += 10
    pace.told(10)
    with pace.aside():
        clock.now += 80
    clock.now += 10
    assert pace.told(20) == "0:01:40  1 steps/s  0:00:50 left"
    clock.now += 5
    assert pace.told(30) == "0:01:45  2 steps/s  0:00:00 left"


def test_a_resumed_training_is_measured_from_its_own_start():
    clock = Clock()
    pace = Pace(90, 100, clock)
    clock.now += 10
    assert pace.told(95) == "0:00:10  0.5 steps/s  0:00:10 left"


def test_a_clock_that_stands_still_divides_nothing():
    pace = Pace(0, 10, Clock())
    assert pace.told(1) == "0:00:00  - steps/s  0:00:00 left"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0:00:00"), (59.6, "0:01:00"), (3723, "1:02:03"), (90061, "1d 1:01:01"), (-1, "0:00:00")],
)
def test_seconds_in_words(seconds: float, words: str):
    assert in_hours(seconds) == words


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.getMessage().startswith("step ") and "/" in r.msg]


@pytest.mark.usefixtures("tiny")
def test_each_line_of_the_log_says_it_and_the_bar_counts_all_steps(
    tiny_yaml: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    seen: list[tuple[str, int, int | None]] = []
    tell = Job._tell

    def heard(self: Job, state: str) -> None:
        if self.name == "train":
            seen.append((state, self.done, self.total))
        tell(self, state)  # type: ignore[arg-type]

    monkeypatch.setattr(Job, "_tell", heard)
    caplog.set_level(logging.INFO, "gait_plugins")
    run(tiny_yaml, "trainer_cfg.total_iter=4")
    for number, line in enumerate(lines(caplog), 1):
        assert line.startswith(f"step {number}/4  loss ")
        assert " steps/s  0:0" in line
        assert line.endswith(" left")
    assert seen[0] == ("begin", 0, 4)
    seen.clear()
    run(tiny_yaml, resume=True)
    assert seen[0] == ("begin", 4, 6)
    assert seen[-1] == ("end", 6, 6)
    seen.clear()
    run(tiny_yaml, resume=True)
    assert seen == [("begin", 6, 6), ("end", 6, 6)]
