"""The CPU's synchronised batch norm computes what torch's batch norm computes, in every setting."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from gait_plugins.nn.sync_bn import freeze_batch_norm, synchronise_batch_norm

NORMS: dict[str, Callable[[], nn.Module]] = {
    "vectors": lambda: nn.BatchNorm1d(5),
    "pictures": lambda: nn.BatchNorm2d(5),
    "channels last": lambda: nn.BatchNorm2d(5),
    "clips": lambda: nn.BatchNorm3d(5),
    "cumulative mean": lambda: nn.BatchNorm2d(5, momentum=None),
    "without affine": lambda: nn.BatchNorm2d(5, affine=False),
    "without running statistics": lambda: nn.BatchNorm2d(5, track_running_stats=False),
    "double": lambda: nn.BatchNorm2d(5).double(),
}


def features(name: str) -> Tensor:
    torch.manual_seed(0)
    shape = {"vectors": (6, 5), "clips": (6, 5, 2, 3, 4)}.get(name, (6, 5, 3, 4))
    x = torch.randn(shape, dtype=torch.float64 if name == "double" else torch.float32)
    return x.to(memory_format=torch.channels_last) if name == "channels last" else x


def pair(name: str) -> tuple[nn.Module, nn.Module]:
    theirs = NORMS[name]()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter)
    ours = synchronise_batch_norm(copy.deepcopy(theirs), torch.device("cpu"))
    assert type(ours) is not type(theirs)
    return theirs, ours


def through(norm: nn.Module, x: Tensor) -> list[Tensor]:
    x = x.clone().requires_grad_()
    norm.zero_grad()
    out = norm(x)
    out.pow(3).sum().backward()
    assert x.grad is not None
    return [out.detach(), x.grad, *(p.grad for p in norm.parameters() if p.grad is not None)]


@pytest.mark.parametrize("mode", ["train", "eval", "frozen"])
@pytest.mark.parametrize("name", NORMS)
def test_outputs_gradients_and_statistics_are_those_of_torch(name: str, mode: str) -> None:
    x = features(name)
    tolerance = 1e-12 if name == "double" else 2e-5
    theirs, ours = pair(name)
    for step in range(3):
        for norm in (theirs, ours):
            norm.train(mode != "eval" or step == 0)
            if mode == "frozen":
                freeze_batch_norm(norm)
        for a, b in zip(through(theirs, x + step), through(ours, x + step), strict=True):
            torch.testing.assert_close(b, a, atol=tolerance * 10, rtol=tolerance * 10)
    assert theirs.state_dict().keys() == ours.state_dict().keys()
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, atol=tolerance, rtol=tolerance)
