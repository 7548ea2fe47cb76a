"""GaitGraph 1 and 2 equal the published implementation, but for its faults."""

from __future__ import annotations

from typing import Any

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

import gait_plugins
from gait_plugins.api import GaitModel, Stream
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.pose.models.gaitgraph import GaitGraph1, GaitGraph2, three_branches
from gait_plugins.skeleton import Keypoints
from gait_plugins.skeleton.bones import Skeleton, skeleton

FIRST = ["model_GaitGraph1_CASIA-B_B", "model_GaitGraph1_OUMVLP_B"]
SECOND = ["model_GaitGraph2_CASIA-B_B", "model_GaitGraph2_Basic_B", "model_GaitGraph2_OUMVLP_B"]


def first_input(case: str, joints: int) -> Tensor:
    """As ``GaitGraph1Input`` gives it, ``[n, t, 3, v, 1]``."""
    points = recorded_joints(case, joints, frames=32 if case == "train" else None)
    return torch.from_numpy(points.astype(np.float32)).transpose(2, 3).unsqueeze(-1)


def second_input(points: np.ndarray, bones: Skeleton) -> Tensor:
    """As ``GaitGraphMultiInput`` gives it with joint 0 as the centre, ``[n, t, v, 3, 5]``."""
    joints = np.concatenate([points, points[..., :2] - points[:, :, :1, :2]], -1)
    return three_branches(torch.from_numpy(joints), bones).float()


def published(frames: Tensor) -> Tensor:
    """Frames ``[n, t, 3, v, 1]`` as the published transform lays them out."""
    return frames.transpose(1, 2)


@pytest.mark.parametrize("name", FIRST)
def test_gaitgraph1_gives_the_published_outputs(name: str) -> None:
    model, joints = recorded_model(name), len(bones_of(name).order)
    assert set(golden_json(f"pose/{name}")["cases"]) == {"batch", "train"}
    frames = first_input("batch", joints)
    assert_within_noise(published(frames), golden(f"pose/{name}")["batch_x"], 1e-9)
    with torch.no_grad():
        output = model(pose_batch(frames))
    check_case(name, "batch", output, {"emb": output["inference_feat"]["embeddings"]})
    output = still(model)(pose_batch(first_input("train", joints), [0, 0, 1, 1]))
    check_case(name, "train", output, {"features": output["training_feat"]["SupConLoss"]["features"]})


@pytest.mark.parametrize("name", SECOND)
def test_gaitgraph2_gives_the_published_outputs(name: str) -> None:
    bones = bones_of(name)
    model = recorded_model(name, published_center=True)
    assert set(golden_json(f"pose/{name}")["cases"]) == {"batch", "notta", "train"}
    frames = second_input(recorded_joints("batch", len(bones.order)), bones)
    if "batch_x" in golden(f"pose/{name}"):
        assert_within_noise(frames, golden(f"pose/{name}")["batch_x"], 1e-7)
    alone = recorded_model(name, tta=False)
    with torch.no_grad():
        for case, each in (("batch", model), ("notta", alone)):
            output = each(pose_batch(frames))
            check_case(name, case, output, {"emb": output["inference_feat"]["embeddings"]})
    frames = second_input(recorded_joints("train", len(bones.order)), bones)
    output = still(model)(pose_batch(frames, [0, 0, 1, 1]))
    check_case(name, "train", output, {"features": output["training_feat"]["SupConLoss"]["features"]})
