"""LidarGait and LidarGait++ against recorded numbers of the published implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.clouds.golden import SEED, cloud_batch, depth, recorded_clouds, recorded_model
from helpers.golden_rules import (
    assert_within_noise,
    check_state_dict,
    fill_weights,
    fill_weights_B,
    golden,
    golden_json,
)
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch, ModelOutput

PLUS = ("GMaxP_B", "HAP_B", "HAP_ball_B", "UAP_B", "UDP_B", "VLAD_B")


def check_case(name: str, case: str, found: dict[str, Tensor]) -> None:
    stated = golden_json(f"clouds/{name}")["cases"][case]["outputs"]
    for output, value in found.items():
        noise = stated[output]["max_abs_err_float32_vs_float64"]
        least = 1e-6 * stated[output]["max_abs"] / 20
        assert_within_noise(value, golden(f"clouds/{name}")[f"{case}_{output}"], max(noise, least))


def outputs(output: ModelOutput) -> dict[str, Tensor]:
    features = output["training_feat"]
    return {"emb": features["triplet"]["embeddings"], "logits": features["softmax"]["logits"]}


def frames_of(name: str) -> Tensor:
    config = golden_json(f"clouds/model_LidarGaitPP_{name}")["model_cfg"]
    return recorded_clouds(config["scale_aware"], flattened=name == "UAP_B")


@torch.no_grad()
@pytest.mark.parametrize("name", PLUS)
def test_lidargaitpp_is_as_recorded(name: str) -> None:
    model = recorded_model(f"model_LidarGaitPP_{name}", published=True)
    check_case(f"model_LidarGaitPP_{name}", "batch", outputs(model(cloud_batch(frames_of(name)))))


@torch.no_grad()
def test_relative_heights_are_of_the_clouds_own_range_unless_published() -> None:
    name = "model_LidarGaitPP_UAP_B"
    frames = frames_of("UAP_B")
    both, published = recorded_model(name), recorded_model(name, published=True)
    check_case(name, "second_alone", outputs(published(cloud_batch(frames[1:]))))
    alone = outputs(both(cloud_batch(frames[1:])))["emb"]
    torch.testing.assert_close(outputs(both(cloud_batch(frames)))["emb"][1:], alone)
    assert not torch.allclose(outputs(published(cloud_batch(frames)))["emb"][1:], alone, rtol=1e-2)


@torch.no_grad()
def test_random_starts_are_the_recorded_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "model_LidarGaitPP_HAP_B"
    model = recorded_model(name, random_at_test=True)
    drawn, randint = [], torch.randint
    monkeypatch.setattr(torch, "randint", lambda *a, **k: drawn.append(randint(*a, **k)) or drawn[-1])
    torch.manual_seed(SEED)
    check_case(name, "seed", outputs(model(cloud_batch(frames_of("HAP_B")))))
    for level, start in enumerate(drawn):
        np.testing.assert_array_equal(start, golden(f"clouds/{name}")[f"seed_start{level}"])


@torch.no_grad()
def test_training_is_as_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "model_LidarGaitPP_HAP_B"
    model = recorded_model(name).train()
    monkeypatch.setattr(torch, "randint", lambda low, high, size, **options: torch.zeros(size, **options))
    check_case(name, "train", outputs(model(cloud_batch(frames_of("HAP_B")))))


LIDARGAIT = {"model_LidarGait": (2, fill_weights), "model_LidarGait_B": (6, fill_weights_B)}


@torch.no_grad()
@pytest.mark.parametrize(
    ("name", "case"),
    [
        pytest.param("model_LidarGait", "batch", marks=pytest.mark.heavy),
        *(("model_LidarGait_B", case) for case in ("batch", "seqL", "train")),
    ],
)
def test_lidargait_is_as_recorded(name: str, case: str) -> None:
    description = golden_json(f"clouds/{name}")
    model = gait_plugins.build("model", {"model": "Baseline", **description["model_cfg"]})
    check_state_dict(model, description)
    frames, fill = LIDARGAIT[name]
    fill(model).train(case == "train")
    images = torch.from_numpy((depth(2, frames, 64, 64) / 255.0).astype(np.float32))
    lens = None
    if case == "seqL":
        lens = torch.tensor([[6, 4]], dtype=torch.int32)
        images = torch.cat([images[0, :6], images[1, :4]])[None]
    batch = GaitBatch([images], torch.arange(2), ["nm-01"] * 2, ["090"] * 2, lens)
    check_case(name, case, outputs(model(batch)))
