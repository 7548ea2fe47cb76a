"""Fixtures of the tests of recipes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from helpers.components.tiny_recipe import TinyRecipePlugin

from gait_plugins.registry.manager import Manager, use_manager


@pytest.fixture(autouse=True)
def _plugin() -> Iterator[None]:
    manager = Manager(allow=[])
    manager.register(TinyRecipePlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    yield
    use_manager(None)
