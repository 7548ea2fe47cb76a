"""Following across a new view, with components of other packages that are at fault."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from gait_plugins import DataError, Detection, FilmFrame, PoseEstimator
from gait_plugins.config.loading import load_video
from gait_plugins.errors import ComponentFailure, ConfigError
from gait_plugins.films.following import Follower
from gait_plugins.plugins.films.background import Background
from gait_plugins.testing.films import example_film

EXAMPLE = example_film(frames=44)


def test_no_track_goes_on_through_a_new_view():
    follower = Follower(EXAMPLE.film, load_video())
    follower.begin(None)
    seen: dict[int, set[int]] = {}
    over = []
    for frame in EXAMPLE.frames:
        pixels = frame.pixels if frame.number < 20 else np.roll(frame.pixels, (4, 9), (0, 1))
        found, ended = follower.see(FilmFrame(frame.number, frame.time, pixels))
        over += [(frame.number, track.number) for track in ended]
        for sighting in found:
            seen.setdefault(sighting.track, set()).add(frame.number)
    assert over
    assert {number for number, _ in over} == {20}
    assert all(max(frames) < 20 or min(frames) >= 20 for frames in seen.values())
    assert any(min(frames) >= 20 and len(frames) >= 10 for frames in seen.values())


def test_numbers_go_on_from_chapter_to_chapter():
    follower = Follower(EXAMPLE.film, load_video())
    numbers = []
    for _ in range(2):
        follower.begin(iter(EXAMPLE.frames))
        numbers.append({s.track for frame in EXAMPLE.frames for s in follower.see(frame)[0]})
        follower.rest()
    assert not numbers[0] & numbers[1]
    assert max(numbers[1]) == follower.highest


def test_an_error_within_a_segmenter_is_named_as_its_own(monkeypatch: pytest.MonkeyPatch):
    def broken(self: Background, frame: FilmFrame) -> Sequence[Detection]:
        raise IndexError("list index out of range")

    monkeypatch.setattr(Background, "people", broken)
    follower = Follower(EXAMPLE.film, load_video())
    follower.begin(None)
    with pytest.raises(
        ComponentFailure, match=r"Background \(gait-plugins-trackletgait .*\) raised IndexError"
    ):
        follower.see(EXAMPLE.frames[0])


@pytest.mark.parametrize("given", [None, [None]])
def test_a_segmenter_that_gives_no_people_is_named(monkeypatch: pytest.MonkeyPatch, given: object):
    monkeypatch.setattr(Background, "people", lambda *_: given)
    follower = Follower(EXAMPLE.film, load_video())
    follower.begin(None)
    with pytest.raises(ComponentFailure, match="Background"):
        follower.see(EXAMPLE.frames[0])


class Short(PoseEstimator):
    """Fewer joints than its order has."""

    joints: ClassVar[int] = 13

    def keypoints(self, frame: FilmFrame, people: Sequence[Detection]) -> np.ndarray:
        return np.zeros((len(people), self.joints, 3), np.float32)


def test_joints_and_their_order_have_to_agree():
    video = load_video().model_copy(update={"pose_estimator": SimpleNamespace(build=Short)})
    with pytest.raises(DataError, match="gives 13 joints in the order 'coco17', which has 17"):
        Follower(EXAMPLE.film, video)
    unknown = type("Unknown", (Short,), {"order": "coco71"})
    video = load_video().model_copy(update={"pose_estimator": SimpleNamespace(build=unknown)})
    with pytest.raises(ConfigError, match="no order of joints 'coco71'"):
        Follower(EXAMPLE.film, video)
