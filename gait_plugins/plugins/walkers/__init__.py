"""walkers: synthetic people walking, for every command to run with nothing downloaded."""

from __future__ import annotations

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1


@hookimpl
def gait_datasets() -> Contribution:
    return {"walkers": "gait_plugins.plugins.walkers.dataset:Walkers"}
