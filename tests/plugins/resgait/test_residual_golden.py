"""The occlusion module and the residual models equal the published ones: keys, shapes and outputs."""

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
from torch import nn

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.plugins.resgait.oem.detector import Detector
from gait_plugins.plugins.resgait.oem.model import OcclusionModule

RESIDUAL = {
    "model_Baseline_Mimic_Residual": "Baseline_Mimic_Residual",
    "model_DeepGaitV2_Mimic_Residual": "DeepGaitV2_Mimic_Residual",
    "model_SwinGait_Residual_1122": "SwinGait_Residual",
}
FILLS = {"": fill_weights, "_B": fill_weights_B}
both_rules = pytest.mark.parametrize("rule", FILLS, ids=["wide", "narrow"])


def batch_of(lengths: tuple[int, ...] | None = None) -> GaitBatch:
    frames, seq_lens = (sil(2, 6, 64, 64), None) if lengths is None else packed_sil(lengths, 64, 64)
    return GaitBatch([frames], torch.arange(2), ["nm-01"] * 2, ["090"] * 2, seq_lens)


def in_any_order(model: nn.Module, description: dict[str, Any]) -> None:
    """Keys, shapes and dtypes are those of the json; the order of the children is nobody's business."""
    found = {
        key: [list(t.shape), str(t.dtype).removeprefix("torch.")] for key, t in model.state_dict().items()
    }
    assert found == {key: rest for key, *rest in description["state_dict"]}


def residual(golden_name: str, **options: Any) -> GaitModel:
    model_cfg = golden_json(golden_name)["model_cfg"]
    name = RESIDUAL[golden_name.removesuffix("_B")]
    model: GaitModel = gait_plugins.build("model", {"model": name, **model_cfg, **options})
    return model


@both_rules
@torch.no_grad()
def test_detector_inside_the_residual_models(rule: str) -> None:
    name = f"model_Occ_Detector_Amount{rule}"
    detector = Detector(types=0)
    check_state_dict(detector, golden_json(name))
    FILLS[rule](detector).eval()
    cases = {
        "batch": (sil(2, 6, 64, 64), None, "features"),
        "one": (sil(1, 6, 64, 64), None, "features"),
        "seqL": (*packed_sil((6, 4), 64, 64), "amounts"),
    }
    parts = golden_json(name)["model_cfg"]["parts_num"]
    for case, (frames, seq_lens, pooling) in cases.items():
        found = detector.of_sequences(frames.unsqueeze(1), seq_lens, pooling)
        amount = found.amounts[0] if case == "one" else found.amounts
        embed = found.embeddings.unsqueeze(2).expand(-1, -1, parts)
        check_outputs({"embed": embed, "amount": amount}, name, case)


@both_rules
@torch.no_grad()
def test_module_with_its_type_head(rule: str) -> None:
    name = f"model_Occ_Detector_mimicgait{rule}"
    model = gait_plugins.build("model", {"model": "OEM"})
    assert isinstance(model, OcclusionModule)
    check_state_dict(model, golden_json(name))
    assert sum(p.numel() for p in model.parameters()) == golden_json(name)["parameters"]
    FILLS[rule](model).eval()
    for case, frames in (("frames", sil(2, 3, 64, 64).flatten(0, 1)), ("one", sil(1, 1, 64, 64)[0])):
        said = model(GaitBatch([frames.unsqueeze(1)], torch.zeros(len(frames)), [], [], None))
        verdicts = said["inference_feat"]["occlusion"]
        amount = verdicts[0, 3] if case == "one" else verdicts[:, 3]
        check_outputs({"probabilities": verdicts[:, :3], "amount": amount}, name, case)


@both_rules
@pytest.mark.parametrize("name", RESIDUAL)
def test_residual_models(name: str, rule: str) -> None:
    name += rule
    description = golden_json(name)
    model = residual(name, amount_of="features")
    in_any_order(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert trained == description["parameters_requiring_grad"]
    FILLS[rule](model).eval()
    with torch.no_grad():
        check_outputs(outputs_of(model, batch_of()), name, "batch")


@pytest.mark.parametrize("name", RESIDUAL)
@torch.no_grad()
def test_packed_batches_have_the_mean_of_the_frames_amounts(name: str) -> None:
    name += "_B"
    model = fill_weights_B(residual(name)).eval()
    found = outputs_of(model, batch_of((6, 4)))
    if "Baseline" not in name:  # the published 3-D networks let one sequence leak into the next
        found = {"occ_amount": found["occ_amount"]}
    check_outputs(found, name, "seqL")


def outputs_of(model: Any, batch: GaitBatch) -> dict[str, Any]:
    out = model(batch)
    frames = batch.inputs[0].unsqueeze(1)
    amounts = model.occ_detector.of_sequences(frames, batch.seq_lens, model.amount_of).amounts
    return {
        "emb": out["inference_feat"]["embeddings"],
        "logits": out["training_feat"]["softmax"]["logits"],
        "occ_amount": amounts,
    }
