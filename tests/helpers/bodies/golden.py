"""Recorded cases of ParsingGait and SMPLGait: labels and body parameters by formula, and the outputs."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel
from helpers.golden_rules import (
    FREQUENCIES,
    check_state_dict,
    fill_weights,
    fill_weights_B,
    golden,
    golden_json,
    sil,
)

SIZE = (64, 44)
LENGTHS = (6, 4)
"""Of the sequences of a recorded pack."""


def parsing(n: int, s: int, h: int, w: int) -> np.ndarray:
    """Label maps uint8 ``[n, s, h, w]``, 0 to 11."""
    a, b = FREQUENCIES
    sequence = np.arange(n, dtype=np.float64)[:, None, None, None]
    frame = np.arange(s, dtype=np.float64)[:, None, None]
    row, column = np.arange(h, dtype=np.float64)[:, None], np.arange(w, dtype=np.float64)
    down = np.sin(3 * a * row + 0.7 * sequence + 0.31 * frame)
    part = 0.5 + 0.5 * down * np.cos(2 * b * column - 0.23 * frame)
    return (sil(n, s, h, w).numpy() * (1 + np.floor(10.999 * part))).astype(np.uint8)


def body(n: int, s: int, h: int, w: int) -> np.ndarray:
    """One wavy upright blob in each frame, float64 0/1 ``[n, s, h, w]``."""
    a, b = FREQUENCIES
    sequence = np.arange(n, dtype=np.float64)[:, None, None, None]
    frame = np.arange(s, dtype=np.float64)[:, None, None]
    row, column = np.arange(h, dtype=np.float64)[:, None], np.arange(w, dtype=np.float64)
    high = h * (0.40 + 0.03 * np.cos(1.3 * frame + sequence))
    y = (row - h * (0.5 + 0.03 * np.sin(frame + sequence))) / high
    wide = w * (0.20 + 0.05 * np.sin(10 * b * frame + 2 * sequence))
    x = (column - w * (0.5 + 0.08 * np.sin(10 * a * frame + sequence))) / wide
    return (y**2 + (x / (1 + 0.25 * np.sin(9 * y + frame))) ** 2 < 1).astype(np.float64)


def smpl(n: int, s: int) -> Tensor:
    """Body parameters float32 ``[n, s, 85]``."""
    a, b = FREQUENCIES
    sequence = np.arange(n, dtype=np.float64)[:, None, None]
    frame, k = np.arange(s, dtype=np.float64)[:, None], np.arange(85, dtype=np.float64)
    camera = np.where(k == 0, 0.9, 0.0) + 0.05 * np.sin(k + 0.3 * frame + sequence)
    pose = 0.4 * np.sin(3 * a * k + 0.37 * frame * (1 + 0.2 * sequence))
    shape = 0.8 * np.cos(5 * b * k + 1.3 * sequence)
    values = np.where(k < 3, camera, np.where(k < 75, pose, shape + 0 * frame))
    return torch.from_numpy(values.astype(np.float32))


def body_inputs(name: str, n: int = 2, s: int = 6) -> list[Tensor]:
    """What a model of this name was recorded with."""
    if name.startswith("SMPLGait"):
        return [sil(n, s, *SIZE), smpl(n, s)]
    return [torch.from_numpy(parsing(n, s, *SIZE)).float()]


def packed(inputs: list[Tensor], lengths: tuple[int, ...] = LENGTHS) -> GaitBatch:
    """The first frames of each sequence one after the other."""
    whole = [torch.cat([x[i : i + 1, :n] for i, n in enumerate(lengths)], 1) for x in inputs]
    return batch_of(whole, torch.tensor([lengths], dtype=torch.int32))


def batch_of(inputs: list[Tensor], seq_lens: Tensor | None = None) -> GaitBatch:
    """Inputs as a batch, each sequence of another identity."""
    n = len(inputs[0]) if seq_lens is None else seq_lens.numel()
    return GaitBatch(inputs, torch.arange(n), ["camid0"] * n, ["seq0"] * n, seq_lens)


def recorded_body_model(name: str) -> GaitModel:
    """The model of ``bodies/model_<name>`` with its weights; keys, shapes and number are compared."""
    description = golden_json(f"bodies/model_{name}")
    cfg = {"model": name.partition("_")[0], **copy.deepcopy(description["model_cfg"])}
    model = gait_plugins.build("model", cfg)
    assert isinstance(model, GaitModel)
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    assert all(p.requires_grad for p in model.parameters())
    return fill_weights_B(model) if name.endswith("_B") else fill_weights(model)


@torch.no_grad()
def worst_of_case(name: str, case: str, model: GaitModel) -> dict[str, float]:
    """By how many times what may be expected an output is off: 1 is 20 times the noise floor.

    The noise floor is the recorded one, or a millionth of the largest value where that is more.
    """
    description = golden_json(f"bodies/model_{name}")
    inputs = body_inputs(name, s=6 if name.endswith("_B") else 2)
    output = model(packed(inputs) if case == "seqL" else batch_of(inputs))
    found = {
        "emb": output["inference_feat"]["embeddings"],
        "logits": output["training_feat"]["softmax"]["logits"],
    }
    stated, arrays = description["cases"][case]["outputs"], golden(f"bodies/model_{name}")
    assert stated.keys() == found.keys()
    worst = {}
    for key, value in found.items():
        expected = arrays[f"{case}_{key}"]
        assert value.shape == expected.shape
        allowed = max(20 * stated[key]["max_abs_err_float32_vs_float64"], 1e-6 * stated[key]["max_abs"])
        worst[key] = float(np.abs(value.numpy() - expected).max()) / allowed
    return worst
