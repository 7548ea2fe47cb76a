"""Part pooling and per-part heads; state-dict keys and shapes are OpenGait's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import NotRequired, TypedDict

from gait_plugins.api import ClassCount, ModelOutput
from gait_plugins.errors import ConfigError


class FCsOptions(TypedDict):
    """Options of :class:`SeparateFCs`, as YAML gives them."""

    parts_num: int
    in_channels: int
    out_channels: int
    norm: NotRequired[bool]


class BNNecksOptions(TypedDict):
    """Options of :class:`SeparateBNNecks`, as YAML gives them."""

    parts_num: int
    in_channels: int
    class_num: ClassCount
    norm: NotRequired[bool]
    parallel_BN1d: NotRequired[bool]


class HorizontalPooling(nn.Module):
    """Horizontal pyramid: mean + max of each horizontal strip (Fu et al., AAAI 2019).

    Args:
        strips: number of strips of each pyramid level; levels are concatenated.
    """

    def __init__(self, strips: Sequence[int] = (16, 8, 4, 2, 1)) -> None:
        super().__init__()
        self.strips = tuple(strips)

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c, h, w]`` to ``[n, c, p]``, p the number of all strips.

        Raises:
            ConfigError: the map does not divide into the strips.
        """
        n, c, h, w = x.shape
        levels = []
        for strips in self.strips:
            if (h * w) % strips:
                raise ConfigError(
                    f"a feature map of {h}x{w} does not divide into {strips} strips",
                    hint="choose frames of another size, or other strips",
                )
            strip = x.reshape(n, c, strips, -1)
            levels.append(strip.mean(-1) + strip.amax(-1))
        return torch.cat(levels, -1)


class SeparateFCs(nn.Module):
    """One linear map without bias for each part.

    Args:
        parts_num: parts ``p``.
        in_channels: channels of the input.
        out_channels: channels of the output.
        norm: normalise the weights along the input channels.
    """

    def __init__(self, parts_num: int, in_channels: int, out_channels: int, norm: bool = False) -> None:
        super().__init__()
        self.norm = norm
        self.fc_bin = nn.Parameter(nn.init.xavier_uniform_(torch.empty(parts_num, in_channels, out_channels)))

    def forward(self, x: Tensor) -> Tensor:
        """``[n, c_in, p]`` to ``[n, c_out, p]``."""
        weight = F.normalize(self.fc_bin, dim=1) if self.norm else self.fc_bin
        return x.permute(2, 0, 1).matmul(weight).permute(1, 2, 0).contiguous()


class SeparateBNNecks(nn.Module):
    """A batch-norm neck and a bias-free cosine classifier for each part (Luo et al., CVPRW 2019).

    Args:
        parts_num: parts ``p``.
        in_channels: channels of the embedding.
        class_num: identities.
        norm: normalise features and weights, so that logits are cosines.
        parallel_BN1d: one norm over all channels of all parts, else one for each part.
    """

    def __init__(
        self,
        parts_num: int,
        in_channels: int,
        class_num: ClassCount,
        norm: bool = True,
        parallel_BN1d: bool = True,
    ) -> None:
        super().__init__()
        self.class_num = class_num
        self.norm = norm
        self.parallel_BN1d = parallel_BN1d
        self.fc_bin = nn.Parameter(nn.init.xavier_uniform_(torch.empty(parts_num, in_channels, class_num)))
        self.bn1d: nn.Module
        if parallel_BN1d:
            self.bn1d = nn.BatchNorm1d(in_channels * parts_num)
        else:
            self.bn1d = nn.ModuleList(nn.BatchNorm1d(in_channels) for _ in range(parts_num))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Embeddings ``[n, c, p]`` to features ``[n, c, p]`` and logits ``[n, classes, p]``."""
        feature = self._batch_norm(x).permute(2, 0, 1)
        weight: Tensor = self.fc_bin
        if self.norm:
            feature, weight = F.normalize(feature, dim=-1), F.normalize(weight, dim=1)
        logits = feature.matmul(weight)
        return feature.permute(1, 2, 0).contiguous(), logits.permute(1, 2, 0).contiguous()

    def _batch_norm(self, x: Tensor) -> Tensor:
        if self.parallel_BN1d:
            normed: Tensor = self.bn1d(x.flatten(1))
            return normed.view_as(x)
        norms = cast(nn.ModuleList, self.bn1d)
        return torch.stack([norm(part) for norm, part in zip(norms, x.unbind(2), strict=True)], 2)


def part_output(
    embeddings: Tensor, logits: Tensor, labels: Tensor, pictures: Tensor, inference: Tensor | None = None
) -> ModelOutput:
    """The output of a model that learns parts by a triplet and a cross-entropy loss, under OpenGait's names.

    Args:
        embeddings: ``[n, c, p]``, for the triplet loss.
        logits: ``[n, classes, p]``, for the cross-entropy loss.
        labels: ``[n]``.
        pictures: ``[m, c, h, w]``, for monitors.
        inference: what a test compares, ``[n, c, p]``; None: the embeddings.
    """
    return {
        "training_feat": {
            "triplet": {"embeddings": embeddings, "labels": labels},
            "softmax": {"logits": logits, "labels": labels},
        },
        "visual_summary": {"image/sils": pictures},
        "inference_feat": {"embeddings": embeddings if inference is None else inference},
    }
