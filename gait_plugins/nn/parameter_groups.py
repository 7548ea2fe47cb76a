"""Parameter groups of an optimiser: with weight decay and without it, and with learning rates by name."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

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


def groups_by_name(
    named: Iterable[tuple[str, nn.Parameter]], rates: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    """Parameter groups with learning rates by what the names begin with; frozen parameters are left out.

    Args:
        named: parameters with their names, as ``named_parameters`` gives them.
        rates: first parts of names (``encoder.layer1.``) -> learning rate, None for the optimiser's own. A
            parameter belongs to the first one that fits; the empty text fits all.

    Returns:
        A group for each of ``rates`` that has parameters, in their order.
    """
    found: dict[str, list[nn.Parameter]] = {prefix: [] for prefix in rates}
    for name, parameter in named:
        prefix = next((prefix for prefix in rates if name.startswith(prefix)), None)
        if prefix is not None and parameter.requires_grad:
            found[prefix].append(parameter)
    settings = {prefix: {} if rate is None else {"lr": rate} for prefix, rate in rates.items()}
    return [{"params": params, **settings[prefix]} for prefix, params in found.items() if params]
