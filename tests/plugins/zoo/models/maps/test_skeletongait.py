"""SkeletonGait and SkeletonGait++ equal the published networks, and embed packs as their sequences."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_maps import (
    check_case,
    check_full_width,
    check_packed,
    grey,
    map_batch,
    masks,
    recorded_model,
)
from helpers.golden_poses import SALT
from helpers.golden_rules import fill_weights_B

import gait_plugins
from gait_plugins.api import GaitModel
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models import deepgaitv2
from gait_plugins.plugins.zoo.models.maps import skeletongaitpp
from gait_plugins.testing import check_model

CASES = [
    *[("SkeletonGait_1111_B", case) for case in ("batch", "train")],
    *[("SkeletonGait_CCPG_B", case) for case in ("batch", "train")],
    *[("SkeletonGaitPP_1111_B", case) for case in ("batch", "train")],
    ("SkeletonGaitPP_1441_B", "batch"),
]
PACKS = ["SkeletonGait_1111_B", "SkeletonGait_CCPG_B", "SkeletonGaitPP_1111_B", "SkeletonGaitPP_1441_B"]


def small(**changes: Any) -> GaitModel:
    backbone = {"blocks": [1, 1, 1, 1], "channels": [4, 4, 8, 8], **changes}
    return gait_plugins.build(
        "model", {"model": "SkeletonGaitPP", "Backbone": backbone, "SeparateBNNecks": {"class_num": 5}}
    )


@pytest.mark.parametrize(("name", "case"), CASES)
def test_published_weights_give_the_published_outputs(name: str, case: str) -> None:
    check_case(name, case)


@pytest.mark.parametrize("name", PACKS)
def test_the_recorded_pack_is_ours_with_the_leak_at_the_joint(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The published blocks over time do not know where a sequence ends; everything else of the pack is equal.
    for module in (deepgaitv2, skeletongaitpp):
        monkeypatch.setattr(module, "split_lengths", lambda lens: None)
    check_case(name, "seqL")


@pytest.mark.parametrize("name", ["SkeletonGait_1111", "SkeletonGaitPP_1111"])
def test_the_full_width_has_the_published_keys(name: str) -> None:
    check_full_width(name)


@pytest.mark.parametrize("name", PACKS)
def test_a_pack_is_embedded_as_its_sequences_one_by_one(name: str) -> None:
    inputs = [grey(3, 6, 2), masks(3, 6)] if "PP" in name else [grey(3, 6, 2)]
    check_packed(recorded_model(name), inputs, (6, 1, 4))


def test_both_pictures_count() -> None:
    model = fill_weights_B(small(), SALT).eval()
    maps, silhouettes = grey(1, 3, 2), masks(1, 3)
    whole = model(map_batch([maps, silhouettes]))["inference_feat"]["embeddings"]
    for other in ([maps.flip(-1), silhouettes], [maps, silhouettes.flip(-1)], [maps.flip(2), silhouettes]):
        assert not torch.allclose(whole, model(map_batch(other))["inference_feat"]["embeddings"], rtol=1e-3)


def test_the_fusion_weighs_each_pixel_by_the_softmax_of_the_pair() -> None:
    fusion = fill_weights_B(skeletongaitpp.AttentionFusion(32), SALT).eval()
    seen, drawn = grey(1, 2, 32)[0], grey(1, 2, 32)[0].flip(-1)
    scores = fusion.conv.forward_block(torch.cat([seen, drawn], 1)).unflatten(1, (2, 32)).softmax(1)
    torch.testing.assert_close(fusion(seen, drawn), seen * scores[:, 0] + drawn * scores[:, 1])


def test_a_network_of_two_channels_takes_skeleton_maps_and_one_of_one_takes_silhouettes() -> None:
    def named(channels: int) -> list[str] | None:
        model = deepgaitv2.DeepGaitV2(5, channels=(4, 4, 8, 8), in_channels=channels)
        return None if model.streams is None else [stream.name for stream in model.streams]

    assert [named(channels) for channels in (1, 2, 3)] == [["silhouettes"], ["skeleton_maps"], None]
    assert [stream.name for stream in small().streams or ()] == ["skeleton_maps", "silhouettes"]


def test_the_contract_of_models_is_kept_behind_the_neck_too() -> None:
    backbone = {"blocks": [1, 1, 1, 1], "channels": [4, 4, 4, 4]}
    cfg = {"model": "SkeletonGaitPP", "SeparateBNNecks": {"class_num": 5}, "use_emb2": True}
    check_model(lambda: gait_plugins.build("model", {**cfg, "Backbone": backbone}))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"in_channels": 4}, "in_channels is 4, expected 3: limbs, joints and the silhouette"),
        ({"channels": [], "C": 0}, "C is 0, expected 1 or more"),
        ({"blocks": [1, 1]}, r"blocks is \[1, 1\]"),
    ],
)
def test_options_that_make_no_network_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)


def test_pictures_of_unequal_size_are_named() -> None:
    with pytest.raises(ConfigError, match="skeleton_maps of 64x44, silhouettes of 64x64; expected"):
        small()(map_batch([grey(1, 2, 2), torch.zeros(1, 2, 64, 64)]))


def test_frames_without_strips_are_refused() -> None:
    with pytest.raises(ConfigError, match="frames of 30x25 become maps of 8x7"):
        small().check_input_size(30, 25)
