"""GaitGraph 1 and 2 equal the published implementation, but for its faults."""

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
from gait_plugins.testing import check_model

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
    model = recorded_model(name, published=True)
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


def small(number: int, **changes: Any) -> GaitModel:
    kind = GaitGraph1 if number == 1 else GaitGraph2
    built = gait_plugins.build("model", {"model": kind.__name__, **kind.example_config(), **changes})
    return fill_weights_B(built).eval()


def clips(number: int, lengths: tuple[int, ...] = UNEQUAL) -> list[Tensor]:
    """Clips ``[t, ...]`` of unequal lengths, as a model takes them."""
    found = []
    for i, length in enumerate(lengths):
        points = unit(keypoints(i + 1, length, 17))[-1:]
        joints = torch.from_numpy(points.astype(np.float32)).transpose(2, 3).unsqueeze(-1)
        found.append((joints if number == 1 else second_input(points, skeleton("coco")))[0])
    return found


@pytest.mark.parametrize("number", [1, 2])
@pytest.mark.parametrize("tta", [True, False])
def test_a_pack_is_embedded_as_its_sequences_one_by_one(number: int, tta: bool) -> None:
    assert_one_by_one(small(number, tta=tta), clips(number))


def test_gaitgraph1_embeds_without_the_reversed_clip() -> None:
    """The published class raises at test with ``tta: false``."""
    (frames,) = clips(1, (6,))
    alone = embeddings(small(1, tta=False), pose_batch(frames[None]))
    back = embeddings(small(1, tta=False), pose_batch(frames.flip(0)[None]))
    torch.testing.assert_close(alone.norm(dim=1), torch.ones(1, 1))
    both = embeddings(small(1), pose_batch(frames[None]))
    torch.testing.assert_close(both, (alone + back) / 2)


def test_gaitgraph1_is_trained_by_two_halves_of_a_clip() -> None:
    model = small(1).train()
    (frames,) = clips(1, (8,))
    features = model(pose_batch(frames[None].repeat(4, 1, 1, 1, 1)))["training_feat"]["SupConLoss"][
        "features"
    ]
    assert features.shape == (4, 2, 6)
    torch.testing.assert_close(features.norm(dim=2), torch.ones(4, 2))
    with pytest.raises(ConfigError, match="a training clip has 7 frames, expected two views"):
        model(pose_batch(frames[None, :7]))


def test_gaitgraph2_embeds_a_clip_in_three_ways() -> None:
    """As given, reversed in time, left and right joints exchanged: each as if the loader had given it."""
    bones = skeleton("coco")
    points = unit(keypoints(2, 7, 17))[1:]
    mirrored = points[:, :, list(bones.order.mirrored)]
    model, alone = small(2), small(2, tta=False)
    three = [second_input(each, bones) for each in (points, points[:, ::-1].copy(), mirrored)]
    found = embeddings(model, pose_batch(three[0]))
    torch.testing.assert_close(found, torch.cat([embeddings(alone, pose_batch(each)) for each in three], 1))


def test_joints_are_seen_from_the_loaders_centre_unless_the_published_one_is_asked_for() -> None:
    """With a neck the two differ: the loader takes joint 0, the published network the neck."""
    bones = skeleton("alphapose")
    frames = second_input(unit(keypoints(1, 7, 18)), bones)
    ours, theirs = (small(2, joint_format="alphapose", published=flag) for flag in (False, True))
    ours, theirs = embeddings(ours, pose_batch(frames)), embeddings(theirs, pose_batch(frames))
    assert torch.equal(ours[:, :6], theirs[:, :6])
    assert (ours[:, 6:] - theirs[:, 6:]).abs().amax() > 0.005 * ours.abs().amax()
    torch.testing.assert_close(three_branches(frames[:, :, :, 0], bones), frames)
    recentred = three_branches(frames[:, :, :, 0], bones, recentred=True)
    assert not recentred[:, :, 1, 0, 3:].any()
    assert torch.equal(recentred[:, :, :, 1:], three_branches(frames[:, :, :, 0], bones)[:, :, :, 1:])


def test_unequal_training_clips_are_refused() -> None:
    with pytest.raises(ConfigError, match="training batch have 1 to 12 frames, expected the same number"):
        small(2).train()(packed(clips(2)))


@pytest.mark.parametrize("number", [1, 2])
def test_every_parameter_gets_a_gradient(number: int) -> None:
    """The learned edges of 3 hops too, which are never used: their gradient is zero."""
    model = small(number).train()
    (frames,) = clips(number, (8,))
    features = model(pose_batch(frames[None].repeat(4, *[1] * frames.dim())))["training_feat"]["SupConLoss"]
    (features["features"] * torch.rand_like(features["features"])).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    edges = dict(model.named_parameters())["ResGCN.backbone.0.edge"].grad
    assert edges is not None
    assert edges.flatten(1).any(1).tolist() == [True, True, True, False]


@pytest.mark.parametrize("number", [1, 2])
def test_half_precision_is_near(number: int) -> None:
    assert_near_in_bfloat16(small(number), clips(number, (8,))[0])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"joint_format": "cocoa"}, r"joint_format is 'cocoa', expected one of coco, alphapose, openpose"),
        ({"main_stream": [4, 16]}, r"main_stream begins with 4, expected 8 \(the last value of input_branch"),
        ({"main_stream": [8]}, r"main_stream is \[8\], expected two or more widths"),
        ({"reduction": 9}, "reduction is 9, but the narrowest module has 8 channels"),
        ({"input_num": 2}, "tta needs 3 branches of 5 channels, but input_num is 2"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(2, **changes)


def test_the_last_width_decides_what_the_embedding_is_made_of() -> None:
    """The published class takes 256 and nothing else."""
    assert small(2).get_submodule("ResGCN.fcn").state_dict()["weight"].shape == (6, 16)


def test_joints_of_another_order_are_named() -> None:
    (wanted,) = small(2, joint_format="alphapose").streams or ()
    for given in (Keypoints("coco"), Stream("keypoints", (17, 3, 5), "float32")):
        misfit = wanted.misfit(given)
        assert misfit == (
            "joints of another order, COCO's 17 joints, expected 18 joints with a neck (AlphaPose, OpenPose)"
        )
    assert wanted.misfit(Stream("keypoints", (18, 3, 5), "float32")) is None
    assert "[18, 3], expected [18, 3, 5]" in str(wanted.misfit(Keypoints("alphapose")))


@pytest.mark.parametrize("block", ["Bottleneck", "Basic", "initial"])
@pytest.mark.parametrize("number", [1, 2])
def test_the_contract_of_models_is_kept(number: int, block: str) -> None:
    check_model(lambda: small(number, block=block))
