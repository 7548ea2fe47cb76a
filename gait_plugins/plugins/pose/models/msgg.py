"""MSGG: graphs of joints, limbs and body parts that pass messages upwards (Peng et al., arXiv 2110.13408)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import NotRequired, TypedDict

from gait_plugins.api import GaitBatch, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.pose.models.graphs import Strategy, body_adjacency
from gait_plugins.plugins.pose.models.joint_maps import (
    GraphConv,
    joint_maps,
    mean_of_maps,
    shortcut,
    temporal_conv,
)
from gait_plugins.plugins.pose.models.sequences import JointFrames, JointModel, embed
from gait_plugins.skeleton import ORDERS

_LEVELS = ("lowSemantic", "mediumSemantic", "highSemantic")


class GraphOptions(TypedDict):
    """Options of the graphs, as YAML gives them."""

    layout: NotRequired[Literal["body_12"]]
    strategy: NotRequired[Strategy]


class MultiScaleGaitGraph(JointModel):
    """Three graph networks: of 12 joints, 6 limbs, 3 body parts; each block passes means of pairs upwards.

    The embedding is that of the body parts. Keys and shapes of the state dict are OpenGait's.

    Args:
        in_channels: channels of a joint and of the blocks, two of each.
        out_channels: channels of the embedding.
        num_id: training identities, for the classifier.
        temporal_kernel_size: frames that a convolution over time sees; odd.
        graph_cfg: layout of the joints, and the ``strategy`` that divides edges into subsets:
            ``gait_temporal`` (as published), ``spatial``, ``distance`` or ``uniform``.
    """

    head_names = ("bn_neck", "encoder_cls")

    def __init__(
        self,
        in_channels: Sequence[int],
        out_channels: int,
        num_id: int,
        temporal_kernel_size: int = 9,
        graph_cfg: GraphOptions | None = None,
    ) -> None:
        super().__init__()
        _check(in_channels, temporal_kernel_size)
        strategy = (graph_cfg or {}).get("strategy", "gait_temporal")
        self.blocks = 2 * len(in_channels) - 2
        graphs = [body_adjacency(strategy, level) for level in range(len(_LEVELS))]
        for name, graph in zip(_LEVELS, graphs, strict=True):
            self.register_buffer(f"A_{name}", graph)
        for name, graph in zip(_LEVELS, graphs, strict=True):
            blocks = _blocks(in_channels, len(graph), temporal_kernel_size)
            self.add_module(f"st_gcn_networks_{name}", blocks)
        for name, graph in zip(_LEVELS, graphs, strict=True):
            edges = [nn.Parameter(torch.ones_like(graph)) for _ in range(self.blocks)]
            self.add_module(f"edge_importance_{name}", nn.ParameterList(edges))
        self.fc = nn.Linear(in_channels[-1], out_channels)
        self.bn_neck = nn.BatchNorm1d(out_channels)
        self.encoder_cls = nn.Linear(out_channels, num_id, bias=False)
        self.num_classes = num_id
        self.streams = (JointFrames(ORDERS["limbs12"], (12, in_channels[0]), "MSGGTransform"),)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow."""
        return {"in_channels": [3, 4, 8], "out_channels": 6, "num_id": 5}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, 1]``."""
        batch = GaitBatch.of(batch)
        joints, limbs, parts = embed(batch, self._embed, self)
        output = self.outputs(parts.unsqueeze(-1), batch)
        for name, each in (("joints", joints), ("limbs", limbs)):
            triplets = {"embeddings": each.unsqueeze(-1), "labels": batch.labels}
            output["training_feat"][f"triplet_{name}"] = triplets
        return output

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """Embeddings ``[n, c, 1]`` of the body parts."""
        parts: Tensor = embed(GaitBatch.of(batch), self._embed, self)[-1]
        return parts.unsqueeze(-1)

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """What is learned of the body parts' embeddings: triplets, and identities behind the neck."""
        logits = self.encoder_cls(self.bn_neck(embeddings.squeeze(-1))).unsqueeze(-1)
        return {
            "training_feat": {
                "triplet_bodyparts": {"embeddings": embeddings, "labels": batch.labels},
                "softmax": {"logits": logits, "labels": batch.labels},
            },
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }

    def _embed(self, frames: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        maps = [joint_maps(frames)]
        maps.append(_pairs(maps[0]))
        maps.append(_pairs(maps[1]))
        graphs = [self.get_buffer(f"A_{name}") for name in _LEVELS]
        for block in range(self.blocks):
            for level, name in enumerate(_LEVELS):
                edges = graphs[level] * self.get_parameter(f"edge_importance_{name}.{block}")
                y = self.get_submodule(f"st_gcn_networks_{name}.{block}")(maps[level], edges)
                maps[level] = y if level == 0 else _with_pairs(y, maps[level - 1])
        joints, limbs, parts = (mean_of_maps(each) for each in maps)
        return joints, limbs, self.fc(parts)


def _check(in_channels: Sequence[int], kernel: int) -> None:
    if len(in_channels) < 2:
        raise ConfigError(
            f"in_channels is {list(in_channels)}, expected the channels of a joint, then those of the blocks",
            where="MultiScaleGaitGraph",
            hint="the published widths are [3, 16, 32, 64, 128]",
        )
    if kernel < 1 or kernel % 2 == 0:
        raise ConfigError(
            f"temporal_kernel_size is {kernel}, expected an odd number of frames",
            where="MultiScaleGaitGraph",
            hint="9 is published",
        )


def _pairs(x: Tensor) -> Tensor:
    """Means of node i and node i + half, ``[n, c, t, v]`` to ``[n, c, t, v / 2]``."""
    first, second = x.chunk(2, -1)
    return (first + second) / 2


def _with_pairs(x: Tensor, below: Tensor) -> Tensor:
    """Nodes and, added to them, the means of the pairs below."""
    first, second = below.chunk(2, -1)
    return torch.add(x, first + second, alpha=0.5)


def _blocks(widths: Sequence[int], subsets: int, kernel: int) -> nn.ModuleList:
    blocks = nn.ModuleList()
    for place, (wide, out) in enumerate(pairwise(widths)):
        blocks.append(_Block(wide, out, subsets, kernel, residual=place > 0))
        blocks.append(_Block(out, out, subsets, kernel))
    return blocks


class _Block(nn.Module):
    """Joints take from each other, then from their own past and future."""

    def __init__(self, wide: int, out: int, subsets: int, kernel: int, residual: bool = True) -> None:
        super().__init__()
        self.gcn = GraphConv(wide, out, subsets, "conv")
        self.tcn = nn.Sequential(
            nn.BatchNorm2d(out), nn.ReLU(inplace=True), temporal_conv(out, out, kernel), nn.BatchNorm2d(out)
        )
        self.residual: nn.Module | None = None
        if residual:
            self.residual = nn.Identity() if wide == out else shortcut(wide, out)

    def forward(self, x: Tensor, edges: Tensor) -> Tensor:
        y: Tensor = self.tcn(self.gcn(x, edges))
        return F.relu(y if self.residual is None else y.add_(self.residual(x)), inplace=True)
