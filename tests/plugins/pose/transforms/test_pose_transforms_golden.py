"""Transforms of joints against what the published ones gave, draw by draw."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.golden_poses import holes, keypoints
from helpers.golden_rules import golden
from helpers.replayed_draws import ReplayedDraws, calls

import gait_plugins

FRAMES, SHORT = 11, 6
PUBLISHED = {"published": True}


def pose(name: str, **options: Any) -> dict[str, Any]:
    return {"type": name, **options}


def two_views(*steps: dict[str, Any]) -> dict[str, Any]:
    return pose("TwoView", trf_cfg=list(steps), **PUBLISHED)


def in_a_row(*steps: dict[str, Any]) -> dict[str, Any]:
    return pose("Compose", trf_cfg=list(steps))


SELECT = pose("RandomSelectSequence", sequence_length=SHORT, **PUBLISHED)
CASES: dict[str, tuple[dict[str, Any], int]] = {
    "select_random": (SELECT, 17),
    "select_center": (pose("SelectSequenceCenter", sequence_length=SHORT), 17),
    "select_center_plus1": (pose("SelectSequenceCenter", sequence_length=SHORT + 1), 17),
    "select_center_too_short": (pose("SelectSequenceCenter", sequence_length=16, **PUBLISHED), 17),
    "mirror": (pose("MirrorPoses", prob=1.0, **PUBLISHED), 17),
    "mirror_half": (pose("MirrorPoses", prob=0.5, **PUBLISHED), 17),
    "normalize_empty": (pose("NormalizeEmpty", **PUBLISHED), 17),
    "random_move": (pose("RandomMove", random_r=[4, 1]), 17),
    "point_noise": (pose("PointNoise", std=0.05, **PUBLISHED), 17),
    "joint_noise": (pose("JointNoise", std=0.25), 17),
    "flip_sequence": (pose("FlipSequence", probability=0.5), 17),
    "inverse_coco": (pose("InversePosesPre", probability=0.3, joint_format="coco"), 17),
    "inverse_alphapose": (pose("InversePosesPre", probability=0.3, joint_format="alphapose"), 18),
    "gaittr_input_coco": (pose("GaitTRMultiInput", joint_format="coco"), 17),
    "gaittr_input_alphapose": (pose("GaitTRMultiInput", joint_format="alphapose"), 18),
    "gaitgraph_input_coco": (pose("GaitGraphMultiInput", joint_format="coco"), 17),
    "gaitgraph_input_alphapose": (pose("GaitGraphMultiInput", joint_format="alphapose"), 18),
    "msgg_coco": (pose("MSGGTransform", joint_format="coco"), 17),
    "msgg_alphapose": (pose("MSGGTransform", joint_format="alphapose"), 18),
    "msgg_coco_mask_on_18": (pose("MSGGTransform", **PUBLISHED), 18),
    "gaitgraph1_input": (pose("GaitGraph1Input"), 17),
    "skeleton_input": (pose("SkeletonInput"), 17),
    "chain_gaitgraph1_twoview": (
        two_views(
            pose("InversePosesPre", probability=0.5),
            pose("FlipSequence", probability=0.5),
            SELECT,
            pose("PointNoise", std=0.05, **PUBLISHED),
            pose("JointNoise", std=0.2),
            pose("GaitGraph1Input"),
        ),
        17,
    ),
    "chain_gaitgraph1_twoview_mirror": (
        two_views(
            pose("MirrorPoses", prob=0.5, **PUBLISHED),
            pose("FlipSequence", probability=0.5),
            SELECT,
            pose("GaitGraph1Input"),
        ),
        17,
    ),
    "chain_gaitgraph2": (
        in_a_row(
            pose("NormalizeEmpty", **PUBLISHED),
            pose("FlipSequence", probability=0.5),
            pose("InversePosesPre", probability=0.3),
            pose("JointNoise", std=0.25),
            pose("PointNoise", std=0.05, **PUBLISHED),
            pose("RandomMove", random_r=[4, 1]),
            pose("GaitGraphMultiInput"),
        ),
        17,
    ),
    "chain_gaittr": (
        in_a_row(
            pose("PointNoise", std=0.3, **PUBLISHED),
            pose("InversePosesPre", probability=0.3),
            pose("JointNoise", std=0.3),
            pose("GaitTRMultiInput"),
            pose("SkeletonInput"),
        ),
        17,
    ),
}
"""Recorded case -> the transform and the number of joints that it was recorded with."""
CHANNELS_FIRST = ("gaitgraph1_input", "chain_gaitgraph1_twoview", "chain_gaitgraph1_twoview_mirror")
"""Cases recorded as ``[3, t, v, 1]``; ours have the frames first."""


@pytest.mark.parametrize("case", CASES)
def test_transforms_give_the_recorded_joints(case: str) -> None:
    recorded = golden("pose/pose_transforms")
    config, joints = CASES[case]
    given = keypoints(1, FRAMES, joints)[0]
    if case in ("normalize_empty", "chain_gaitgraph2"):
        given = holes(given)
    expected = recorded[f"{case}_out"]
    random = f"{case}_draw_kind" in recorded
    draws = calls(recorded, case) if random else [ReplayedDraws([], [])]
    expected = expected if len(draws) > 1 else expected[None]
    if case in CHANNELS_FIRST:
        expected = expected.swapaxes(1, 2)
    transform, kept = gait_plugins.build("transform", config), given.copy()
    for each, wanted in zip(draws, expected, strict=True):
        found = transform(given, each)
        assert each.used == len(each.values)
        np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-9)
        np.testing.assert_array_equal(given, kept)


def test_every_recorded_case_is_tried() -> None:
    recorded = {name.removesuffix("_out") for name in golden("pose/pose_transforms") if name.endswith("_out")}
    assert recorded - {"coco18_to_17"} == set(CASES)


def test_the_12_joints_of_msgg_and_17_of_18_are_the_recorded_ones() -> None:
    from gait_plugins.skeleton.orders import ORDERS, places, reorder

    recorded = golden("pose/pose_transforms")
    coco, neck = ORDERS["coco17"], ORDERS["18"]
    np.testing.assert_array_equal(places(ORDERS["limbs12"], coco), recorded["msgg_pretreatment_index"])
    found = reorder(keypoints(1, FRAMES, 18)[0], neck, coco)
    np.testing.assert_array_equal(found, recorded["coco18_to_17_out"])
