"""GaitPart equals the published implementation, and motion stays within its sequence and part."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from helpers.golden_rules import (
    check_outputs,
    check_state_dict,
    fill_weights,
    fill_weights_B,
    golden_json,
    sil,
)
from helpers.model_batches import assert_packs_are_embedded_one_by_one, batch_of, outputs, recorded_batches
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

import gait_plugins
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.blocks.micro_motion import TemporalFeatureAggregator
from gait_plugins.plugins.zoo.models.gaitpart import GaitPart

WIDTHS = {"model_GaitPart": fill_weights, "model_GaitPart_B": fill_weights_B}


def build(model_cfg: dict[str, Any]) -> GaitPart:
    model = gait_plugins.build("model", {"model": "GaitPart", **model_cfg})
    assert isinstance(model, GaitPart)
    return model


def small(**changes: Any) -> GaitPart:
    return build({**GaitPart.example_config(), **changes})


@pytest.mark.parametrize("name", WIDTHS)
@torch.no_grad()
def test_published_weights_give_the_published_outputs(name: str) -> None:
    description = golden_json(name)
    model = build(description["model_cfg"])
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    WIDTHS[name](model).eval()
    assert set(description["cases"]) == {"batch", "seqL"}
    for case, batch in recorded_batches().items():
        check_outputs(outputs(model, batch), name, case)


def test_the_wide_form_of_the_large_data_sets_is_taken() -> None:
    words = ["BC-32", "BC-32", "M", "BC-64", "BC-64", "M", "FC-128-3", "FC-128-3", "FC-256-3", "FC-256-3"]
    model = build(
        {
            "backbone_cfg": {"in_channels": 1, "layers_cfg": words, "type": "Plain"},
            "SeparateFCs": {"in_channels": 256, "out_channels": 256, "parts_num": 16},
            "bin_num": [16],
        }
    )
    assert model.state_dict()["Backbone.forward_block.feature.16.conv.weight"].shape == (256, 256, 3, 3)
    assert model.num_classes is None
    model.check_input_size(64, 44)


def test_a_pack_is_embedded_as_its_sequences_one_by_one() -> None:
    assert_packs_are_embedded_one_by_one(fill_weights_B(small()))


@settings(max_examples=20, deadline=None)
@given(frames=st.integers(1, 9), seed=st.integers(0, 99))
def test_motion_is_what_each_part_gives_by_itself(frames: int, seed: int) -> None:
    torch.manual_seed(seed)
    net = TemporalFeatureAggregator(channels=4, parts=3)
    x = torch.randn(2, 4, frames, 3)
    torch.testing.assert_close(net(x), torch.stack([by_definition(net, x, part) for part in range(3)], 2))


def by_definition(net: TemporalFeatureAggregator, x: Tensor, part: int) -> Tensor:
    """Windows are gathered one by one, for one part ``[n, c]``."""
    line, motion = x[..., part], torch.zeros(())
    weights = net.state_dict()
    for attention, reach in (("conv1d3x1", 1), ("conv1d3x3", 2)):
        first, last = (weights[f"{attention}.{part}.{layer}.conv.weight"] for layer in (0, 2))
        hidden = F.leaky_relu(F.conv1d(line, first, padding=1))
        score = torch.sigmoid(F.conv1d(hidden, last, padding=last.shape[-1] // 2))
        windows = [line[..., max(t - reach, 0) : t + reach + 1] for t in range(line.shape[-1])]
        mean = torch.stack([window.sum(-1) / (2 * reach + 1) for window in windows], -1)
        most = torch.stack([window.amax(-1) for window in windows], -1)
        motion = motion + score * (mean + most)
    return motion.amax(-1)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_very_short_sequences_train(frames: int) -> None:
    model = small().train()
    model.init_parameters()
    found = outputs(model, batch_of(sil(2, frames, 64, 44)))["emb"]
    assert found.shape == (2, 6, 16)
    torch.autograd.backward(found.sum())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_only_triplets_are_trained() -> None:
    features = small()(batch_of(sil(2, 3, 64, 44)))["training_feat"]
    assert list(features) == ["triplet"]
    assert set(features["triplet"]) == {"embeddings", "labels"}


@pytest.mark.parametrize("size", [(64, 44), (64, 64), (128, 88)])
def test_customary_sizes_are_taken(size: tuple[int, int]) -> None:
    small().check_input_size(*size)


@pytest.mark.parametrize(
    ("size", "words"), [((24, 22), "6 rows high does not divide into 8 strips"), ((72, 25), "16 strips")]
)
def test_other_sizes_are_refused(size: tuple[int, int], words: str) -> None:
    with pytest.raises(ConfigError, match=f"frames of {size[0]}x{size[1]} do not fit: .*{words}"):
        small().check_input_size(*size)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bin_num": [8]}, r"SeparateFCs.parts_num is 16, expected 8 \(the strips of bin_num\)"),
        (
            {"SeparateFCs": {"in_channels": 9, "out_channels": 6, "parts_num": 16}},
            r"SeparateFCs.in_channels is 9, expected 8 \(the channels of the backbone's maps\)",
        ),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)
