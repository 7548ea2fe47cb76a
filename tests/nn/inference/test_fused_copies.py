"""Fused copies: batch norms go into the layers before them where that is proven, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.nn.inference import fused, with_weights_in


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
