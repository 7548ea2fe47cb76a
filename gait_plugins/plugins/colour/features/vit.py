"""DINOv2's vision transformer (Oquab et al., 2023) as a feature extractor, under two sets of names."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from gait_plugins.api import FeatureExtractor
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.plugins.colour.features.blocks import EPS, META, TRANSFORMERS, Block, Positions, places
from gait_plugins.plugins.colour.features.files import Taken, read_weights

log = logging.getLogger("gait_plugins")

ROUNDED = 1e-3
"""Of the largest weight of a part: a smaller difference is none."""
WHERE_TO_GET = (
    "get Meta's file of ViT-S/14, dinov2_vits14_pretrain.pth (88 MB, licence Apache-2.0), from "
    "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth, or the folder "
    "https://huggingface.co/facebook/dinov2-small, and name it: extractor: {weights: PATH}; to try things "
    "out: extractor: {type: TinyDINOv2}"
)


class DINOv2(FeatureExtractor):
    """A vision transformer with DINOv2's weights; its names in a checkpoint are Meta's.

    Weights are taken from a file of Meta's, of timm's, or a folder or file of transformers' (4 or 5), by the
    names that they have: all that the network needs must be there, and nothing else.

    Args:
        weights: the file or folder. None: whatever checkpoint is loaded later must hold them.
        sha256: of the file, or of ``model.safetensors`` or ``pytorch_model.bin`` in the folder; a file with
            another one is refused.
        channels: of a token; 384 in ViT-S, 768 in ViT-B, 1024 in ViT-L.
        depth: layers; 12, 12, 24.
        heads: of the attention; 6, 12, 16.
        patch: pixels of a patch.
        image_size: pixels of the pictures that the places of the patches were learnt for.
        mlp_ratio: channels within a layer, times those of a token.
        positions: whose way of stretching the places of the patches to other sizes; they differ by some
            percent of the features. None: that of the code with these names.
    """

    names = META
    usual_positions: Positions = "meta"

    def __init__(
        self,
        weights: str | None = None,
        sha256: str | None = None,
        channels: int = 384,
        depth: int = 12,
        heads: int = 6,
        patch: int = 14,
        image_size: int = 518,
        mlp_ratio: float = 4.0,
        positions: Positions | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if min(channels, depth, heads, patch) < 1 or channels % heads or image_size % patch:
            raise ConfigError(
                f"channels {channels}, depth {depth}, heads {heads}, patch {patch} and image_size "
                f"{image_size} do not fit: heads must divide channels, and patch must divide image_size",
                where=name,
                hint="ViT-S/14: channels 384, depth 12, heads 6, patch 14, image_size 518",
            )
        self.channels, self.depth, self.patch, self.heads = channels, depth, patch, heads
        self.positions: Positions = positions or self.usual_positions
        self._build((image_size // patch) ** 2, round(channels * mlp_ratio))
        self._draw()
        self.taken: Taken | None = None
        self.complete = bool(self.stand_in)
        """There are weights: from a file or a checkpoint."""
        self.missing = "" if weights is None else f"{weights} is not there"
        if not self._is_outline:
            self._take(weights, sha256)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """A tiny network."""
        return {"channels": 12, "depth": 4, "heads": 2, "image_size": 70}

    def _build(self, patches: int, hidden: int) -> None:
        """Meta's tree of parts."""
        channels = self.channels
        self.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.pos_embed = nn.Parameter(torch.zeros(1, patches + 1, channels))
        self.mask_token = nn.Parameter(torch.zeros(1, channels))
        self.patch_embed = nn.Sequential()
        self.patch_embed.add_module("proj", nn.Conv2d(3, channels, self.patch, self.patch))
        self.blocks = nn.ModuleList(
            Block(channels, self.heads, hidden, self.names) for _ in range(self.depth)
        )
        self.norm = nn.LayerNorm(channels, eps=EPS)

    def _parts(self) -> tuple[nn.Module, Tensor, Tensor, nn.ModuleList, nn.Module]:
        """Patches, class token, places, blocks and the last norm."""
        return self.patch_embed, self.cls_token, self.pos_embed, self.blocks, self.norm

    def features(self, pictures: Tensor, layers: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """As :class:`FeatureExtractor` says."""
        self.require_weights()
        embed, first, learnt, blocks, norm = self._parts()
        patches = embed(pictures)
        h, w = patches.shape[-2:]
        tokens = torch.cat([first.expand(len(pictures), -1, -1), patches.flatten(2).transpose(1, 2)], 1)
        tokens = tokens + places(learnt, h, w, self.positions)
        maps = []
        for number, block in enumerate(blocks, 1):
            tokens = block(tokens)
            if number in layers:
                maps.append(_map(tokens, h, w))
        return maps, _map(norm(tokens), h, w)

    def require_weights(self) -> None:
        """Raise ``ConfigError`` where neither a file nor a checkpoint has given any."""
        if not self.complete:
            raise ConfigError(
                f"there are no weights of the feature extractor: {self.missing or 'no file is named'}",
                where=type(self).__name__,
                hint=WHERE_TO_GET,
            )

    def weights_record(self) -> Mapping[str, Any] | None:
        """Of the file that the weights were taken from."""
        return None if self.taken is None else self.taken.record()

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *arguments: Any) -> None:
        """Take a checkpoint's weights, unless they are others than those of the file."""
        own = {name: weight for name, weight in self.state_dict().items() if not weight.is_meta}
        there = {name: state_dict[prefix + name] for name in own if prefix + name in state_dict}
        if self.taken is not None:
            self._require_same(own, there, self.taken)
        self.complete = self.complete or len(there) == len(own)
        super()._load_from_state_dict(state_dict, prefix, *arguments)

    def _require_same(self, own: Mapping[str, Tensor], there: Mapping[str, Tensor], taken: Taken) -> None:
        other = [
            name
            for name, weight in there.items()
            if weight.shape == own[name].shape and _differ(weight.to(own[name]), own[name])
        ]
        if other:
            raise CheckpointError(
                f"the checkpoint was made with another feature extractor than {taken.file} (sha256 "
                f"{taken.sha256[:12]}): {len(other)} of {len(own)} weights differ, first {other[0]}",
                where=type(self).__name__,
                hint="name the file that it was made with (init in the checkpoint records it), or leave "
                "extractor.weights out: the checkpoint holds them",
            )

    @property
    def _is_outline(self) -> bool:
        return any(parameter.is_meta for parameter in self.parameters())

    def _draw(self) -> None:
        """As DINOv2 begins: small normal weights, no bias; places a little apart."""
        generator = torch.Generator().manual_seed(0)
        for name, weight in self.named_parameters():
            if weight.is_meta or weight.dim() < 2 or name.endswith(("mask_token", "cls_token")):
                continue
            with torch.no_grad():
                weight.copy_(0.02 * torch.randn(weight.shape, generator=generator))

    def _take(self, path: str | None, sha256: str | None) -> None:
        """Take the weights of a file that is there."""
        if path is None:
            if sha256 is not None:
                raise ConfigError(
                    "sha256 is given without weights",
                    where=type(self).__name__,
                    hint="name the file: weights",
                )
            return
        taken = read_weights(path, sha256, self.state_dict(), self.names.fused, self.heads)
        if taken is None:
            return
        self.load_state_dict(taken.weights)
        self.taken, self.complete = taken.without_weights(), True
        log.info("%s: %s", type(self).__name__, taken.told)


class Dinov2Model(DINOv2):
    """DINOv2 as transformers 5 names its parts, with its way of stretching the places of the patches.

    It takes the same files as :class:`DINOv2`, and needs no transformers.
    """

    names = TRANSFORMERS
    usual_positions: Positions = "transformers"

    def _build(self, patches: int, hidden: int) -> None:
        """transformers' tree of parts."""
        channels = self.channels
        self.embeddings = nn.Module()
        self.embeddings.cls_token = nn.Parameter(torch.zeros(1, 1, channels))
        self.embeddings.mask_token = nn.Parameter(torch.zeros(1, channels))
        self.embeddings.position_embeddings = nn.Parameter(torch.zeros(1, patches + 1, channels))
        self.embeddings.patch_embeddings = nn.Sequential()
        projection = nn.Conv2d(3, channels, self.patch, self.patch)
        self.embeddings.patch_embeddings.add_module("projection", projection)
        blocks = [Block(channels, self.heads, hidden, self.names) for _ in range(self.depth)]
        self.encoder = nn.ModuleDict({"layer": nn.ModuleList(blocks)})
        self.layernorm = nn.LayerNorm(channels, eps=EPS)

    def _parts(self) -> tuple[nn.Module, Tensor, Tensor, nn.ModuleList, nn.Module]:
        tree: Any = self.embeddings
        blocks: Any = self.encoder["layer"]
        return tree.patch_embeddings, tree.cls_token, tree.position_embeddings, blocks, self.layernorm


class TinyDINOv2(DINOv2):
    """A stand-in for DINOv2, to try things out: tiny, its weights random, the same every time.

    Whatever is made with it says so, and its results prove nothing.

    Args:
        channels: of a token.
        depth: layers.
        heads: of the attention.
    """

    stand_in = "TinyDINOv2, tiny and random, for DINOv2, whose weights are not part of this package"

    def __init__(self, channels: int = 24, depth: int = 4, heads: int = 2) -> None:
        super().__init__(channels=channels, depth=depth, heads=heads, image_size=224)
        if not self._is_outline:
            log.warning(
                "the feature extractor is a stand-in: %s; results with it prove nothing", self.stand_in
            )

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """As it is."""
        return {}

    def _draw(self) -> None:
        """Wide enough that pictures are told apart."""
        generator = torch.Generator().manual_seed(0)
        for name, weight in self.named_parameters():
            if weight.is_meta or weight.dim() < 2 or name == "mask_token":
                continue
            spread = 0.3 if name in ("cls_token", "pos_embed") else (weight.numel() / len(weight)) ** -0.5
            with torch.no_grad():
                weight.copy_(spread * torch.randn(weight.shape, generator=generator))


def _differ(one: Tensor, other: Tensor) -> bool:
    """Whether weights are others, and not the same ones rounded, as by half precision or averages."""
    return not torch.allclose(one, other, rtol=0, atol=ROUNDED * float(other.abs().max()))


def _map(tokens: Tensor, height: int, width: int) -> Tensor:
    """Tokens ``[m, 1 + h * w, c]`` as a map ``[m, c, h, w]``."""
    return tokens[:, 1:].transpose(1, 2).reshape(len(tokens), -1, height, width)
