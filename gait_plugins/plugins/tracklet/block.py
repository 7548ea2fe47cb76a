"""The residual block of TrackletGait: spatial convolutions, wavelet downsampling, a temporal branch."""

from __future__ import annotations

from torch import Tensor, nn

from gait_plugins.nn.blocks import MapConv
from gait_plugins.plugins.tracklet.downsample import WaveletDownsampling
from gait_plugins.plugins.tracklet.layers import (
    UNSTRIDED,
    FramePool,
    PointConv,
    Stride,
    TemporalConv,
    Timeline,
)
from gait_plugins.plugins.tracklet.norm import FrameNorm


class Stem(nn.Module):
    """1x1x1 convolution, batch norm and ReLU."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv_bn_relu = nn.Sequential(
            PointConv(in_channels, out_channels, bias=True),
            FrameNorm(out_channels),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Frames ``[n * s, c, h, w]``."""
        out: Tensor = self.conv_bn_relu(x)
        return out


class Shortcut(nn.Sequential):
    """The identity path: max-pooling where the block halves, a projection where the width changes."""

    def __init__(self, in_channels: int, out_channels: int, stride: Stride) -> None:
        layers: list[nn.Module] = []
        if stride != UNSTRIDED:
            layers.append(FramePool(stride))
        if in_channels != out_channels:
            layers += [PointConv(in_channels, out_channels, bias=False), FrameNorm(out_channels)]
        super().__init__(*layers)

    def forward(self, x: Tensor, time: Timeline) -> Tensor:  # type: ignore[override]
        for layer in self:
            x = layer(x, time) if isinstance(layer, FramePool) else layer(x)
        return x


class TrackletBlock(nn.Module):
    """One stage's block on frames ``[n * s, c, h, w]`` (arXiv 2508.02143, section 3).

    Args:
        in_channels: channels of the input.
        out_channels: channels of the output.
        stride: over (frames, height, width): 1, or 2 along the halved axes.
        temporal: add the convolution over frames.
        kernel: frames that it spans, odd.
        groups: groups that it has.
        wavelet: wavelet of the downsampling.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: Stride = UNSTRIDED,
        temporal: bool = True,
        kernel: int = 7,
        groups: int = 4,
        wavelet: str = "haar",
    ) -> None:
        super().__init__()
        halves = stride != UNSTRIDED
        self.time_stride = stride[0]
        width = in_channels if halves else out_channels
        self.conv1 = _conv3x3(in_channels, width)
        self.bn1 = FrameNorm(width)
        self.pooling = WaveletDownsampling(in_channels, out_channels, stride, wavelet) if halves else None
        self.th = TemporalConv(out_channels, kernel, groups) if temporal else None
        self.thbn = FrameNorm(out_channels) if temporal else None
        self.conv2 = _conv3x3(out_channels, out_channels)
        self.bn2 = FrameNorm(out_channels)
        self.downsample = Shortcut(in_channels, out_channels, stride)

    def forward(self, x: Tensor, time: Timeline) -> tuple[Tensor, Timeline]:
        """The features and, where the block halves the frames, the shorter timeline."""
        # A norm does not need its own output to differentiate, so what follows may write into it.
        out = self.bn1(self.conv1(x)).relu_()
        later = time.after(self.time_stride)
        if self.pooling is not None:
            out = self.pooling(out, time)
        if self.th is not None and self.thbn is not None:
            out = self.thbn(self.th(out, later)).add_(out).relu_()
        out = self.bn2(self.conv2(out)).add_(self.downsample(x, time)).relu_()
        return out, later


def _conv3x3(in_channels: int, out_channels: int) -> nn.Conv2d:
    return MapConv(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
