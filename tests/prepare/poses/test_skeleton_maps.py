"""Skeleton maps: the recorded ones to the grey level, and what is done otherwise by default."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from helpers.golden_poses import holes, keypoints
from helpers.golden_rules import golden

from gait_plugins.errors import ConfigError
from gait_plugins.prepare.poses import MapRule, skeleton_maps
from gait_plugins.prepare.poses.drawing import drawn_joints, drawn_limbs
from gait_plugins.prepare.poses.impute import by_neighbours
from gait_plugins.prepare.poses.maps import CANVAS, centred, cleaned, grey, imputed, placed
from gait_plugins.skeleton import ORDERS, JointOrder, reorder

COCO = ORDERS["coco17"]
PUBLISHED = MapRule(published=True)
POINTS = keypoints(1, 6, 17)[0]


def _empty_joint() -> np.ndarray:
    points = POINTS[:4].copy()
    points[:, 9] = 0
    points[1, 4] = 0
    return points


def _low() -> np.ndarray:
    points = POINTS[:2].copy()
    points[0, :, 2] *= 0.2
    points[1, 5:, 2] = 0
    return points


CASES: dict[str, tuple[np.ndarray, MapRule, JointOrder]] = {
    "coco17": (POINTS[:3], PUBLISHED, COCO),
    "holes": (holes(POINTS), PUBLISHED, COCO),
    "empty_joint": (_empty_joint(), PUBLISHED, COCO),
    "coco18": (keypoints(1, 6, 18)[0, :3], PUBLISHED, ORDERS["18"]),
    "simple": (holes(POINTS)[:4], replace(PUBLISHED, impute="simple"), COCO),
    "low_conf": (_low(), PUBLISHED, COCO),
    "sigma3": (POINTS[:2], replace(PUBLISHED, sigma=3.0), COCO),
    "noalign": (POINTS[:2], replace(PUBLISHED, align=False), COCO),
}


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return golden("pose/heatmap")


# --- as published ------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_every_step_is_the_recorded_one(case: str, recorded: dict[str, np.ndarray]):
    points, rule, order = CASES[case]
    filled = imputed(reorder(points, order, COCO), rule)
    np.testing.assert_allclose(filled, recorded[f"{case}_padded"], rtol=0, atol=1e-11)
    on_canvas, flat = centred(filled, rule)
    np.testing.assert_allclose(on_canvas, recorded[f"{case}_norm"], rtol=0, atol=1e-11)
    assert not flat.any()


@pytest.mark.parametrize("case", CASES)
def test_maps_are_the_recorded_ones_to_the_grey_level(case: str, recorded: dict[str, np.ndarray]):
    maps = skeleton_maps(*CASES[case])
    assert maps.dtype == np.uint8
    assert maps.shape == recorded[f"{case}_out"].shape
    # Two truncations: one level is what rounding may do.
    assert np.abs(maps.astype(int) - recorded[f"{case}_out"]).max() <= 1
    assert (maps != recorded[f"{case}_out"]).mean() < 0.001


@pytest.mark.parametrize("case", ["coco17", "holes", "coco18"])
@pytest.mark.parametrize(("channel", "draw"), [("bone", drawn_limbs), ("joint", drawn_joints)])
def test_what_is_drawn_is_the_recorded_strength_and_grey(case, channel, draw, recorded):
    points, rule, order = CASES[case]
    skeleton = placed(points, rule, order)[0]
    strength = draw(skeleton[:1, :, :2], skeleton[:1, :, 2], rule.sigma, CANVAS)
    raw = recorded[f"{case}_{channel}_raw_frame0_every4"]
    np.testing.assert_allclose(strength[0, ::4, ::4], raw, rtol=0, atol=1e-6)
    difference = grey(strength)[0].astype(int) - recorded[f"{case}_{channel}_grey_frame0"]
    assert np.abs(difference).max() <= 1


def test_published_hips_of_18_joints_are_the_knees(recorded: dict[str, np.ndarray]):
    points = keypoints(1, 6, 18)[0, :2]
    norm = recorded["openpose18_norm"]
    np.testing.assert_allclose(centred(points, PUBLISHED, ORDERS["18"])[0], norm, rtol=0, atol=1e-11)
    ours = centred(points, MapRule(), ORDERS["18"])[0]
    np.testing.assert_allclose(ours[:, [8, 11], :2].mean(1), 64, atol=1e-9)


def test_greys_are_those_of_a_colour_map_of_256_steps():
    strengths = (np.arange(256, dtype=np.float32) / 256).reshape(1, 16, 16)
    one_less = np.flatnonzero(grey(strengths).ravel() != np.arange(256)).tolist()
    assert len(one_less) == 24
    assert one_less[:3] == [33, 37, 41]
    assert grey(np.array([[[1.0, 3.0]]], np.float32)).tolist() == [[[255, 255]]]


# --- by default --------------------------------------------------------------------------------


def test_limbs_and_joints_are_cut_alike():
    # The ankles are sure, and the knees are not: limbs end higher than joints do.
    points = POINTS[:1].copy()
    points[:, :, 2] = 0.9
    points[:, 13:15, 2] = 0
    ours, theirs = (skeleton_maps(points, MapRule(published=switch)).astype(int) for switch in (False, True))
    assert np.abs(ours - theirs).max() > 20
    canvas = placed(points, MapRule())[0]
    drawn = drawn_limbs(canvas[..., :2], canvas[..., 2], 8.0, CANVAS)[0]
    joints = drawn_joints(canvas[..., :2], canvas[..., 2], 8.0, CANVAS)[0]
    rows = np.flatnonzero((grey(drawn[None])[0] > 0).any(1) | (grey(joints[None])[0] > 0).any(1))
    side = rows[-1] - rows[0] + 1
    limb_rows = np.flatnonzero((grey(drawn[None])[0] > 0).any(1))
    last = (limb_rows[-1] + 1 - rows[0]) / side * 64
    assert np.flatnonzero(ours[0, 0].any(1))[-1] <= last < 62


def test_a_joint_missing_in_all_frames_moves_nothing():
    points = _empty_joint()
    whole = POINTS[:4]
    skeleton = placed(points, MapRule())[0]
    expected = placed(whole, MapRule())[0]
    others = np.delete(np.arange(17), [4, 9])
    np.testing.assert_allclose(skeleton[:, others], expected[:, others], atol=1e-9)
    # The other joint, missing in one frame alone, is imputed.
    assert np.abs(skeleton[1, 4, :2] - expected[1, 4, :2]).max() < 25
    assert skeleton[1, 4, 2] == 0


@pytest.mark.parametrize("hips", [[11], [11, 12]])
def test_hips_missing_in_all_frames_still_give_a_centre(hips: list[int]):
    points = POINTS[:3].copy()
    points[:, hips] = 0
    skeleton = placed(points, MapRule())[0]
    known = [12] if hips == [11] else np.delete(np.arange(17), hips)
    np.testing.assert_allclose(skeleton[:, known, :2].mean(1), 64, atol=1e-9)


def test_a_frame_of_one_height_is_told_and_black():
    points = POINTS[:3].copy()
    points[1, :, 1] = 70
    skeleton, flat = placed(points, MapRule())
    assert flat.tolist() == [False, True, False]
    assert np.isfinite(skeleton).all()
    maps = skeleton_maps(points, PUBLISHED)
    assert not maps[1].any()
    assert maps[0].any()


def test_the_mean_of_the_sequence_imputes_where_asked():
    points = POINTS[:4].copy()
    points[2, 7] = 0
    filled = imputed(points, MapRule(impute="simple"))
    np.testing.assert_allclose(filled[2, 7, :2], points[[0, 1, 3], 7, :2].mean(0))
    assert imputed(points, replace(PUBLISHED, impute="simple"))[2, 7].tolist() == [0, 0, 0]


def test_without_confidence_all_that_is_found_is_full():
    points = POINTS[:2].copy()
    maps = skeleton_maps(points, MapRule(confidence=False))
    assert maps.max() > 240
    np.testing.assert_array_equal(maps, skeleton_maps(points * [1, 1, 0] + [0, 0, 1], MapRule()))


def test_nan_is_a_joint_that_was_not_found():
    broken, missing = POINTS[:4].copy(), POINTS[:4].copy()
    broken[1, 3, 0] = np.nan
    broken[2, 8] = np.inf
    missing[1, 3] = missing[2, 8] = 0
    np.testing.assert_array_equal(skeleton_maps(broken), skeleton_maps(missing))
    assert np.isnan(broken[1, 3, 0])  # what was given stays as it was
    assert cleaned(broken).tolist() == missing.tolist()


@pytest.mark.parametrize("value", [1e300, -1e300, 1e6, 1e-300, -1e5])
@pytest.mark.parametrize("published", [False, True])
def test_absurd_numbers_raise_no_warning(value: float, published: bool):
    points = POINTS[:4].copy()
    points[1, 3, 0] = points[2, 14, 1] = value
    points[3, 5:, 2] = value
    points[3, :, 1] = np.linspace(70, 70 + 1e-9, 17)
    assert skeleton_maps(points, MapRule(published=published))[0].any()


@pytest.mark.parametrize("joints", ["18", "25"])
def test_other_orders_are_drawn_as_the_same_body(joints: str):
    order = ORDERS[joints]
    points = keypoints(1, 3, len(order))[0]
    np.testing.assert_array_equal(
        skeleton_maps(points, order=order), skeleton_maps(reorder(points, order, COCO))
    )


def test_nobody_is_black_and_no_frame_is_none():
    assert skeleton_maps(np.zeros((2, 17, 3))).tolist() == np.zeros((2, 2, 64, 64), int).tolist()
    assert skeleton_maps(np.zeros((0, 17, 3))).shape == (0, 2, 64, 64)


def test_many_frames_are_drawn_as_one_by_one():
    points = keypoints(1, 70, 17)[0]
    skeleton = placed(points, MapRule())[0]
    together = drawn_limbs(skeleton[..., :2], skeleton[..., 2], 8.0, CANVAS)
    for frame in (0, 31, 32, 69):
        one = skeleton[frame : frame + 1]
        alone = drawn_limbs(one[..., :2], one[..., 2], 8.0, CANVAS)[0]
        np.testing.assert_allclose(together[frame], alone, atol=1e-6)


@pytest.mark.parametrize(("sure", "drawn"), [(0.0009, False), (0.005, True)])
def test_little_confidence_is_drawn_from_a_thousandth_on(sure: float, drawn: bool):
    skeleton = np.linspace(20, 100, 34).reshape(1, 17, 2)
    for draw in (drawn_joints, drawn_limbs):
        assert bool(draw(skeleton, np.full((1, 17), sure), 8.0, CANVAS).max() > 1e-4) is drawn


@pytest.mark.parametrize("length", [0.0, 0.9])
def test_a_limb_of_less_than_a_pixel_is_its_first_joint(length: float):
    skeleton = np.full((1, 17, 2), -500.0)
    skeleton[0, 5:8:2] = 60, 61
    skeleton[0, 7, 0] += length
    sure = np.zeros((1, 17))
    sure[0, [5, 7]] = 0.8, 0.3
    limbs = drawn_limbs(skeleton, sure, 8.0, CANVAS)
    alone = drawn_joints(skeleton[:, 5:6], sure[:, 5:6], 8.0, CANVAS)
    np.testing.assert_allclose(limbs, alone, atol=1e-6)


def test_what_lies_off_the_canvas_is_not_drawn():
    skeleton = np.full((1, 17, 2), 900.0)
    sure = np.ones((1, 17))
    assert not drawn_joints(skeleton, sure, 8.0, CANVAS).any()
    assert not drawn_limbs(skeleton, sure, 8.0, CANVAS).any()


@pytest.mark.parametrize("wrong", [{"sigma": 0.0}, {"sigma": -1.0}, {"sigma": 500.0}, {"impute": "mean"}])
def test_settings_that_are_not_possible_are_refused(wrong: dict):
    with pytest.raises(ConfigError, match="expected"):
        MapRule(**wrong)


# --- imputation --------------------------------------------------------------------------------


def test_the_nearest_four_rows_count_by_one_over_their_distance():
    table = np.array([[1.0, 10], [2, 20], [4, 40], [8, 80], [100, 1000], [3, 0]])
    near = np.array([1.0, 1, 2, 5]) * np.sqrt(2)  # scaled to both columns: of 2, 4, 1 and 8
    weights = 1 / near
    expected = (weights * [20, 40, 10, 80])[[0, 1, 2, 3]].sum() / weights.sum()
    assert by_neighbours(table)[5, 1] == pytest.approx(expected)


def test_distances_are_scaled_by_the_columns_that_two_rows_share():
    # Both donors are 2 away: one in two columns, one in the only column that it shares.
    table = np.array([[1.0, 1, 10], [1 + np.sqrt(2), 1 + np.sqrt(2), 20], [3, 0, 40], [1, 1, 0]])
    far = np.array([2.0 * np.sqrt(3 / 2), 2 * np.sqrt(3)])
    filled = by_neighbours(np.vstack([table[1:]]))[2, 2]
    assert filled == pytest.approx((20 / far[0] + 40 / far[1]) / (1 / far).sum())


def test_a_row_at_no_distance_counts_alone():
    table = np.array([[3.0, 11], [3, 0], [4, 99], [5, 98]])
    assert by_neighbours(table)[1, 1] == 11


def test_a_row_without_anything_takes_the_mean_and_an_empty_column_stays():
    table = np.array([[1.0, 2, 0], [3, 4, 0], [0, 0, 0]])
    assert by_neighbours(table).tolist() == [[1, 2, 0], [3, 4, 0], [2, 3, 0]]
