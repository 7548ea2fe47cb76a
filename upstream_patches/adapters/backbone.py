"""A backbone component as what makes it from its options, as OpenGait's models call it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gait_plugins
from gait_plugins.registry.components import Component
from upstream_patches.adapters.signatures import accepting


def adapt_backbone(component: Component) -> Callable[..., Any]:
    """What OpenGait finds in ``modeling.backbones`` and calls with the options that it takes."""

    def make(**options: Any) -> Any:
        return gait_plugins.build("backbone", {"type": component.qualified, **options})

    return accepting(make, component.name, (), component.load())
