"""Convolutions of maps: torch's to the bit in float32, in bfloat16 but for rounding, and all gradients."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from gait_plugins.nn.blocks import MapConv
from gait_plugins.nn.blocks.map_conv import doubled, parted

# Channels in and out, kernel, stride, padding, size: first layers, few channels, strides, and others.
SHAPES = [
    (1, 8, 3, 1, 1, (9, 8)),
    (1, 24, 5, 1, 2, (8, 11)),
    (3, 4, (3, 5), 1, (0, 2), (8, 9)),
    (4, 8, 3, 1, 1, (9, 8)),
    (8, 8, 3, 1, 1, (8, 11)),
    (24, 6, 3, 1, 0, (7, 10)),
    (8, 24, 3, 2, 1, (9, 8)),
    (8, 24, (3, 4), (1, 2), (2, 0), (8, 9)),
    (17, 40, 3, 2, 1, (8, 11)),
    (8, 24, 3, 1, 1, (8, 8)),
    (4, 8, (3, 2), 1, (1, 2), (8, 9)),
]
WAYS = {"_of_shifted": SHAPES[:3], "_TwoColumns": SHAPES[3:6], "_Strided": SHAPES[6:9]}


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def both(shape: tuple) -> tuple[MapConv, nn.Conv2d, Tensor]:
    """Ours, torch's with the same weights, and maps."""
    channels, out, kernel, stride, padding, size = shape
    torch.manual_seed(0)
    ours, plain = (cls(channels, out, kernel, stride, padding, bias=False) for cls in (MapConv, nn.Conv2d))
    plain.load_state_dict(ours.state_dict())
    return ours, plain, torch.rand(6, channels, *size)


def apart(one: Tensor | None, other: Tensor | None) -> float:
    assert one is not None
    assert other is not None
    one, other = one.detach().float(), other.detach()
    return float((one - other).abs().max() / other.abs().max())


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_in_float32_a_convolution_is_torchs_to_the_bit(shape: tuple) -> None:
    ours, plain, x = both(shape)
    out, wanted = ours(x), plain(x)
    assert torch.equal(out, wanted)
    out.square().sum().backward()
    wanted.square().sum().backward()
    assert torch.equal(ours.weight.grad, plain.weight.grad)


@pytest.mark.parametrize("last", [False, True], ids=["planes", "channels-last"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_in_bfloat16_a_convolution_is_torchs_but_for_rounding(shape: tuple, last: bool, threads: int) -> None:
    ours, plain, x = both(shape)
    if last:
        x = x.contiguous(memory_format=torch.channels_last)
    given, wanted = x.clone().requires_grad_(), x.clone().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        out = ours(given)
    expected = plain(wanted)
    slopes = torch.randn_like(expected)
    out.backward(slopes.bfloat16())
    expected.backward(slopes)
    assert out.dtype == torch.bfloat16
    assert apart(out, expected) < 1e-2
    assert apart(given.grad, wanted.grad) < 1e-2
    assert apart(ours.weight.grad, plain.weight.grad) < 1e-2


@pytest.mark.parametrize("way", WAYS)
def test_each_way_of_computing_is_taken_where_it_should_be(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError(way)

    module = "gait_plugins.nn.blocks.map_conv."
    monkeypatch.setattr(module + (way if way == "_of_shifted" else f"{way}.forward"), refuse)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    for shape in SHAPES:
        ours, _, x = both(shape)
        with torch.autocast("cpu", torch.bfloat16):
            if shape in WAYS[way]:
                with pytest.raises(AssertionError, match=way):
                    ours(x)
            else:
                ours(x)
            with torch.no_grad():
                ours(x)
        ours(x)


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[3], SHAPES[6]], ids=str)
def test_gradients_of_a_convolution_can_be_differentiated_again(shape: tuple, threads: int) -> None:
    ours, plain, x = both(shape)
    found = []
    for conv in (ours, plain):
        given = x.bfloat16().requires_grad_() if conv is ours else x.clone().requires_grad_()
        out = conv.to(given.dtype)(given).square().sum()
        (slope,) = torch.autograd.grad(out, given, create_graph=True)
        (second,) = torch.autograd.grad(slope.square().sum(), conv.weight)
        found.append(second)
    assert apart(*found) < 3e-2


@pytest.mark.parametrize("shape", [SHAPES[0], SHAPES[3], SHAPES[6]], ids=str)
def test_torch_func_goes_through_a_convolution(shape: tuple) -> None:
    ours, plain, x = both(shape)

    def loss(conv: nn.Module, weight: Tensor) -> Tensor:
        return torch.func.functional_call(conv, {"weight": weight}, (x.to(weight.dtype),)).square().sum()

    found = torch.func.grad(lambda w: loss(ours, w))(ours.weight.detach().bfloat16())
    assert apart(found, torch.func.grad(lambda w: loss(plain, w))(plain.weight.detach())) < 3e-2


def test_doubled_weights_give_the_columns_of_the_convolution() -> None:
    conv, _, x = both(SHAPES[3])
    pairs = nn.functional.conv2d(x, doubled(conv.weight), None, (1, 2), 1)
    assert torch.allclose(parted(pairs), conv(x), atol=1e-6)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("threads", [2], indirect=True)
def test_an_activation_may_work_in_the_place_of_the_maps(shape: tuple, threads: int) -> None:
    ours, _, x = both(shape)
    with torch.autocast("cpu", torch.bfloat16):
        wanted = torch.relu(ours(x))
        wanted.float().square().sum().backward()
        assert ours.weight.grad is not None
        slope = ours.weight.grad.clone()
        ours.weight.grad = None
        out = ours(x)
        nn.ReLU(inplace=True)(out).float().square().sum().backward()
    assert torch.equal(out, wanted)
    assert apart(ours.weight.grad, slope) < 1e-6
