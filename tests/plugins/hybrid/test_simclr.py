"""SimCLR pretrains any registered model on two views of each clip."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_rules import fill_weights_B, packed_sil, sil
from helpers.model_batches import assert_packs_are_embedded_one_by_one, batch_of

import gait_plugins
from gait_plugins.api import GaitModel
from gait_plugins.errors import ConfigError
from gait_plugins.registry.components import Component
from gait_plugins.registry.manager import default_manager

WRAPPED = ["TrackletGait_s", "GaitSet", "Baseline", "DeepGaitV2", "GaitGL"]


def build(name: str, **options: Any) -> GaitModel:
    component: Component = default_manager().find("model", name)
    inner = {"model": name, **component.load().example_config()}
    return gait_plugins.build("model", {"model": "SimCLR", "of": inner, "hidden": 8, "out": 6, **options})


@pytest.mark.parametrize("name", WRAPPED)
def test_any_model_is_pretrained_on_two_views(name: str) -> None:
    model = build(name).train()
    batch = batch_of(sil(4, 4, 64, 44))
    contrast = model(batch)["training_feat"]["contrast"]
    assert contrast["view1"].shape == contrast["view2"].shape == (2, 6)
    torch.testing.assert_close(contrast["view1"].norm(dim=1), torch.ones(2))
    (contrast["view1"] * contrast["view2"]).sum().backward()
    assert all(p.grad is not None for p in model.parameters() if p.requires_grad)
    assert any(p.grad.any() for p in model.of.parameters() if p.grad is not None)


def test_a_classifier_is_left_untrained() -> None:
    model = build("Baseline")
    frozen = {name for name, p in model.of.named_parameters() if not p.requires_grad}
    assert frozen
    assert all(name.startswith("BNNecks.") for name in frozen)


@torch.no_grad()
def test_at_test_the_embedding_is_the_models_own() -> None:
    model = fill_weights_B(build("GaitSet")).eval()
    batch = batch_of(sil(3, 4, 64, 44))
    found, own = (m(batch)["inference_feat"]["embeddings"] for m in (model, model.of))
    assert torch.equal(found, own)


def test_its_packs_are_embedded_one_by_one() -> None:
    assert_packs_are_embedded_one_by_one(fill_weights_B(build("GaitSet", embedding="projection")))


@torch.no_grad()
def test_packed_views_are_projected_like_stacked_ones() -> None:
    model = fill_weights_B(build("GaitSet")).train()
    stacked = model(batch_of(sil(4, 3, 64, 44)))["training_feat"]["contrast"]
    packed = model(batch_of(*packed_sil((3, 3, 3, 3), 64, 44)))["training_feat"]["contrast"]
    torch.testing.assert_close(stacked["view2"], packed["view2"])


def test_the_models_own_parameter_groups_are_kept() -> None:
    model = build("SwinGait")
    groups = list(model.parameter_groups({"lr": 0.1}))
    own = {id(p) for p in model.projection.parameters()}
    assert {id(p) for p in groups[-1]["params"]} == own
    assert len({group.get("lr") for group in groups[:-1]}) > 1


def test_a_size_that_the_model_does_not_take_is_refused_in_words() -> None:
    with pytest.raises(ConfigError, match="GaitSet cannot embed frames of 30x25") as caught:
        build("GaitSet", frame=[30, 25])
    assert "model_cfg.frame" in str(caught.value.hint)
