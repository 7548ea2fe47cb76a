"""The checkpoint of an adapted model: a file of the host's shape that our own trainer reads as its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

LOSSES = "loss_aggregator."
"""Prefix of what the host makes a child of the model, only while it trains."""


def without_losses(state: Mapping[str, Any]) -> dict[str, Any]:
    """The model's own part of a state dict."""
    return {key: value for key, value in state.items() if not key.startswith(LOSSES)}


def losses_of(model: nn.Module) -> nn.ModuleDict:
    """``log_prefix`` -> loss, out of what wraps it for several processes; empty where there are none."""
    terms = getattr(getattr(model, "loss_aggregator", None), "losses", {})
    return nn.ModuleDict({prefix: getattr(term, "module", term) for prefix, term in terms.items()})


def save(model: Any, path: Path, iteration: int) -> None:
    """Write what the host writes, losses apart, and the origin of plugins; whole or not at all."""
    checkpoint = {
        "model": without_losses(model.state_dict()),
        "losses": losses_of(model).state_dict(),
        "optimizer": model.optimizer.state_dict(),
        "scheduler": model.scheduler.state_dict(),
        "iteration": iteration,
        "plugins": dict(model.used),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    torch.save(checkpoint, partial)
    os.replace(partial, path)


def completed(model: nn.Module, state: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's weights as the model wants them now: with the losses that it has, and no others."""
    aggregator = getattr(model, "loss_aggregator", None)
    own: dict[str, Tensor] = {} if aggregator is None else aggregator.state_dict(prefix=LOSSES)
    kept = {key: value for key, value in state.items() if key in own or not key.startswith(LOSSES)}
    return own | kept


def restore_losses(model: nn.Module, path: str) -> None:
    """The state of those losses that the file holds, if any; another training may have had others."""
    losses = losses_of(model)
    if not losses.state_dict():
        return
    saved = torch.load(path, map_location="cpu", weights_only=True).get("losses", {})
    own = losses.state_dict()
    fitting = {key: value for key, value in saved.items() if key in own and own[key].shape == value.shape}
    losses.load_state_dict(fitting, strict=False)
