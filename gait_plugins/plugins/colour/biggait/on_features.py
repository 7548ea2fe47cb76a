"""Base of the models that stand on a feature extractor, which stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor
from typing_extensions import Self

from gait_plugins.api import FeatureExtractor, GaitBatch, GaitModel
from gait_plugins.errors import ConfigError
from gait_plugins.plugins.colour.biggait.body import SIZE, laid

CHUNK = 96
"""Frames that go through the extractor at a time."""


class OnFeatures(GaitModel):
    """A model with a feature extractor, and perhaps other parts, that are frozen and in eval mode always.

    Neither the optimiser nor the initialisation of a training touches the extractor.
    """

    head_names = ()
    extractor_name: ClassVar[str] = "backbone"
    """Of the part; it is the last one."""

    def _freeze(self, *others: str) -> None:
        """Freeze the extractor and other parts, once they are made."""
        self.frozen = (self.extractor_name, *others)
        for name in self.frozen:
            self.get_submodule(name).requires_grad_(False)
        # Its weights come with it: it does not stay random for want of others.
        self.followers = (self.extractor_name,)
        self.stand_in = self.extractor.stand_in

    @property
    def extractor(self) -> FeatureExtractor:
        """The feature extractor."""
        return cast(FeatureExtractor, self.get_submodule(self.extractor_name))

    def train(self, mode: bool = True) -> Self:
        """Switch all but the frozen parts, which stay in eval mode."""
        super().train(mode)
        for name in self.frozen:
            self.get_submodule(name).eval()
        return self

    def init_parameters(self) -> None:
        """Draw all weights but those of the extractor."""
        extractor = self._modules.pop(self.extractor_name)
        super().init_parameters()
        self.add_module(self.extractor_name, extractor)

    def calibrate(self, batches: Iterable[GaitBatch]) -> None:
        """Before the first step: raise ``ConfigError`` where the extractor has no weights."""
        self.extractor.require_weights()


def check_picture_size(owner: str, extractor: FeatureExtractor, image_size: int, depth: int) -> None:
    """Refuse an extractor that cannot read such pictures.

    Args:
        owner: the model, for messages.
        extractor: what reads them.
        image_size: their width; they are twice as high.
        depth: layers that are needed at least.

    Raises:
        ConfigError: the patches do not divide the picture, or there are fewer layers.
    """
    if not isinstance(extractor, FeatureExtractor):
        raise ConfigError(
            f"extractor is a {type(extractor).__name__}, expected a FeatureExtractor",
            where=owner,
            hint="choose extractor: {type: DINOv2, weights: PATH}; docs/feature_extractors.md tells more",
        )
    if image_size < 1 or image_size % extractor.patch:
        raise ConfigError(
            f"image_size is {image_size}, expected a multiple of the extractor's patch, {extractor.patch}",
            where=owner,
            hint=f"set image_size to {max(1, round(image_size / extractor.patch)) * extractor.patch}",
        )
    if extractor.depth < depth:
        raise ConfigError(
            f"the extractor has {extractor.depth} layers, expected {depth} or more", where=owner
        )


def sized(pictures: Tensor, ratios: Tensor | None, width: int) -> Tensor:
    """Pictures ``[m, 3, h, w]`` as the extractor reads them, ``[m, 3, 2 * width, width]``.

    Args:
        pictures: those twice as high as wide are taken as they are.
        ratios: width divided by height of the person's box ``[m]``, by which others are laid on such a
            picture first; None: they are squeezed to it.
        width: of the result.
    """
    if ratios is not None and pictures.shape[-2] != 2 * pictures.shape[-1]:
        pictures = laid(pictures, ratios, *SIZE)
    return resized(pictures, width)


def resized(maps: Tensor, width: int) -> Tensor:
    """Maps ``[m, c, h, w]`` at ``[m, c, 2 * width, width]``, bilinear."""
    return F.interpolate(maps, (2 * width, width), mode="bilinear")


def in_chunks(work: Callable[[Tensor], Sequence[Tensor]], frames: Tensor) -> list[Tensor]:
    """What ``work`` makes of frames ``[m, ...]``, some at a time, joined along the first axis."""
    found = [work(chunk) for chunk in torch.split(frames, CHUNK)]
    return [torch.cat(parts) for parts in zip(*found, strict=True)]
