"""The network of visible-thermal re-identification: a stem for each modality, everything else shared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from gait_plugins.api import ClassCount, GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import PackedMax
from gait_plugins.plugins.rle.augment.normalize import normalized
from gait_plugins.plugins.rle.modality import THERMAL
from gait_plugins.plugins.rle.models.resnet import PLANS, Depth, Layers, Stem, init_residual
from gait_plugins.plugins.rle.models.warmup import WarmUp


class CrossSpectralNet(GaitModel):
    """Two stems, a shared residual network, and a BN neck and classifier for each stripe and the whole.

    Sequences of type ``thermal`` go through the thermal stem, all others through the visible one.
    Images are sequences of one frame; of longer ones the maximum over the frames is taken. The
    embedding is ``[n, (stripes + 1) * channels, 2]``: all features before and after the BN necks, both
    normalised, so that the mean cosine is the sum of similarities that papers rank by. Source: arXiv
    2411.01225; keys as in the authors' files, within the stems and layers as torchvision's.

    Args:
        class_num: training identities.
        depth: depth of the ResNet, 18 or 50.
        width: channels of the stem; 64 as published and in torchvision.
        layers: residual layers used: 4, or 3 as the authors do on RegDB.
        stripes: horizontal parts beside the whole image.
        imagenet_norm: bring images in [0, 1] to ImageNet's mean and deviation, on the device.
        backbone_lr: factor on the learning rate of stems and layers.
        warmup_iters: iterations over which the learning rate rises.
        warmup_stairs: equal steps of that rise, one an epoch as published.
    """

    head_names = ()

    def __init__(
        self,
        class_num: ClassCount,
        depth: Depth = 50,
        width: int = 64,
        layers: int = 4,
        stripes: int = 3,
        imagenet_norm: bool = True,
        backbone_lr: float = 0.1,
        warmup_iters: int = 0,
        warmup_stairs: int = 10,
    ) -> None:
        super().__init__()
        _check_options(depth=depth, layers=layers, stripes=stripes, stairs=warmup_stairs)
        self.num_classes = class_num
        self.imagenet_norm = imagenet_norm
        self.backbone_lr = backbone_lr
        self.warmup = warmup_iters, warmup_stairs
        self.visible_module = nn.ModuleDict({"visible": Stem(width)})
        self.thermal_module = nn.ModuleDict({"thermal": Stem(width)})
        base = Layers(depth, width, layers)
        self.base_resnet = nn.ModuleDict({"base": base})
        self.parts = [*map(str, range(1, stripes + 1)), "g"]
        for part in self.parts:
            neck = nn.BatchNorm1d(base.out_channels)
            neck.bias.requires_grad_(False)
            self.add_module(f"bottleneck{part}", neck)
            self.add_module(f"classifier{part}", nn.Linear(base.out_channels, class_num, bias=False))
        self.temporal_pool = PackedMax()

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        return {"class_num": 5, "depth": 18, "width": 4}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        pooled = self.pooled(batch)
        necked = [self._part("bottleneck", i)(part) for i, part in enumerate(pooled.unbind(2))]
        logits = [self._part("classifier", i)(part) for i, part in enumerate(necked)]
        before, after = pooled.transpose(1, 2).flatten(1), torch.cat(necked, 1)
        embeddings = torch.stack([F.normalize(before, dim=1), F.normalize(after, dim=1)], 2)
        return {
            "training_feat": {
                "triplet": {"embeddings": pooled, "labels": batch.labels},
                "softmax": {"logits": torch.stack(logits, 2), "labels": batch.labels},
            },
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }

    def pooled(self, batch: GaitBatch) -> Tensor:
        """Averages over the stripes and, last, the whole image: ``[n, channels, stripes + 1]``."""
        images, frames = _as_images(batch.inputs[0])
        if self.imagenet_norm:
            images = normalized(images)
        thermal = [kind == THERMAL for kind in batch.types]
        maps = self.base_resnet["base"](self._stems(images, _each_frame(thermal, batch, frames)))
        stripes = F.adaptive_avg_pool2d(maps, (len(self.parts) - 1, 1)).squeeze(3)
        parts = torch.cat([stripes, maps.mean((2, 3)).unsqueeze(2)], 2)
        sequences = parts.view(-1, frames, *parts.shape[1:]).transpose(1, 2)
        found: Tensor = self.temporal_pool(sequences, batch.seq_lens)
        return found

    def _stems(self, images: Tensor, thermal: Tensor) -> Tensor:
        """Each image through its own stem, in the order that they came in."""
        stems = self.visible_module["visible"], self.thermal_module["thermal"]
        groups = images[~thermal], images[thermal]
        maps = torch.cat([stem(group) for stem, group in zip(stems, groups, strict=True) if len(group)])
        for stem, group in zip(stems, groups, strict=True):
            if self.training and not len(group):
                # Every process must have a gradient for every weight, be it zero.
                maps = maps + 0 * torch.stack([p.sum() for p in stem.parameters()]).sum()
        order = torch.argsort(thermal.to(torch.uint8), stable=True)
        return maps[torch.argsort(order)]

    def _part(self, kind: str, index: int) -> nn.Module:
        return self.get_submodule(f"{kind}{self.parts[index]}")

    def init_parameters(self) -> None:
        """He initialisation of the network; necks at N(1, 0.01), classifiers at N(0, 0.001)."""
        init_residual(self)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm1d):
                nn.init.normal_(module.weight, 1.0, 0.01)
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0, 0.001)

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        heads = {id(p) for i in range(len(self.parts)) for p in self._heads(i)}
        trained = [p for p in self.parameters() if p.requires_grad]
        body: dict[str, Any] = {"params": [p for p in trained if id(p) not in heads]}
        if "lr" in optimizer_cfg:
            body["lr"] = optimizer_cfg["lr"] * self.backbone_lr
        # Heads first: the learning rate that monitors show is the configured one.
        return [{"params": [p for p in trained if id(p) in heads]}, body]

    def _heads(self, index: int) -> Iterable[nn.Parameter]:
        yield from self._part("bottleneck", index).parameters()
        yield from self._part("classifier", index).parameters()

    def schedule(self, optimizer: Optimizer, configured: Callable[[], LRScheduler]) -> LRScheduler:
        iterations, stairs = self.warmup
        return WarmUp(configured(), iterations, stairs) if iterations else configured()


def _as_images(frames: Tensor) -> tuple[Tensor, int]:
    """Sequences ``[n, s, (c,) h, w]`` as images ``[n * s, 3, h, w]``, and s."""
    if frames.dim() == 4:
        frames = frames.unsqueeze(2)
    if frames.shape[2] not in (1, 3):
        raise ConfigError(
            f"images have {frames.shape[2]} channels, expected one or three",
            where="model_cfg",
            hint="check the transforms: CrossSpectralNet takes grey or RGB images",
        )
    return frames.expand(-1, -1, 3, -1, -1).flatten(0, 1), frames.shape[1]


def _each_frame(rows: list[bool], batch: GaitBatch, frames: int) -> Tensor:
    """A value for each sequence as one for each frame, bool ``[n * s]``."""
    values = torch.tensor(rows, device=batch.labels.device)
    if batch.seq_lens is None:
        return values.repeat_interleave(frames)
    return values.repeat_interleave(batch.seq_lens[0].to(values.device))


def _check_options(depth: int, layers: int, stripes: int, stairs: int) -> None:
    if depth not in PLANS:
        raise ConfigError(f"depth is {depth!r}, expected {' or '.join(map(str, PLANS))}", where="model_cfg")
    if not 1 <= layers <= 4 or stripes < 1 or stairs < 1:
        raise ConfigError(
            f"layers={layers}, stripes={stripes}, warmup_stairs={stairs}: expected 1 to 4 layers, at least "
            "one stripe and one stair",
            where="model_cfg",
        )
