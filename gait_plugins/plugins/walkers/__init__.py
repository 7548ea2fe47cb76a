"""walkers: a data set of synthetic people walking, so that every command runs without a download."""

from __future__ import annotations

from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1


@hookimpl
def gait_datasets() -> Contribution:
    return {"walkers": "gait_plugins.plugins.walkers.dataset:Walkers"}


@hookimpl
def gait_commands() -> dict[str, tuple[str, str]]:
    return {
        "data film": (
            "gait_plugins.plugins.walkers.film.command:run_film",
            "Make films of synthetic people in a street, with their truth.",
        )
    }
