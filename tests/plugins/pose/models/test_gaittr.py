"""GaitTR equals the published implementation."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from helpers.golden_rules import assert_within_noise, golden, golden_json
from helpers.pose_models import (
    bones_of,
    check_case,
    one_by_one,
    packed,
    pose_batch,
    recorded_joints,
    recorded_model,
    still,
)
from torch import Tensor

NAMES = ["model_GaitTR_Gait3D_B", "model_GaitTR_OUMVLP_B"]


def ten_channels(case: str, name: str) -> Tensor:
    """As ``GaitTRMultiInput`` and ``SkeletonInput`` give it, ``[n, t, 10, v, 1]``."""
    bones = bones_of(name)
    place = recorded_joints(case, len(bones.order))[..., :2]
    once, twice = np.zeros_like(place), np.zeros_like(place)
    once[:, :-2] = place[:, 1:-1] - place[:, :-2]
    twice[:, :-2] = place[:, 2:] - place[:, :-2]
    bone = place - place[:, :, list(bones.parents)]
    joined = np.concatenate([place, place - place[:, :, :1], once, twice, bone], -1)
    return torch.from_numpy(joined.astype(np.float32)).transpose(2, 3).unsqueeze(-1)


@pytest.mark.parametrize("name", NAMES)
def test_it_gives_the_published_outputs(name: str) -> None:
    model = recorded_model(name)
    assert set(golden_json(f"pose/{name}")["cases"]) == {"batch", "short", "train"}
    assert_within_noise(ten_channels("batch", name), golden(f"pose/{name}")["batch_x"], 1e-9)
    with torch.no_grad():
        for case in ("batch", "short"):
            output = model(pose_batch(ten_channels(case, name)))
            check_case(name, case, output, {"emb": output["inference_feat"]["embeddings"]})
    output = still(model)(pose_batch(ten_channels("train", name), [0, 0, 1, 1]))
    check_case(name, "train", output, {"emb": output["inference_feat"]["embeddings"]})
