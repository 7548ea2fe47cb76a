"""GaitSet equals the published implementation, and takes a sequence as a set."""

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
    sil,
)
from helpers.model_batches import assert_packs_are_embedded_one_by_one, batch_of, outputs, recorded_batches

import gait_plugins
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.gaitset import GaitSet


def build(model_cfg: dict[str, Any]) -> GaitSet:
    model = gait_plugins.build("model", {"model": "GaitSet", **model_cfg})
    assert isinstance(model, GaitSet)
    return model


def small(**changes: Any) -> GaitSet:
    return build({**GaitSet.example_config(), **changes})


@pytest.mark.parametrize("case", ["batch", "seqL"])
@torch.no_grad()
def test_published_weights_give_the_published_outputs(case: str) -> None:
    description = golden_json("model_GaitSet_B")
    model = build(description["model_cfg"])
    check_state_dict(model, description)
    assert set(description["cases"]) == {"batch", "seqL"}
    found = outputs(fill_weights_B(model).eval(), recorded_batches()[case])
    check_outputs(found, "model_GaitSet_B", case)


@pytest.mark.parametrize("case", ["batch", "seqL"])
@torch.no_grad()
def test_published_width_gives_the_published_outputs(case: str) -> None:
    description = golden_json("model_GaitSet")
    model = build(description["model_cfg"])
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    found = outputs(fill_weights(model).eval(), recorded_batches()[case])
    check_outputs(found, "model_GaitSet", case, arrays=f"model_GaitSet_{case}")


def test_the_wide_form_of_the_large_data_sets_is_taken() -> None:
    model = build(
        {
            "in_channels": [1, 64, 128, 256],
            "SeparateFCs": {"in_channels": 256, "out_channels": 256, "parts_num": 62},
            "bin_num": [16, 8, 4, 2, 1],
        }
    )
    assert model.gl_block3.state_dict()["2.conv.weight"].shape == (256, 256, 3, 3)
    assert model.num_classes is None


def test_a_pack_is_embedded_as_its_sequences_one_by_one() -> None:
    assert_packs_are_embedded_one_by_one(fill_weights_B(small()))


@torch.no_grad()
def test_the_order_of_the_frames_changes_nothing() -> None:
    model = fill_weights_B(small()).eval()
    frames = sil(1, 6, 64, 44)
    mixed = frames[:, torch.tensor([3, 0, 5, 1, 4, 2])]
    assert torch.equal(outputs(model, batch_of(frames))["emb"], outputs(model, batch_of(mixed))["emb"])


@torch.no_grad()
def test_repeated_frames_change_nothing() -> None:
    model = fill_weights_B(small()).eval()
    frames = sil(1, 3, 64, 44)
    once, twice = (outputs(model, batch_of(f))["emb"] for f in (frames, frames.repeat(1, 2, 1, 1)))
    torch.testing.assert_close(once, twice)


def test_only_triplets_are_trained() -> None:
    features = small()(batch_of(sil(2, 3, 64, 44)))["training_feat"]
    assert list(features) == ["triplet"]
    assert set(features["triplet"]) == {"embeddings", "labels"}


def test_colour_frames_are_taken() -> None:
    model = small(in_channels=[3, 4, 4, 8]).eval()
    out = model(batch_of(torch.rand(2, 4, 3, 64, 44)))
    assert out["inference_feat"]["embeddings"].shape == (2, 6, 62)
    assert out["visual_summary"]["image/sils"].shape == (8, 3, 64, 44)


@pytest.mark.parametrize("size", [(64, 44), (64, 64), (128, 88)])
def test_customary_sizes_are_taken(size: tuple[int, int]) -> None:
    small().check_input_size(*size)


@pytest.mark.parametrize(("size", "words"), [((30, 25), "does not divide into"), ((2, 2), "too small")])
def test_other_sizes_are_refused(size: tuple[int, int], words: str) -> None:
    with pytest.raises(ConfigError, match=f"frames of {size[0]}x{size[1]} do not fit: .*{words}"):
        small().check_input_size(*size)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bin_num": [8]}, r"SeparateFCs.parts_num is 62, expected 16 \(twice the strips of bin_num"),
        (
            {"in_channels": [1, 4, 4, 9]},
            r"SeparateFCs.in_channels is 8, expected 9 \(the last value of in_channels\)",
        ),
        ({"in_channels": [1, 4, 8]}, "in_channels has 3 values"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)
