"""Walkers are people: deterministic, distinct, aligned, present in every view and condition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gait_plugins.plugins.walkers.body.motion import pose
from gait_plugins.plugins.walkers.body.skeleton import Identity, identity, measures
from gait_plugins.plugins.walkers.image.align import align, binarise, centre
from gait_plugins.plugins.walkers.image.camera import VIEWS, Camera
from gait_plugins.plugins.walkers.image.noise import degrade
from gait_plugins.plugins.walkers.image.render import CORNERS, draw, outlines
from gait_plugins.plugins.walkers.walk import mood, silhouettes, walk

SEED = 5


@pytest.fixture(scope="module")
def person() -> Identity:
    return identity(SEED, 1)


def sequence(
    number: int, kind: str, view: str, *, seed: int = SEED, frames: int = 6, noise: float = 1.0
) -> np.ndarray:
    walked = walk(identity(seed, number), seed, number, kind, frames)
    return silhouettes(walked, seed, number, kind, view, noise)


def check_aligned(frames: np.ndarray) -> None:
    assert frames.dtype == np.uint8
    assert frames.shape[1:] == (64, 64)
    assert set(np.unique(frames)) <= {0, 255}
    assert frames[:, 0].any(1).all()
    assert frames[:, -1].any(1).all()
    mass = np.count_nonzero(frames, axis=1).cumsum(1)
    middle = (2 * mass <= mass[:, -1:]).sum(1)
    assert np.abs(middle - 32).max() <= 1


@pytest.mark.parametrize("kind", ["nm-01", "bg-01", "bg-02", "cl-01"])
def test_every_view_shows_an_aligned_person(kind: str) -> None:
    walked = walk(identity(SEED, 2), SEED, 2, kind, 8)
    for view in VIEWS:
        frames = silhouettes(walked, SEED, 2, kind, view, 1.0)
        check_aligned(frames)
        filled = (frames > 0).mean((1, 2))
        assert filled.min() > 0.05
        assert filled.max() < 0.6


def test_a_sequence_is_a_function_of_its_seed_and_name() -> None:
    first = sequence(3, "bg-01", "054")
    sequence(1, "nm-01", "000")
    np.testing.assert_array_equal(first, sequence(3, "bg-01", "054"))


@pytest.mark.parametrize(
    "other",
    [
        {"number": 4},
        {"kind": "bg-02"},
        {"view": "072"},
        {"seed": 6},
    ],
    ids=str,
)
def test_another_name_or_seed_is_another_sequence(other: dict) -> None:
    name = {"number": 3, "kind": "bg-01", "view": "054", "seed": SEED}
    assert not np.array_equal(sequence(**name), sequence(**(name | other)))


def test_a_longer_sequence_begins_alike_in_motion(person: Identity) -> None:
    short, long = (walk(person, SEED, 1, "nm-01", frames) for frames in (5, 9))
    np.testing.assert_allclose(short.centres, long.centres[:5])


def test_feet_stay_on_the_ground_and_arms_swing_against_legs(person: Identity) -> None:
    phase = np.arange(0, 2, 0.02)
    joints = pose(person.body, person.style, phase).joints
    soles = np.stack([joints[f"{part}_{side}"][:, 2] for part in ("heel", "ball", "toe") for side in "lr"])
    assert np.abs(soles.min(0)).max() < 1e-9
    for arm, leg in (("l", "r"), ("r", "l")):
        hand = joints[f"hand_{arm}"][:, 0] - joints["throat"][:, 0]
        foot = joints[f"ankle_{leg}"][:, 0] - joints["pelvis"][:, 0]
        assert np.corrcoef(hand, foot)[0, 1] > 0.5


@given(number=st.integers(1, 500))
@settings(max_examples=25, deadline=None)
def test_bones_keep_their_lengths(number: int) -> None:
    who = identity(SEED, number)
    joints = pose(who.body, who.style, np.linspace(0, 1, 12)).joints
    for start, end, length in (
        ("hip", "knee", who.body.thigh),
        ("knee", "ankle", who.body.shank),
        ("shoulder", "elbow", who.body.upper_arm),
        ("elbow", "wrist", who.body.forearm),
    ):
        for side in "lr":
            bone = np.linalg.norm(joints[f"{end}_{side}"] - joints[f"{start}_{side}"], axis=1)
            # Trunk and toes turn the limbs' planes, which stretches a bone by a few per cent at most.
            np.testing.assert_allclose(bone, length, rtol=0.04)


def test_one_person_is_more_alike_than_two() -> None:
    """Energy images of the same view: the nearest walk is mostly the same person's."""
    people = range(1, 7)
    images = {
        (number, kind): sequence(number, kind, "090", frames=28).mean(0)
        for number in people
        for kind in ("nm-01", "nm-02")
    }
    hits = 0
    for number in people:
        distance = [np.linalg.norm(images[number, "nm-02"] - images[other, "nm-01"]) for other in people]
        hits += int(np.argmin(distance)) + 1 == number
    assert hits >= 5


def test_people_differ_more_than_a_person_between_days() -> None:
    people = [identity(SEED, number) for number in range(1, 40)]
    rng = np.random.default_rng(0)
    between = np.std([p.style.arm_swing for p in people])
    within = np.std([mood(people[0].style, rng).arm_swing for _ in range(40)])
    assert within < between / 2
    bodies = np.stack([measures(p.body) for p in people])
    assert (bodies.std(0) / bodies.mean(0)).min() > 0.03


def test_no_spread_makes_everybody_average() -> None:
    np.testing.assert_array_equal(*(measures(identity(SEED, n, spread=0.0).body) for n in (1, 2)))


def test_a_coat_and_a_bag_add_to_the_silhouette() -> None:
    def area(kind: str) -> float:
        return float(np.mean([(sequence(n, kind, "090", noise=0.0) > 0).mean() for n in range(1, 9)]))

    assert area("cl-01") > 1.1 * area("nm-01")
    assert area("bg-01") > 1.03 * area("nm-01")


# --- parts of the pipeline ---------------------------------------------------------------------


def test_the_camera_sees_left_and_right_as_a_person_would() -> None:
    left, forward = np.array([[[0.0, 1.0, 0.5]]]), np.array([[[1.0, 0.0, 0.5]]])
    ball = np.eye(3)[None, None] * 0.01
    assert Camera(0).project(left, ball)[0][0, 0, 0] > 0.9
    assert Camera(180).project(left, ball)[0][0, 0, 0] < -0.9
    assert Camera(90).project(forward, ball)[0][0, 0, 0] < -0.9


def test_an_outline_of_two_discs_is_their_hull() -> None:
    centres = np.array([[[0.0, 0.0], [0.4, 0.0]]])
    shapes = np.array([[np.eye(2) * 0.1**2, np.eye(2) * 0.2**2]])
    (polygon,) = outlines(centres, shapes, np.array([[0, 1, 1, 1]]))[0]
    assert polygon.shape == (CORNERS, 2)
    np.testing.assert_allclose(polygon[:, 0].max(), 0.6, atol=1e-5)
    np.testing.assert_allclose(np.abs(polygon[:, 1]).max(), 0.2, atol=0.01)
    # Every corner lies on one of the two circles.
    gaps = [np.abs(np.linalg.norm(polygon - c, axis=1) - r) for c, r in (((0, 0), 0.1), ((0.4, 0), 0.2))]
    assert np.minimum(*gaps).max() < 1e-5


def test_drawing_fills_the_outline_and_leaves_a_margin() -> None:
    square = np.array([[-0.25, -0.25], [0.25, -0.25], [0.25, 0.25], [-0.25, 0.25]])
    (frame,) = draw(square[None, None])
    assert np.count_nonzero(frame) == pytest.approx(42**2, rel=0.06)
    assert not np.concatenate([frame[:2], frame[-2:], frame[:, :2].T, frame[:, -2:].T], axis=None).any()


@given(
    top=st.integers(0, 60),
    left=st.integers(0, 80),
    height=st.integers(4, 40),
    width=st.integers(1, 30),
)
@settings(max_examples=40, deadline=None)
def test_alignment_cuts_and_centres_any_box(top: int, left: int, height: int, width: int) -> None:
    frames = np.zeros((2, 104, 112), np.uint8)
    frames[:, top : top + height, left : left + width] = 255
    aligned = align(frames)
    assert (aligned[:, :, 31:33] > 0).any(2).all()
    check_aligned(aligned)


def test_an_empty_frame_stays_empty() -> None:
    assert not align(np.zeros((2, 104, 112), np.uint8)).any()


def test_a_thin_head_is_not_lost() -> None:
    grey = np.zeros((1, 8, 8), np.uint8)
    grey[0, 0, 3] = 60
    grey[0, 1:, 2:5] = 200
    assert binarise(grey)[0, 0].tolist() == [0, 0, 0, 255, 0, 0, 0, 0]


def test_centring_never_wraps_around() -> None:
    frames = np.zeros((1, 4, 16), np.uint8)
    frames[0, :, 15] = 255
    assert centre(frames, 8)[0, 0].tolist() == [0, 0, 0, 0, 255, 0, 0, 0]


def test_noise_changes_edges_but_not_the_person() -> None:
    frames = np.zeros((20, 91, 36), np.uint8)
    frames[:, 3:-3, 3:-3] = 255
    rng = np.random.default_rng(3)
    noisy = degrade(frames, rng, 1.0)
    assert set(np.unique(noisy)) == {0, 255}
    changed = (noisy != frames).mean((1, 2))
    assert 0 < changed.mean() < 0.05
    assert not noisy[:, :2].any()
    assert degrade(frames, rng, 0.0) is frames
