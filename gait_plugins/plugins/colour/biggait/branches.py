"""Branches of BigGait: features of pixels to a few channels, and the losses of such maps."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import NotRequired, TypedDict

from gait_plugins.errors import ConfigError

_SOBEL = torch.tensor([[1.0, 0.0, -1.0], [2.0, 0.0, -2.0], [1.0, 0.0, -1.0]])


class BranchOptions(TypedDict):
    """A branch, as YAML gives it."""

    source_dim: int
    target_dim: int
    p: NotRequired[float]
    softmax: NotRequired[bool]
    Relu: NotRequired[bool]
    Up: NotRequired[bool]


class Branch(nn.Module):
    """Channels of a pixel brought to fewer, and back again for a loss; keys are OpenGait's.

    Args:
        source_dim: channels of the features.
        target_dim: channels that they become.
        p: dropout.
        softmax: the channels are shares of 1; else each goes through a norm and a sigmoid.
        Relu: two layers with a GELU between, else one.
        Up: there is a way back.
    """

    def __init__(
        self,
        source_dim: int,
        target_dim: int,
        p: float = 0.0,
        softmax: bool = True,
        Relu: bool = False,
        Up: bool = True,
    ) -> None:
        super().__init__()
        if min(source_dim, target_dim) < 1 or not 0 <= p < 1:
            raise ConfigError(
                f"source_dim is {source_dim}, target_dim {target_dim} and p {p}, expected channels and a "
                "share below 1",
                where="BigGait",
            )
        self.softmax, self.target_dim = softmax, target_dim
        self.dropout = nn.Dropout(p)
        self.bn_s = nn.BatchNorm1d(source_dim, affine=False)
        self.bn_t = nn.BatchNorm1d(target_dim, affine=False)
        self.down_sampling = _layers(source_dim, target_dim, source_dim // 2 if Relu else None)
        self.up_sampling: nn.Module | None = None
        if Up:
            self.up_sampling = _layers(target_dim, source_dim, source_dim // 2 if Relu else None)

    def forward(self, pixels: Tensor) -> Tensor:
        """``[m, source_dim]`` to ``[m, target_dim]``, in [0, 1]."""
        found: Tensor = self.down_sampling(self.bn_s(self.dropout(pixels)))
        return F.softmax(found, 1) if self.softmax else torch.sigmoid(self.bn_t(found))

    def rebuilt(self, shares: Tensor) -> Tensor:
        """The way back, ``[m, target_dim]`` to ``[m, source_dim]``."""
        assert self.up_sampling is not None
        result: Tensor = self.up_sampling(shares)
        return result


def branch_of(owner: str, name: str, options: BranchOptions, channels: int, *, back: bool = False) -> Branch:
    """A branch for features of so many channels.

    Args:
        owner: the model, for messages.
        name: of the branch in ``model_cfg``.
        options: as written.
        channels: of the features.
        back: there must be a way back.

    Raises:
        ConfigError: the options do not fit.
    """
    if options["source_dim"] != channels:
        raise ConfigError(
            f"{name}.source_dim is {options['source_dim']}, expected {channels}: the features' channels",
            where=owner,
            hint=f"set {name}.source_dim to {channels}, or choose another extractor",
        )
    if back and not options.get("Up", True):
        raise ConfigError(f"{name}.Up is false, but its way back is trained", where=owner)
    return Branch(**options)


def connection(maps: Tensor) -> Tensor:
    """Mean absolute slope of maps ``[m, c, h, w]``, by Sobel's filters of the channels' sum."""
    whole = maps.sum(1, keepdim=True)
    kernels = torch.stack([_SOBEL, _SOBEL.T])[:, None].to(whole)
    # Half precision has no room for the sum.
    return F.conv2d(whole, kernels, padding=1).float().abs().sum() / maps.numel()


def sameness(shares: Tensor) -> Tensor:
    """How far channels are from equal shares, in bits: 0 where each has as much.

    Args:
        shares: ``[m, c, h, w]``, 0 outside the body.
    """
    whole = shares.float().sum((2, 3))
    parts = whole / (whole.sum(1) + 1e-6)[:, None]
    entropy = -(parts * torch.log2(parts + 1e-6)).sum(1)
    return (math.log2(shares.shape[1]) - entropy).mean()


def scattered(values: Tensor, where: Tensor) -> Tensor:
    """Values of chosen pixels ``[k, c]`` on a map ``[m, c, h, w]``, 0 elsewhere; chosen is ``[m, h, w]``."""
    whole = values.new_zeros(*where.shape, values.shape[1])
    return whole.masked_scatter(where[..., None], values).permute(0, 3, 1, 2)


def gathered(maps: Tensor, where: Tensor) -> Tensor:
    """Chosen pixels of maps ``[m, c, h, w]``, as ``[k, c]``; ``where`` is bool ``[m, h, w]``."""
    return maps.permute(0, 2, 3, 1)[where]


def joined(maps: Sequence[Tensor]) -> Tensor:
    """Maps of several layers as one, normalised over all their channels in each place (no weights)."""
    pixels = torch.cat(list(maps), 1).permute(0, 2, 3, 1)
    return F.layer_norm(pixels, pixels.shape[-1:], eps=1e-6).permute(0, 3, 1, 2)


def _layers(source: int, target: int, between: int | None) -> nn.Module:
    if between is None:
        return nn.Linear(source, target)
    return nn.Sequential(
        nn.Linear(source, between),
        nn.BatchNorm1d(between, affine=False),
        nn.GELU(),
        nn.Linear(between, target),
    )
