"""FoundationGait's networks, and recorded numbers of the published implementation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.golden_rules import (
    FREQUENCIES,
    assert_within_noise,
    check_state_dict,
    fill_weights_B,
    golden,
    golden_json,
    packed_sil,
    sil,
)
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch
from gait_plugins.nn import frames_of
from gait_plugins.plugins.foundation.teacher import cosine_momentum

MODELS = {
    "pretrain": "FoundationGait_Scaling",
    "finetune": "FoundationGait_Scaling_Finetune",
    "probe_scoliosis": "FoundationGait_Scaling_LinearProbing_Scoliosis1K",
    "probe_dgait": "FoundationGait_Scaling_LinearProbing_DGait",
    "probe_ragar": "FoundationGait_Scaling_LinearProbing_RAGAR",
}
TYPES = {
    "probe_scoliosis": ["positive", "neutral"],
    "probe_dgait": ["0001-D01", "0002-N01"],
    "probe_ragar": ["7_0_2", "9_1_0"],
}


def file(name: str) -> str:
    return f"foundation/model_FoundationGait_{name}_B"


def build(name: str, **changes: Any) -> Any:
    options = golden_json(file(name))["model_cfg"] | changes
    options.pop("SeparateFCs" if name.startswith("probe") else "", None)
    return fill_weights_B(gait_plugins.build("model", {"model": MODELS[name], **options}))


def batch_of(frames: Tensor, types: list[str] | None = None, seq_lens: Tensor | None = None) -> GaitBatch:
    n = len(frames) if seq_lens is None else seq_lens.shape[1]
    return GaitBatch([frames], torch.zeros(n).long(), types or ["nm-01"] * n, ["090"] * n, seq_lens)


def compare(name: str, case: str, **found: Tensor) -> None:
    stated, arrays = golden_json(file(name))["cases"][case]["outputs"], golden(file(name))
    for output, value in found.items():
        noise = stated[output]["max_abs_err_float32_vs_float64"]
        floor = max(noise, 1e-6 * stated[output]["max_abs"] / 20)
        assert_within_noise(value, arrays[f"{case}_{output}"], floor)


@pytest.mark.parametrize("name", MODELS)
def test_keys_and_shapes_are_the_published_ones(name: str) -> None:
    check_state_dict(build(name), golden_json(file(name)))


@pytest.mark.parametrize(("case", "published"), [("train", True), ("train_teacher_eval", False)])
@torch.no_grad()
def test_the_student_predicts_the_teacher(case: str, published: bool) -> None:
    a, b = FREQUENCIES
    views = torch.cat([sil(8, 3, 64, 44), sil(8, 3, 64, 44, b, a)])
    softmax = build("pretrain", published=published).train()(batch_of(views))["training_feat"]["softmax"]
    compare("pretrain", case, **softmax)


@torch.no_grad()
def test_the_teacher_is_what_is_tested() -> None:
    found = build("pretrain").eval()(batch_of(sil(8, 3, 64, 44)[:2]))["inference_feat"]
    compare("pretrain", "eval", emb=found["embeddings"], part03=found["predictions"][..., 3:4])


@pytest.mark.parametrize("case", ["batch", "train"])
@torch.no_grad()
def test_fine_tuning(case: str) -> None:
    model = build("finetune", published=True).train(case == "train")
    frames = sil(8, 3, 64, 44) if case == "train" else sil(2, 5, 64, 44)
    output = model(batch_of(frames))
    logits = output["training_feat"]["softmax"]["logits"]
    compare("finetune", case, emb=output["inference_feat"]["embeddings"], logits=logits)


@torch.no_grad()
def test_the_published_pack_differs_by_its_leak_alone() -> None:
    model = build("finetune").eval()
    frames, seq_lens = packed_sil((5, 3), 64, 44)
    strips = model.teacher_backbone.project(model.teacher_backbone.maps(frames_of(frames)), seq_lens)
    embeddings = model.FCs(torch.nn.functional.normalize(strips, dim=1))
    compare("finetune", "seqL", emb=embeddings, logits=model.BNNecks(embeddings)[1])


@pytest.mark.parametrize("name", TYPES)
@torch.no_grad()
def test_probes(name: str) -> None:
    output = build(name).eval()(batch_of(sil(2, 5, 64, 44), TYPES[name]))
    terms = {f"{term}_{key}": x for term, both in output["training_feat"].items() for key, x in both.items()}
    compare(name, "batch", emb=output["inference_feat"]["embeddings"], **terms)


def test_the_momentum_rises_as_published() -> None:
    misc = golden("foundation/misc")
    found = [cosine_momentum(int(step), 40000, 0.99) for step in misc["ema_steps"]]
    np.testing.assert_allclose(found, misc["ema_momentum_40000"], rtol=0, atol=1e-12)
