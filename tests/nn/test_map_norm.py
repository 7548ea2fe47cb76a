"""Batch norm of maps: that of torch, and in bfloat16 on a CPU in the memory order that convolutions like."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gait_plugins.nn.blocks import BasicBlock, MapNorm


def maps(channels: int, dtype: torch.dtype) -> Tensor:
    torch.manual_seed(channels)
    return torch.randn(8, channels, 16, 12).mul(3).add(5).relu().to(dtype)


def both(channels: int, **options: object) -> tuple[MapNorm, nn.BatchNorm2d]:
    ours, plain = MapNorm(channels, **options), nn.BatchNorm2d(channels, **options)  # type: ignore[arg-type]
    for weight in (*ours.parameters(), *plain.parameters()):
        nn.init.constant_(weight, 0.7)
    return ours, plain


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_in_float32_it_is_torchs_to_the_bit(training: bool) -> None:
    ours, plain = (norm.train(training) for norm in both(8))
    x = maps(8, torch.float32)
    out = ours(x)
    assert torch.equal(out, plain(x))
    assert out.is_contiguous()
    for name, value in plain.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name


@pytest.mark.parametrize(
    "options", [{}, {"momentum": None}, {"track_running_stats": False}, {"affine": False}], ids=str
)
@pytest.mark.parametrize("channels", [4, 8, 64])
def test_in_bfloat16_it_is_torchs_but_for_rounding(channels: int, options: dict[str, object]) -> None:
    ours, plain = both(channels, **options)
    x = maps(channels, torch.bfloat16)
    for _ in range(3):
        out, wanted = ours(x), plain(x.float())
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert (out.float() - wanted).abs().max() < 4e-3 * wanted.abs().max()
    assert ours.state_dict().keys() == plain.state_dict().keys()
    for name, value in plain.state_dict().items():
        assert torch.allclose(ours.state_dict()[name].float(), value.float(), rtol=1e-2, atol=1e-2), name
    assert (ours.eval()(x).float() - plain.eval()(x.float())).abs().max() < 2e-2 * wanted.abs().max()


def test_what_follows_a_norm_in_bfloat16_keeps_the_order_of_memory() -> None:
    block, seen = BasicBlock(8, 16, stride=2), []
    for part in block.modules():
        if isinstance(part, nn.Conv2d):
            part.register_forward_hook(lambda _part, _given, out: seen.append(out))
    with torch.autocast("cpu", torch.bfloat16):
        out = block(MapNorm(8)(maps(8, torch.bfloat16)))
    assert len(seen) == 3
    assert all(each.is_contiguous(memory_format=torch.channels_last) for each in [*seen, out])


def test_several_processes_synchronise_it_as_any_batch_norm() -> None:
    found = nn.SyncBatchNorm.convert_sync_batchnorm(BasicBlock(4, 4))
    assert [type(part) for part in found.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)] == [
        nn.SyncBatchNorm,
        nn.SyncBatchNorm,
    ]
