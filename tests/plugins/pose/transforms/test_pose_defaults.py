"""What the transforms of joints do by default where the published ones have a trap."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.golden_poses import holes, keypoints

import gait_plugins
from gait_plugins.api import Stream, Transform
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.plugins.pose.models.gaitgraph import three_branches
from gait_plugins.skeleton import Keypoints
from gait_plugins.skeleton.bones import SKELETONS
from gait_plugins.skeleton.orders import ORDERS
from gait_plugins.testing import check_transform

ALL = [
    "RandomSelectSequence",
    "SelectSequenceCenter",
    "FlipSequence",
    "MirrorPoses",
    "InversePosesPre",
    "NormalizeEmpty",
    "PointNoise",
    "JointNoise",
    "RandomMove",
    "GaitTRMultiInput",
    "GaitGraphMultiInput",
    "GaitGraph1Input",
    "SkeletonInput",
    "MSGGTransform",
]
OF_JOINTS = [
    name for name in ALL if name not in ("RandomSelectSequence", "SelectSequenceCenter", "FlipSequence")
]
WITH_FORMAT = ("InversePosesPre", "GaitTRMultiInput", "GaitGraphMultiInput", "MSGGTransform")


def pose(name: str, **options: Any) -> Transform:
    built: Transform = gait_plugins.build("transform", {"type": name, **options})
    return built


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def joints(frames: int = 11, count: int = 17) -> np.ndarray:
    return keypoints(1, frames, count)[0].astype(np.float32)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("order", ["coco17", "18"])
def test_every_transform_keeps_its_contract_in_both_orders(name: str, order: Any) -> None:
    check_transform(pose(name), stream=Keypoints(order))


@pytest.mark.parametrize("name", ALL)
def test_float32_stays_float32_and_other_frames_stay_unharmed(name: str) -> None:
    assert pose(name)(joints(), rng()).dtype == np.float32


# --- joints that were not found


def test_an_absent_joint_goes_to_the_mean_of_those_found_whatever_the_order() -> None:
    given = holes(joints())
    found = pose("NormalizeEmpty")(given, rng())
    absent = given[..., 0] == 0
    for frame in range(len(given)):
        centre = given[frame, ~absent[frame], :2].mean(0)
        np.testing.assert_allclose(
            found[frame, absent[frame], :2], np.tile(centre, (absent[frame].sum(), 1)), rtol=1e-5
        )
    assert not found[absent][:, 2].any()
    np.testing.assert_array_equal(found[~absent], given[~absent])
    turned = pose("NormalizeEmpty")(given[:, ::-1], rng())[:, ::-1]
    np.testing.assert_allclose(turned, found, rtol=1e-5)


def test_the_published_filling_depends_on_the_order_of_the_joints() -> None:
    given = holes(joints())
    published = pose("NormalizeEmpty", published=True)
    found, turned = published(given, rng()), published(given[:, ::-1], rng())[:, ::-1]
    assert np.abs(found - turned).max() > 1


def test_a_frame_without_any_joint_stays_as_it_is() -> None:
    given = joints()
    given[3] = 0
    found = pose("NormalizeEmpty")(given, rng())
    assert np.isfinite(found).all()
    assert not found[3].any()


# --- clips


def test_every_window_is_drawn_and_all_frames_when_there_are_just_as_many() -> None:
    frames = np.arange(12)
    starts = {int(pose("RandomSelectSequence", sequence_length=10)(frames, rng(s))[0]) for s in range(60)}
    assert starts == {0, 1, 2}
    published = pose("RandomSelectSequence", sequence_length=10, published=True)
    assert {int(published(frames, rng(s))[0]) for s in range(60)} == {0, 1}
    np.testing.assert_array_equal(pose("RandomSelectSequence", sequence_length=12)(frames, rng()), frames)


@pytest.mark.parametrize("frames", [12, 8])
def test_a_clip_that_does_not_fit_is_an_error_as_published(frames: int) -> None:
    published = pose("RandomSelectSequence", sequence_length=12, published=True)
    with pytest.raises(DataError, match=f"more than 12 frames, found {frames}"):
        published(np.arange(frames), rng())


@pytest.mark.parametrize("name", ["RandomSelectSequence", "SelectSequenceCenter"])
def test_a_short_sequence_is_repeated_end_to_end(name: str) -> None:
    found = pose(name, sequence_length=12)(np.arange(5), rng())
    np.testing.assert_array_equal(found, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1])


def test_the_published_centre_of_a_short_sequence_is_a_scrap() -> None:
    assert len(pose("SelectSequenceCenter", sequence_length=12, published=True)(np.arange(8), rng())) == 2


def test_a_random_clip_is_the_middle_one_in_a_test() -> None:
    given = joints(30)
    drawn = pose("RandomSelectSequence", sequence_length=10)
    chain = {"type": "Compose", "trf_cfg": [{"type": "RandomSelectSequence", "sequence_length": 10}]}
    for each in (drawn, gait_plugins.build("transform", chain)):
        found = [each.at_test()(given, rng(seed)) for seed in range(4)]
        assert all(np.array_equal(given[10:20], other) for other in found)
    same = pose("RandomSelectSequence", sequence_length=10, random_at_test=True)
    assert same.at_test() is same
    two = {**chain, "type": "TwoView"}
    view = gait_plugins.build("transform", two).at_test()(given, rng())
    np.testing.assert_array_equal(view, given[10:20])  # a test has one view


def test_a_clip_needs_a_length() -> None:
    with pytest.raises(ConfigError, match="sequence_length of SelectSequenceCenter is 0"):
        pose("SelectSequenceCenter", sequence_length=0)


# --- left and right


def test_a_mirrored_walk_has_left_and_right_changed() -> None:
    given = holes(joints())
    found = pose("MirrorPoses", prob=1)(given, rng())
    order = ORDERS["coco17"]
    left, right = order.index("left_wrist"), order.index("right_wrist")
    absent = given[..., 0] == 0
    for frame in range(len(given)):
        centre = given[frame, ~absent[frame], 0].mean()
        for one, other in ((left, right), (right, left), (0, 0)):
            wanted = 0 if absent[frame, other] else 2 * centre - given[frame, other, 0]
            np.testing.assert_allclose(found[frame, one, 0], wanted, rtol=1e-5)
            np.testing.assert_array_equal(found[frame, one, 1:], given[frame, other, 1:])


def test_a_walk_that_is_mirrored_twice_is_itself() -> None:
    given = holes(joints(count=18))
    mirror = pose("MirrorPoses", prob=1)
    np.testing.assert_allclose(mirror(mirror(given, rng()), rng()), given, rtol=1e-5, atol=1e-4)


def test_published_mirroring_keeps_the_labels() -> None:
    given = joints()
    found = pose("MirrorPoses", prob=1, published=True)(given, rng())
    np.testing.assert_array_equal(found[..., 1:], given[..., 1:])


# --- noise


def test_noise_leaves_the_confidence_alone_unless_published() -> None:
    given = joints()
    for name in ("PointNoise", "JointNoise"):
        found = pose(name, std=3)(given, rng())
        np.testing.assert_array_equal(found[..., 2], given[..., 2])
        assert np.abs(found[..., :2] - given[..., :2]).max() > 1
    published = pose("PointNoise", std=3, published=True)(given, rng())
    assert published[..., 2].max() > 1


def test_joint_noise_is_the_same_in_all_frames_and_point_noise_is_not() -> None:
    given = np.zeros((5, 17, 3), np.float32)
    assert np.ptp(pose("JointNoise", std=3)(given, rng()), axis=0).max() == 0
    assert np.ptp(pose("PointNoise", std=3)(given, rng()), axis=0).max() > 0


# --- inputs of the networks


def test_full_branches_hold_both_coordinates_and_the_confidence() -> None:
    given = joints()
    found = pose("GaitGraphMultiInput", full=True)(given, rng())
    published = pose("GaitGraphMultiInput")(given, rng())
    at = given[..., :2]
    parents = list(SKELETONS["coco17"].parents)
    np.testing.assert_array_equal(found[:, :, 0], published[:, :, 0])
    for branch in (1, 2):
        assert not published[:, :, branch, 2].any()
        np.testing.assert_array_equal(published[:, :, branch, 3], given[..., 2])
        np.testing.assert_array_equal(found[:, :, branch, 2], given[..., 2])
        np.testing.assert_array_equal(found[:-2, :, branch, 4], published[:-2, :, branch, 4])
    np.testing.assert_array_equal(found[:-2, :, 1, 3:], at[2:] - at[:-2])
    np.testing.assert_array_equal(found[:-1, :, 1, :2], at[1:] - at[:-1])
    assert not published[-2:, :, 1, :2].any()
    bones = at - at[:, parents]
    length = np.linalg.norm(bones, axis=-1, keepdims=True)
    np.testing.assert_allclose(found[:, :, 2, 3:], np.arccos(bones / (length + 1e-4)), atol=1e-3)


def test_full_motion_reaches_the_last_frame_but_one() -> None:
    given = joints()
    found, published = (pose("GaitTRMultiInput", full=full)(given, rng()) for full in (True, False))
    np.testing.assert_array_equal(found[-2, :, 4:6], given[-1, :, :2] - given[-2, :, :2])
    assert not published[-2:, :, 4:8].any()
    np.testing.assert_array_equal(found[:-2], published[:-2])


@pytest.mark.parametrize("frames", [1, 2, 3])
@pytest.mark.parametrize("name", ["GaitTRMultiInput", "GaitGraphMultiInput"])
@pytest.mark.parametrize("full", [True, False])
def test_very_short_clips_have_finite_inputs(frames: int, name: str, full: bool) -> None:
    found = pose(name, full=full)(joints(frames), rng())
    assert len(found) == frames
    assert np.isfinite(found).all()


def test_msgg_chooses_by_the_order_of_the_data() -> None:
    for order in ("coco17", "18"):
        given = joints(count=len(ORDERS[order]))
        found = pose("MSGGTransform")(given, rng())
        shoulder = ORDERS[order].index("right_shoulder")
        np.testing.assert_array_equal(found[:, 0], given[:, shoulder])
    published = pose("MSGGTransform", published=True)(joints(count=18), rng())
    np.testing.assert_array_equal(published[:, 0], joints(count=18)[:, 6])


# --- two views


def steps(*, published: bool) -> dict[str, Any]:
    inverse = {"type": "InversePosesPre", "probability": 0.5}
    return {"type": "TwoView", "trf_cfg": [inverse], "published": published}


def test_each_view_begins_with_the_sequence_as_it_was() -> None:
    given = joints(40)
    swapped = given[:, list(ORDERS["coco17"].mirrored)]
    found = gait_plugins.build("transform", steps(published=False))(given, rng())
    assert found.shape == (80, 17, 3)
    shares = []
    for view in (found[:40], found[40:]):
        changed = (view == swapped).all((1, 2))
        np.testing.assert_array_equal(view[~changed], given[~changed])
        shares.append(changed)
    draws = rng().random(80) < 0.5
    np.testing.assert_array_equal(np.concatenate(shares), draws)


def test_published_the_second_view_begins_with_what_the_first_left() -> None:
    given = joints(40)
    swapped = given[:, list(ORDERS["coco17"].mirrored)]
    found = gait_plugins.build("transform", steps(published=True))(given, rng())
    draws = rng().random((2, 40)) < 0.5
    np.testing.assert_array_equal((found[40:] == swapped).all((1, 2)), draws[0] ^ draws[1])


def test_views_of_unequal_frames_are_an_error() -> None:
    class Growing(Transform):
        calls = 0

        def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
            self.calls += 1
            return sequence[:, : self.calls]

    from gait_plugins.plugins.pose.transforms.two_view import TwoView

    with pytest.raises(DataError, match="the two views have frames"):
        TwoView([Growing()])(joints(), rng())


# --- orders of joints


@pytest.mark.parametrize("name", WITH_FORMAT)
@pytest.mark.parametrize("given", ["coco", "alphapose", "openpose"])
def test_another_order_than_the_data_is_an_error_that_names_both(name: str, given: str) -> None:
    theirs, count = ("18 joints with a neck", 18) if given == "coco" else ("COCO's 17 joints", 17)
    transform = pose(name, joint_format=given)
    said = f"joint_format of {name} is '{given}' \\(.*\\), but the data have {theirs}"
    with pytest.raises(ConfigError, match=said):
        transform.becomes(Keypoints("18" if count == 18 else "coco17"))
    with pytest.raises(ConfigError, match=said):
        transform(joints(count=count), rng())


def test_what_the_frames_become_has_the_order_in_its_shape() -> None:
    given = Keypoints("18")
    shapes = {
        "GaitTRMultiInput": (18, 10),
        "GaitGraphMultiInput": (18, 3, 5),
        "GaitGraph1Input": (3, 18, 1),
        "SkeletonInput": (3, 18, 1),
        "MSGGTransform": (12, 3),
        "MirrorPoses": (18, 3),
    }
    for name, shape in shapes.items():
        said = pose(name).becomes(given)
        assert said is not None
        assert said.shape == shape
    chain = [{"type": "NormalizeEmpty"}, {"type": "GaitTRMultiInput"}, {"type": "SkeletonInput"}]
    for name in ("Compose", "TwoView"):
        said = gait_plugins.build("transform", {"type": name, "trf_cfg": chain}).becomes(given)
        assert said.shape == (10, 18, 1)


@pytest.mark.parametrize("name", OF_JOINTS)
def test_other_streams_are_refused_before_any_frame_is_read(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} takes joints"):
        pose(name).becomes(Stream("skeleton_maps", (2, 64, 64)))


@pytest.mark.parametrize("name", [n for n in OF_JOINTS if n not in ("GaitGraph1Input", "SkeletonInput")])
def test_joints_without_confidence_are_an_error(name: str) -> None:
    with pytest.raises(DataError, match=f"{name} takes joints of x, y and confidence"):
        pose(name)(joints()[..., :2], rng())


def test_an_unknown_number_of_joints_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(DataError, match=r"there are 19 joints in a frame, expected 17 .*18"):
        pose("GaitTRMultiInput")(np.ones((4, 19, 3), np.float32), rng())
    with pytest.raises(ConfigError, match="knows no bones of OpenPose's 25 joints"):
        pose("GaitGraphMultiInput")(np.ones((4, 25, 3), np.float32), rng())


def test_a_centre_beyond_the_joints_is_an_error() -> None:
    with pytest.raises(ConfigError, match="center of GaitGraphMultiInput is 17, but there are 17 joints"):
        pose("GaitGraphMultiInput", center=17).becomes(Keypoints("coco17"))


@pytest.mark.parametrize("order", ["coco17", "18"])
def test_the_branches_are_those_that_gaitgraph2_makes_of_its_further_clips(order: str) -> None:
    found = pose("GaitGraphMultiInput")(joints(count=len(ORDERS[order])), rng())
    remade = three_branches(torch.from_numpy(found[None, :, :, 0]), SKELETONS[order])[0]
    np.testing.assert_allclose(found, remade, rtol=1e-5, atol=4e-4)  # of float32, acos near 1


def test_small_angles_of_float32_joints_are_exact() -> None:
    given = keypoints(1, 30, 17)[0].astype(np.float32)
    given[..., 0] = given[:, :1, 0] + 1e-3 * np.arange(17, dtype=np.float32)
    branches = pose("GaitGraphMultiInput", full=True)
    np.testing.assert_allclose(branches(given, rng()), branches(given.astype(np.float64), rng()), atol=1e-5)
