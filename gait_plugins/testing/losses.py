"""Contract checks of losses."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from gait_plugins.api import Loss
from gait_plugins.testing.expect import expect, made, near

LABELS = (0, 0, 0, 1, 1, 2, 3, 3)
SHAPES = {
    "embeddings": (len(LABELS), 6, 3),
    "features": (len(LABELS), 2, 6),
    "logits": (len(LABELS), 4, 3),
}


def check_loss(make: Loss | Callable[[], Loss], features: Mapping[str, Any] | None = None) -> None:
    """Shape, gradient, figures and symmetry of a loss.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.
        features: arguments of its ``forward``, one row a sample; left out, those of its
            ``example_features``; else ``embeddings`` ``[n, c, p]``, ``features`` ``[n, views, c]``,
            ``logits`` ``[n, classes, p]`` and ``labels`` ``[n]`` are made up.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    loss = made(make, Loss)
    given = dict(features if features is not None else loss.example_features() or _features(loss))
    value = _check_value(loss, given)
    order = torch.randperm(len(next(iter(given.values()))), generator=torch.Generator().manual_seed(1))
    mixed, _ = loss(**{name: feature[order] for name, feature in given.items()})
    expect(near(mixed, value, 1e-5), "the order of the batch changes the loss")
    coinciding = {n: torch.zeros_like(f) if f.is_floating_point() else f for n, f in given.items()}
    _check_value(loss, coinciding)
    half, _ = loss(**{n: f.bfloat16() if f.is_floating_point() else f for n, f in given.items()})
    expect(
        half.dtype == torch.float32,
        f"features in half precision give a loss in {half.dtype}, expected torch.float32",
    )


def _features(loss: Loss) -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(0)
    known = {name: torch.randn(shape, generator=generator) for name, shape in SHAPES.items()}
    known["labels"] = torch.tensor(LABELS)
    wanted = [p for p in inspect.signature(loss.forward).parameters.values() if p.default is p.empty]
    unknown = [p.name for p in wanted if p.name not in known]
    expect(not unknown, f"forward takes {unknown}, which cannot be made up: give features to check_loss")
    return {p.name: known[p.name] for p in wanted}


def _check_value(loss: Loss, given: Mapping[str, Tensor]) -> Tensor:
    arguments = {n: f.clone().requires_grad_() if f.is_floating_point() else f for n, f in given.items()}
    value, figures = loss(**arguments)
    expect(
        value.dim() <= 1, f"the loss has shape {tuple(value.shape)}, expected a scalar or one value per part"
    )
    expect(bool(value.isfinite().all()), "the loss is not finite")
    for name, figure in figures.items():
        fits = isinstance(figure, Tensor) and not figure.requires_grad
        expect(fits, f"the figure {name!r} is not a detached tensor")
    value.mean().backward()
    leaves = [f.grad for f in arguments.values() if f.requires_grad]
    expect(any(grad is not None for grad in leaves), "the loss gives no gradient")
    finite = all(grad.isfinite().all() for grad in leaves if grad is not None)
    expect(finite, "the gradient of the loss is not finite")
    detached: Tensor = value.detach()
    return detached
