"""TrackletGait's keys, shapes and outputs are the published network's."""

from __future__ import annotations

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

from gait_plugins.plugins.tracklet.model import TrackletGait, TrackletGaitSmall

NETWORKS = {"TrackletGait": TrackletGait, "TrackletGait_s": TrackletGaitSmall}


@pytest.fixture(scope="module", params=NETWORKS)
def network(request: pytest.FixtureRequest) -> tuple[str, TrackletGait]:
    return request.param, NETWORKS[request.param].from_config(SeparateBNNecks={"class_num": 10}).eval()


def run(model: TrackletGait) -> dict[str, torch.Tensor]:
    with torch.no_grad():
        output = model(([sil(2, 8, 64, 44)], torch.tensor([0, 1]), ["nm-01"] * 2, ["090"] * 2, None))
    return {
        "emb": output["inference_feat"]["embeddings"],
        "logits": output["training_feat"]["softmax"]["logits"],
    }


def test_keys_in_order_with_shapes_and_parameter_count(network: tuple[str, TrackletGait]) -> None:
    name, model = network
    description = golden_json(f"model_{name}")
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    assert model.num_classes == 10


def test_outputs_by_weight_rule_a(network: tuple[str, TrackletGait]) -> None:
    name, model = network
    found = run(fill_weights(model))
    check_outputs({"emb": found["emb"], "logits_by_hand": found["logits"]}, f"model_{name}", "batch")


def test_outputs_by_weight_rule_b(network: tuple[str, TrackletGait]) -> None:
    name, model = network
    found = run(fill_weights_B(model))
    check_outputs({"emb": found["emb"], "logits_by_hand": found["logits"]}, f"model_{name}_B", "batch")


def test_training_mode_uses_batch_statistics(network: tuple[str, TrackletGait]) -> None:
    name, model = network
    found = run(fill_weights_B(model).train())
    check_outputs(found, f"model_{name}_B", "train")
