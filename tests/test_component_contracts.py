"""Every component of every installed package keeps the contract of its kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import gait_plugins
from gait_plugins.components import Component
from gait_plugins.kinds import KINDS
from gait_plugins.manager import default_manager
from gait_plugins.testing import (
    check_batch_sampler,
    check_frame_sampler,
    check_loss,
    check_model,
    check_transform,
)

FRAME_SHAPES = [(64, 44), (64, 64), (3, 64, 44)]


def components(kind: str) -> list[Any]:
    return [pytest.param(c, id=c.name) for c in default_manager().components(kind)]


def maker(component: Component) -> Callable[[], Any]:
    """Builds the component from its example, as YAML would."""
    options = component.load().example_config()  # type: ignore[attr-defined]
    cfg = {KINDS[component.kind].key: component.qualified, **options}
    return lambda: gait_plugins.build(component.kind, cfg)


@pytest.mark.parametrize("component", components("model"))
def test_models_keep_their_contract(component: Component) -> None:
    check_model(maker(component))


@pytest.mark.parametrize("component", components("loss"))
def test_losses_keep_their_contract(component: Component) -> None:
    check_loss(maker(component)())


@pytest.mark.parametrize("frame_shape", FRAME_SHAPES, ids=str)
@pytest.mark.parametrize("component", components("transform"))
def test_transforms_keep_their_contract(component: Component, frame_shape: tuple[int, ...]) -> None:
    check_transform(maker(component)(), frame_shape)


@pytest.mark.parametrize("component", components("frame_sampler"))
def test_frame_samplers_keep_their_contract(component: Component) -> None:
    check_frame_sampler(maker(component)())


@pytest.mark.parametrize("component", components("batch_sampler"))
def test_batch_samplers_keep_their_contract(component: Component) -> None:
    check_batch_sampler(maker(component)())
