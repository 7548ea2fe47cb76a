"""Pose models with the recorded weights, and their recorded inputs and losses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.skeleton.bones import Skeleton, skeleton
from helpers.golden_poses import SALT, keypoints, unit
from helpers.golden_rules import assert_within_noise, check_state_dict, fill_weights_B, golden, golden_json

FRAMES = {"batch": (2, 20), "notta": (2, 20), "short": (2, 3), "train": (4, 10)}
"""Case -> recorded sequences and their frames."""


def recorded_model(name: str, **changes: Any) -> GaitModel:
    """The model of a recording, with its weights; keys, shapes and the number of parameters are compared."""
    description = golden_json(f"pose/{name}")
    model: GaitModel = gait_plugins.build("model", {**description["model_cfg"], **changes})
    check_state_dict(model, description)
    assert sum(p.numel() for p in model.parameters()) == description["parameters"]
    assert all(p.requires_grad for p in model.parameters())
    return fill_weights_B(model, SALT).eval()


def recorded_joints(case: str, joints: int, frames: int | None = None) -> np.ndarray:
    """Joints at network scale, float64 ``[n, t, v, 3]``."""
    n, t = FRAMES[case]
    return unit(keypoints(n, frames or t, joints))


def pose_batch(
    frames: Tensor, labels: Sequence[int] | None = None, seq_lens: Tensor | None = None
) -> GaitBatch:
    """Frames as a batch, each sequence of another identity unless labels say otherwise."""
    n = len(frames) if seq_lens is None else seq_lens.numel()
    classes = torch.arange(n) % 4 if labels is None else torch.tensor(labels)
    return GaitBatch([frames], classes, ["nm-01"] * n, ["090"] * n, seq_lens)


def packed(clips: Sequence[Tensor]) -> GaitBatch:
    """Clips ``[t, ...]`` of unequal lengths as one packed batch."""
    lengths = torch.tensor([[len(clip) for clip in clips]], dtype=torch.int32)
    return pose_batch(torch.cat(list(clips))[None], seq_lens=lengths)


def still(model: nn.Module) -> nn.Module:
    """In train mode, with every dropout switched off."""
    model.train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.eval()
    return model


def check_case(name: str, case: str, output: ModelOutput, features: dict[str, Tensor]) -> None:
    """Compare outputs with a recording, and its losses where the case has some."""
    found = dict(features)
    losses = golden_json(f"pose/{name}")["cases"][case].get("loss_cfg", [])
    total = torch.zeros(())
    for options in losses:
        prefix = options["log_prefix"]
        loss = gait_plugins.build("loss", {k: v for k, v in options.items() if k != "log_prefix"})
        value = loss(**output["training_feat"][prefix])[0].mean() * options["loss_term_weight"]
        found[f"loss_{prefix}"] = value.reshape(1)
        total = total + value
    if losses:
        found["loss_sum"] = total.reshape(1)
    stated = golden_json(f"pose/{name}")["cases"][case]["outputs"]
    assert set(found) == set(stated)
    for each, value in found.items():
        noise = stated[each]["max_abs_err_float32_vs_float64"]
        if each.startswith("loss_") and "features" in features:
            noise = max(noise, _carried(value, features["features"], stated["features"]))
        assert_within_noise(value, golden(f"pose/{name}")[f"{case}_{each}"], noise)


def _carried(loss: Tensor, features: Tensor, stated: dict[str, Any]) -> float:
    """What the noise of the features makes of a loss.

    A hundredfold of it, at a temperature of 0.01; a single recording is nearer to the truth by chance.
    """
    (slope,) = torch.autograd.grad(loss, features, retain_graph=True)
    return float(slope.norm()) * stated["max_abs_err_float32_vs_float64"]


@torch.no_grad()
def embeddings(model: GaitModel, batch: GaitBatch) -> Tensor:
    """Embeddings ``[n, c, p]``."""
    return model(batch)["inference_feat"]["embeddings"]


def assert_one_by_one(model: GaitModel, clips: Sequence[Tensor]) -> None:
    """A pack of clips is embedded as each of them alone, and so is a stack of equal ones."""
    alone = torch.cat([embeddings(model, pose_batch(clip[None])) for clip in clips])
    near = 1e-5 * float(alone.abs().max())
    assert (alone[0] - alone[-1]).abs().max() > 100 * near, "all sequences look alike"
    torch.testing.assert_close(embeddings(model, packed(clips)), alone, rtol=1e-5, atol=near)
    twice = packed([*clips, *clips[::-1]])
    found = embeddings(model, twice)
    torch.testing.assert_close(found, torch.cat([alone, alone.flip(0)]), rtol=1e-5, atol=near)


def assert_near_in_bfloat16(model: GaitModel, clip: Tensor) -> None:
    """Mixed precision gives nearly the same embeddings, and gradients for every parameter."""
    exact = embeddings(model, pose_batch(clip[None]))
    with torch.autocast("cpu", torch.bfloat16):
        mixed = embeddings(model, pose_batch(clip[None]))
    assert (mixed.float() - exact).abs().max() < 0.1 * exact.abs().max()
    model.train()
    with torch.autocast("cpu", torch.bfloat16):
        found = model(pose_batch(clip[None].repeat(4, *[1] * clip.dim())))
        features = [
            t for each in found["training_feat"].values() for t in each.values() if t.is_floating_point()
        ]
        sum((t.float() * torch.rand_like(t.float())).sum() for t in features).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def bones_of(name: str) -> Skeleton:
    """The skeleton of a recording."""
    return skeleton(golden_json(f"pose/{name}")["model_cfg"]["joint_format"])
