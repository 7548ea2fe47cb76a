"""MSGG equals the published implementation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.golden_poses import keypoints, unit
from helpers.golden_rules import assert_within_noise, fill_weights_B, golden, golden_json
from helpers.model_batches import UNEQUAL
from helpers.pose_models import (
    assert_near_in_bfloat16,
    assert_one_by_one,
    check_case,
    pose_batch,
    recorded_joints,
    recorded_model,
    still,
)
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitModel, Stream
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.pose.models.msgg import MultiScaleGaitGraph, _pairs, _with_pairs
from gait_plugins.skeleton import ORDERS, Keypoints, reorder
from gait_plugins.testing import check_model

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


def small(**changes: Any) -> GaitModel:
    options = {**MultiScaleGaitGraph.example_config(), **changes}
    return fill_weights_B(gait_plugins.build("model", {"model": "MultiScaleGaitGraph", **options})).eval()


def clips(lengths: tuple[int, ...] = UNEQUAL) -> list[Tensor]:
    """Clips ``[t, 12, 3]`` of unequal lengths."""
    points = [unit(keypoints(i + 1, length, 12))[-1] for i, length in enumerate(lengths)]
    return [torch.from_numpy(each.astype(np.float32)) for each in points]


def test_a_pack_is_embedded_as_its_sequences_one_by_one() -> None:
    """The published class gives one embedding for the pack."""
    assert_one_by_one(small(), clips())


def test_half_precision_is_near() -> None:
    assert_near_in_bfloat16(small(), clips((8,))[0])


@pytest.mark.parametrize("strategy", ["gait_temporal", "spatial", "distance", "uniform"])
def test_the_contract_of_models_is_kept(strategy: str) -> None:
    check_model(lambda: small(graph_cfg={"layout": "body_12", "strategy": strategy}))


def test_pairs_of_joints_are_limbs_and_the_two_sides_of_the_torso() -> None:
    """The mean of node i and node i + half; so each limb is a node of the second level."""
    joints = ORDERS["limbs12"].joints
    pairs = [set(pair) for pair in zip(joints[:6], joints[6:], strict=True)]
    limb, side = {"left_elbow", "left_wrist"}, {"left_hip", "right_hip"}
    assert all(pair in pairs for pair in (limb, side))
    x = torch.arange(12.0).view(1, 1, 1, 12)
    assert _pairs(x).flatten().tolist() == [3, 4, 5, 6, 7, 8]
    assert _with_pairs(torch.ones(1, 1, 1, 6), x).flatten().tolist() == [4, 5, 6, 7, 8, 9]


def test_a_classifier_that_is_too_small_is_told_apart() -> None:
    assert small().num_classes == 5
    assert all(name in dict(small().named_children()) for name in MultiScaleGaitGraph.head_names)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"in_channels": [3]}, r"in_channels is \[3\], expected the channels of a joint, then those"),
        ({"temporal_kernel_size": 8}, "temporal_kernel_size is 8, expected an odd number of frames"),
        ({"graph_cfg": {"strategy": "random"}}, "strategy"),
        ({"graph_cfg": {"layout": "body_13"}}, "layout"),
    ],
)
def test_options_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)


def test_joints_of_another_order_are_named() -> None:
    (wanted,) = small().streams or ()
    misfit = "joints of another order, COCO's 17 joints, expected 12 joints without a head (MSGG)"
    assert wanted.misfit(Keypoints("coco")) == misfit
    assert wanted.misfit(Stream("keypoints", (17, 3), "float32")) == misfit
    assert wanted.misfit(Stream("keypoints", (12, 3), "float32")) is None
