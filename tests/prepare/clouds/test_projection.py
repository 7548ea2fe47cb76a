"""Projection of clouds to depth images, against recorded numbers and at the edges of the panorama."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.clouds.golden import body, cloud, coloured
from helpers.golden_rules import golden

from gait_plugins.prepare.clouds.projection import (
    aligned,
    depth_image,
    jet,
    panorama,
    seen_by_scanner,
)


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return golden("clouds/depth_projection")


CLOUDS = [cloud(0, 0, 300), cloud(1, 0, 300) * [-1, 1, 1]]


@pytest.mark.parametrize("number", [0, 1])
def test_points_lie_on_the_panorama_where_they_are_recorded(
    number: int, recorded: dict[str, np.ndarray]
) -> None:
    for name, found in seen_by_scanner(CLOUDS[number])._asdict().items():
        expected = recorded[f"points{number}_{name}"]
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(expected).max())
    assert panorama(CLOUDS[number]).shape == tuple(recorded[f"points{number}_canvas_shape"])


@pytest.mark.parametrize("number", [0, 1, 2])
def test_images_are_cut_as_recorded(number: int, recorded: dict[str, np.ndarray]) -> None:
    offset = int(recorded[f"align{number}_in_offset"])
    image = np.zeros((90, 200, 3), np.uint8)
    person = body(1, 3, 90, 60)[0, number][..., None] * np.maximum(coloured(1, 3, 90, 60)[0, number], 30)
    image[:, offset : offset + 60] = person
    expected = recorded[f"align{number}_out"]
    found = aligned(image, published=True)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert aligned(image).shape == (64, 64, 3)


def test_a_dark_image_is_taken_whole(recorded: dict[str, np.ndarray]) -> None:
    dark = np.ones((40, 30, 3), np.uint8)
    np.testing.assert_array_equal(aligned(dark, published=True), recorded["align_dark_out"])


def test_the_image_is_near_to_what_was_plotted(recorded: dict[str, np.ndarray]) -> None:
    """Its pixels are matplotlib's: points in another order and colours of a table."""
    expected = recorded["points1_aligned_bgr"][..., ::-1].astype(float)
    found = depth_image(CLOUDS[1]).transpose(1, 2, 0).astype(float)
    lit, drawn = expected.sum(2) > 60, found.sum(2) > 60
    assert (lit & drawn).sum() > 0.85 * (lit | drawn).sum()
    assert np.abs(found - expected)[lit & drawn].mean() < 30


def test_where_nothing_is_padded_images_are_as_narrow_as_published(recorded: dict[str, np.ndarray]) -> None:
    narrow = depth_image(CLOUDS[0], published=True).shape[2]
    assert abs(narrow - recorded["points0_aligned_bgr"].shape[1]) <= 2


def test_a_person_across_the_seam_is_drawn_in_one_piece() -> None:
    """Straight ahead (+x) lies the seam of the panorama: the published image is half of the person."""
    ahead = CLOUDS[1] * [-1, 1, 1]
    ahead[:, 1] -= ahead[:, 1].mean()
    turned = ahead * [-1, -1, 1]
    assert np.ptp(seen_by_scanner(ahead).u) > 1800
    np.testing.assert_allclose(
        depth_image(ahead).astype(int), depth_image(turned).astype(int), atol=60
    )  # other parts of pixels
    assert np.abs(depth_image(ahead).astype(int) - depth_image(turned)).mean() < 3


def test_the_order_of_points_makes_no_difference() -> None:
    shuffled = np.random.default_rng(0).permutation(CLOUDS[1])
    np.testing.assert_array_equal(depth_image(shuffled), depth_image(CLOUDS[1]))


def test_a_person_at_the_edge_is_in_the_middle_of_a_whole_image() -> None:
    image = depth_image(CLOUDS[0])
    assert image.shape == (3, 64, 64)
    lit = np.flatnonzero(image.sum((0, 1)))
    assert abs((lit[0] + lit[-1]) / 2 - 32) < 8


def test_single_points_and_clouds_beyond_the_panorama_are_images_too() -> None:
    assert depth_image(np.array([[-5.0, 0, 0]])).shape == (3, 64, 64)
    assert not depth_image(np.array([[-1.0, 0, 5]])).any()
    assert jet(np.array([0.0, 0.5, 1.0])).tolist() == [[0, 0, 128], [128, 255, 128], [128, 0, 0]]
