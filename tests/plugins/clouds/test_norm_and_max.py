"""The norm and maximum in one step against the same one after the other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gait_plugins.plugins.clouds.models.norm_and_max import highest_of_neighbours


def both(norm: nn.BatchNorm2d, rows: Tensor, k: int) -> list[Tensor]:
    """Result, gradients of rows, weight and bias, and running figures: in one step, then in several."""
    found = []
    state = {key: value.clone() for key, value in norm.state_dict().items()}
    for in_one in (True, False):
        norm.load_state_dict(state)
        norm.zero_grad()
        given = rows.clone().requires_grad_()
        if in_one:
            out = highest_of_neighbours(norm, given, k)
        else:
            maps = norm(given.t().contiguous()[None, :, :, None])
            out = F.relu(maps[0, :, :, 0].t()).reshape(-1, k, rows.shape[1]).amax(1)
        (out * torch.linspace(-1, 2, out.numel()).view_as(out)).sum().backward()
        found.append([out, given.grad, norm.weight.grad, norm.bias.grad, *norm.state_dict().values()])
    return found


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("training", [True, False])
def test_one_step_gives_what_several_give(falling: bool, training: bool) -> None:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6).train(training)
    nn.init.normal_(norm.weight, 0.0 if falling else 2.0, 0.5)
    nn.init.normal_(norm.bias)
    one, several = both(norm, torch.randn(40 * 5, 6) * 3 + 7, 5)
    for ours, expected in zip(one, several, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-4, atol=1e-5)


def test_norms_of_other_kinds_and_half_precision_are_taken_as_they_are() -> None:
    torch.manual_seed(0)
    rows = torch.randn(20, 6)
    norm = nn.BatchNorm2d(6, affine=False)
    torch.testing.assert_close(*(each[0] for each in _outputs(norm, rows)))
    half = highest_of_neighbours(nn.BatchNorm2d(6).bfloat16(), rows.bfloat16(), 5)
    assert half.dtype == torch.bfloat16


def _outputs(norm: nn.BatchNorm2d, rows: Tensor) -> list[list[Tensor]]:
    found = highest_of_neighbours(norm, rows, 5)
    return [[found], [F.relu(norm(rows[..., None, None])).view(4, 5, 6).amax(1)]]
