"""Neighbours and pools of points against recorded numbers, and at their edges."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.clouds.golden import SEED
from helpers.golden_rules import golden
from torch import Tensor

from gait_plugins.plugins.clouds.models.neighbours import farthest_points, nearest_points, points_in_ball
from gait_plugins.plugins.clouds.models.pooling import CountBins, HeightBins, NetVLAD, RangeBins


@pytest.fixture(scope="module")
def recorded() -> dict[str, np.ndarray]:
    return golden("clouds/pointcloud")


@pytest.fixture(scope="module")
def points(recorded: dict[str, np.ndarray]) -> Tensor:
    return torch.from_numpy(recorded["pool_points"]).transpose(1, 2)


def test_farthest_points_are_the_recorded_ones(recorded: dict[str, np.ndarray], points: Tensor) -> None:
    xyz = points[..., :3]
    np.testing.assert_array_equal(farthest_points(xyz, 12), recorded["fps_from0"])
    torch.manual_seed(SEED)
    start = torch.randint(0, 64, (3,))
    np.testing.assert_array_equal(farthest_points(xyz, 12, start), recorded["fps_seeded"])


def test_neighbours_are_the_recorded_ones(recorded: dict[str, np.ndarray], points: Tensor) -> None:
    xyz, queries = points[..., :3], points[:, ::8, :3]
    np.testing.assert_array_equal(nearest_points(xyz, queries, 6), recorded["knn_k6"])
    np.testing.assert_array_equal(points_in_ball(xyz, queries, 0.3, 6), recorded["ball_r0.3_n6"])


@pytest.mark.parametrize(
    ("name", "pool"),
    [
        ("HAP", HeightBins([1, 2, 4, 8, 16])),
        ("UAP", RangeBins([1, 2, 4, 8], published=True)),
        ("UDP", CountBins([1, 2, 4, 8])),
    ],
)
def test_pools_give_the_recorded_parts(
    name: str, pool: torch.nn.Module, recorded: dict[str, np.ndarray], points: Tensor
) -> None:
    features = torch.from_numpy(recorded["pool_features"])[..., 0].transpose(1, 2)
    torch.testing.assert_close(pool(features, points), torch.from_numpy(recorded[f"pool_{name}"]))


def unequal() -> tuple[list[Tensor], Tensor, Tensor]:
    clouds = [torch.rand(size, 3, generator=torch.Generator().manual_seed(size)) for size in (9, 5, 30)]
    padded, own = torch.zeros(3, 30, 3), torch.zeros(3, 30, dtype=torch.bool)
    for row, cloud in enumerate(clouds):
        padded[row, : len(cloud)], own[row, : len(cloud)] = cloud, True
    return clouds, padded, own


def test_a_cloud_that_was_filled_up_has_the_neighbours_of_its_own_points() -> None:
    clouds, padded, own = unequal()
    chosen = farthest_points(padded, 12, None, own)
    queries = padded.gather(1, chosen[..., None].expand(-1, -1, 3))
    near, ball = nearest_points(padded, queries, 7, own), points_in_ball(padded, queries, 0.3, 7, own)
    for row, cloud in enumerate(clouds):
        alone = farthest_points(cloud[None], 12)
        assert torch.equal(chosen[row], alone[0])
        found = nearest_points(cloud[None], cloud[alone[0]][None], 7)[0]
        width = found.shape[1]
        assert torch.equal(near[row, :, :width], found)
        assert torch.equal(near[row, :, width:], found[:, :1].expand(-1, 7 - width))
        inside = points_in_ball(cloud[None], cloud[alone[0]][None], 0.3, 7)[0]
        assert torch.equal(ball[row, :, : inside.shape[1]], inside)


def test_a_cloud_of_too_few_points_is_filled_up_by_its_first() -> None:
    cloud = torch.rand(1, 4, 3, generator=torch.Generator().manual_seed(0))
    chosen = farthest_points(cloud, 6)[0]
    assert chosen[:4].sort()[0].tolist() == [0, 1, 2, 3]
    assert chosen[4:].tolist() == [0, 0]


def test_heights_on_an_edge_belong_below_and_those_above_two_metres_to_the_last_bin() -> None:
    points = torch.zeros(1, 4, 4)
    points[0, :, 3] = torch.tensor([0.0, 1.0, 1.0001, 7.0])
    features = torch.tensor([[[1.0], [2.0], [3.0], [5.0]]])
    assert HeightBins([2])(features, points)[0, 0].tolist() == [2 + 1.5, 5 + 4]
    assert HeightBins([4])(features, points)[0, 0].tolist() == [2, 4, 6, 10]
    points[0, :, 3] = 0.1
    assert HeightBins([2])(features, points)[0, 0].tolist() == [5 + 2.75, 0]


def test_vlad_starts_with_points_at_their_nearest_centre() -> None:
    pool = NetVLAD(3, 4, alpha=50.0)
    with torch.no_grad():
        pool.centroids.copy_(torch.eye(3, 4))
        pool.conv.weight.copy_(100 * pool.centroids[..., None, None])
    found = pool(torch.eye(3, 4)[None] * 7, torch.zeros(1, 3, 3))
    assert found.shape == (1, 12, 1)
    assert float(found.detach().abs().max()) < 1e-6  # no residual is left
