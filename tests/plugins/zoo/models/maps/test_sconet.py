"""ScoNet equals the published network, learns classes from their target, and needs none to embed."""

from __future__ import annotations

import pytest
import torch
from helpers.golden_maps import (
    check_case,
    check_full_width,
    check_packed,
    map_batch,
    masks,
    recorded_model,
)

import gait_plugins
from gait_plugins.api import GaitModel
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.maps.sconet import ScoNet


def small() -> GaitModel:
    model: GaitModel = gait_plugins.build("model", {"model": "ScoNet", **ScoNet.example_config()})
    return model


@pytest.mark.parametrize("case", ["batch", "seqL", "train"])
def test_published_weights_give_the_published_outputs(case: str) -> None:
    check_case("ScoNet_B", case)


def test_the_full_width_has_the_published_keys() -> None:
    check_full_width("ScoNet")


def test_a_pack_is_embedded_as_its_sequences_one_by_one() -> None:
    check_packed(recorded_model("ScoNet_B"), [masks(3, 6)], (6, 1, 4))


def test_people_are_told_apart_by_triplets_and_classes_by_the_classifier() -> None:
    out = small()(map_batch([masks(3, 2)], labels=[4, 7, 7], types=["positive", "negative", "neutral"]))
    assert out["training_feat"]["triplet"]["labels"].tolist() == [4, 7, 7]
    assert out["training_feat"]["softmax"]["labels"].tolist() == [2, 0, 1]
    assert out["training_feat"]["softmax"]["logits"].shape == (3, 3, 16)


def test_no_class_is_needed_to_embed() -> None:
    model = small().eval()
    found = model(map_batch([masks(2, 3)]))["inference_feat"]
    assert found["embeddings"].shape == (2, 3, 16)
    assert torch.equal(found["embeddings"], found["logits"])


def test_there_may_be_more_people_than_classes() -> None:
    assert small().num_classes is None


def test_a_class_too_many_is_named() -> None:
    batch = map_batch([masks(2, 2)])._replace(targets={"class": torch.tensor([0, 3])})
    with pytest.raises(ConfigError, match="the classifier is for 3 classes, the data have 4 or more"):
        small().train()(batch)
