"""MultiGait++ equals the published network, takes one stream or several, and keeps packed sequences apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_maps import (
    check_case,
    check_full_width,
    check_packed,
    grey,
    map_batch,
    masks,
    recorded_model,
)
from helpers.golden_poses import SALT
from helpers.golden_rules import fill_weights_B
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitModel
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.maps import multigaitpp
from gait_plugins.testing import check_model

CASES = [("MultiGaitpp_ccpg_B", "batch"), ("MultiGaitpp_ccpg_B", "train"), ("MultiGaitpp_gait3d_B", "batch")]
PACKS = [("MultiGaitpp_ccpg_B", 5), ("MultiGaitpp_gait3d_B", 2)]


def small(streams: tuple[str, ...] = (), **changes: Any) -> GaitModel:
    backbone = {"blocks": [1, 1, 1, 1], "channels": [4, 4, 8, 8], **changes}
    named = {"streams": list(streams)} if streams else {}
    model: GaitModel = gait_plugins.build(
        "model", {"model": "MultiGaitpp", "Backbone": backbone, "SeparateBNNecks": {"class_num": 5}, **named}
    )
    return model


def embedded(model: GaitModel, inputs: list[Tensor]) -> Tensor:
    with torch.no_grad():
        return model(map_batch(inputs))["inference_feat"]["embeddings"]


@pytest.mark.parametrize(("name", "case"), CASES)
def test_published_weights_give_the_published_outputs(name: str, case: str) -> None:
    check_case(name, case)


@pytest.mark.parametrize(("name", "channels"), PACKS)
def test_the_recorded_pack_is_ours_with_the_leak_at_the_joint(
    name: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multigaitpp, "split_lengths", lambda lens: None)
    check_case(name, "seqL")


def test_the_full_width_has_the_published_keys() -> None:
    check_full_width("MultiGaitpp_ccpg")


@pytest.mark.parametrize(("name", "channels"), PACKS)
def test_a_pack_is_embedded_as_its_sequences_one_by_one(name: str, channels: int) -> None:
    check_packed(recorded_model(name), [grey(3, 6, channels)], (6, 1, 4))


def test_several_streams_are_the_channels_of_one() -> None:
    one = fill_weights_B(small(), SALT).eval()
    several = fill_weights_B(small(("silhouettes", "parsing", "flow")), SALT).eval()
    assert [stream.name for stream in one.streams or ()] == ["maps"]
    assert [stream.name for stream in several.streams or ()] == ["silhouettes", "parsing", "flow"]
    seen, parts, flow = masks(2, 3), grey(2, 3, 1)[:, :, 0], grey(2, 3, 3)
    whole = torch.cat([seen.unsqueeze(2), parts.unsqueeze(2), flow], 2)
    assert torch.equal(embedded(one, [whole]), embedded(several, [seen, parts, flow]))
    for changed in ([1 - seen, parts, flow], [seen, 1 - parts, flow], [seen, parts, 1 - flow]):
        assert not torch.allclose(embedded(one, [whole]), embedded(several, changed), rtol=1e-3)


def test_the_contract_of_models_is_kept_by_several_streams_too() -> None:
    check_model(lambda: small(("silhouettes", "parsing", "flow")))


@torch.no_grad()
def test_what_the_maps_have_in_common_is_scaled_over_the_channels_of_a_pixel() -> None:
    split = fill_weights_B(multigaitpp.CommonAndOwn(64), SALT).eval()
    one, two = grey(1, 2, 64)[0], grey(1, 2, 64)[0].flip(-1)
    scores = torch.stack([split.conv1.forward_block(two), split.conv2.forward_block(one)], 1).softmax(1)
    even = scores.amin(1)
    low, high = even.amin(1, keepdim=True), even.amax(1, keepdim=True)
    common = (even - low) / (high - low + 1e-6)
    expected = (
        one * (1 - common) * scores[:, 1],
        (one + two) / 2 * common,
        two * (1 - common) * scores[:, 0],
    )
    torch.testing.assert_close(split(one, two), expected)
    assert float(common.amin()) == 0
    assert 0.99 < float(common.amax()) <= 1


def test_pixels_without_anything_in_common_have_finite_gradients() -> None:
    split = fill_weights_B(multigaitpp.CommonAndOwn(64), SALT).train()
    blank = torch.zeros(2, 64, 8, 8, requires_grad=True)
    sum(part.sum() for part in split(blank, torch.zeros(2, 64, 8, 8))).backward()
    assert blank.grad is not None
    assert blank.grad.isfinite().all()


@pytest.mark.parametrize("given", [{}, {"in_channels": None}, {"in_channels": 4}])
def test_the_number_of_channels_need_not_be_given(given: dict[str, Any]) -> None:
    model = small(part1_channel=1, part2_channel=3, **given)
    assert [stream.shape for stream in model.streams or ()] == [(4, "h", "w")]


@pytest.mark.parametrize(
    ("streams", "changes", "words"),
    [
        ((), {"in_channels": 3}, "in_channels is 3, expected 5 .the sum of part1_channel and part2_channel"),
        (("silhouettes", "flow"), {}, "silhouettes, flow have 4 channels together, the network takes 5"),
        (("silhouettes", "parsings", "flow"), {}, "'parsings' is none of the pictures that can be stacked"),
        ((), {"C": 0, "channels": []}, "C is 0, expected 1 or more"),
    ],
)
def test_maps_that_do_not_fit_are_refused(
    streams: tuple[str, ...], changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        small(streams, **changes)
