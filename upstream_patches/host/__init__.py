"""The models, losses and transforms of an OpenGait checkout as components of the core: ``opengait/GaitSet``.

The checkout is the one that ``OPENGAIT_HOME`` names; without it there is nothing here. Nothing of it is
imported before a configuration asks for one of its names.
"""

from __future__ import annotations

import os
from typing import Any

from gait_plugins.hookspecs import Contribution, hookimpl
from upstream_patches.checkout.tree import HOME

requires_api = 1
fronts = {"opengait": f"set {HOME} to the folder of an OpenGait checkout"}


def _offers(kind: str) -> Contribution:
    if not os.environ.get(HOME):
        return {}
    from upstream_patches.host.listing import offers

    return offers(kind)


@hookimpl
def gait_models() -> Contribution:
    return _offers("model")


@hookimpl
def gait_losses() -> Contribution:
    return _offers("loss")


@hookimpl
def gait_transforms() -> Contribution:
    return _offers("transform")


@hookimpl
def gait_configure(config: dict[str, Any]) -> None:
    """A model of the checkout may read more of the configuration than ``model_cfg``."""
    if os.environ.get(HOME):
        from upstream_patches.host.configure import hand_over

        hand_over(config)
