"""Streams of the walkers show the same walk: joints, labels, depth, points, motion and pictures agree."""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import pytest

from gait_plugins.io.ragged import Ragged
from gait_plugins.plugins.walkers.body.parts import PARTS
from gait_plugins.plugins.walkers.image.render import PIXELS
from gait_plugins.plugins.walkers.image.surface import FAR
from gait_plugins.plugins.walkers.streams import keypoints, maps, points, rgb, smpl
from gait_plugins.plugins.walkers.streams.declared import KINDS
from gait_plugins.plugins.walkers.streams.scene import Scene, Shot, scans
from gait_plugins.prepare.poses import skeleton_maps

FRAMES = 12
WALKS = [(2, "nm-01", "000"), (2, "bg-01", "054"), (3, "cl-01", "090"), (4, "nm-01", "180")]


@lru_cache(maxsize=16)
def shot(number: int, kind: str, view: str, noise: float = 1.0) -> Shot:
    return Shot(Scene(5, number, kind, FRAMES, 25.0, noise), view)


@pytest.fixture(params=WALKS, ids=str)
def walk(request: pytest.FixtureRequest) -> Shot:
    return shot(*request.param)


@pytest.mark.parametrize("name", KINDS)
def test_a_stream_is_what_it_is_declared_to_be(name: str) -> None:
    kind = KINDS[name]
    frames = kind.make(shot(*WALKS[1]))
    assert kind.stream.checked(frames, name) is frames
    assert len(frames) == (scans(FRAMES, 25.0) if name == "points" else FRAMES)


def test_the_surface_fills_the_silhouette_before_noise() -> None:
    clean = shot(*WALKS[1], noise=0.0)
    np.testing.assert_array_equal(clean.surface.mask, clean.film.masks > 0)
    assert (clean.surface.near[~clean.surface.mask] == -FAR).all()


# --- keypoints ---------------------------------------------------------------------------------


def test_sure_joints_lie_on_the_body(walk: Shot) -> None:
    found = keypoints.keypoints(walk)
    seen = walk.fine
    places = found[..., :2] - walk.pixels(np.zeros((FRAMES, 1, 2))) - seen.corner
    column, row = np.moveaxis(np.rint(places).astype(int), 2, 0)
    _, height, width = seen.mask.shape
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    frame = np.arange(FRAMES)[:, None]
    on_body = inside & seen.mask[frame, row.clip(0, height - 1), column.clip(0, width - 1)]
    sure = found[..., 2] > 0.7
    assert sure.mean() > 0.2
    assert on_body[sure].mean() >= 0.95


def test_the_body_hides_the_far_side() -> None:
    hidden = dict(zip(keypoints.COCO, keypoints.joints(shot(3, "nm-01", "090", 0.0))[1].T, strict=True))
    for name in ("eye", "ear", "shoulder", "hip"):
        assert not hidden[f"{name}_l"].all()
        assert hidden[f"{name}_r"].all()
    behind = dict(zip(keypoints.COCO, keypoints.joints(shot(4, "nm-01", "180"))[1].T, strict=True))
    assert behind["nose"].all()
    assert not behind["shoulder_l"].any()


def test_joints_are_missed_more_where_the_estimator_is_worse() -> None:
    exact, usual, bad = (keypoints.keypoints(shot(3, "nm-01", "090", noise)) for noise in (0.0, 1.0, 3.0))
    error = [np.linalg.norm((k - exact)[..., :2], axis=2)[k[..., 2] > 0].mean() for k in (usual, bad)]
    assert 0.3 < error[0] < error[1]
    assert (exact[..., 2] > 0).all()
    missing = [
        sum(np.count_nonzero(keypoints.keypoints(shot(n, "nm-01", "090", noise)) == 0) for n in range(1, 6))
        for noise in (1.0, 3.0)
    ]
    assert 0 < missing[0] < missing[1]


def test_a_joint_that_was_not_found_is_zero_in_all() -> None:
    found = keypoints.keypoints(shot(1, "nm-01", "090", 3.0))
    lost = found[..., 2] == 0
    assert lost.any()
    assert not found[lost].any()


def test_the_order_of_openpose_becomes_that_of_coco(walk: Shot) -> None:
    # The published map from 18 joints to 17.
    picked = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
    np.testing.assert_array_equal(keypoints.keypoints_18(walk)[:, picked], keypoints.keypoints(walk))


# --- skeleton maps -----------------------------------------------------------------------------


def standing() -> np.ndarray:
    """A person who stands, in front of the camera, ``[1, 17, 3]``."""
    across = [0, 3, -3, 6, -6, 18, -18, 24, -24, 26, -26, 10, -10, 11, -11, 12, -12]
    down = [0, -3, -3, 0, 0, 25, 25, 50, 50, 75, 75, 80, 80, 120, 120, 160, 160]
    return np.stack([np.add(across, 300.0), np.add(down, 100.0), np.ones(17)], 1)[None]


def test_a_skeleton_map_is_bright_where_joints_are() -> None:
    (limbs, joints), *_ = skeleton_maps(standing())
    assert limbs.max() > 230
    # Hips lie in the middle of the canvas.
    assert joints[32, 26:39].max() > 200
    assert joints[:, :8].max() == 0
    assert (joints * np.arange(64)).sum() / joints.sum() == pytest.approx(31.75, abs=0.3)


def test_joints_without_confidence_are_not_drawn() -> None:
    found = standing().repeat(3, 0)
    found[1, :, 2] = 0
    found[2, 9] = 0
    drawn = skeleton_maps(found)
    assert not drawn[1].any()
    assert drawn[2, 1].sum() < drawn[0, 1].sum()
    # The missing wrist moves nothing else.
    np.testing.assert_array_equal(drawn[2, :, :, :24], drawn[0, :, :, :24])


def test_half_a_confidence_is_half_as_bright() -> None:
    found = standing().repeat(2, 0)
    found[1, :, 2] = 0.5
    full, half = skeleton_maps(found)
    # Greys are rounded down, on the canvas and on the map.
    np.testing.assert_allclose(half.astype(float), full / 2, atol=2)


# --- maps --------------------------------------------------------------------------------------


def test_labels_depth_and_flow_fill_the_silhouettes(walk: Shot) -> None:
    body = walk.silhouettes > 0
    np.testing.assert_array_equal(maps.parsing(walk) > 0, body)
    np.testing.assert_array_equal(maps.depth_metres(walk) > 0, body)
    np.testing.assert_array_equal(maps.depth(walk).any(1), body)
    np.testing.assert_array_equal(maps.flow(walk)[:, 2] > 0, body)


def test_left_and_right_are_the_persons_own() -> None:
    parsing = maps.parsing(shot(2, "nm-01", "000"))
    columns = np.arange(64)

    def place(label: str) -> float:
        return float((columns * (parsing == PARTS.index(label)).sum((0, 1))).sum()) / np.count_nonzero(
            parsing == PARTS.index(label)
        )

    for part in ("arm", "hand", "leg", "foot"):
        assert place(f"left {part}") > place(f"right {part}") + 1


def test_only_a_coat_is_a_dress() -> None:
    dress = PARTS.index("dress")
    assert (maps.parsing(shot(3, "cl-01", "090")) == dress).any((1, 2)).all()
    assert not (maps.parsing(shot(2, "bg-01", "054")) == dress).any()


def test_near_is_red_and_far_is_blue() -> None:
    colours = maps.jet(np.array([[[0.0, 0.5, 1.0]]], np.float32))[0, :, 0].T
    assert colours[0].tolist() == [0, 0, 128]
    assert colours[1].argmax() == 1
    assert colours[2].tolist() == [128, 0, 0]
    depth, metres = maps.depth(shot(*WALKS[0])), maps.depth_metres(shot(*WALKS[0]))
    nearest = np.where(metres > 0, metres, np.inf)[0].argmin()
    assert depth[0].reshape(3, -1)[:, nearest].tolist() == [128, 0, 0]


def test_the_flow_is_the_motion_of_the_body() -> None:
    walk = shot(3, "nm-01", "090", 0.0)
    moved = maps.motion(walk)
    ankles = walk.film.camera.place(walk.scene.further.pose.joints["ankle_l"])[:, :2]
    column, row = np.rint(ankles[:-1] * PIXELS - walk.surface.corner).astype(int).T
    near = moved[np.arange(FRAMES), row, column]
    np.testing.assert_allclose(near, np.diff(ankles, axis=0), atol=0.01)
    assert np.abs(np.diff(ankles, axis=0)).max() > 0.02


# --- points ------------------------------------------------------------------------------------


def test_points_lie_on_the_depth(walk: Shot) -> None:
    clouds, eye, camera = points.points(walk), points.scanner(walk), walk.film.camera
    stature, seen = walk.scene.stature, walk.surface
    # Every second turn falls on a frame of the camera.
    for turn in range(0, len(clouds), 2):
        frame = round(turn / 10 * 25)
        own = points.turned(
            clouds[turn].astype(float), float(walk.passing(np.array(turn / 10))) / eye.distance
        )
        places = camera.place(points.from_scanner(own, eye, stature))
        column, row = np.rint(places[:, :2] * PIXELS - seen.corner).astype(int).T
        _, height, width = seen.mask.shape
        inside = (column >= 0) & (row >= 0) & (column < width) & (row < height)
        column, row = column.clip(0, width - 1), row.clip(0, height - 1)
        body = inside & seen.mask[frame, row, column]
        assert body.mean() > 0.88
        error = np.abs(seen.near[frame, row, column] - places[:, 2])[body] * stature
        assert np.median(error) < 0.02
        assert (error < 0.06).mean() > 0.9


def test_points_are_a_person_of_metres_in_front_of_the_scanner(walk: Shot) -> None:
    clouds = points.points(walk)
    assert isinstance(clouds, Ragged)
    assert len(set(clouds.sizes.tolist())) > 1
    for cloud in clouds:
        height = np.ptp(cloud[:, 2])
        assert 0.9 * walk.scene.stature < height < 1.1 * walk.scene.stature
        assert (cloud[:, 0] < 0).all()
        assert cloud[:, 2].max() < 0.5


# --- parameters --------------------------------------------------------------------------------


def test_an_axis_angle_is_the_rotation() -> None:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(50, 3))
    vectors *= (rng.uniform(0, np.pi, (50, 1))) / np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors[0] = 0
    rotations = np.stack([cv2.Rodrigues(vector)[0] for vector in vectors])
    np.testing.assert_allclose(smpl.axis_angle(rotations), vectors, atol=1e-6)


def test_the_parameters_hold_the_pose() -> None:
    walk = shot(3, "nm-01", "090", 0.0)
    axes = smpl.world(walk.scene.walked.pose)
    found = smpl.smpl(walk)[:, 3:75].reshape(FRAMES, 24, 3)
    # Down the chain of the skeleton, every part is where it is.
    chained = np.empty_like(axes)
    right, down, towards = walk.film.camera.axes()
    for joint, parent in enumerate(smpl.PARENTS):
        own = np.stack([cv2.Rodrigues(vector.astype(float))[0] for vector in found[:, joint]])
        before = np.stack([right, down, -towards]).T if parent < 0 else chained[:, parent]
        chained[:, joint] = before @ own
    np.testing.assert_allclose(chained, axes, atol=1e-5)
    knees = found[:, 4]
    assert np.abs(knees[:, 0]).max() > 0.6
    assert np.abs(knees[:, 1:]).max() < 0.2


def test_a_shape_belongs_to_a_person() -> None:
    first, again, other = (
        smpl.smpl(shot(number, kind, "090", 0.0))[0, 75:]
        for number, kind in ((2, "nm-01"), (2, "bg-01"), (3, "nm-01"))
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.3


# --- pictures ----------------------------------------------------------------------------------


def test_the_person_fills_his_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    walk = shot(3, "nm-01", "090", 0.0)
    pictures, squares = rgb.rgb(walk).astype(int), rgb.rgb_square(walk).astype(int)
    monkeypatch.setattr(rgb, "painted", lambda shot: np.zeros((FRAMES, 2, 2, 4), np.uint8))
    for shown, street, masks in (
        (pictures, rgb.rgb(walk), walk.sized(256, 128)),
        (squares, rgb.rgb_square(walk), rgb.silhouettes_square(walk)),
    ):
        body, mask = (np.abs(shown - street) > 4).any(1), masks > 0
        assert (body & mask).sum() / (body | mask).sum() > 0.9


def test_a_ratio_tells_how_wide_the_square_was(walk: Shot) -> None:
    boxes = rgb.detected(walk)
    np.testing.assert_allclose(rgb.ratios(walk), boxes[:, 2] / boxes[:, 3], rtol=1e-6)
    square = rgb.silhouettes_square(walk)
    for mask in square:
        rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
        assert rows[0] == pytest.approx(128 - 1 - rows[-1], abs=2)
        assert np.ptp(columns) == pytest.approx(np.ptp(rows), abs=4)


def test_clothes_are_the_persons_and_the_street_is_the_views() -> None:
    def look(number: int, kind: str) -> tuple[np.ndarray, np.ndarray]:
        return rgb.wardrobe(shot(number, kind, "090").scene)

    np.testing.assert_array_equal(look(2, "nm-01")[0][:5], look(2, "bg-01")[0][:5])
    assert not np.array_equal(look(2, "nm-01")[0], look(3, "nm-01")[0])
    assert not np.array_equal(rgb.street(5, "000"), rgb.street(5, "090"))


def test_latents_are_told_from_true_ones() -> None:
    assert "stand-in" in KINDS["latents"].stream.about
    values = rgb.latents(shot(*WALKS[0]))
    assert np.isfinite(values).all()
    assert 0.1 < values.std() < 3
