"""BigGait, BiggerGait and DINOv2's network equal the published implementations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.golden_pictures import body, latent, ratio, rgb
from helpers.golden_rules import assert_within_noise, check_state_dict, fill_weights_B, golden, golden_json
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.plugins.colour.biggait.body import body_of, filled, fills_edges, laid
from gait_plugins.plugins.colour.biggait.branches import joined
from gait_plugins.plugins.colour.transforms import BaseRgbTransform

TINY = {"channels": 12, "depth": 4, "heads": 2, "image_size": 70}
IN_VAIN = ("pretrained_dinov2", "pretrained_lvm", "pretrained_mask_branch")
BIGGER = ("model_BiggerGait_B", "model_BiggerGait_group_B")


class Prefixed(nn.Module):
    """The extractor as the recording has it: under ``backbone``."""

    def __init__(self) -> None:
        super().__init__()
        self.backbone = gait_plugins.build("backbone", {"type": "DINOv2", **TINY})


def filled_in(model: Any, name: str) -> Any:
    """Compare keys and shapes, and set the recording's weights."""
    description = golden_json(f"colour/{name}")
    check_state_dict(model, description)
    assert sum(parameter.numel() for parameter in model.parameters()) == description["parameters"]
    fill_weights_B(model)
    model.load_state_dict(model.state_dict())  # that they are there is noticed here
    return model.eval()


def recorded(name: str, **changes: Any) -> GaitModel:
    """The model of a recording with its weights."""
    options = golden_json(f"colour/{name}")["model_cfg"]
    options = {key: value for key, value in options.items() if key not in IN_VAIN}
    kind = "DINOv2" if "BigGait" in name else "Dinov2Model"
    extractor = {"type": kind, **TINY}
    model = gait_plugins.build(
        "model", {"model": name.split("_")[1], "extractor": extractor, **options, **changes}
    )
    return filled_in(model, name)


def pictures(n: int, s: int, h: int, w: int) -> Tensor:
    frames = rgb(n, s, h, w).reshape(n * s, 3, h, w)
    return torch.from_numpy(BaseRgbTransform()(frames, np.random.default_rng(0))).view(n, s, 3, h, w)


def batch(inputs: list[Tensor], lengths: tuple[int, ...] | None = None) -> GaitBatch:
    if lengths is not None:
        inputs = [torch.cat([x[i : i + 1, :k] for i, k in enumerate(lengths)], 1) for x in inputs]
    n = 2
    packed = None if lengths is None else torch.tensor([lengths], dtype=torch.int32)
    return GaitBatch(inputs, torch.arange(n), ["nm-01"] * n, ["090"] * n, packed)


def check(name: str, case: str, found: dict[str, Tensor]) -> None:
    """Compare all outputs of a case with the recording."""
    stated = golden_json(f"colour/{name}")["cases"][case]["outputs"]
    assert set(found) == set(stated)
    for output, value in found.items():
        noise = max(stated[output]["max_abs_err_float32_vs_float64"], stated[output]["max_abs"] * 1e-6 / 20)
        assert_within_noise(value, golden(f"colour/{name}")[f"{case}_{output}"], noise)


@torch.no_grad()
def test_the_vision_transformer_gives_the_published_features() -> None:
    network = filled_in(Prefixed(), "model_DINOv2_tiny_B").backbone
    maps, last = network.features(pictures(1, 2, 112, 56)[0], [1, 2, 3, 4])
    found = {"last": last, "mid4": joined(maps)}
    check("model_DINOv2_tiny_B", "batch", {key: x.flatten(2).transpose(1, 2) for key, x in found.items()})


@pytest.mark.parametrize("case", ["batch", "tall", "seqL", "train"])
@torch.no_grad()
def test_biggait_gives_the_published_outputs(case: str) -> None:
    name = "model_BigGait_B"
    model = recorded(name, train_mask=True, published=True)
    frames = pictures(2, 3, 48, 24) if case == "tall" else pictures(2, 3, 32, 32)
    given = batch([frames, ratio(2, 3)], (3, 2) if case == "seqL" else None)
    seen: list[Tensor] = []
    model.get_submodule("gait_net").register_forward_pre_hook(lambda _, args: seen.extend(args[:2]))
    model.train(case == "train").get_submodule("Mask_Branch").eval()
    output = model(given)
    form = given.inputs[0].shape[:2]
    denoised, appearance = (x.unflatten(0, form)[:, 0] for x in seen)
    found = {
        "emb": output["inference_feat"]["embeddings"],
        "denoising_frame0": denoised,
        "appearance_frame0": appearance,
        "foreground_pixels": (output["visual_summary"]["image/sils"] != 0).sum((1, 2, 3)).view(form),
    }
    if case == "train":
        features = output["training_feat"]
        found["logits"] = features["softmax"]["logits"]
        terms = ("shape_connect", "shape_mse", "part_connect", "part_diversity")
        found |= {f"loss_{term}": features[term] for term in terms}
    check(name, case, found)


@pytest.mark.parametrize("case", ["batch", "seqL", "train"])
@pytest.mark.parametrize("name", BIGGER)
@torch.no_grad()
def test_biggergait_gives_the_published_outputs(name: str, case: str) -> None:
    model: Any = recorded(name, mask_channel=1)
    model.Mask_Branch.down_sampling.bias[1] -= 4.01
    given = batch([pictures(2, 3, 48, 24)], (3, 2) if case == "seqL" else None)
    form = given.inputs[0].shape[:2]
    seen: list[Tensor] = []
    model.Gait_Net.register_forward_pre_hook(lambda _, args: seen.append(args[0][0]))
    output = model.train(case == "train")(given)
    found = {
        "emb": output["inference_feat"]["embeddings"],
        "logits": output["training_feat"]["softmax"]["logits"],
        "first_map_frame0": seen[0].unflatten(0, form)[:, 0],
        "foreground_pixels": output["visual_summary"]["image/sils"].sum((1, 2, 3)).view(form),
    }
    stated = set(golden_json(f"colour/{name}")["cases"][case]["outputs"])
    if "hidden_last" in stated:
        first = torch.nn.functional.interpolate(given.inputs[0][:, 0], (112, 56), mode="bilinear")
        layers = model.Backbone.features(first, [1, 4])[0]
        # The recording has the class token too, which no map holds.
        for output_name, layer in zip(("hidden_first", "hidden_last"), layers, strict=True):
            expected = golden(f"colour/{name}")[f"{case}_{output_name}"][:, 1:]
            noise = golden_json(f"colour/{name}")["cases"][case]["outputs"][output_name]
            tokens = layer.flatten(2).transpose(1, 2)
            assert_within_noise(tokens, expected, noise["max_abs_err_float32_vs_float64"])
    checked = {key: value for key, value in found.items() if key in stated}
    assert stated - set(checked) <= {"hidden_first", "hidden_last"}
    for key, value in checked.items():
        noise = golden_json(f"colour/{name}")["cases"][case]["outputs"][key]
        floor = max(noise["max_abs_err_float32_vs_float64"], noise["max_abs"] * 1e-6 / 20)
        assert_within_noise(value, golden(f"colour/{name}")[f"{case}_{key}"], floor)


def masks_and_probabilities() -> tuple[Tensor, Tensor]:
    masks = body(1, 3, 48, 40)[0][:, None].clone()
    masks[2, :, :20] = 1
    masks[2, :, :, :6] = 1
    return masks, torch.sigmoid(latent(1, 3, 48, 40)[0][:, :1])


def test_masks_are_filled_and_pictures_laid_as_published() -> None:
    expected = golden("colour/edge")
    masks, f = masks_and_probabilities()
    np.testing.assert_allclose(filled(f * masks), expected["biggait_get_edge"], atol=1e-7)
    shares = torch.cat([f, 1 - f], 1)
    shares[1, :, :5], shares[1, :, -5:] = 0.9, 0.8
    first, second = shares[:, 0], shares[:, 1]
    chosen = torch.where(fills_edges(first.round())[:, None, None], second, first)
    np.testing.assert_allclose(chosen, expected["biggait_get_body"], atol=1e-7)
    assert np.array_equal(body_of(shares), filled(chosen[:, None])[:, 0])
    found = laid(f, torch.tensor([0.3, 0.5, 0.9]), 32, 16)
    np.testing.assert_allclose(found, expected["biggait_padding_resize"], atol=1e-7)
