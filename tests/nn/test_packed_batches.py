"""Nothing leaks between sequences that are packed one after the other."""

from __future__ import annotations

import pytest
import torch
from helpers.golden_rules import golden
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gait_plugins.nn import FrameWise, PackedMax, frame_peaks, frames_of, packed_temporal_conv, split_lengths

packs = st.lists(st.integers(1, 7), min_size=1, max_size=5)


def test_maximum_over_frames_is_the_recorded_one() -> None:
    recorded = {key: torch.from_numpy(value) for key, value in golden("modules").items() if "pack" in key}
    assert torch.equal(PackedMax()(recorded["pack_x"], None), recorded["pack_none_values"])
    packed = PackedMax()(recorded["pack_seq_x"], recorded["pack_seq_seqL"])
    assert torch.equal(packed, recorded["pack_seq_values"])


def test_maximum_over_frames_is_the_same_in_whatever_layout() -> None:
    maps = torch.randn(1, 4, 7, 3, 2)
    lens = torch.tensor([[3, 4]], dtype=torch.int32)
    laid = maps.to(memory_format=torch.channels_last_3d)
    assert torch.equal(PackedMax()(laid, lens), PackedMax()(maps, lens))
    assert torch.equal(PackedMax()(laid, None, 4), maps.amax(4))
    assert torch.equal(PackedMax()(laid, None, 1), maps.amax(1))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("frames", [1, 6, 300])
def test_frames_with_the_same_maximum_share_its_gradient_as_in_torch(dtype: torch.dtype, frames: int) -> None:
    torch.manual_seed(0)
    x = torch.randint(4, (3, frames, 5, 8)).to(dtype).requires_grad_()
    slopes = torch.randn(3, 5, 8).to(dtype)
    found, wanted = frame_peaks(x, 1), x.amax(1)
    assert torch.equal(found, wanted)
    (one,), (other,) = (torch.autograd.grad(out, x, slopes) for out in (found, wanted))
    assert torch.equal(one, other)


def test_the_gradient_of_a_maximum_can_be_differentiated_again() -> None:
    x = torch.randint(4, (3, 6, 5, 8)).bfloat16().requires_grad_()
    found = []
    for out in (frame_peaks(x, 1), x.amax(1)):
        (slope,) = torch.autograd.grad(out.square().sum(), x, create_graph=True)
        found += torch.autograd.grad(slope.square().sum(), x)
    assert torch.equal(*found)


@settings(max_examples=30, deadline=None)
@given(packs, st.sampled_from([3, 5, 7]), st.integers(0, 1000))
def test_temporal_convolution_of_a_pack_equals_that_of_each_sequence(
    lengths: list[int], kernel: int, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    padding = kernel // 2
    conv = nn.Conv3d(2, 3, (kernel, 1, 1), padding=(padding, 0, 0)).double().requires_grad_(False)
    x = torch.randn(1, 2, sum(lengths), 2, 1, generator=generator).double()
    packed = packed_temporal_conv(x, conv, lengths, padding, dim=2)
    alone = torch.cat([conv(part) for part in x.split(lengths, 2)], 2)
    torch.testing.assert_close(packed, alone)


def test_temporal_convolution_of_equal_lengths_is_the_convolution_itself() -> None:
    conv = nn.Conv1d(2, 2, 3, padding=1)
    x = torch.randn(4, 2, 6)
    assert torch.equal(packed_temporal_conv(x, conv, None, 1, dim=2), conv(x))


@settings(max_examples=20, deadline=None)
@given(packs)
def test_gradient_stays_within_the_sequence(lengths: list[int]) -> None:
    conv = nn.Conv1d(1, 1, 5, padding=2)
    x = torch.randn(1, 1, sum(lengths), requires_grad=True)
    first = packed_temporal_conv(x, conv, lengths, 2, dim=2)[..., : lengths[0]]
    first.square().sum().backward()
    assert x.grad is not None
    assert not x.grad[..., lengths[0] :].any()


def test_frame_networks_see_frames_and_keep_the_sequence_layout() -> None:
    net = FrameWise(nn.Conv2d(1, 3, 3, stride=2, padding=1))
    sils = torch.rand(2, 4, 8, 6)
    out = net(frames_of(sils))
    assert out.shape == (2, 3, 4, 4, 3)
    torch.testing.assert_close(out[1, :, 2], net.forward_block(sils[1, 2][None, None])[0])
    assert list(net.state_dict()) == ["forward_block.weight", "forward_block.bias"]


def test_inputs_with_and_without_a_channel_axis_are_laid_out_alike() -> None:
    sils = torch.rand(2, 4, 8, 6)
    assert frames_of(sils).shape == (2, 1, 4, 8, 6)
    assert torch.equal(frames_of(sils.unsqueeze(2)), frames_of(sils))
    assert frames_of(torch.rand(2, 4, 3, 8, 6)).shape == (2, 3, 4, 8, 6)


def test_lengths_are_read_from_the_pack() -> None:
    assert split_lengths(torch.tensor([[6, 4]], dtype=torch.int32)) == [6, 4]
    assert split_lengths(None) is None
