"""GaitBase equals the published implementation: keys, shapes, embeddings and logits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_rules import (
    check_outputs,
    check_state_dict,
    fill_weights,
    fill_weights_B,
    golden_json,
    packed_sil,
    sil,
)
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.baseline import Baseline
from gait_plugins.plugins.zoo.models.resnet import ResNet9

WIDTHS = {"model_Baseline": fill_weights, "model_Baseline_B": fill_weights_B}


def build(model_cfg: dict[str, Any]) -> Baseline:
    model = gait_plugins.build("model", {"model": "Baseline", **model_cfg})
    assert isinstance(model, Baseline)
    return model


def small(**changes: Any) -> Baseline:
    model_cfg: dict[str, Any] = {
        "backbone_cfg": {
            "type": "ResNet9",
            "channels": [4, 4, 8, 8],
            "layers": [1, 1, 1, 1],
            "maxpool": False,
        },
        "SeparateFCs": {"in_channels": 8, "out_channels": 6, "parts_num": 16},
        "SeparateBNNecks": {"in_channels": 6, "class_num": 5, "parts_num": 16},
        "bin_num": [16],
    }
    for section, options in changes.items():
        model_cfg[section] = {**model_cfg[section], **options} if isinstance(options, dict) else options
    return build(model_cfg)


def batch_of(frames: Tensor, seq_lens: Tensor | None = None) -> GaitBatch:
    n = len(frames) if seq_lens is None else seq_lens.numel()
    return GaitBatch([frames], torch.arange(n) % 5, ["nm-01"] * n, ["090"] * n, seq_lens)


@pytest.mark.parametrize("name", WIDTHS)
@torch.no_grad()
def test_published_weights_give_the_published_outputs(name: str) -> None:
    description = golden_json(name)
    model = build(description["model_cfg"])
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    WIDTHS[name](model).eval()
    batches = {
        "batch": batch_of(sil(2, 6, 64, 44)),
        "seqL": batch_of(*packed_sil((6, 4), 64, 44)),
    }
    assert set(description["cases"]) == set(batches)
    for case, batch in batches.items():
        out = model(batch)
        found = {
            "emb": out["inference_feat"]["embeddings"],
            "logits": out["training_feat"]["softmax"]["logits"],
        }
        assert set(found) == set(description["cases"][case]["outputs"])
        check_outputs(found, name, case)


def test_bottlenecks_have_the_customary_keys_and_widths() -> None:
    net = ResNet9("Bottleneck", (4, 8, 8, 8), layers=(1, 2, 0, 1), strides=(1, 2, 1, 1), maxpool=True)
    keys = net.state_dict()
    assert keys["layer1.0.conv3.weight"].shape == (16, 4, 1, 1)
    assert keys["layer1.0.downsample.0.weight"].shape == (16, 4, 1, 1)
    assert keys["layer2.1.conv1.weight"].shape == (8, 32, 1, 1)
    assert not any(key.startswith(("layer3", "layer2.1.downsample", "layer4.0.downsample")) for key in keys)
    assert net.out_channels == 32
    assert net(torch.rand(2, 1, 32, 22)).shape == (2, 32, 8, 6)


def test_colour_frames_are_taken() -> None:
    model = small(backbone_cfg={"in_channel": 3}).eval()
    out = model(batch_of(torch.rand(2, 4, 3, 64, 44)))
    assert out["inference_feat"]["embeddings"].shape == (2, 6, 16)
    assert out["visual_summary"]["image/sils"].shape == (8, 3, 64, 44)
    model.check_input_size(64, 44)


@pytest.mark.parametrize("size", [(64, 44), (64, 64), (128, 88)])
def test_customary_sizes_are_taken_and_the_check_changes_nothing(size: tuple[int, int]) -> None:
    model = small()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.Backbone.eval()
    model.check_input_size(*size)
    assert model.training
    assert not model.Backbone.training
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_a_size_without_strips_is_refused_with_both_sizes() -> None:
    with pytest.raises(ConfigError, match="frames of 30x25 do not fit") as caught:
        small().check_input_size(30, 25)
    assert "64x44" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bin_num": [8]}, r"SeparateFCs.parts_num is 16, expected 8 \(the strips of bin_num\)"),
        ({"SeparateFCs": {"in_channels": 9}}, r"SeparateFCs.in_channels is 9, expected 8 \(the channels"),
        ({"SeparateBNNecks": {"in_channels": 7}}, r"is 7, expected 6 \(SeparateFCs.out_channels\)"),
        ({"SeparateBNNecks": {"parts_num": 4}}, "SeparateBNNecks.parts_num is 4"),
        ({"backbone_cfg": {"layers": [1, 1]}}, "layers has 2 values"),
    ],
)
def test_heads_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)
