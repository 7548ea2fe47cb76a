"""Parameter groups of an optimiser: those with weight decay, and those without it (norms, biases)."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from torch import nn


def split_by_weight_decay(
    named: Iterable[tuple[str, nn.Parameter]], undecayed: Collection[str]
) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Parameters with weight decay, and those without it.

    Args:
        named: parameters with their names, as ``named_parameters`` gives them.
        undecayed: what the names of those without weight decay hold somewhere: ``norm``, ``bias``.
    """
    decayed: list[nn.Parameter] = []
    spared: list[nn.Parameter] = []
    for name, parameter in named:
        (spared if any(part in name for part in undecayed) else decayed).append(parameter)
    return decayed, spared
