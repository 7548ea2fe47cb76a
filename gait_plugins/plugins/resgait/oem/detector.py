"""The network of the occlusion evaluation module: how much of a frame is hidden, and which part."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn
from typing_extensions import NotRequired, TypedDict

from gait_plugins.errors import ConfigError
from gait_plugins.nn import split_lengths

Convention = Literal["occluded", "visible"]
Pooling = Literal["amounts", "features"]

WIDTH = 64
"""Channels of a frame's occlusion embedding."""
HARDLY_VISIBLE = 0.2
"""Below this the authors' amount means that nothing is hidden: they hide up to 60 % of a frame."""


class DetectorOptions(TypedDict):
    """How a residual model reads its occlusion module."""

    input_scale: NotRequired[float]
    amount: NotRequired[Convention]


class Occlusion(NamedTuple):
    """What the module says of sequences."""

    embeddings: Tensor
    """``[n, 64]``."""
    amounts: Tensor
    """Hidden portion, ``[n]`` in [0, 1]."""


class Detector(nn.Module):
    """Three convolutions on single silhouettes, the average over the frame, an embedding, two heads.

    State-dict keys are the published ones; those that the published modules have twice are there twice.

    Args:
        types: occlusion types that the first head tells apart; 0 leaves that head out, as inside the
            published residual models.
        input_scale: by what frames in [0, 1] are multiplied first: 255 for weights of the authors, whose
            module is trained on frames in 0..255.
        amount: what the second head was trained to tell. ``visible`` for weights of the authors: the
            visible portion, and 0 where nothing is hidden. It is turned into the hidden one.
    """

    def __init__(self, types: int = 3, input_scale: float = 1.0, amount: Convention = "occluded") -> None:
        super().__init__()
        if input_scale <= 0:
            raise ConfigError(
                f"input_scale is {input_scale}, expected a positive number",
                where="OEM",
                hint="use 1, or 255 for weights trained on frames in 0..255",
            )
        self.input_scale = float(input_scale)
        self.convention = amount
        self.layer1 = _block(1, 32)
        self.layer2 = _block(32, 64)
        self.layer3 = _block(64, 128, padding=1)
        self.fc1 = nn.Linear(128, WIDTH)
        self.layer4 = nn.Sequential(self.fc1, nn.ReLU())
        if types:
            self.fc2 = nn.Linear(WIDTH, types)
        self.fc_amount_head = nn.Linear(WIDTH, 1)
        if types:
            self.classification_head = nn.Sequential(self.fc2, nn.Softmax(dim=1))
        self.layer_amount = nn.Sequential(self.fc_amount_head, nn.Sigmoid())
        # Convolutions of few channels at full size take half the time on a CPU this way.
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def frame_features(self, frames: Tensor) -> Tensor:
        """Frames ``[m, 1, h, w]`` in [0, 1] to ``[m, 64]``."""
        scaled = (frames * self.input_scale).contiguous(memory_format=torch.channels_last)
        maps = self.layer3(self.layer2(self.layer1(scaled)))
        features: Tensor = self.layer4(maps.mean((2, 3)))
        return features

    def portions(self, features: Tensor) -> Tensor:
        """Hidden portion of each row of ``[m, 64]``, ``[m]`` in [0, 1]."""
        said: Tensor = self.layer_amount(features).squeeze(1)
        if self.convention == "occluded":
            return said
        return torch.where(said < HARDLY_VISIBLE, torch.zeros_like(said), 1 - said)

    def of_sequences(self, frames: Tensor, seq_lens: Tensor | None, pooling: Pooling) -> Occlusion:
        """Each sequence's embedding and amount: the means over its frames.

        Args:
            frames: ``[n, 1, s, h, w]``, packed ``[1, 1, sum(s), h, w]``.
            seq_lens: frames of each packed sequence, int ``[1, n]``.
            pooling: ``amounts``: the mean of the frames' amounts; ``features``: the amount that the mean
                of the frames' features has.
        """
        lengths = split_lengths(seq_lens)
        rows = self.frame_features(frames.transpose(1, 2).flatten(0, 1))
        features = sequence_means(rows, lengths, frames)
        if pooling == "features":
            return Occlusion(features, self.portions(features))
        return Occlusion(features, sequence_means(self.portions(rows), lengths, frames))


def sequence_means(rows: Tensor, lengths: list[int] | None, frames: Tensor) -> Tensor:
    """Over the frames of each sequence: ``[sum(s), ...]`` to ``[n, ...]``."""
    if lengths is None:
        return rows.reshape(frames.shape[0], frames.shape[2], *rows.shape[1:]).mean(1)
    return torch.stack([part.mean(0) for part in torch.split(rows, lengths)])


def _block(in_channels: int, out_channels: int, padding: int = 0) -> nn.Sequential:
    convolution = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    # The rectified maximum is the maximum of the rectified, for a quarter of the work.
    return nn.Sequential(convolution, nn.MaxPool2d(2, padding=padding), nn.ReLU())
