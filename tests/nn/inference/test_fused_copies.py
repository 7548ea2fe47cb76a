"""Fused copies: batch norms go into the layers before them where that is proven, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn.inference import fused, with_weights_in
from gait_plugins.nn.inference.narrow import TwoColumns, channels_last, is_narrow


class Stranger(GaitModel):
    """Whatever network between frames and embeddings."""

    def __init__(self, **parts: nn.Module) -> None:
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def network(self, frames: Tensor) -> Tensor:
        raise NotImplementedError

    def forward(self, batch: GaitBatch) -> ModelOutput:
        n, s, h, w = batch.inputs[0].shape
        maps = self.network(batch.inputs[0].reshape(n * s, 1, h, w)).flatten(1).reshape(n, s, -1)
        return {
            "training_feat": {},
            "visual_summary": {},
            "inference_feat": {"embeddings": maps.amax(1).unsqueeze(2)},
        }


def model(network: Callable[[Stranger, Tensor], Tensor], **parts: nn.Module) -> Stranger:
    """A trained network, as far as batch norms go."""
    torch.manual_seed(0)
    made = type("Made", (Stranger,), {"network": network})(**parts)
    for part in made.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.running_mean is not None:
            nn.init.normal_(part.running_mean)
            nn.init.uniform_(part.running_var, 0.5, 2)
    return made.eval()


def batch() -> GaitBatch:
    frames = torch.rand(3, 8, 6, 5, generator=torch.Generator().manual_seed(1))
    return GaitBatch([frames], torch.arange(3), ["nm"] * 3, ["090"] * 3, None)


def embeddings(of: GaitModel) -> Tensor:
    with torch.no_grad():
        found: Tensor = of(batch())["inference_feat"]["embeddings"]
    return found


def conv(wide: int = 1, bias: bool = False) -> nn.Conv2d:
    return nn.Conv2d(wide, 4, 3, padding=1, bias=bias)


def norm(**options: bool) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(4, **options)


CASES = {
    "sequential": (
        lambda m, x: m.all(x),
        lambda: {"all": nn.Sequential(conv(), norm(), nn.ReLU(inplace=True), conv(4, True), norm())},
        (2, 2),
    ),
    "by functions": (
        lambda m, x: F.relu(m.norm(m.conv(x)) + x),
        lambda: {"norm": norm(affine=False), "conv": conv()},
        (1, 1),
    ),
    "the layer's output is used twice": (
        lambda m, x: (lambda y: m.norm(y) + y)(m.conv(x)),
        lambda: {"conv": conv(), "norm": norm()},
        (0, 1),
    ),
    "the layer is used twice": (
        lambda m, x: m.norm(m.conv(x)) + m.conv(2 * x),
        lambda: {"conv": conv(), "norm": norm()},
        (0, 1),
    ),
    "the norm is used twice": (
        lambda m, x: m.norm(m.conv(x)) + m.norm(m.other(x)),
        lambda: {"conv": conv(), "other": conv(), "norm": norm()},
        (0, 1),
    ),
    "two norms on one layer": (
        lambda m, x: (lambda y: m.norm(y) + m.other(y).relu())(m.conv(x)),
        lambda: {"conv": conv(), "norm": norm(), "other": norm()},
        (0, 2),
    ),
    "something in between": (
        lambda m, x: m.norm(m.conv(x).relu()),
        lambda: {"conv": conv(), "norm": norm()},
        (0, 1),
    ),
    "weights without a call": (
        lambda m, x: m.norm(F.conv2d(x, m.conv.weight, m.conv.bias, padding=1)),
        lambda: {"conv": conv(), "norm": norm()},
        (1, 1),
    ),
    "a norm that nothing depends on": (
        lambda m, x: (m.norm(m.conv(x)), m.conv(x))[1],
        lambda: {"conv": conv(), "norm": norm()},
        (0, 0),
    ),
    "statistics of the batch": (
        lambda m, x: m.norm(m.conv(x)),
        lambda: {"conv": conv(), "norm": norm(track_running_stats=False)},
        (0, 0),
    ),
    "a linear layer": (
        lambda m, x: m.norm(m.linear(x.flatten(1))),
        lambda: {"linear": nn.Linear(30, 4), "norm": nn.BatchNorm1d(4)},
        (1, 1),
    ),
    "a weight that is computed": (
        lambda m, x: m.norm(m.conv(x)),
        lambda: {"conv": nn.utils.parametrizations.weight_norm(conv()), "norm": norm()},
        (0, 1),
    ),
    "no norm": (lambda m, x: m.conv(x), lambda: {"conv": conv()}, (0, 0)),
}


@pytest.mark.parametrize("case", CASES)
def test_norms_are_folded_where_the_embeddings_stay(case: str) -> None:
    network, parts, wanted = CASES[case]
    plain = model(network, **parts())
    state = {name: value.clone() for name, value in plain.state_dict().items()}
    before = embeddings(plain)
    made = fused(plain, batch())
    assert (made.folded, made.norms) == wanted
    torch.testing.assert_close(embeddings(made.model), before, rtol=1e-5, atol=1e-5)
    assert torch.equal(embeddings(plain), before)
    assert all(torch.equal(value, state[name]) for name, value in plain.state_dict().items())
    assert list(plain.state_dict()) == list(state)
    assert not any(each.requires_grad for each in made.model.parameters())


def test_fresh_norms_are_no_excuse() -> None:
    network, parts, _ = CASES["the norm is used twice"]
    torch.manual_seed(0)
    plain = type("Made", (Stranger,), {"network": network})(**parts()).eval()  # all norms do nothing
    assert fused(plain, batch()).folded == 0


def test_weights_in_16_bits_where_the_model_takes_them() -> None:
    network, parts, _ = CASES["sequential"]
    with torch.autocast("cpu", torch.bfloat16):
        made = with_weights_in(torch.bfloat16, fused(model(network, **parts()), batch()).model, batch())
        assert made.all[0].weight.dtype == torch.bfloat16
        assert embeddings(made).isfinite().all()
        strange = model(lambda m, x: m.conv(x) * torch.dot(m.conv.bias, torch.ones(4)), conv=conv(bias=True))
        assert with_weights_in(torch.bfloat16, strange, batch()).conv.weight.dtype == torch.float32


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (4, 1), (3, 3)])
@pytest.mark.parametrize(
    "options",
    [
        {"kernel_size": 3, "padding": 1},
        {"kernel_size": (2, 3), "padding": (0, 1), "stride": (2, 1), "bias": False},
        {"kernel_size": 3, "padding": 2},
        {"kernel_size": (1, 2), "padding": (0, 1)},
    ],
    ids=str,
)
@pytest.mark.parametrize("channels", [(1, 8), (3, 2)])
def test_two_columns_at_a_time_are_the_same_convolution(
    channels: tuple[int, int], options: dict[str, Any], size: tuple[int, int]
) -> None:
    torch.manual_seed(0)
    plain = nn.Conv2d(*channels, **options).double()
    frames = torch.randn(2, channels[0], *size, dtype=torch.float64)
    assert is_narrow(plain)
    with torch.no_grad():
        found = TwoColumns(plain)(frames)
        torch.testing.assert_close(found, plain(frames), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "other",
    [
        {"out_channels": 9},
        {"stride": 2},
        {"groups": 2},
        {"dilation": 2},
        {"padding": "same"},
        {"padding_mode": "circular"},
        {"kernel_size": 1},
    ],
    ids=str,
)
def test_other_convolutions_keep_to_one_column(other: dict[str, Any]) -> None:
    options: dict[str, Any] = {"in_channels": 2, "out_channels": 4, "kernel_size": 3, **other}
    assert not is_narrow(nn.Conv2d(**options))


def test_weights_are_laid_out_with_channels_last_even_of_one_channel() -> None:
    conv = nn.Conv2d(1, 8, 3)
    weight = channels_last(conv.weight.detach())
    assert torch.equal(weight, conv.weight)
    conv.weight.data = weight
    assert conv(torch.rand(2, 1, 8, 9)).is_contiguous(memory_format=torch.channels_last)


def _counts(self: Any, frames: Tensor) -> Tensor:
    self.calls = getattr(self, "calls", 0) + 1
    return self.bn(self.conv(frames)) + 0.05 * self.calls


def _goes_on_training(self: Any, frames: Tensor) -> Tensor:
    maps: Tensor = self.bn(self.conv(frames))
    self.bn.train()
    return maps


def _draws(self: Any, frames: Tensor) -> Tensor:
    return F.dropout(self.bn(self.conv(frames)), 0.5, training=True)


@pytest.mark.parametrize("network", [_counts, _goes_on_training, _draws])
def test_no_copy_is_made_of_a_model_that_is_another_the_next_time(
    network: Callable[[Any, Tensor], Tensor],
) -> None:
    subject = model(network, conv=nn.Conv2d(1, 4, 3), bn=nn.BatchNorm2d(4))
    with pytest.raises(ValueError, match="other embeddings the next time"):
        fused(subject, batch())
    assert not hasattr(subject, "calls")
    assert not subject.bn.training
