"""DeepGaitV2 equals the published implementation, and embeds packed batches as their sequences one by one."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_rules import check_outputs, check_state_dict, fill_weights_B, golden_json, packed_sil, sil
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.deepgaitv2 import DeepGaitV2

FORMS = ["2d_1111", "3d_1111", "p3d_1111", "p3d_gait3d", "2d_use_emb2"]
MODES = ["2d", "3d", "p3d"]


def build(model_cfg: dict[str, Any]) -> DeepGaitV2:
    model = gait_plugins.build("model", {"model": "DeepGaitV2", **model_cfg})
    assert isinstance(model, DeepGaitV2)
    return model


def small(mode: str = "p3d", **changes: Any) -> DeepGaitV2:
    backbone = {"mode": mode, "in_channels": 1, "layers": [1, 1, 2, 1], "channels": [4, 6, 8, 8], **changes}
    return build({"Backbone": backbone, "SeparateBNNecks": {"class_num": 5}})


def batch_of(frames: Tensor, seq_lens: Tensor | None = None) -> GaitBatch:
    n = len(frames) if seq_lens is None else seq_lens.numel()
    return GaitBatch([frames], torch.arange(n) % 5, ["nm-01"] * n, ["090"] * n, seq_lens)


def outputs(model: DeepGaitV2, batch: GaitBatch) -> dict[str, Tensor]:
    out = model(batch)
    return {
        "emb": out["inference_feat"]["embeddings"],
        "logits": out["training_feat"]["softmax"]["logits"],
    }


@pytest.mark.parametrize("form", FORMS)
def test_the_full_width_has_the_published_keys(form: str) -> None:
    description = golden_json(f"model_DeepGaitV2_{form}")
    with torch.device("meta"):
        model = build(description["model_cfg"])
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_published_weights_give_the_published_outputs(form: str) -> None:
    name = f"model_DeepGaitV2_{form}_B"
    description = golden_json(name)
    model = fill_weights_B(build(description["model_cfg"])).eval()
    check_state_dict(model, description)
    check_outputs(outputs(model, batch_of(sil(2, 6, 64, 44))), name, "batch")
    if form == "2d_1111":  # 3d and p3d leak from sequence to sequence in the recorded pack
        check_outputs(outputs(model, batch_of(*packed_sil((6, 4), 64, 44))), name, "seqL")


@pytest.mark.parametrize("mode", MODES)
@torch.no_grad()
def test_a_pack_is_embedded_as_its_sequences_one_by_one(mode: str) -> None:
    model = fill_weights_B(small(mode)).double().eval()
    lengths = (3, 7, 1, 5, 2)
    frames, seq_lens = packed_sil(lengths, 64, 44)
    together = model(batch_of(frames.double(), seq_lens))["inference_feat"]["embeddings"]
    alone = [outputs(model, batch_of(part))["emb"] for part in frames.double().split(lengths, 1)]
    torch.testing.assert_close(together, torch.cat(alone))


@pytest.mark.parametrize("mode", MODES)
def test_a_sequence_gets_no_gradient_from_its_neighbours_in_the_pack(mode: str) -> None:
    model = small(mode).eval()
    frames, seq_lens = packed_sil((4, 3), 64, 44)
    frames.requires_grad_()
    model(batch_of(frames, seq_lens))["inference_feat"]["embeddings"][0].sum().backward()
    assert frames.grad is not None
    assert frames.grad[:, :4].any()
    assert not frames.grad[:, 4:].any()


@pytest.mark.parametrize("mode", ["3d", "p3d"])
@torch.no_grad()
def test_neighbouring_frames_count_but_in_2d(mode: str) -> None:
    frames = sil(1, 6, 64, 44)
    backwards_in_pairs = frames[:, [1, 0, 3, 2, 5, 4]]
    for form, differs in (("2d", False), (mode, True)):
        model = fill_weights_B(small(form)).eval()
        one, other = (outputs(model, batch_of(x))["emb"] for x in (frames, backwards_in_pairs))
        assert torch.allclose(one, other, atol=1e-5) is not differs


@torch.no_grad()
def test_embedding_behind_the_neck_is_another_one() -> None:
    cfg = golden_json("model_DeepGaitV2_2d_use_emb2_B")["model_cfg"]
    behind = fill_weights_B(build(cfg)).eval()
    before = fill_weights_B(build({**cfg, "use_emb2": False})).eval()
    batch = batch_of(sil(2, 3, 64, 44))
    assert not torch.allclose(outputs(behind, batch)["emb"], outputs(before, batch)["emb"])
    torch.testing.assert_close(
        behind(batch)["training_feat"]["triplet"]["embeddings"], outputs(before, batch)["emb"]
    )


@pytest.mark.parametrize("size", [(64, 44), (64, 64), (128, 88)])
def test_customary_sizes_and_colour_are_taken(size: tuple[int, int]) -> None:
    model = small("2d", in_channels=3).eval()
    model.check_input_size(*size)
    assert outputs(model, batch_of(torch.rand(1, 2, 3, *size)))["emb"].shape == (1, 8, 16)


def test_a_size_without_strips_is_refused_with_both_sizes() -> None:
    with pytest.raises(ConfigError, match="frames of 30x25 become maps of 8x7"):
        small().check_input_size(30, 25)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"layers": [1, 1]}, r"layers is \[1, 1\], expected a number of at least 1 for each of the 4"),
        ({"layers": [1, 0, 1, 1]}, "layers is"),
        ({"channels": [4, 8, 8]}, "channels is"),
    ],
)
def test_stages_that_make_no_network_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)


def test_an_unknown_mode_is_named() -> None:
    with pytest.raises(ConfigError, match="'4d'"):
        small("4d")
