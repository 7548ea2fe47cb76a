"""GaitTR equals the published implementation."""

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
    bones_of,
    check_case,
    embeddings,
    pose_batch,
    recorded_joints,
    recorded_model,
    still,
)
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import GaitModel, Stream
from gait_plugins.errors import ConfigError
from gait_plugins.nn.sync_bn import CpuSyncBatchNorm
from gait_plugins.plugins.pose.models.gaittr import GaitTR, _joint_norm
from gait_plugins.plugins.pose.models.joint_maps import mish
from gait_plugins.skeleton.bones import Skeleton, skeleton
from gait_plugins.testing import check_model

NAMES = ["model_GaitTR_Gait3D_B", "model_GaitTR_OUMVLP_B"]


def ten_channels(case: str, name: str) -> Tensor:
    """The recorded input, ``[n, t, 10, v, 1]``."""
    bones = bones_of(name)
    return ten_channels_of(recorded_joints(case, len(bones.order)), bones)


def ten_channels_of(points: np.ndarray, bones: Skeleton) -> Tensor:
    """As ``GaitTRMultiInput`` and ``SkeletonInput`` give them."""
    place = points[..., :2]
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


def small(**changes: Any) -> GaitModel:
    return fill_weights_B(
        gait_plugins.build("model", {"model": "GaitTR", **GaitTR.example_config(), **changes})
    ).eval()


def clips(lengths: tuple[int, ...] = UNEQUAL) -> list[Tensor]:
    """Clips ``[t, 10, 17, 1]`` of unequal lengths."""
    order = skeleton("coco")
    return [ten_channels_of(unit(keypoints(i + 1, n, 17))[-1:], order)[0] for i, n in enumerate(lengths)]


def test_a_pack_is_embedded_as_its_sequences_one_by_one() -> None:
    """The published class gives one embedding for the pack."""
    assert_one_by_one(small(), clips())


def test_half_precision_is_near() -> None:
    assert_near_in_bfloat16(small(), clips((8,))[0])


def test_the_contract_of_models_is_kept() -> None:
    check_model(small)


def test_a_synchronised_norm_counts_joints_in_the_same_order() -> None:
    torch.manual_seed(0)
    own, other = nn.BatchNorm1d(12), CpuSyncBatchNorm(12)
    with torch.no_grad():
        own.weight.copy_(torch.rand(12))
        own.bias.copy_(torch.rand(12))
    other.load_state_dict(own.state_dict())
    maps = torch.rand(2, 3, 5, 4)
    for mode in (True, False):
        torch.testing.assert_close(*(_joint_norm(norm.train(mode), maps) for norm in (own, other)))
    torch.testing.assert_close(dict(own.state_dict()), dict(other.state_dict()))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_mish_and_its_gradient_are_torchs(dtype: torch.dtype) -> None:
    values = torch.cat([torch.linspace(-90, 90, 3001), torch.zeros(1)]).view(1, 1, -1, 1).to(dtype)
    found, expected = (values.clone().requires_grad_() for _ in range(2))
    given = torch.rand_like(values)
    ours, theirs = mish(found), nn.functional.mish(expected)
    near = {} if dtype == torch.float32 else {"rtol": 2e-2, "atol": 1e-2}
    torch.testing.assert_close(ours, theirs, **near)
    ours.backward(given)
    theirs.backward(given)
    torch.testing.assert_close(found.grad, expected.grad, **near)


def test_no_frame_attends_to_another() -> None:
    """All that mixes frames is the convolution over time: 4 frames to each side in each block."""
    model = small(in_channels=[10, 32])
    (frames,) = clips((12,))
    changed = frames.clone()
    changed[0] += 1
    maps = []
    model.get_submodule("backbone.0").register_forward_hook(lambda _, __, out: maps.append(out))
    for each in (frames, changed):
        embeddings(model, pose_batch(each[None]))
    moved = (maps[0] - maps[1]).abs().amax((0, 1, 3))
    assert moved.gt(0).tolist() == [True] * 5 + [False] * 7


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"in_channels": [10, 48]},
            r"in_channels is \[10, 48\], expected the channels of a joint, then multiples",
        ),
        ({"joint_format": "hand"}, "joint_format is 'hand', expected one of coco"),
    ],
)
def test_options_that_do_not_fit_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)


def test_joints_of_another_order_are_named() -> None:
    (wanted,) = small().streams or ()
    misfit = str(wanted.misfit(Stream("keypoints", (10, 18, 1), "float32")))
    assert "18 joints with a neck (AlphaPose, OpenPose), expected COCO's 17 joints" in misfit
