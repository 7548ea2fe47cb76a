"""walkers: a data set of synthetic people walking, and weights: every command runs without a download."""

from __future__ import annotations

from gait_plugins.api import PackageFile, PublishedCheckpoint
from gait_plugins.hookspecs import Contribution, hookimpl

requires_api = 1


@hookimpl
def gait_datasets() -> Contribution:
    return {"walkers": "gait_plugins.plugins.walkers.dataset:Walkers"}


@hookimpl
def gait_checkpoints() -> dict[str, PublishedCheckpoint]:
    return {
        "walkers/pretrained": PublishedCheckpoint(
            PackageFile("gait_plugins", "plugins/walkers/pretrained.pt"),
            bytes=1842615,
            sha256="4e962d3d011b69758d3f083409fecdfb214b487a7f44e3dced7698145e9ebe9c",
            licence="Apache-2.0",
            config="walkers/pretrained",
            figure="Rank-1 of 12 real people by another walk: 88.1 over all views, 42.9 across views",
            note="trained on synthetic people alone",
        )
    }


@hookimpl
def gait_commands() -> dict[str, tuple[str, str]]:
    return {
        "data film": (
            "gait_plugins.plugins.walkers.film.command:run_film",
            "Make films of synthetic people in a street, with their truth.",
        )
    }
