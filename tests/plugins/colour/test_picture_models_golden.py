"""GaitEdge, its segmentation and DenoisingGait equal the published implementations."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.golden_pictures import A, B, body, latent, ratio, rgb
from helpers.golden_rules import assert_within_noise, check_state_dict, fill_weights_B, golden, golden_json
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.plugins.colour.models.align import GaitAlign
from gait_plugins.plugins.colour.models.denoising import without_long
from gait_plugins.plugins.colour.models.flow import flow
from gait_plugins.plugins.colour.models.gaitedge import outline
from gait_plugins.plugins.colour.models.morphology import eroded
from gait_plugins.plugins.colour.transforms import BaseRgbTransform

PLACES = 5e-8
"""A twentieth of what single precision may change of an aligned silhouette, at most."""


def recorded(name: str, **changes: Any) -> GaitModel:
    """The model of a recording with its weights; keys, shapes and what is trained are compared."""
    description = golden_json(f"colour/{name}")
    model: GaitModel = gait_plugins.build("model", {**published_options(name), **changes})
    check_state_dict(model, description)
    sizes = [(p.numel(), p.requires_grad) for p in model.parameters()]
    assert sum(size for size, _ in sizes) == description["parameters"]
    assert sum(size for size, trained in sizes if trained) == description["parameters_requiring_grad"]
    return fill_weights_B(model).eval()


def published_options(name: str) -> dict[str, Any]:
    """``model_cfg`` of a recording, as our models take it, with published behaviour."""
    options = golden_json(f"colour/{name}")["model_cfg"]
    if "Segmentation" in name:
        return {"model": "Segmentation", "backbone_cfg": {**options["backbone_cfg"], "published": True}}
    if "Denoising" in name:
        del options["backbone_cfg"]["in_channel"]
        return {"model": "DenoisingGait", "published": True, **options}
    options["GaitGL"]["model"] = "GaitGL"
    options["Segmentation"]["published"] = True
    return {"model": "GaitEdge", "published": True, **options}


def check(name: str, case: str, found: dict[str, Tensor]) -> None:
    """Compare all outputs of a case with the recording."""
    stated = golden_json(f"colour/{name}")["cases"][case]["outputs"]
    assert set(found) == set(stated)
    for output, value in found.items():
        noise = max(stated[output]["max_abs_err_float32_vs_float64"], stated[output]["max_abs"] * 1e-6 / 20)
        assert_within_noise(value, golden(f"colour/{name}")[f"{case}_{output}"], noise)


def batch(inputs: list[Tensor], lengths: tuple[int, ...] | None = None) -> GaitBatch:
    n = len(inputs[0]) if lengths is None else len(lengths)
    packed = None if lengths is None else torch.tensor([lengths], dtype=torch.int32)
    return GaitBatch(inputs, torch.arange(n), ["nm-01"] * n, ["090"] * n, packed)


def pictures() -> list[Tensor]:
    """Ratios, normalised pictures and masks of two sequences of six frames."""
    frames = rgb(2, 6, 64, 64).reshape(12, 3, 64, 64)
    normalised = torch.from_numpy(BaseRgbTransform()(frames, np.random.default_rng(0)))
    return [ratio(2, 6), normalised.view(2, 6, 3, 64, 64), body(2, 6, 64, 64)]


@pytest.mark.parametrize("form", ["edge", "edge_noalign", "e2e"])
@torch.no_grad()
def test_gaitedge_gives_the_published_outputs(form: str) -> None:
    name = f"model_GaitEdge_{form}_B"
    model = recorded(name)
    for case in golden_json(f"colour/{name}")["cases"]:
        output = model.train(case == "train")(batch(pictures()))
        features = output["training_feat"]
        found = {
            "emb": output["inference_feat"]["embeddings"],
            "logits": features["softmax"]["logits"],
            "seg": features["bce"]["logits"].unflatten(0, (2, 6))[:, 0],
            "roi": output["visual_summary"]["image/roi"].unflatten(0, (2, 6))[:, 0],
        }
        check(name, case, found)


@torch.no_grad()
def test_segmentation_gives_the_published_outputs() -> None:
    _, frames, masks = pictures()
    output = recorded("model_Segmentation_B")(batch([frames[:, :2], masks[:, :2]]))
    found = {
        "logits": output["training_feat"]["bce"]["logits"],
        "pred": output["visual_summary"]["image/pred"],
    }
    check("model_Segmentation_B", "batch", found)


@pytest.mark.parametrize("case", ["batch", "seqL", "train"])
@torch.no_grad()
def test_denoisinggait_gives_the_published_outputs(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "model_DenoisingGait_B"
    model = recorded(name)
    features, masks = latent(2, 4, 32, 16), body(2, 4, 32, 16)
    given = batch([features, masks])
    if case == "seqL":
        given = batch([torch.cat([x[:1], x[1:, :2]], 1) for x in (features, masks)], (4, 2))
    drawn = random.Random(100).sample(range(2), 1)
    monkeypatch.setattr(model, "smoothed", lambda count: drawn)
    seen: list[Tensor] = []
    model.get_submodule("Backbone").register_forward_pre_hook(lambda _, args: seen.extend(args[:2]))
    output = model.train(case == "train")(given)
    within, onward = (x.unflatten(0, (len(given.inputs[0]), -1))[:, 0] for x in seen)
    found = {
        "emb": output["inference_feat"]["embeddings"],
        "logits": output["training_feat"]["softmax"]["logits"],
        "self_flow_frame0": within,
        "next_flow_frame0": onward,
    }
    check(name, case, found)


def masks_and_probabilities() -> tuple[Tensor, Tensor]:
    """Three masks, one of which touches two borders, and probabilities, ``[3, 1, 48, 40]``."""
    masks = body(1, 3, 48, 40)[0][:, None].clone()
    masks[2, :, :20] = 1
    masks[2, :, :, :6] = 1
    return masks, torch.sigmoid(latent(1, 3, 48, 40)[0][:, :1])


@pytest.mark.parametrize("size", [3, 5])
def test_the_outline_is_the_published_one(size: int) -> None:
    rim, inside = outline(masks_and_probabilities()[0], size)
    assert np.array_equal(rim, golden("colour/edge")[f"edge_mask{size}"])
    assert np.array_equal(inside, golden("colour/edge")[f"eroded_mask{size}"])


@pytest.mark.parametrize("wide", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("size", [(64, 44), (32, 22)])
def test_silhouettes_are_aligned_as_published(size: tuple[int, int], wide: float) -> None:
    masks, probabilities = masks_and_probabilities()
    found = GaitAlign(*size)(probabilities * masks, masks, torch.full((3,), wide))
    assert_within_noise(found, golden("colour/edge")[f"align_{size[0]}x{size[1]}_r{wide}"], PLACES)


def test_an_empty_mask_gives_an_empty_crop() -> None:
    _, probabilities = masks_and_probabilities()
    found = GaitAlign(32, 22)(probabilities, torch.zeros_like(probabilities), torch.full((3,), 0.5))
    assert np.array_equal(found, golden("colour/edge")["align_empty_mask"])


def test_the_crossentropy_of_masks_is_the_published_one() -> None:
    masks, probabilities = masks_and_probabilities()
    probabilities.requires_grad_()
    loss, figures = gait_plugins.build("loss", {"type": "BinaryCrossEntropyLoss"})(probabilities, masks)
    loss.backward()
    expected = golden("colour/edge")
    found = {"loss": loss, "hard": figures["hard_loss"], "miou": figures["miou"], "grad": probabilities.grad}
    for name, value in found.items():
        assert_within_noise(value, expected[f"bce_{name}"], 1e-7 * float(abs(expected[f"bce_{name}"]).max()))


def test_masks_are_eroded_and_long_flow_is_dropped_as_published() -> None:
    expected = golden("colour/edge")
    masks, _ = masks_and_probabilities()
    assert np.array_equal(eroded(masks, 5)[:, 0], expected["denoising_erosion"])
    vectors = 0.6 * latent(1, 3, 24, 16)[0][:, :2]
    found = without_long(vectors, 0.5).transpose(0, 1)[None]
    assert_within_noise(found, expected["denoising_suppress_0.5"], 1e-8)


@pytest.mark.parametrize("radius", [1, 3])
def test_flow_is_the_published_one(radius: int) -> None:
    """To the precision of the coordinates, of 0 to 10 pixels, of which the recording is a difference."""
    found = flow(latent(1, 2, 10, 7)[0], latent(1, 2, 10, 7, B, A)[0], radius).transpose(0, 1)[None]
    assert_within_noise(found, golden("colour/misc")[f"flow_r{radius}"], 5e-7)


def test_pictures_are_normalised_as_published() -> None:
    frames = rgb(1, 2, 8, 6)[0]
    expected = golden("colour/rgb")["base_rgb"]
    for given in (frames, frames.astype(np.float64)):
        found = BaseRgbTransform()(given, np.random.default_rng(0))
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-7)
