"""MSGG equals the published implementation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.golden_rules import assert_within_noise, golden, golden_json
from helpers.pose_models import (
    check_case,
    one_by_one,
    packed,
    pose_batch,
    recorded_joints,
    recorded_model,
    still,
)
from torch import Tensor

from gait_plugins.skeleton import ORDERS, reorder

NAME, SPATIAL = "model_MSGG_B", "model_MSGG_spatial_B"


def twelve_joints(case: str) -> Tensor:
    """As ``MSGGTransform`` gives it, ``[n, t, 12, 3]``."""
    points = reorder(recorded_joints(case, 17), ORDERS["coco17"], ORDERS["limbs12"])
    return torch.from_numpy(points.astype(np.float32))


def features(output: Any) -> dict[str, Tensor]:
    """Outputs, named as in the recordings."""
    found = output["training_feat"]
    return {
        "emb": output["inference_feat"]["embeddings"],
        "logits": found["softmax"]["logits"],
        "joints": found["triplet_joints"]["embeddings"],
        "limbs": found["triplet_limbs"]["embeddings"],
    }


@pytest.mark.parametrize(("name", "cases"), [(NAME, ["batch", "short", "train"]), (SPATIAL, ["batch"])])
def test_it_gives_the_published_outputs(name: str, cases: list[str]) -> None:
    model = recorded_model(name)
    assert list(golden_json(f"pose/{name}")["cases"]) == cases
    if name == NAME:
        assert_within_noise(twelve_joints("batch"), golden(f"pose/{name}")["batch_x"], 1e-9)
    for case in cases:
        labels = [0, 0, 1, 1] if case == "train" else None
        each = still(model) if case == "train" else model
        output = each(pose_batch(twelve_joints(case), labels))
        check_case(name, case, output, features(output))
