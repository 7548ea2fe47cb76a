"""Published checkpoints of made-up packages."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from gait_plugins import PublishedCheckpoint, hookimpl
from gait_plugins.api.weights.published import Address
from gait_plugins.registry.published import NamedCheckpoint

CONTENT = bytes(range(256)) * 2000
Tell = Callable[..., NamedCheckpoint]


def published(
    address: Address, content: bytes = CONTENT, config: str = "walkers/gaitbase"
) -> PublishedCheckpoint:
    return PublishedCheckpoint(
        address,
        bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        licence="apache-2.0",
        config=config,
        figure="Rank-1 90.1 on CASIA-B",
    )


class Teller:
    """A plugin that tells of checkpoints."""

    def __init__(self, told: object) -> None:
        self.told = told

    @hookimpl
    def gait_checkpoints(self) -> object:
        return self.told
