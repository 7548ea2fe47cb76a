"""Losses called from Python: shapes that are wrong are named, and ``[n, c]`` is a single part."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from gait_plugins import DataError, Loss, build
from gait_plugins.nn import check_axes, in_parts
from gait_plugins.registry.manager import Manager
from gait_plugins.testing.losses import _features

PARTS = (
    *("/TripletLoss", "/TripletLoss_HardEx", "/CrossEntropyLoss", "/PartsTripletLoss"),
    *("/PartsCrossEntropyLoss", "/BatchHardTripletLoss"),
)
LOSSES = [c.qualified for c in Manager(allow=[]).components("loss")]


def loss_and_features(name: str) -> tuple[Loss, dict[str, Any]]:
    cls: Any = Manager(allow=[]).find("loss", name).load()
    loss: Loss = build("loss", {"type": name, **cls.example_config()})
    return loss, dict(loss.example_features() or _features(loss))


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_names_the_shape_that_it_wants(name: str) -> None:
    loss, given = loss_and_features(name)
    first = next(iter(given))
    for wrong in (torch.rand(()), torch.rand(len(given[first])), [1.0]):
        with pytest.raises(DataError, match=rf"{first}: expected a tensor \[\w+, ") as caught:
            loss(**{**given, first: wrong})
        assert caught.value.where


@pytest.mark.parametrize("name", [n for n in LOSSES if n.endswith(PARTS)])
def test_a_single_part_need_not_be_written(name: str) -> None:
    loss, given = loss_and_features(name)
    first = next(iter(given))
    one = given[first][..., :1]
    flat, _ = loss(**{**given, first: one[..., 0]})
    whole, _ = loss(**{**given, first: one})
    assert torch.equal(flat, whole)


def test_every_row_has_a_label() -> None:
    with pytest.raises(DataError, match="embeddings have 4 rows and labels 3"):
        in_parts(torch.rand(4, 6, 2), torch.zeros(3), "Mine")
    with pytest.raises(DataError, match=r"labels: expected a tensor \[n\], got shape \[4, 1\]"):
        in_parts(torch.rand(4, 6, 2), torch.zeros(4, 1), "Mine")


def test_further_axes_may_follow_where_they_are_left_open() -> None:
    check_axes(torch.rand(2, 3, 4, 5), "[n, views, ...]", "Mine", name="features")
    with pytest.raises(DataError, match=r"features: expected a tensor \[n, views, ...\], got shape \[2, 3\]"):
        check_axes(torch.rand(2, 3), "[n, views, ...]", "Mine", name="features")
