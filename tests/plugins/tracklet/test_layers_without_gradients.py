"""Layers that work otherwise where no gradients can be asked for, and give the same."""

from __future__ import annotations

import pytest
import torch

from gait_plugins.plugins.tracklet.layers import FramePool, PointConv, Timeline


@pytest.mark.parametrize("size", [(6, 4), (5, 4), (6, 3)])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_pooling_of_frames(size: tuple[int, int], layout: torch.memory_format) -> None:
    frames = torch.randn(3, 2, *size).to(memory_format=layout)
    pool, time = FramePool((1, 2, 2)), Timeline(1)
    wanted = pool(frames, time)
    with torch.inference_mode():
        assert torch.equal(pool(frames, time), wanted)


@pytest.mark.parametrize("channels", [1, 3])
def test_convolutions_of_points_keep_the_layout(channels: int) -> None:
    conv, frames = PointConv(channels, 8, bias=True), torch.randn(3, channels, 6, 4)
    wanted = conv(frames)
    with torch.inference_mode():
        found = conv(frames)
    torch.testing.assert_close(found, wanted)
    assert found.is_contiguous(memory_format=torch.channels_last)
