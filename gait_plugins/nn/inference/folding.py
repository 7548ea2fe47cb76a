"""Folding of batch norms into the convolutions and linear layers before them: which pairs, and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.utils.parametrize import is_parametrized

LAYERS = (nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.Linear)
"""Layers whose weights have the output channels first."""


class Pair(NamedTuple):
    """A batch norm and the layer that it may be folded into, by their names in the model."""

    layer: str
    norm: str


def norms(model: nn.Module) -> dict[str, _BatchNorm]:
    """The batch norms of a model that keep statistics, by name."""
    found = ((name, part) for name, part in model.named_modules() if isinstance(part, _BatchNorm))
    return {name: norm for name, norm in found if norm.running_mean is not None}


def likely_pairs(model: nn.Module, run: Callable[[], object]) -> list[Pair]:
    """For each batch norm that ``run`` uses, the layer that seems to come right before it.

    That is the one whose output is the norm's input; or, where a model uses the weights of a layer without
    calling it, the last of the right width before the norm. The pairs are guesses, and have to be proven.
    """
    layers = {name: part for name, part in model.named_modules() if isinstance(part, LAYERS)}
    made: list[tuple[str, Tensor]] = []  # held until the end, so that no memory is used twice
    found: dict[str, str] = {}
    used: list[str] = []
    handles = []

    def watch_layer(name: str) -> Callable[..., None]:
        return lambda _part, _given, output: made.append((name, output))

    def watch_norm(name: str) -> Callable[..., None]:
        def seen(_part: nn.Module, given: tuple[Tensor, ...]) -> None:
            used.append(name)
            for layer, output in reversed(made):
                if _same_memory(output, given[0]):
                    found.setdefault(name, layer)
                    return

        return seen

    held = norms(model)
    try:
        handles += [part.register_forward_hook(watch_layer(name)) for name, part in layers.items()]
        handles += [part.register_forward_pre_hook(watch_norm(name)) for name, part in held.items()]
        run()
    finally:
        for handle in handles:
            handle.remove()
    called = {name for name, _ in made}
    order = [name for name, part in model.named_modules() if isinstance(part, (*LAYERS, _BatchNorm))]
    for name in dict.fromkeys(used):
        if name not in found:
            before = [each for each in order[: order.index(name)] if each in layers and each not in called]
            if before:
                found[name] = before[-1]
    return [Pair(layer, norm) for norm, layer in found.items() if _fits(layers[layer], held[norm])]


def fold(model: nn.Module, pairs: Iterable[Pair]) -> None:
    """Fold norms into layers, in place; an ``nn.Identity`` takes a norm's place."""
    for layer, norm in pairs:
        _fold(model.get_submodule(layer), model.get_submodule(norm))
        parent, _, own = norm.rpartition(".")
        setattr(model.get_submodule(parent), own, nn.Identity())


def scramble(model: nn.Module) -> None:
    """Give every batch norm other statistics and weights, so that no two of them do the same by chance."""
    random = torch.Generator().manual_seed(0)
    for norm in norms(model).values():
        mean, variance = norm.running_mean, norm.running_var
        assert mean is not None
        assert variance is not None
        noise = torch.rand(4, len(mean), generator=random, dtype=torch.float64).to(mean)
        # Upwards, so that what follows as an activation lets some of it through.
        mean.sub_(0.5 * noise[0] * variance.sqrt() * (norm.weight.sign() if norm.affine else 1))
        variance.mul_(0.5 + noise[1])
        if norm.affine:
            norm.weight.mul_(0.5 + noise[2])
            norm.bias.add_(0.5 * noise[3] * norm.weight.abs())


def _fold(layer: nn.Module, norm: nn.Module) -> None:
    assert isinstance(norm, _BatchNorm)
    assert isinstance(layer, LAYERS)
    mean, variance = norm.running_mean, norm.running_var
    assert mean is not None
    assert variance is not None
    scale = torch.rsqrt(variance.double() + norm.eps)
    shift = -mean.double() * scale
    if norm.affine:
        scale, shift = scale * norm.weight, shift * norm.weight + norm.bias
    weight = layer.weight
    folded = weight * scale.view(-1, *[1] * (weight.dim() - 1))
    bias = shift if layer.bias is None else layer.bias * scale + shift
    layer.weight = nn.Parameter(folded.to(weight.dtype), requires_grad=False)
    layer.bias = nn.Parameter(bias.to(weight.dtype), requires_grad=False)


def _same_memory(output: object, given: object) -> bool:
    if not (isinstance(output, Tensor) and isinstance(given, Tensor)) or output.numel() != given.numel():
        return False
    return output is given or output.untyped_storage().data_ptr() == given.untyped_storage().data_ptr()


def _fits(layer: nn.Module, norm: _BatchNorm) -> bool:
    weight = layer.weight
    return isinstance(weight, Tensor) and len(weight) == norm.num_features and not is_parametrized(layer)
