"""GaitGL's three forms equal the published implementation, at any batch size and length."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from helpers.golden_rules import (
    check_outputs,
    check_state_dict,
    fill_weights,
    fill_weights_B,
    golden_json,
    sil,
)
from helpers.model_batches import assert_packs_are_embedded_one_by_one, batch_of, outputs

import gait_plugins
from gait_plugins.api import GaitBatch
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.gaitgl import GaitGL

FORMS = ["CASIA-B", "GREW", "GREW_BNNeck"]
DEEP = [2, 3, 4, 6]
NECKS = {"class_num": 5, "in_channels": 6, "parts_num": 64}


def build(model_cfg: dict[str, Any]) -> GaitGL:
    model = gait_plugins.build("model", {"model": "GaitGL", **model_cfg})
    assert isinstance(model, GaitGL)
    return model


def small(**changes: Any) -> GaitGL:
    return build({**GaitGL.example_config(), **changes})


def recorded(case: str, sequences: int) -> GaitBatch:
    frames = {"frames1": 1, "frames2": 2}.get(case, 6)
    return batch_of(sil(sequences, frames, 64, 44))


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_published_weights_give_the_published_outputs(form: str) -> None:
    name = f"model_GaitGL_{form}_B"
    description = golden_json(name)
    model = fill_weights_B(build(description["model_cfg"]))
    check_state_dict(model, description)
    for case, recording in description["cases"].items():
        model.train(case == "train")
        batch = recorded(case, recording["outputs"]["emb"]["shape"][0])
        found = outputs(model, batch)
        assert set(found) == set(recording["outputs"])
        check_outputs(found, name, case)


@pytest.mark.parametrize("form", FORMS)
@torch.no_grad()
def test_published_width_gives_the_published_outputs(form: str) -> None:
    name = f"model_GaitGL_{form}"
    description = golden_json(name)
    model = fill_weights(build(description["model_cfg"])).eval()
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    assert model.num_classes == 10
    sequences = description["cases"]["batch"]["outputs"]["emb"]["shape"][0]
    check_outputs(outputs(model, recorded("batch", sequences)), name, "batch")


@pytest.mark.parametrize("options", [{}, {"channels": DEEP}, {"channels": DEEP, "SeparateBNNecks": NECKS}])
def test_a_pack_is_embedded_as_its_sequences_one_by_one(options: dict[str, Any]) -> None:
    assert_packs_are_embedded_one_by_one(fill_weights_B(small(**options)))


@torch.no_grad()
def test_a_stack_is_embedded_as_its_sequences_one_by_one() -> None:
    model = fill_weights_B(small()).eval()
    stack = sil(3, 7, 64, 44)
    alone = [outputs(model, batch_of(row.unsqueeze(0)))["emb"] for row in stack]
    torch.testing.assert_close(outputs(model, batch_of(stack))["emb"], torch.cat(alone), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_packs_train_as_stacks_do() -> None:
    stack = sil(3, 4, 64, 44)
    lengths = torch.full((1, 3), 4, dtype=torch.int32)
    batches = (batch_of(stack), batch_of(stack.flatten(0, 1).unsqueeze(0), lengths))
    of_stack, of_pack = (outputs(fill_weights_B(small()).train(), batch) for batch in batches)
    for name, value in of_stack.items():
        torch.testing.assert_close(of_pack[name], value, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_very_short_sequences_train(frames: int) -> None:
    model = small().train()
    model.init_parameters()
    features = model(batch_of(sil(2, frames, 64, 44)))["training_feat"]
    assert list(features) == ["triplet", "softmax"]
    assert features["softmax"]["logits"].shape == (2, 5, 64)
    torch.autograd.backward([features["triplet"]["embeddings"].sum(), features["softmax"]["logits"].sum()])
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@torch.no_grad()
def test_frames_that_fill_no_window_are_left_out() -> None:
    model = fill_weights_B(small()).eval()
    frames = sil(1, 9, 64, 44)
    # Of eight frames, the windows end at the sixth, and the convolution before them sees the seventh.
    seventh, eighth = (outputs(model, batch_of(frames[:, :last]))["emb"] for last in (7, 8))
    torch.testing.assert_close(seventh, eighth)
    assert not torch.equal(outputs(model, batch_of(frames))["emb"], eighth)


@pytest.mark.parametrize("size", [(64, 44), (64, 64), (128, 88)])
@pytest.mark.parametrize("channels", [[2, 4, 6], DEEP])
def test_customary_sizes_are_taken(size: tuple[int, int], channels: list[int]) -> None:
    model = small(channels=channels)
    model.check_input_size(*size)
    assert model.training


@pytest.mark.parametrize(("size", "words"), [((30, 25), "64 strips"), ((8, 44), "4 rows high")])
def test_other_sizes_are_refused(size: tuple[int, int], words: str) -> None:
    with pytest.raises(ConfigError, match=f"frames of {size[0]}x{size[1]} do not fit: .*{words}"):
        small().check_input_size(*size)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"channels": [32, 64]}, "channels has 2 values"),
        (
            {"SeparateBNNecks": {**NECKS, "parts_num": 16}},
            r"parts_num is 16, expected 64 \(GaitGL's strips\)",
        ),
        (
            {"SeparateBNNecks": {**NECKS, "in_channels": 5}},
            r"in_channels is 5, expected 6 \(the last value of channels\)",
        ),
        ({"SeparateBNNecks": {**NECKS, "class_num": 9}}, r"class_num is 9, expected 5 \(class_num\)"),
    ],
)
def test_options_that_do_not_fit_each_other_are_refused(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        small(**changes)
