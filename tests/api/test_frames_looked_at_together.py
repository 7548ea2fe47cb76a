"""Frames of several sequences that are looked at together: the same is told as of each alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_census_in_processes import odd_set, report

from gait_plugins import FindingLog
from gait_plugins.api.census import reading
from gait_plugins.api.census.silhouettes import check_silhouettes, unremarkable


@st.composite
def sequences(draw: st.DrawFn) -> list[np.ndarray]:
    size = draw(st.sampled_from([(4, 5), (3, 1), (2, 3, 4), (6, 8)]))
    random = np.random.default_rng(draw(st.integers(0, 1000)))
    found = []
    for _ in range(draw(st.integers(1, 5))):
        shape = (draw(st.integers(1, 4)), *size)
        share = draw(st.sampled_from([0, 0.02, 0.5, 0.95, 1]))
        bright = draw(st.sampled_from([1, 127, 128, 199, 200, 255]))
        found.append((random.random(shape) < share).astype(np.uint8) * np.uint8(bright))
    return found


@settings(max_examples=300, deadline=None)
@given(sequences())
def test_those_that_need_no_look_are_those_of_which_nothing_is_told(several):
    for plain, frames in zip(unremarkable(several), several, strict=True):
        log = FindingLog()
        check_silhouettes(log, "1-nm-000", frames)
        assert bool(plain) == (not log.findings())


@pytest.mark.parametrize("held", [0, 1 << 14, 1 << 30])
def test_how_many_are_held_changes_nothing(tmp_path, monkeypatch, held):
    data = odd_set(tmp_path)
    usual = report(*data, 1, monkeypatch)
    monkeypatch.setattr(reading, "_HELD", held)
    assert report(*data, 1, monkeypatch) == usual
