"""Recorded cases of the map models: their batches by formula, and everything that a model makes of them."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel
from helpers.golden_poses import POSE_FREQUENCIES, SALT, maps
from helpers.golden_rules import (
    assert_within_noise,
    check_state_dict,
    fill_weights_B,
    golden,
    golden_json,
    sil,
)

SIZE = (64, 44)
CLASSES = ("negative", "neutral", "positive")


def grey(n: int, s: int, channels: int) -> Tensor:
    """Maps in [0, 1], ``[n, s, channels, 64, 44]``."""
    return torch.from_numpy(maps(n, s, channels, *SIZE)).float() / 255


def masks(n: int, s: int) -> Tensor:
    """Silhouettes of 0 and 1, ``[n, s, 64, 44]``."""
    return sil(n, s, *SIZE, *POSE_FREQUENCIES)


def map_inputs(kind: str, n: int, s: int, channels: int) -> list[Tensor]:
    """What a model of this name was recorded with; ``channels`` of all its pictures together."""
    if kind == "ScoNet":
        return [masks(n, s)]
    if kind == "SkeletonGaitPP":
        return [grey(n, s, channels - 1), masks(n, s)]
    return [grey(n, s, channels)]


def packed(inputs: list[Tensor], lengths: tuple[int, ...]) -> tuple[list[Tensor], Tensor]:
    """The first frames of each sequence one after the other, and their numbers."""
    whole = [torch.cat([x[i : i + 1, :n] for i, n in enumerate(lengths)], 1) for x in inputs]
    return whole, torch.tensor([lengths], dtype=torch.int32)


def map_batch(
    inputs: list[Tensor], seq_lens: Tensor | None = None, labels: Any = None, types: Any = None
) -> GaitBatch:
    """A batch; its types name the classes of ScoNet, where they are classes."""
    n = len(inputs[0]) if seq_lens is None else seq_lens.numel()
    named = list(types or ["nm-01"] * n)
    known = {"class": torch.tensor([CLASSES.index(name) for name in named])} if types else {}
    numbers = torch.arange(n) if labels is None else torch.tensor(labels)
    return GaitBatch(inputs, numbers, named, ["090"] * n, seq_lens, known)


def recorded_batch(description: dict[str, Any], case: str) -> GaitBatch:
    """The input of a recorded case."""
    stated = description["cases"][case]
    shape = stated["input_shape"]
    channels = shape[2] if len(shape) == 5 else 1
    lengths = stated["seqL"][0] if case == "seqL" else None
    n, s = (len(lengths), max(lengths)) if lengths else shape[:2]
    inputs, seq_lens = map_inputs(description["model_cfg"]["model"], n, s, channels), None
    if lengths:
        inputs, seq_lens = packed(inputs, tuple(lengths))
    return map_batch(inputs, seq_lens, stated.get("labels"), stated.get("types"))


def recorded_model(name: str) -> GaitModel:
    """The model of ``pose/model_<name>`` with its weights; keys, shapes and number are compared."""
    description = golden_json(f"pose/model_{name}")
    model = gait_plugins.build("model", copy.deepcopy(description["model_cfg"]))
    assert isinstance(model, GaitModel)
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    return fill_weights_B(model, SALT)


@torch.no_grad()
def check_case(name: str, case: str) -> None:
    """Everything that was recorded of a case, the losses of a training step too."""
    description = golden_json(f"pose/model_{name}")
    model = recorded_model(name).train(case == "train")
    out = model(recorded_batch(description, case))
    trained = out["training_feat"]
    found = {
        "emb": out["inference_feat"]["embeddings"],
        "logits": trained["softmax"]["logits"],
        "embed": trained["triplet"]["embeddings"],
    }
    stated = description["cases"][case]
    losses = [_loss(cfg, trained) for cfg in stated.get("loss_cfg", ())]
    found |= {f"loss_{prefix}": value for prefix, value in losses}
    if losses:
        found["loss_sum"] = torch.stack([value for _, value in losses]).sum(0)
    outputs = stated["outputs"]
    assert outputs.keys() <= found.keys()
    arrays = golden(f"pose/model_{name}")
    for key, value in outputs.items():
        noise = value["max_abs_err_float32_vs_float64"]
        if key == "loss_sum":  # by chance below the noise of its terms in one recording
            terms = [outputs[f"loss_{p}"]["max_abs_err_float32_vs_float64"] for p, _ in losses]
            noise = max(noise, *terms)
        assert_within_noise(found[key], arrays[f"{case}_{key}"], noise)


def check_full_width(name: str) -> None:
    """Keys and shapes at the published width, without memory for the weights."""
    description = golden_json(f"pose/model_{name}")
    with torch.device("meta"):
        model = gait_plugins.build("model", copy.deepcopy(description["model_cfg"]))
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]


@torch.no_grad()
def check_packed(model: GaitModel, inputs: list[Tensor], lengths: tuple[int, ...]) -> None:
    """A pack is embedded as its sequences one by one, to 1e-5 of the largest value."""
    model.eval()
    whole, seq_lens = packed(inputs, lengths)
    together = model(map_batch(whole, seq_lens))["inference_feat"]["embeddings"]
    alone = [
        model(map_batch([x[i : i + 1, :n] for x in inputs]))["inference_feat"]["embeddings"]
        for i, n in enumerate(lengths)
    ]
    assert (together - torch.cat(alone)).abs().max() <= 1e-5 * together.abs().max()


def _loss(cfg: dict[str, Any], trained: dict[str, Any]) -> tuple[str, Tensor]:
    options = dict(cfg)
    weight, prefix = options.pop("loss_term_weight", 1.0), options.pop("log_prefix")
    value, _ = gait_plugins.build("loss", options)(**trained[prefix])
    return prefix, (value.mean() * weight).reshape(1)
