"""LidarGait++ as a model: batches of any make-up, clouds of any size, refused options."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.clouds.golden import cloud_batch
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitModel, RaggedTensor, Stream
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.clouds.models.lidargaitpp import LidarGaitPlusPlus
from gait_plugins.testing import check_model

POOLS = {
    "PPP_HAP": {},
    "PPP_UAP": {"scale_aware": False},
    "PPP_UDP": {"sampling": "ball"},
    "GMaxP": {"SeparateFCs": {"parts_num": 1}, "SeparateBNNecks": {"parts_num": 1}},
    "VLAD": {"SeparateFCs": {"parts_num": 1, "in_channels": 128}, "SeparateBNNecks": {"parts_num": 1}},
}


def small(pool: str = "PPP_HAP", **changes: Any) -> GaitModel:
    options = {"model": "LidarGaitPlusPlus", **LidarGaitPlusPlus.example_config(), "pool": pool}
    for key, value in (POOLS[pool] | changes).items():
        options[key] = {**options[key], **value} if isinstance(value, dict) else value
    torch.manual_seed(0)
    model: GaitModel = gait_plugins.build("model", options)
    model.init_parameters()
    return model


@pytest.mark.parametrize("pool", POOLS)
def test_the_contract_of_models_is_kept(pool: str) -> None:
    check_model(lambda: small(pool))


def clouds(*sizes: int) -> list[Tensor]:
    made = [torch.randn(size, 4, generator=torch.Generator().manual_seed(n)) for n, size in enumerate(sizes)]
    for each in made:
        each[:, 3].abs_()
    return made


def ragged(frames: list[Tensor]) -> RaggedTensor:
    offsets = torch.tensor([0, *(len(each) for each in frames)]).cumsum(0)
    return RaggedTensor(torch.cat(frames), offsets)


@torch.no_grad()
def embedded(model: GaitModel, *given: Any, **more: Any) -> Tensor:
    found: Tensor = model(cloud_batch(*given, **more))["inference_feat"]["embeddings"]
    return found


def test_clouds_of_unequal_sizes_are_embedded_bit_by_bit_as_alone() -> None:
    model = small().eval()
    frames = clouds(30, 7, 3, 41, 20, 1)
    whole = embedded(model, ragged(frames), torch.tensor([[2, 1, 3]]))
    for row, own in enumerate(([0, 1], [2], [3, 4, 5])):
        alone = [frames[number] for number in own]
        torch.testing.assert_close(
            whole[row : row + 1], embedded(model, ragged(alone), torch.tensor([[len(own)]]))
        )
        torch.testing.assert_close(whole[row : row + 1], embedded(model, ragged(alone), n=1))


def test_clouds_of_one_size_are_embedded_alike_ragged_or_not() -> None:
    model = small().eval()
    frames = clouds(25, 25, 25, 25)
    dense = embedded(model, torch.stack(frames).view(2, 2, 25, 4))
    torch.testing.assert_close(embedded(model, ragged(frames), n=2), dense)


def test_what_lies_in_the_batch_beside_a_cloud_decides_on_no_neighbour() -> None:
    """Distances by a matrix product differ in their last digits with the size of the batch."""
    model = small().eval()
    frames = torch.stack(clouds(*[40] * 64)).view(64, 1, 40, 4)
    # Points on a grid have equally far neighbours.
    frames[..., :3] = (frames[..., :3] * 4).round() / 4
    whole = embedded(model, frames)
    alone = torch.cat([embedded(model, each[None]) for each in frames])
    torch.testing.assert_close(whole, alone)


def test_a_test_draws_nothing_unless_asked_to() -> None:
    frames = torch.stack(clouds(40, 40)).view(2, 1, 40, 4)
    fixed, drawn = small().eval(), small(random_at_test=True).eval()
    state = torch.get_rng_state()
    assert torch.equal(embedded(fixed, frames), embedded(fixed, frames))
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(embedded(drawn, frames), embedded(drawn, frames))
    many = ragged(clouds(40, 30, 20))
    assert not torch.equal(embedded(drawn, many, n=3), embedded(drawn, many, n=3))


def test_training_begins_at_points_of_the_clouds_own() -> None:
    model = small().train()
    frames = clouds(40, 3, 1)
    for seed in range(20):
        torch.manual_seed(seed)
        found = model(cloud_batch(ragged(frames), n=3))["inference_feat"]["embeddings"]
        assert found.isfinite().all()


def test_indices_are_those_of_float32_under_mixed_precision() -> None:
    model = small().eval()
    frames = torch.stack(clouds(*[40] * 8)).view(4, 2, 40, 4)
    exact = embedded(model, frames)
    with torch.autocast("cpu", torch.bfloat16):
        mixed = embedded(model, frames)
    assert (mixed.float() - exact).abs().max() < 0.1 * exact.abs().max()


@pytest.mark.parametrize(
    ("pool", "changes", "words"),
    [
        ("PPP_HAP", {"scale_aware": False}, "PPP_HAP needs the heights of the points"),
        ("PPP_UDP", {"npoints": [12, 8, 5]}, "the 5 points of the last level do not divide into 2 bins"),
        ("PPP_HAP", {"npoints": [12, 8]}, "expected a number for each of 3 levels"),
        ("PPP_HAP", {"nsample": 0}, r"nsample is \[0\], expected whole numbers of at least 1"),
        ("PPP_HAP", {"scale": [1, 2, 4]}, r"parts_num is 3, expected 7 \(the parts of PPP_HAP\)"),
        (
            "VLAD",
            {"SeparateFCs": {"in_channels": 8}},
            "SeparateFCs.in_channels is 8, expected a multiple of 16",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(pool: str, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(pool, **changes)


def test_clouds_with_and_without_heights_are_told_apart() -> None:
    (wanted,) = small().streams or ()
    assert wanted.misfit(Stream("points", (1024, 4), "float32")) is None
    assert wanted.misfit(Stream("points", (None, 4), "float32")) is None
    assert "expected [m, 4]" in str(wanted.misfit(Stream("points", (None, 3), "float32")))
    assert wanted.misfit(Stream("points", (4,), "float32")) is not None
