"""GaitTR: attention over the joints of a frame, convolutions over time (Zhang et al., arXiv 2204.03873)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.api import GaitBatch, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.pose.models.joint_maps import (
    joint_maps,
    mean_of_maps,
    mish,
    shortcut,
    temporal_conv,
)
from gait_plugins.plugins.pose.models.sequences import JointModel, embed, joint_frames
from gait_plugins.skeleton.bones import skeleton

_HEADS = 8
_DROPOUT = 0.1


class GaitTR(JointModel):
    """Blocks of a temporal convolution and of attention among the joints of each frame; means over both.

    Each frame attends to itself alone, and no graph is used: ``joint_format`` only says how many joints there
    are, and in which order. (The published class builds a graph for it and never looks at it.) Keys and
    shapes of the state dict are OpenGait's.

    Args:
        in_channels: channels of a joint and of each block; those of the blocks are multiples of 32.
        num_class: channels of the embedding.
        joint_format: order of the joints: ``coco``, ``alphapose`` or ``openpose``, ``coco-no-head``.
    """

    def __init__(self, in_channels: Sequence[int], num_class: int, joint_format: str) -> None:
        super().__init__()
        bones = skeleton(joint_format, "GaitTR")
        if len(in_channels) < 2 or any(width % (4 * _HEADS) for width in in_channels[1:]):
            raise ConfigError(
                f"in_channels is {list(in_channels)}, expected the channels of a joint, then multiples of "
                f"{4 * _HEADS}, one for each block",
                where="GaitTR",
                hint="the published widths are [10, 64, 64, 128, 256]",
            )
        joints = len(bones.order)
        self.data_bn = nn.BatchNorm1d(in_channels[0] * joints)
        self.backbone = nn.ModuleList(_Block(wide, out, joints) for wide, out in pairwise(in_channels))
        self.fcn = nn.Conv1d(in_channels[-1], num_class, 1)
        self.streams = (joint_frames(bones, in_channels[:1], [1], "GaitTRMultiInput and SkeletonInput"),)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, for 17 joints."""
        return {"in_channels": [10, 32, 32], "num_class": 6, "joint_format": "coco"}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, 1]``."""
        embeddings = embed(GaitBatch.of(batch), self._embed, self)
        return {
            "training_feat": {"triplet": {"embeddings": embeddings, "labels": batch[1]}},
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }

    def _embed(self, frames: Tensor) -> Tensor:
        n, t, c, v, _ = frames.shape
        joints = frames[..., 0].transpose(2, 3).reshape(n * t, v * c)
        x = joint_maps(self.data_bn(joints).view(n, t, v, c))
        for block in self.backbone:
            x = block(x)
        embeddings: Tensor = self.fcn(mean_of_maps(x).unsqueeze(-1))
        return embeddings


class _Unit(nn.Module):
    """Dropout, a convolution over time, Mish, a norm."""

    def __init__(self, wide: int, out: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv = temporal_conv(wide, out, kernel)
        self.bn = nn.BatchNorm2d(out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(mish(self.conv(self.dropout(x))))
        return y


class _Attention(nn.Module):
    """Attention with 8 heads among the joints of a frame; keys are a quarter as wide as values."""

    def __init__(self, wide: int, out: int) -> None:
        super().__init__()
        self.widths = (out // 4, out // 4, out)
        self.qkv_conv = nn.Conv2d(wide, sum(self.widths), 1)
        self.attn_out = nn.Conv2d(out, out, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, t, v]`` to ``[n, c', t, v]``."""
        n, _, t, v = x.shape
        qkv = self.qkv_conv(x).permute(0, 2, 3, 1).reshape(n * t, v, -1)
        query, key, value = (
            part.view(n * t, v, _HEADS, -1).transpose(1, 2).reshape(n * t * _HEADS, v, -1)
            for part in qkv.split(self.widths, -1)
        )
        scores = torch.bmm(query * (query.shape[-1] ** -0.5), key.transpose(1, 2))
        heads = torch.bmm(scores.softmax(-1), value).view(n * t, _HEADS, v, -1)
        joined = heads.transpose(1, 2).reshape(n, t, v, -1)
        y: Tensor = self.attn_out(joint_maps(joined))
        return y


class _Spatial(nn.Module):
    def __init__(self, wide: int, out: int, joints: int) -> None:
        super().__init__()
        self.bn = nn.BatchNorm2d(out)
        self.data_bn = nn.BatchNorm1d(wide * joints)
        self.attention_conv = _Attention(wide, out)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.bn(mish(self.attention_conv(_joint_norm(self.data_bn, x))))
        return y


def _joint_norm(norm: nn.Module, x: Tensor) -> Tensor:
    """A norm of each channel of each joint, ``c * v`` in this order, of maps ``[n, c, t, v]``."""
    n, c, t, v = x.shape
    if type(norm) is nn.BatchNorm1d:
        return _in_place_order(norm, x)
    rows = x.permute(0, 2, 1, 3).reshape(n * t, c * v)
    normed: Tensor = norm(rows)
    return normed.view(n, t, c, v).permute(0, 2, 1, 3).contiguous(memory_format=torch.channels_last)


def _in_place_order(norm: nn.BatchNorm1d, x: Tensor) -> Tensor:
    """The same without moving the maps: the norm's own parameters are brought to their order."""
    n, c, t, v = x.shape
    order = torch.arange(c * v, device=x.device).view(c, v).T.flatten()
    weight, bias = norm.weight[order], norm.bias[order]
    assert norm.running_mean is not None
    assert norm.running_var is not None
    mean, variance = norm.running_mean[order], norm.running_var[order]
    rows = x.permute(0, 2, 3, 1).reshape(n * t, v * c)
    momentum = 0.1 if norm.momentum is None else norm.momentum
    y = F.batch_norm(rows, mean, variance, weight, bias, norm.training, momentum, norm.eps)
    if norm.training:
        assert norm.num_batches_tracked is not None
        norm.num_batches_tracked.add_(1)
        norm.running_mean[order] = mean
        norm.running_var[order] = variance
    return joint_maps(y.view(n, t, v, c))


class _Block(nn.Module):
    def __init__(self, wide: int, out: int, joints: int) -> None:
        super().__init__()
        self.tcn = _Unit(wide, wide, 9, _DROPOUT)
        self.st = _Spatial(wide, out, joints)
        same = wide == out
        self.residual_s = nn.Identity() if same else shortcut(wide, out)
        self.down = nn.Identity() if same else _Unit(wide, out, 1, 0.0)

    def forward(self, x: Tensor) -> Tensor:
        x0 = self.tcn(x).add_(x)
        y: Tensor = self.st(x0)
        return y.add_(self.residual_s(x0)).add_(self.down(x))
