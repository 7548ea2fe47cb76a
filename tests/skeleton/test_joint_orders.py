"""Orders of joints: told apart, brought into each other, and named where they do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from gait_plugins import ConfigError, DataError, Stream, build
from gait_plugins.api.report import FindingLog
from gait_plugins.skeleton import ORDERS, Keypoints, joint_order, reorder
from gait_plugins.skeleton.orders import places


def test_published_maps_between_the_orders():
    coco, neck, limbs = ORDERS["coco17"], ORDERS["18"], ORDERS["limbs12"]
    assert places(coco, neck) == [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
    assert places(limbs, coco) == [6, 8, 14, 12, 7, 13, 5, 10, 16, 11, 9, 15]
    assert places(limbs, neck) == [2, 3, 9, 8, 6, 12, 5, 4, 10, 11, 7, 13]
    assert list(coco.mirrored) == [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15]
    assert list(neck.mirrored) == [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]


def test_sides_mirrored_twice_are_as_before():
    for order in ORDERS.values():
        assert [order.mirrored[place] for place in order.mirrored] == list(range(len(order)))


def test_joints_in_another_order_keep_their_places():
    points = np.arange(2 * 25 * 3, dtype=np.float32).reshape(2, 25, 3)
    small = reorder(points, ORDERS["25"], ORDERS["coco17"])
    assert np.array_equal(small[:, 11], points[:, ORDERS["25"].index("left_hip")])


def test_an_order_that_lacks_joints_is_named_beside_the_other():
    with pytest.raises(ConfigError, match=r"COCO's 17 joints hold no neck, .*18 joints"):
        reorder(np.zeros((1, 17, 3)), ORDERS["coco17"], ORDERS["18"])


def test_an_unknown_order_is_an_error_with_a_guess():
    with pytest.raises(ConfigError, match="no order of joints 'coca'"):
        joint_order("coca")
    assert joint_order("alphapose") is joint_order("openpose") is ORDERS["18"]


def test_a_model_for_other_joints_names_both_orders():
    given = Stream("keypoints", (18, 3), "float32")
    assert "18 joints with a neck" in str(Keypoints("coco17").misfit(given))
    assert "COCO's 17" in str(Keypoints("coco17").misfit(given))
    assert Keypoints("alphapose").misfit(given) is None


def test_files_with_other_joints_or_without_confidence_are_told():
    with pytest.raises(DataError, match=r"holds 18 joints.*expected COCO's 17"):
        Keypoints().checked(np.ones((2, 18, 3)), "x.pkl")
    with pytest.raises(DataError, match="without confidence"):
        Keypoints().checked(np.ones((2, 17, 2)), "x.pkl")


def test_configurations_name_the_order_as_opengait_does():
    assert build("stream", {"type": "Keypoints", "joints": "openpose"}).shape == (18, 3)


def test_a_data_check_tells_of_joints_that_were_not_found():
    frames = np.ones((6, 17, 3), np.float32)
    log = FindingLog()
    Keypoints().examine(frames, "whole", log)
    assert log.findings() == ()
    frames[:, 16] = 0
    frames[2:4] = 0
    Keypoints().examine(frames, "gappy", log)
    Keypoints().examine(np.zeros_like(frames), "nobody", log)
    assert [finding.examples for finding in log.findings()] == [
        ("gappy (2 of 6 frames)", "nobody (6 of 6 frames)"),
        ("gappy (right ankle)",),
    ]


@pytest.mark.parametrize(("joints", "reorders"), [(25, True), (18, True), (12, False)])
def test_joints_of_another_order_that_hold_the_expected_ones_can_be_prepared_anew(
    joints: int, reorders: bool
):
    with pytest.raises(DataError) as caught:
        Keypoints().checked(np.ones((3, joints, 3), np.float32), "a walk")
    assert ("--reorder coco17" in (caught.value.hint or "")) == reorders
