"""GLN has the published keys and gives the published numbers, in both of its phases."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_rules import fill_weights_B, sil
from helpers.model_batches import assert_packs_are_embedded_one_by_one, batch_of, outputs

import gait_plugins
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.gln import GLN

STAGES = {
    "sil_stage_0.forward_block.0.conv.weight": (4, 1, 5, 5),
    "sil_stage_0.forward_block.2.conv.weight": (4, 4, 3, 3),
    "sil_stage_1.forward_block.0.conv.weight": (4, 4, 3, 3),
    "sil_stage_1.forward_block.2.conv.weight": (4, 4, 3, 3),
    "sil_stage_2.forward_block.0.conv.weight": (6, 4, 3, 3),
    "sil_stage_2.forward_block.2.conv.weight": (6, 6, 3, 3),
    "set_stage_1.0.conv.weight": (4, 4, 3, 3),
    "set_stage_1.2.conv.weight": (4, 4, 3, 3),
    "set_stage_2.0.conv.weight": (6, 4, 3, 3),
    "set_stage_2.2.conv.weight": (6, 6, 3, 3),
    "lateral_layer1.weight": (8, 8, 1, 1),
    "lateral_layer2.weight": (8, 8, 1, 1),
    "lateral_layer3.weight": (8, 12, 1, 1),
    "smooth_layer1.weight": (8, 8, 3, 3),
    "smooth_layer2.weight": (8, 8, 3, 3),
    "smooth_layer3.weight": (8, 8, 3, 3),
    "Head.fc_bin": (93, 8, 6),
}
COMPACT = {
    "encoder_bn.weight": (558,),
    "encoder_bn.bias": (558,),
    "encoder_bn.running_mean": (558,),
    "encoder_bn.running_var": (558,),
    "encoder_bn.num_batches_tracked": (),
    "reduce_fc.weight": (6, 558),
    "reduce_bn.weight": (6,),
    "reduce_bn.bias": (6,),
    "reduce_bn.running_mean": (6,),
    "reduce_bn.running_var": (6,),
    "reduce_bn.num_batches_tracked": (),
    "reduce_cls.weight": (5, 6),
}
FIRST_CHANNEL = [[-5.334768, 0.757967, 1.580993, -1.257439], [-5.372454, 0.360559, 1.641869, -1.099941]]
"""Of parts 0, 31, 62 and 92, as the published network embeds two sequences in double precision."""
LOGITS = [
    [-17.193706, 10.317419, -4.349133, -8.39577, -3.285347],
    [-18.737386, 9.50419, -4.277586, -10.388649, -3.276459],
]


def small(**changes: Any) -> GLN:
    model = gait_plugins.build("model", {"model": "GLN", **GLN.example_config(), **changes})
    assert isinstance(model, GLN)
    return model


@pytest.mark.parametrize("pretraining", [True, False])
def test_keys_in_order_with_shapes(pretraining: bool) -> None:
    state = small(Lateral_pretraining=pretraining).state_dict()
    expected = STAGES if pretraining else STAGES | COMPACT
    assert [(key, tuple(value.shape)) for key, value in state.items()] == list(expected.items())


@torch.no_grad()
def test_published_weights_give_the_published_outputs() -> None:
    model = fill_weights_B(small()).double().eval()
    found = outputs(model, batch_of(sil(2, 5, 64, 44).double()))
    assert found["emb"].shape == (2, 6, 93)
    parts = found["emb"][:, 0, [0, 31, 62, 92]]
    torch.testing.assert_close(parts, torch.tensor(FIRST_CHANNEL).double(), rtol=0, atol=2e-6)
    assert float(found["emb"].abs().mean()) == pytest.approx(5.032836, abs=2e-6)
    torch.testing.assert_close(found["logits"].squeeze(2), torch.tensor(LOGITS).double(), rtol=0, atol=2e-6)


@torch.no_grad()
def test_the_first_phase_embeds_as_the_second_and_classifies_nothing() -> None:
    first, second = (fill_weights_B(small(Lateral_pretraining=phase)).eval() for phase in (True, False))
    batch = batch_of(sil(2, 3, 64, 44))
    assert (first.num_classes, second.num_classes) == (None, 5)
    assert list(first(batch)["training_feat"]) == ["triplet"]
    assert list(second(batch)["training_feat"]) == ["triplet", "softmax"]
    torch.testing.assert_close(outputs(first, batch)["emb"], outputs(second, batch)["emb"], rtol=0, atol=0)


def test_a_pack_is_embedded_as_its_sequences_one_by_one() -> None:
    assert_packs_are_embedded_one_by_one(fill_weights_B(small()))


@torch.no_grad()
def test_a_pack_is_classified_sequence_by_sequence() -> None:
    model = fill_weights_B(small()).eval()
    frames = sil(2, 4, 64, 44)
    pack = batch_of(frames.flatten(0, 1).unsqueeze(0), torch.tensor([[4, 4]], dtype=torch.int32))
    torch.testing.assert_close(outputs(model, pack)["logits"], outputs(model, batch_of(frames))["logits"])


def test_the_compact_block_learns_no_offsets() -> None:
    fixed = [name for name, p in small().named_parameters() if not p.requires_grad]
    assert fixed == ["encoder_bn.bias", "reduce_bn.bias"]


@pytest.mark.parametrize("size", [(64, 44), (64, 64), (128, 88), (64, 46)])
def test_customary_and_odd_sizes_are_taken(size: tuple[int, int]) -> None:
    small().check_input_size(*size)


@pytest.mark.parametrize(("size", "words"), [((30, 25), "does not divide into"), ((2, 2), "too small")])
def test_other_sizes_are_refused(size: tuple[int, int], words: str) -> None:
    with pytest.raises(ConfigError, match=f"frames of {size[0]}x{size[1]} do not fit: .*{words}"):
        small().check_input_size(*size)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"bin_num": [8]}, r"SeparateFCs.parts_num is 93, expected 24 \(three times the strips of bin_num\)"),
        ({"lateral_dim": 4}, r"SeparateFCs.in_channels is 8, expected 4 \(lateral_dim\)"),
        ({"hidden_dim": 4}, r"SeparateFCs.out_channels is 6, expected 4 \(hidden_dim\)"),
        ({"in_channels": [1, 4, 8]}, "in_channels has 3 values"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)
