"""BiggerGait: gait in every layer of a large vision model (Ye et al., 2025)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.api import FeatureExtractor, GaitBatch, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import heads
from gait_plugins.plugins.colour.biggait.body import other_channel
from gait_plugins.plugins.colour.biggait.branches import BranchOptions, gathered, joined
from gait_plugins.plugins.colour.biggait.gait_net import Heads, OneStem, StagesOptions
from gait_plugins.plugins.colour.biggait.model import mask_branch
from gait_plugins.plugins.colour.biggait.on_features import (
    CHUNK,
    OnFeatures,
    check_picture_size,
    in_chunks,
    resized,
    sized,
)
from gait_plugins.plugins.colour.streams import RGB, called, require_inputs, usual

EPS = 1e-6


class BiggerGait(OnFeatures):
    """Groups of layers, each brought to a few channels within the body, each with a GaitBase head.

    The mask branch is BigGait's, trained beforehand (``BigGaitMask``), and taken over by
    ``trainer_cfg.init: {Mask_Branch: ...}``. Keys are OpenGait's; the extractor's stand under ``Backbone``.

    Args:
        extractor: from pictures to features, such as ``{type: Dinov2Model, weights: FOLDER}``.
        backbone_cfg: widths, depths and strides of a head's four stages.
        SeparateFCs: parts and channels of a head's embedding.
        SeparateBNNecks: parts, channels and identities of a head's classifier.
        bin_num: strips of a head's last map; together as many as parts.
        Mask_Branch: the last layer to the body and what is around it.
        source_dim: channels of the extractor.
        num_unknown: channels that a group of layers becomes.
        total_layer_num: layers of the extractor.
        group_layer_num: layers of a group.
        head_num: heads; each serves as many groups.
        image_size: width of the pictures that the extractor reads; they are twice as high.
        sils_size: width of the maps; they are twice as high.
        mask_channel: channel of the mask branch that is the body. None: frame by frame the first, unless it
            fills the top and the bottom of the frame. OpenGait's is 1, whatever that shows.
        streams: what the data call ``rgb``, where that is otherwise.
    """

    extractor_name = "Backbone"

    def __init__(
        self,
        extractor: FeatureExtractor,
        backbone_cfg: StagesOptions,
        SeparateFCs: heads.FCsOptions,
        SeparateBNNecks: heads.BNNecksOptions,
        bin_num: Sequence[int],
        Mask_Branch: BranchOptions,
        source_dim: int = 384,
        num_unknown: int = 16,
        total_layer_num: int = 12,
        group_layer_num: int = 1,
        head_num: int = 12,
        image_size: int = 224,
        sils_size: int = 32,
        mask_channel: int | None = None,
        streams: Sequence[str] | None = None,
    ) -> None:
        super().__init__()
        check_picture_size("BiggerGait", extractor, image_size, 1)
        groups = _groups(extractor, source_dim, total_layer_num, group_layer_num, head_num)
        if mask_channel not in (None, 0, 1):
            raise ConfigError(f"mask_channel is {mask_channel}, expected 0, 1 or null", where="BiggerGait")
        if backbone_cfg.get("in_channel", num_unknown) != num_unknown:
            raise ConfigError(
                f"backbone_cfg.in_channel is {backbone_cfg['in_channel']}, expected {num_unknown}",
                where="BiggerGait",
                hint="leave in_channel out: num_unknown says it",
            )
        self.streams = called("BiggerGait", (RGB,), streams)
        self.image_size, self.sils_size, self.mask_channel = image_size, sils_size, mask_channel
        self.num_classes = SeparateBNNecks["class_num"]
        of = [
            OneStem(num_unknown, backbone_cfg, SeparateFCs, SeparateBNNecks, bin_num) for _ in range(head_num)
        ]
        self.Gait_Net = Heads(of, groups)
        wide, size = group_layer_num * source_dim, (2 * sils_size, sils_size)
        self.HumanSpace_Conv = nn.ModuleList(
            _space(wide, source_dim // 2, num_unknown, size) for _ in range(groups)
        )
        self.Mask_Branch = mask_branch("BiggerGait", Mask_Branch, source_dim)
        self.Backbone = extractor
        self._freeze("Mask_Branch")

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """Pictures."""
        return usual(("rgb",))

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Narrow, on a stand-in for DINOv2: two heads for four groups."""
        stages = {"channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "strides": [1, 2, 1, 1], "maxpool": False}
        return {
            "extractor": {"type": "TinyDINOv2"},
            "image_size": 28,
            "sils_size": 8,
            "source_dim": 24,
            "num_unknown": 3,
            "total_layer_num": 4,
            "head_num": 2,
            "Mask_Branch": {"source_dim": 24, "target_dim": 2},
            "backbone_cfg": stages,
            "SeparateFCs": {"parts_num": 4, "in_channels": 8, "out_channels": 6},
            "SeparateBNNecks": {"parts_num": 4, "in_channels": 6, "class_num": 5},
            "bin_num": [4],
        }

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, groups * p]`` and logits ``[n, classes, groups * p]``."""
        batch = GaitBatch.of(batch)
        require_inputs("BiggerGait", batch.inputs, self.streams or ())
        frames = batch.inputs[0]
        pictures = frames.flatten(0, 1)
        # Batch statistics need all frames; else some at a time are enough, and need less memory.
        *maps, body = self.maps(pictures) if self.training else in_chunks(self.maps, pictures)
        embeddings = torch.cat(self.Gait_Net(maps, frames.shape[:2], batch.seq_lens), 2)
        logits = self.Gait_Net.logits(embeddings)
        return heads.part_output(embeddings, logits, batch.labels, body)

    def maps(self, pictures: Tensor) -> list[Tensor]:
        """A map ``[m, c, h', w']`` of each group of layers, 0 outside the body, then the body, 0 or 1.

        Args:
            pictures: ``[m, 3, h, w]``.
        """
        with torch.no_grad():
            pieces = torch.split(sized(pictures, None, self.image_size), CHUNK)
            found = [self.Backbone.features(piece, range(1, self.Backbone.depth + 1))[0] for piece in pieces]
            layers = [torch.cat(parts) for parts in zip(*found, strict=True)]
            body = self.body(layers[-1])
            wide = joined(layers)
        groups = wide.chunk(len(self.HumanSpace_Conv), 1)
        maps = [space(group) * body for space, group in zip(self.HumanSpace_Conv, groups, strict=True)]
        return [*maps, body]

    def body(self, last: Tensor) -> Tensor:
        """0 or 1, ``[m, 1, h', w']``, from the last layer ``[m, c, h, w]``."""
        m, _, h, w = last.shape
        everywhere = torch.ones(m, h, w, dtype=torch.bool, device=last.device)
        pixels = gathered(joined([last]), everywhere)
        shares = self.Mask_Branch(pixels).view(m, h, w, 2).permute(0, 3, 1, 2)
        masks = (resized((shares > 0.5).to(last), self.sils_size) > 0.5).to(last)
        if self.mask_channel is None:
            return other_channel(masks[:, 0], masks[:, 1])[:, None]
        return masks[:, self.mask_channel, None]


class _Resize(nn.Module):
    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return F.interpolate(x, self.size, mode="bilinear")


def _space(wide: int, between: int, narrow: int, size: tuple[int, int]) -> nn.Sequential:
    """Features of a group of layers to a few channels in [0, 1], at the size of the maps."""
    return nn.Sequential(
        nn.BatchNorm2d(wide, affine=False),
        nn.Conv2d(wide, between, 1),
        nn.BatchNorm2d(between, affine=False),
        nn.GELU(),
        nn.Conv2d(between, narrow, 1),
        _Resize(size),
        nn.BatchNorm2d(narrow, affine=False),
        nn.Sigmoid(),
    )


def _groups(extractor: FeatureExtractor, channels: int, layers: int, together: int, count: int) -> int:
    """How many groups of layers there are."""
    said = {"source_dim": (channels, extractor.channels), "total_layer_num": (layers, extractor.depth)}
    for name, (found, expected) in said.items():
        if found != expected:
            raise ConfigError(
                f"{name} is {found}, expected {expected}: the extractor's",
                where="BiggerGait",
                hint=f"set {name} to {expected}, or choose another extractor",
            )
    if min(together, count) < 1 or layers % together or (layers // together) % count:
        raise ConfigError(
            f"group_layer_num is {together} and head_num {count}: {layers} layers do not divide into such "
            "groups, or the groups into such heads",
            where="BiggerGait",
            hint="group_layer_num must divide the layers, and head_num the groups",
        )
    return layers // together
