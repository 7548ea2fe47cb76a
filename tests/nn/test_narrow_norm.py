"""Batch norm of narrow 16-bit maps: torch's batch norm to the precision of its input, gradients included."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gait_plugins.nn.blocks import MapNorm
from gait_plugins.nn.narrow_norm import FULL, joins, normalised


def maps(channels: int, dtype: torch.dtype = torch.bfloat16, size: tuple[int, ...] = (8, 16, 12)) -> Tensor:
    torch.manual_seed(channels)
    m, h, w = size
    frames = torch.randn(m, channels, h, w, dtype=torch.float64).mul(3).add(5).relu()
    return frames.to(dtype).contiguous(memory_format=torch.channels_last)


def parameters(channels: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    torch.manual_seed(1)
    weight, bias = torch.rand(channels, dtype=torch.float64) + 0.5, torch.randn(channels, dtype=torch.float64)
    return weight.to(dtype).requires_grad_(), bias.to(dtype).requires_grad_()


@pytest.mark.parametrize("channels", [2, 6, 8, 31])
def test_outputs_statistics_and_gradients_are_those_of_batch_norm(channels: int) -> None:
    x, (weight, bias) = maps(channels).requires_grad_(), parameters(channels, torch.float32)
    plain = nn.BatchNorm2d(channels, momentum=1.0, dtype=torch.float64)
    plain.load_state_dict({**plain.state_dict(), "weight": weight.detach(), "bias": bias.detach()})
    exact = x.detach().double().requires_grad_()
    gradient = torch.randn(x.shape).bfloat16()
    out, mean, variance = normalised(x, weight, bias, plain.eps)
    wanted = plain(exact)
    out.backward(gradient)
    wanted.backward(gradient.double())
    count = x.numel() // channels
    assert out.dtype == torch.bfloat16
    assert out.is_contiguous(memory_format=torch.channels_last)
    assert torch.allclose(mean.double(), plain.get_buffer("running_mean"), rtol=1e-6)
    assert torch.allclose(variance.double() * count / (count - 1), plain.get_buffer("running_var"), rtol=1e-5)
    for found, expected, close in (
        (out, wanted, 4e-3),
        (x.grad, exact.grad, 1.2e-2),
        (weight.grad, plain.weight.grad, 1e-5),
        (bias.grad, plain.bias.grad, 1e-5),
    ):
        assert found is not None
        assert expected is not None
        assert (found.double() - expected).abs().max() <= close * expected.abs().max()


def test_gradients_are_those_of_differences() -> None:
    x, (weight, bias) = maps(3, torch.float64, (2, 4, 4)).requires_grad_(), parameters(3, torch.float64)

    def work(*given: Tensor) -> Tensor:
        return normalised(*given, 1e-5)[0]

    assert torch.autograd.gradcheck(work, (x, weight, bias))
    assert torch.autograd.gradgradcheck(work, (x, weight, bias))


def test_losses_of_gradients_train() -> None:
    """A penalty on the slope of a network differentiates it twice."""
    x, norm = maps(4).requires_grad_(), MapNorm(4)
    (slope,) = torch.autograd.grad((norm(x) ** 2).float().sum(), x, create_graph=True)
    slope.float().square().sum().backward()
    assert norm.weight.grad is not None
    assert bool(torch.isfinite(norm.weight.grad).all())


def test_functional_transforms_know_the_norm() -> None:
    x, norm = maps(4), MapNorm(4, track_running_stats=False)

    def work(weight: Tensor) -> Tensor:
        out: Tensor = torch.func.functional_call(norm, {"weight": weight}, (x,))
        return (out.float() ** 2).sum()

    weight = norm.weight.detach()
    found = torch.func.grad(work)(weight)
    wanted = 2 * weight * (x.numel() // 4)
    assert torch.allclose(found, wanted, rtol=2e-2)


def test_what_follows_may_write_into_the_output() -> None:
    x, (weight, bias) = maps(4).requires_grad_(), parameters(4, torch.float32)
    out = normalised(x, weight, bias, 1e-5)[0].relu_()
    out.sum().backward()
    assert x.grad is not None
    assert bool(torch.isfinite(x.grad).all())


@pytest.mark.parametrize(
    "x",
    [
        maps(8, torch.float32),
        maps(FULL),
        maps(8).contiguous(),
        maps(1),
        maps(5, size=(1, 3, 3)),
        maps(8).unsqueeze(0),
    ],
    ids=["float32", "wide", "channels first", "one channel", "an odd number of pixels", "3-D"],
)
def test_other_maps_are_left_to_torch(x: Tensor) -> None:
    assert not joins(x)
