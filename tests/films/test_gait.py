"""Gait of tracks: cycles are counted from any side and at any rate, and those who stand are known."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pytest

from gait_plugins import Detection, Film, FilmFrame, Sighting
from gait_plugins.config.loading import load_video
from gait_plugins.films.following import Follower, left_out_in_words
from gait_plugins.films.gait import gait_of, stands
from gait_plugins.films.tracks import Track
from gait_plugins.plugins.walkers.dataset import Walkers

RATE = 25
HERE = np.array([[10, 10, 40, 90]])


@lru_cache
def walk(view: str, frames: int = 90) -> list[np.ndarray]:
    """A synthetic person whose cycle lasts about 1.1 s, seen from a camera that goes along."""
    walkers = Walkers(train=1, test=0, views=[view], nm=1, bg=0, cl=0, frames=frames)
    [silhouettes] = walkers.load(walkers.sequences("train")[0])
    return list(np.asarray(silhouettes))


def still(frames: int, flaws: float, seed: int = 0) -> list[np.ndarray]:
    """One silhouette again and again, with flaws of its outline."""
    rng, shape = np.random.default_rng(seed), walk("090")[0]
    edge = np.abs(np.gradient(shape.astype(float))[1]) > 0
    return [np.where(edge & (rng.random(shape.shape) < flaws), 255 - shape, shape) for _ in range(frames)]


@pytest.fixture(autouse=True, scope="module")
def _cache(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path_factory.mktemp("walkers")))
        yield


@pytest.mark.parametrize("view", ["000", "036", "090", "180"])
@pytest.mark.parametrize("every", [1, 2, 3])
def test_cycles_are_counted_from_any_side_and_at_any_rate(view: str, every: int):
    frames = walk(view)[::every]
    found = gait_of(frames, np.arange(len(frames)) * every / RATE)
    assert found.period == pytest.approx(1.1, abs=0.07)
    assert found.cycles == pytest.approx(90 / RATE / 1.1, rel=0.08)
    assert found.confidence > 0.5


def test_gaps_are_no_gait():
    times = np.arange(90) / RATE
    kept = np.r_[0:40, 65:90]
    frames = [walk("090")[place] for place in kept]
    found = gait_of(frames, times[kept])
    assert found.period == pytest.approx(1.1, abs=0.05)
    assert found.cycles == pytest.approx(65 / RATE / 1.1, rel=0.08)


def test_without_a_rhythm_a_cycle_lasts_as_usual():
    noise = np.random.default_rng(0).integers(0, 2, (50, 64, 64), np.uint8) * 255
    found = gait_of(list(noise), np.arange(50) / RATE)
    assert (found.period, round(found.cycles, 1)) == (1.15, 1.7)
    assert gait_of(list(noise[:1]), np.zeros(1)).cycles == 0
    assert gait_of([], np.zeros(0)).cycles == 0
    # Less than a cycle tells nothing of its length.
    assert gait_of(walk("090")[:15], np.arange(15) / RATE).period == 1.15


@pytest.mark.parametrize("view", ["000", "180", "090"])
def test_who_walks_towards_the_camera_does_not_stand(view: str):
    frames, times = walk(view), np.arange(90) / RATE
    assert not stands(frames, times, HERE.repeat(90, 0)).any()


@pytest.mark.parametrize("flaws", [0.0, 0.1, 0.2])
def test_who_stands_is_known_whatever_the_flaws(flaws: float):
    frames = walk("090")[:50] + still(60, flaws) + walk("090")[30:60]
    boxes = HERE.repeat(140, 0) + np.r_[0:50, [50] * 60, 50:80][:, None] * [2, 0, 2, 0]
    found = stands(frames, np.arange(140) / RATE, boxes)
    assert found[55:105].all()
    assert not found[:40].any()
    assert not found[120:].any()


def followed(frames: list[np.ndarray], places: np.ndarray, score: float = 1.0) -> Track:
    """A track of these silhouettes as a film shows them, at a row of places."""
    track = Track(1, 64, 0.0)
    pixels = np.zeros((100, 400, 3), np.uint8)
    for number, (shape, place) in enumerate(zip(frames, places.tolist(), strict=True)):
        whole = np.zeros(pixels.shape[:2], np.uint8)
        whole[20:84, place : place + 64] = shape
        person = Detection.of_mask(whole, score=score)
        assert person is not None
        track.see(FilmFrame(number, number / RATE, pixels), Sighting(1, person))
    return track


def outcome(track: Track, *overrides: str) -> str:
    follower = Follower(Film("f", 400, 100), load_video(None, overrides))
    follower._open[1] = track
    [track] = follower.rest()
    return follower.outcome(track)


def test_frames_of_standing_are_left_out_of_a_track():
    frames = walk("090")[:50] + still(60, 0.2)
    places = np.r_[0:100:2, [100] * 60]
    track = followed(frames, places)
    assert outcome(track) == "sequence"
    quality = track.quality()
    assert quality.standing >= 55
    assert quality.silhouettes == len(track.frames) == 110 - quality.standing
    kept = [row.silhouette for row in track.rows if row.silhouette is not None]
    assert kept == list(range(len(track.frames)))
    assert {row.trouble for row in track.rows} == {"", "standing"}
    whole = followed(frames, places)
    assert outcome(whole, "video_cfg.min_move=0") == "sequence"
    assert whole.quality().standing == 0


def test_each_gate_has_its_own_outcome():
    along = np.arange(90) * 3
    assert outcome(followed(walk("090"), along)) == "sequence"
    assert outcome(followed(walk("090")[:10], along[:10])) == "short"
    assert outcome(followed(walk("090")[:22], along[:22])) == "cycles"
    assert outcome(followed(walk("090")[:22], along[:22]), "video_cfg.min_cycles=0") == "sequence"
    assert outcome(followed(still(60, 0.2), np.zeros(60, int))) == "still"
    assert outcome(followed(walk("090"), along, score=0.4)) == "sequence"
    assert outcome(followed(walk("090"), along, score=0.4), "video_cfg.min_score=0.5") == "nobody"


def test_what_is_left_out_is_said_in_words():
    assert left_out_in_words({}) == ""
    assert left_out_in_words({"still": 1}) == "1 track did not move"
    assert left_out_in_words({"short": 3, "nobody": 1}) == "3 tracks are shorter, 1 is perhaps no person"
