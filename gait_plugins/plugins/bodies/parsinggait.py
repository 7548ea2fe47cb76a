"""ParsingGait: strips of a body, and graphs of its parts (Zheng et al., ACM MM 2023, arXiv 2308.16739)."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import NotRequired, Self, TypedDict

from gait_plugins.api import Backbone, GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import FrameWise, HorizontalPooling, PackedMax, frames_of, heads
from gait_plugins.plugins.bodies.fitting import require, require_frame_size
from gait_plugins.plugins.bodies.labels import LABELS, PARSING
from gait_plugins.plugins.bodies.part_graph import COARSE, FINE, PartGraph

Graphs = Literal["coarse", "fine", "both"]
GAMMA = 0.75
"""Weight of a part's own pixels at the start of a training; all others have what is left of 1."""


class GraphOptions(TypedDict):
    """Which graphs there are, as OpenGait writes it; of several, the first counts."""

    fine_parts: NotRequired[int]
    coarse_parts: NotRequired[int]
    only_fine_graph: NotRequired[bool]
    only_coarse_graph: NotRequired[bool]
    combine_fine_coarse_graph: NotRequired[bool]


class ParsingGait(GaitModel):
    """A frame network on labels of body parts; strips of its maps, and graphs of what it sees of each part.

    The labels are one channel of numbers. Resized to the maps, they weigh the pixels of each part; mean and
    maximum of the weighted maps are a node of a graph. Parts follow the strips as further parts of the
    embedding. Keys and shapes of the state dict are OpenGait's.

    Args:
        backbone: network from frames ``[m, 1, h, w]`` to maps ``[m, c, h', w']``.
        fcs: embedding of each strip and part.
        necks: classifier of each.
        graphs: coarse (5 parts), fine (11), or both (11, then 5).
        bin_num: strips of each pyramid level.
    """

    def __init__(
        self,
        backbone: nn.Module,
        fcs: heads.SeparateFCs,
        necks: heads.SeparateBNNecks,
        graphs: Graphs = "coarse",
        bin_num: Sequence[int] = (16,),
    ) -> None:
        super().__init__()
        known = {"fine": FINE, "coarse": COARSE}
        self.graphs = {name: parts for name, parts in known.items() if graphs in (name, "both")}
        nodes = sum(len(parts) for parts in self.graphs.values())
        _require_heads(backbone, fcs, necks, sum(bin_num), nodes)
        for name, parts in self.graphs.items():
            self.register_parameter(f"gammas_{name}", nn.Parameter(torch.full((len(parts),), GAMMA)))
        self.streams = (PARSING,)
        self.frame_channels = 1
        self.Backbone = FrameWise(backbone)
        self.FCs = fcs
        self.BNNecks = necks
        self.TP = PackedMax()
        self.HPP = HorizontalPooling(bin_num)
        for name, parts in self.graphs.items():
            self.add_module(f"gcn_{name}", PartGraph(parts, fcs.fc_bin.shape[1]))
        self.num_classes = necks.class_num
        self._labels_seen = False

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        backbone_cfg: Backbone,
        SeparateFCs: heads.FCsOptions,
        SeparateBNNecks: heads.BNNecksOptions,
        gcn_cfg: GraphOptions,
        bin_num: Sequence[int] = (16,),
    ) -> Self:
        """Build from OpenGait's ``model_cfg``.

        Args:
            backbone_cfg: frame network, ``ResNet9`` in ParsingGait.
            SeparateFCs: strips and parts together, channels of the maps and of the embedding.
            SeparateBNNecks: strips and parts, channels of the embedding and number of training identities.
            gcn_cfg: which graphs there are: only_fine_graph, only_coarse_graph or combine_fine_coarse_graph.
            bin_num: strips of each pyramid level.
        """
        fcs, necks = heads.SeparateFCs(**SeparateFCs), heads.SeparateBNNecks(**SeparateBNNecks)
        return cls(backbone_cfg, fcs, necks, _graphs(gcn_cfg), bin_num)

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Labels of body parts."""
        return {"parsing": {"type": "Parsing"}}

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, with both graphs, for labels of 64x44."""
        backbone = {"type": "ResNet9", "channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "maxpool": False}
        return {
            "backbone_cfg": backbone,
            "SeparateFCs": {"parts_num": 32, "in_channels": 8, "out_channels": 6},
            "SeparateBNNecks": {"parts_num": 32, "in_channels": 6, "class_num": 5},
            "gcn_cfg": {"combine_fine_coarse_graph": True},
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]`` and logits ``[n, classes, p]``: strips, then fine, then coarse parts.

        Raises:
            ConfigError: the frames hold no label, because they were divided.
        """
        batch = GaitBatch.of(batch)
        return self.outputs(self.part_embeddings(batch), batch)

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        labels = batch.inputs[0]
        self._require_labels(labels)
        maps: Tensor = self.Backbone(frames_of(labels))
        strips = self.HPP(self.TP(maps, batch.seq_lens))
        parts = [self._part_features(name, maps, labels, batch.seq_lens) for name in self.graphs]
        embeddings: Tensor = self.FCs(torch.cat([strips, *parts], -1))
        return embeddings

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The classifiers and what losses and monitors get."""
        _, logits = self.BNNecks(embeddings)
        pictures = batch.inputs[0].flatten(0, 1).unsqueeze(1) / LABELS
        output = heads.part_output(embeddings, logits, batch.labels, pictures)
        return {**output, "visual_summary": {"image/pars": pictures}}

    def check_input_size(self, height: int, width: int) -> None:
        """Send one blank frame of ``height`` x ``width`` through the network and its strips."""
        # A copy, so that neither running statistics nor the modules' modes change.
        backbone = copy.deepcopy(self.Backbone.forward_block).eval()
        blank = self.FCs.fc_bin.new_zeros(1, 1, height, width)
        require_frame_size("ParsingGait", height, width, lambda: self.HPP(backbone(blank)))

    def _part_features(self, name: str, maps: Tensor, labels: Tensor, seq_lens: Tensor | None) -> Tensor:
        """Each sequence's maximum of what a graph says of its parts, ``[n, c, p]``."""
        n, s = labels.shape[:2]
        nearest = F.interpolate(labels, maps.shape[-2:], mode="nearest").flatten(0, 1).long()
        frames = maps.transpose(1, 2).flatten(0, 1)
        nodes = pooled_parts(frames, nearest, self.graphs[name], getattr(self, f"gammas_{name}"))
        graph: PartGraph = getattr(self, f"gcn_{name}")
        features = graph(nodes).unflatten(0, (n, s))  # [n, s, p, c]
        maximum: Tensor = self.TP(features, seq_lens, dim=1)
        return maximum.transpose(1, 2)

    def _require_labels(self, frames: Tensor) -> None:
        """Refuse labels that were divided; looked at once, since it waits for the device."""
        if self._labels_seen or torch.compiler.is_compiling() or torch.onnx.is_in_onnx_export():
            return
        highest = float(frames.max())
        if 0 < highest < 1 or (highest == 1 and bool((frames % 1).any())):
            raise ConfigError(
                f"the frames hold values up to {highest:g}, expected labels of body parts from 0 to {LABELS}",
                where="ParsingGait",
                hint="leave the labels undivided: transform: {type: BaseParsingCuttingTransform}",
            )
        self._labels_seen = True


def pooled_parts(maps: Tensor, labels: Tensor, parts: Sequence[Sequence[int]], gammas: Tensor) -> Tensor:
    """Mean + maximum of the maps for each part, whose own pixels weigh gamma, all others 1 - gamma.

    Args:
        maps: ``[m, c, h, w]``.
        labels: int64 ``[m, h, w]``.
        parts: labels of each part.
        gammas: ``[p]``.

    Returns:
        ``[m, p, c]``.
    """
    maps, labels = maps.flatten(2), labels.flatten(1)
    pooled = []
    for gamma, numbers in zip(gammas, parts, strict=True):
        own = reduce(torch.logical_or, [labels == number for number in numbers])
        weighted = maps * torch.where(own, gamma, 1 - gamma).unsqueeze(1)
        pooled.append(weighted.mean(-1) + weighted.amax(-1))
    return torch.stack(pooled, 1)


def _graphs(options: GraphOptions) -> Graphs:
    fine, coarse = options.get("fine_parts", len(FINE)), options.get("coarse_parts", len(COARSE))
    require("ParsingGait", "gcn_cfg.fine_parts", fine, len(FINE), "the labels of Gait3D-Parsing")
    require("ParsingGait", "gcn_cfg.coarse_parts", coarse, len(COARSE), "body, arms and legs")
    if options.get("only_fine_graph"):
        return "fine"
    if options.get("only_coarse_graph"):
        return "coarse"
    if options.get("combine_fine_coarse_graph"):
        return "both"
    raise ConfigError(
        "gcn_cfg chooses no graph",
        where="ParsingGait",
        hint="set one of only_fine_graph, only_coarse_graph (as published) and combine_fine_coarse_graph to "
        "true",
    )


def _require_heads(
    backbone: nn.Module, fcs: heads.SeparateFCs, necks: heads.SeparateBNNecks, strips: int, nodes: int
) -> None:
    parts, inner, embedded = fcs.fc_bin.shape
    neck_parts, neck_inner, _ = necks.fc_bin.shape
    together = f"{strips} strips of bin_num and {nodes} parts of the graphs"
    maps, channels = getattr(backbone, "out_channels", inner), getattr(backbone, "in_channel", 1)
    require("ParsingGait", "SeparateFCs.parts_num", parts, strips + nodes, together)
    require("ParsingGait", "SeparateFCs.in_channels", inner, maps, "the channels of the backbone's maps")
    require("ParsingGait", "SeparateBNNecks.parts_num", neck_parts, strips + nodes, together)
    require("ParsingGait", "SeparateBNNecks.in_channels", neck_inner, embedded, "SeparateFCs.out_channels")
    require("ParsingGait", "backbone_cfg.in_channel", channels, 1, "labels are one channel")
