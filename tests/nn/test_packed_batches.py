"""Nothing leaks between sequences that are packed one after the other."""

from __future__ import annotations

import torch
from helpers.golden_rules import golden
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from gait_plugins.nn import FrameWise, PackedMax, frames_of, packed_temporal_conv, split_lengths

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
