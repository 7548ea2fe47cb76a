"""The folded downsampling equals transform, then 1x1 convolution; sizes agree with max-pooling."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.tracklet.downsample import STRIDES, WaveletDownsampling
from gait_plugins.plugins.tracklet.layers import FramePool, Stride, Timeline, to_frames
from gait_plugins.plugins.tracklet.norm import FrameNorm
from gait_plugins.plugins.tracklet.wavelet import WaveletTransform

SEQUENCES, CHANNELS = 2, 3


def frames(s: int, h: int, w: int) -> tuple[Tensor, Tensor]:
    """The same numbers as ``[n, c, s, h, w]`` and as frames ``[n * s, c, h, w]``."""
    rows = torch.randn(SEQUENCES, s, h, w, CHANNELS, generator=torch.Generator().manual_seed(s * h * w))
    return rows.permute(0, 4, 1, 2, 3), to_frames(rows)


def by_the_definition(block: WaveletDownsampling, clips: Tensor, wavelet: str) -> Tensor:
    """Transform the strided axes, keep the centre of longer results, mix; frames ``[n * s, c, h, w]``."""
    n, c, s, h, w = clips.shape
    transform = WaveletTransform(wavelet, STRIDES[block.stride])
    if block.stride == (1, 2, 2):
        bands = transform(clips.transpose(1, 2).reshape(n * s, c, h, w))
        bands = bands.flatten(1, 2).unflatten(0, (n, s)).transpose(1, 2)
    elif block.stride == (2, 1, 1):
        bands = transform(clips.permute(0, 3, 4, 1, 2).reshape(-1, c, s)).flatten(1, 2)
        bands = bands.reshape(n, h, w, bands.shape[1], -1).permute(0, 3, 4, 1, 2)
    else:
        bands = transform(clips).flatten(1, 2)
    for axis, (size, step) in enumerate(zip((s, h, w), block.stride, strict=True), start=2):
        if step == 2:
            kept = -(-size // 2)
            bands = bands.narrow(axis, (bands.shape[axis] - kept) // 2, kept)
    conv, norm, _ = block.conv_bn_relu
    mixed = F.conv3d(bands, conv.weight.reshape(*conv.weight.shape[:2], 1, 1, 1), conv.bias)
    return norm(mixed.transpose(1, 2).flatten(0, 1)).relu()


@pytest.mark.parametrize("wavelet", ["haar", "db2", "db3", "bior1.3", "sym4"])
@pytest.mark.parametrize("stride", list(STRIDES))
@pytest.mark.parametrize("size", [(4, 6, 4), (5, 7, 3)])
def test_equals_transform_then_convolution(wavelet: str, stride: Stride, size: tuple[int, int, int]) -> None:
    torch.manual_seed(0)
    block = WaveletDownsampling(CHANNELS, 5, stride, wavelet).eval()
    clips, flat = frames(*size)
    found = block(flat, Timeline(SEQUENCES))
    torch.testing.assert_close(found, by_the_definition(block, clips, wavelet), atol=1e-5, rtol=1e-4)
    assert found.shape[0] == SEQUENCES * -(-size[0] // stride[0])
    pooled = FramePool(stride)(flat, Timeline(SEQUENCES))
    assert pooled.shape[2:] == found.shape[2:]
    assert len(pooled) == len(found)


@pytest.mark.parametrize("stride", list(STRIDES))
def test_pooling_is_max_pooling_that_keeps_the_last_row(stride: Stride) -> None:
    clips, flat = frames(5, 7, 3)
    expected = F.max_pool3d(clips, stride, ceil_mode=True).transpose(1, 2).flatten(0, 1)
    torch.testing.assert_close(FramePool(stride)(flat, Timeline(SEQUENCES)), expected)


@pytest.mark.parametrize("stride", list(STRIDES))
@pytest.mark.parametrize("wavelet", ["haar", "db2"])
def test_packed_sequences_do_not_meet(stride: Stride, wavelet: str) -> None:
    block = WaveletDownsampling(CHANNELS, 4, stride, wavelet).eval()
    lengths = [5, 1, 4]
    rows = torch.randn(1, sum(lengths), 6, 4, CHANNELS)
    packed = block(to_frames(rows), Timeline(1, lengths))
    alone = [block(to_frames(part), Timeline(1)) for part in torch.split(rows, lengths, 1)]
    torch.testing.assert_close(packed, torch.cat(alone))
    later = Timeline(1, lengths).after(stride[0]).lengths
    assert later == [len(part) for part in alone]


def test_weights_are_those_of_the_small_convolution() -> None:
    shapes = {stride: WaveletDownsampling(4, 6, stride).state_dict() for stride in STRIDES}
    assert list(shapes[1, 2, 2]["conv_bn_relu.0.weight"].shape) == [6, 16, 1, 1]
    assert list(shapes[2, 1, 1]["conv_bn_relu.0.weight"].shape) == [6, 8, 1, 1, 1]
    assert list(shapes[2, 2, 2]["conv_bn_relu.0.weight"].shape) == [6, 32, 1, 1, 1]
    assert "kernel" not in shapes[1, 2, 2]


def test_other_strides_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"\[1, 4, 4\]"):
        WaveletDownsampling(4, 4, (1, 4, 4))


@pytest.mark.parametrize("momentum", [0.1, None])
def test_batch_statistics_are_exact_where_one_value_fills_most_of_the_batch(momentum: float | None) -> None:
    features = torch.full((2, 16, 256, 256), 0.3)
    features[:, :, 64:128, 64:128] = torch.randn(2, 16, 64, 64, generator=torch.Generator().manual_seed(0))
    ours = FrameNorm(16, momentum=momentum)
    exact = torch.nn.BatchNorm2d(16, momentum=momentum).double()
    with torch.no_grad():
        ours.weight.uniform_(0.5, 1.5)
        ours.bias.uniform_(-1, 1)
    exact.load_state_dict(ours.state_dict())
    x = features.contiguous(memory_format=torch.channels_last).requires_grad_()
    y = features.double().requires_grad_()
    slope = torch.randn(2, 16, 256, 256, generator=torch.Generator().manual_seed(1))
    for _ in range(2):
        found, expected = ours(x), exact(y)
    (found * slope).sum().backward()
    (expected * slope.double()).sum().backward()
    torch.testing.assert_close(found.double(), expected, atol=5e-6, rtol=0)
    for mine, theirs in (
        (x.grad, y.grad),
        (ours.weight.grad, exact.weight.grad),
        (ours.bias.grad, exact.bias.grad),
    ):
        torch.testing.assert_close(mine.double(), theirs, atol=2e-3 * float(theirs.abs().max()), rtol=0)
    for name, buffer in exact.named_buffers():
        torch.testing.assert_close(ours.get_buffer(name).double(), buffer.double(), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("channels", [8, 16])
def test_narrow_bfloat16_features_have_the_same_statistics(channels: int) -> None:
    torch.manual_seed(0)
    x = (torch.randn(4, channels, 16, 12) + 1).relu().bfloat16().contiguous(memory_format=torch.channels_last)
    ours, plain = FrameNorm(channels, momentum=None), torch.nn.BatchNorm2d(channels, momentum=None).double()
    for _ in range(2):
        found, expected = ours(x), plain(x.double())
    assert (found.double() - expected).abs().max() < 4e-3 * expected.abs().max()
    for name, buffer in plain.named_buffers():
        torch.testing.assert_close(ours.get_buffer(name).double(), buffer.double(), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(ours.eval()(x).double(), plain.eval()(x.double()), atol=2e-2, rtol=2e-2)


@pytest.mark.parametrize("size", [(4, 6), (5, 7)])
def test_in_bfloat16_gradients_by_patches_are_those_of_the_convolution(size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    block = WaveletDownsampling(CHANNELS, 5, (1, 2, 2)).eval()
    single = frames(4, *size)[1].requires_grad_()

    def slopes(out: Tensor) -> dict[str, Tensor]:
        given = {"x": single, **dict(block.named_parameters())}
        found = torch.autograd.grad(out.float().square().sum(), [*given.values()], create_graph=True)
        return dict(zip(given, found, strict=True))

    exact = block(single, Timeline(SEQUENCES))
    wanted = slopes(exact)
    with torch.autocast("cpu", torch.bfloat16):
        found = block(single, Timeline(SEQUENCES))
        with torch.no_grad():
            without = block(single, Timeline(SEQUENCES))
    assert found.dtype == without.dtype == torch.bfloat16
    assert (found - exact).abs().max() < 2e-2 * exact.abs().max()
    assert (without - exact).abs().max() < 2e-2 * exact.abs().max()
    for name, slope in slopes(found).items():
        assert (slope - wanted[name]).abs().max() < 3e-2 * wanted[name].abs().max(), name
