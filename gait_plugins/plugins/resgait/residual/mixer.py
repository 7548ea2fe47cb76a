"""Initial weights of a residual stage's mixer: least squares, part by part."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from gait_plugins.nn import SeparateFCs
from gait_plugins.nn.collectives import sum_over_ranks

log = logging.getLogger("gait_plugins")

RIDGE = 0.01
"""Penalty on the weights, relative to the mean square of the inputs."""


class MixerFit:
    """Weights of ``SeparateFCs`` by ridge regression, from samples that come in batches.

    What the mixer takes has a mean that is far larger than what differs between people. Gradient descent
    from random weights spends hundreds of steps on that; the normal equations need none.

    Args:
        mixer: whose weights ``[p, i, o]`` :meth:`finish` sets.
    """

    def __init__(self, mixer: SeparateFCs) -> None:
        self.mixer = mixer
        parts, inner, outer = mixer.fc_bin.shape
        device = mixer.fc_bin.device
        self.gram = torch.zeros(parts, inner, inner, dtype=torch.float64, device=device)
        self.products = torch.zeros(parts, inner, outer, dtype=torch.float64, device=device)
        self.squares = torch.zeros((), dtype=torch.float64, device=device)

    def add(self, inputs: Tensor, wanted: Tensor) -> None:
        """A batch of inputs ``[n, i, p]`` and what the mixer should make of them, ``[n, o, p]``."""
        x, y = inputs.double().permute(2, 0, 1), wanted.double().permute(2, 0, 1)
        self.gram += x.mT @ x
        self.products += x.mT @ y
        self.squares += y.square().sum()

    def finish(self) -> None:
        """Set the weights, the same in every process; a part that saw nothing but zeros keeps its own."""
        gram, products, squares = map(sum_over_ranks, (self.gram, self.products, self.squares))
        level = gram.diagonal(dim1=1, dim2=2).mean(1)
        seen = level > 0
        if not seen.any():
            log.warning("the batches for the mixer hold no occlusion: the mixer starts from random weights")
            return
        ridge = RIDGE * torch.where(seen, level, 1.0)
        identity = torch.eye(gram.shape[1], dtype=gram.dtype, device=gram.device)
        weights = torch.linalg.solve(gram + ridge[:, None, None] * identity, products)
        with torch.no_grad():
            self.mixer.fc_bin.copy_(torch.where(seen[:, None, None], weights, self.mixer.fc_bin.double()))
        left = squares - 2 * (weights * products).sum() + (weights * (gram @ weights)).sum()
        share = (left.clamp(min=0) / squares.clamp(min=torch.finfo(gram.dtype).tiny)).sqrt()
        log.info("mixer fitted: %.0f %% of the change by occlusion is left", 100 * float(share))
