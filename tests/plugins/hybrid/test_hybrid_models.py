"""The hybrid pipeline's networks equal the published ones."""

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
from helpers.model_batches import assert_packs_are_embedded_one_by_one, batch_of

import gait_plugins
from gait_plugins.api import GaitModel
from gait_plugins.errors import ConfigError

NAMES = ("GaitBackbone", "SupervisedReIDModel", "HybridGaitModel")


def build(name: str, **model_cfg: Any) -> GaitModel:
    return gait_plugins.build("model", {"model": name, **model_cfg})


@torch.no_grad()
def published_outputs(name: str, model: GaitModel) -> dict[str, torch.Tensor]:
    """What the recorded network returned: projections, logits, or logits and embeddings."""
    out = model.eval()(batch_of(sil(4, 1, 64, 64)))
    embeddings = out["inference_feat"]["embeddings"][:, :, 0]
    if name == "GaitBackbone":
        return {"out": embeddings}
    logits = out["training_feat"]["softmax"]["logits"][:, :, 0]
    return {"out": logits} if name == "SupervisedReIDModel" else {"logits": logits, "embeddings": embeddings}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("rule", ["", "_B"])
def test_published_weights_give_the_published_outputs(name: str, rule: str) -> None:
    description = golden_json(f"model_{name}{rule}")
    model = build(name, **description["model_cfg"])
    check_state_dict(model, description)
    fill = fill_weights_B if rule else fill_weights
    check_outputs(published_outputs(name, fill(model)), f"model_{name}{rule}", "batch")


@pytest.mark.parametrize("name", NAMES)
def test_a_pack_is_embedded_as_its_clips_one_by_one(name: str) -> None:
    options = {} if name == "GaitBackbone" else {"num_classes": 4}
    assert_packs_are_embedded_one_by_one(fill_weights_B(build(name, **options)))


@torch.no_grad()
def test_a_clip_is_the_mean_of_its_frames() -> None:
    model = fill_weights_B(build("GaitBackbone", embedding="features")).eval()
    clip = sil(1, 5, 64, 64)
    features = [model._features(frame, None) for frame in (clip, *clip.transpose(0, 1).split(1))]
    torch.testing.assert_close(features[0], torch.stack(features[1:]).mean(0))


def test_both_views_of_a_batch_are_projected_each_by_itself() -> None:
    model = fill_weights_B(build("GaitBackbone")).train()
    frames = sil(6, 2, 64, 64)
    together = model(batch_of(frames))["training_feat"]["contrast"]
    apart = [model.project(half, None) for half in frames.split(3)]
    torch.testing.assert_close(together["view1"], apart[0])
    torch.testing.assert_close(together["view2"], apart[1])


def test_a_batch_that_holds_no_two_views_is_refused() -> None:
    batch = batch_of(sil(4, 1, 64, 64))._replace(views=["000", "018", "036", "054"])
    with pytest.raises(ConfigError, match="not the same sequences") as caught:
        build("GaitBackbone").train()(batch)
    assert "BilateralSampler" in str(caught.value.hint)


def test_a_frozen_encoder_neither_learns_nor_drifts() -> None:
    model = build("SupervisedReIDModel", num_classes=4, freeze_backbone=True).train()
    before = {key: value.clone() for key, value in model.encoder.state_dict().items()}
    logits = model(batch_of(sil(4, 2, 64, 64)))["training_feat"]["softmax"]["logits"]
    logits.sum().backward()
    assert all(p.grad is None for p in model.encoder.parameters())
    assert model.classifier.weight.grad is not None
    assert all(torch.equal(value, before[key]) for key, value in model.encoder.state_dict().items())


@pytest.mark.parametrize(
    ("name", "losses"), [("SupervisedReIDModel", {"softmax"}), ("HybridGaitModel", {"softmax", "triplet"})]
)
def test_phase_three_adds_the_triplet_loss(name: str, losses: set[str]) -> None:
    features = build(name, num_classes=4)(batch_of(sil(2, 1, 64, 64)))["training_feat"]
    assert set(features) == losses


def test_frames_that_the_halvings_leave_nothing_of_are_refused() -> None:
    with pytest.raises(ConfigError, match="frames of 6x44 are too small"):
        build("HybridGaitModel", num_classes=4).check_input_size(6, 44)
