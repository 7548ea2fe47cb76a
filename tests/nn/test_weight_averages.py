"""Averages of weights: the numbers, their precision, buffers and frozen parts, and the loan to the module."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from gait_plugins.nn.averages import WeightAverages


def model(dtype: torch.dtype = torch.float32) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)).to(dtype)


def test_an_average_is_that_of_the_formula():
    module = model()
    averages = WeightAverages(module, 0.9, warm=False)
    averages.begin()
    expected = module[0].weight.detach().double().clone()
    for _ in range(5):
        with torch.no_grad():
            module[0].weight += torch.randn(4, 3)
        averages.update()
        expected = 0.9 * expected + 0.1 * module[0].weight.detach().double()
    torch.testing.assert_close(averages.state()["0.weight"].double(), expected, atol=1e-6, rtol=0)


def test_a_warm_average_soon_forgets_where_it_began():
    module = nn.Linear(1, 1, bias=False)
    found = []
    for warm in (True, False):
        nn.init.constant_(module.weight, 100.0)
        averages = WeightAverages(module, 0.9999, warm=warm)
        averages.begin()
        nn.init.constant_(module.weight, 1.0)
        for _ in range(50):
            averages.update()
        found.append(float(averages.state()["weight"]))
    assert found[0] < 1.01
    assert found[1] > 99


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_small_changes_of_16_bit_weights_are_not_lost(dtype: torch.dtype):
    module = nn.Linear(1, 1, bias=False).to(dtype)
    nn.init.constant_(module.weight, 1.0)
    averages = WeightAverages(module, 0.999, warm=False)
    averages.begin()
    nn.init.constant_(module.weight, 2.0)
    for _ in range(1000):
        averages.update()
    state = averages.state()["weight"]
    assert state.dtype == dtype
    assert float(state) == pytest.approx(2 - 0.999**1000, abs=0.01)
    again = WeightAverages(module, 0.999, warm=False)
    again.load_state_dict(averages.state_dict(), averages.state())
    for both in (averages, again):
        both.update()
    assert torch.equal(averages.state_dict()["exact"]["weight"], again.state_dict()["exact"]["weight"])


def test_buffers_and_frozen_parts_are_the_modules_own():
    module = model()
    module[2].requires_grad_(False)
    averages = WeightAverages(module, 0.9, warm=False)
    averages.begin()
    module(torch.randn(5, 3))
    with torch.no_grad():
        module[2].weight += 1
        module[0].weight += 1
    state = averages.state()
    assert torch.equal(state["1.running_mean"], module[1].running_mean)
    assert torch.equal(state["2.weight"], module[2].weight)
    assert not torch.equal(state["0.weight"], module[0].weight)


def test_tied_weights_stay_tied():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    module[1].weight = module[0].weight
    averages = WeightAverages(module, 0.9)
    averages.begin()
    with torch.no_grad():
        module[0].weight += 1
    state = averages.state()
    assert torch.equal(state["0.weight"], state["1.weight"])
    assert not torch.equal(state["0.weight"], module[0].weight)


def test_a_module_has_its_own_weights_again_after_the_loan():
    module = model()
    averages = WeightAverages(module, 0.9)
    averages.begin()
    with torch.no_grad():
        module[0].weight += 1
    own = module[0].weight.detach().clone()
    place = module[0].weight

    def fails() -> None:
        with averages.lent():
            assert not torch.equal(module[0].weight, own)
            raise RuntimeError("in between")

    with pytest.raises(RuntimeError, match="in between"):
        fails()
    assert module[0].weight is place
    assert torch.equal(module[0].weight, own)
    module[0].weight.sum().backward()


def test_averages_of_another_module_are_refused():
    averages = WeightAverages(nn.Linear(2, 2), 0.9)
    other = WeightAverages(nn.Linear(3, 2), 0.9)
    other.begin()
    with pytest.raises(ValueError, match=r"the average of weight is \[2, 3\], not \[2, 2\]"):
        averages.load_state_dict(other.state_dict(), other.state())
