"""Generalised-mean strips follow the definition, also for values and exponents at the edge of float32."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.zoo.models.blocks.global_local import GeMHPP


def by_definition(x: Tensor, strips: int, p: Tensor, eps: float = 1e-6) -> Tensor:
    strip = x.reshape(*x.shape[:2], strips, -1).clamp(min=eps)
    return strip.pow(p).mean(-1).pow(1 / p)


@pytest.mark.parametrize("p", [1.0, 3.0, 6.5])
def test_value_and_gradients_are_those_of_the_definition(p: float) -> None:
    torch.manual_seed(0)
    pooling = GeMHPP((4, 1), p).double()
    x = torch.randn(2, 3, 8, 5, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 3, 5, dtype=torch.float64)
    out = pooling(x)
    expected = torch.cat([by_definition(x, strips, pooling.p) for strips in (4, 1)], -1)
    torch.testing.assert_close(out, expected)
    inputs = (x, pooling.p)
    for found, wanted in zip(
        torch.autograd.grad((out * weight).sum(), inputs),
        torch.autograd.grad((expected * weight).sum(), inputs),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


def test_a_large_exponent_gives_the_maximum() -> None:
    x = torch.rand(1, 2, 4, 6) + 0.5
    torch.testing.assert_close(GeMHPP((2,), 2000.0)(x), x.reshape(1, 2, 2, -1).amax(-1), rtol=2e-3, atol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("scale", [0.0, 1e-7, 1.0, 6e4])
def test_any_scale_has_finite_gradients(dtype: torch.dtype, scale: float) -> None:
    pooling = GeMHPP((2,))
    x = (torch.rand(1, 2, 4, 6) * scale).to(dtype).requires_grad_()
    out = pooling(x)
    assert out.dtype == dtype
    torch.autograd.backward(out.float().sum())
    assert out.isfinite().all()
    assert x.grad is not None and x.grad.isfinite().all()  # noqa: PT018
    assert pooling.p.grad is not None and pooling.p.grad.isfinite().all()  # noqa: PT018


def test_a_map_that_does_not_divide_into_strips_is_refused() -> None:
    with pytest.raises(ConfigError, match="feature map of 7x5 does not divide into 64 strips"):
        GeMHPP()(torch.zeros(1, 1, 7, 5))
