"""A server of weights, a cache of its own, and packages that tell of checkpoints."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.components.published import CONTENT, Tell, Teller, published
from helpers.hosts.weights_server import WeightsServer, weights_server

from gait_plugins import WebFile
from gait_plugins.api.weights.published import Address
from gait_plugins.registry.manager import Manager, use_manager
from gait_plugins.registry.published import NamedCheckpoint


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[WeightsServer]:
    monkeypatch.setenv("no_proxy", "*")
    with weights_server() as started:
        yield started


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "weights"


@pytest.fixture
def manager() -> Iterator[Manager]:
    made = Manager(allow=[])
    use_manager(made)
    yield made
    use_manager(None)


@pytest.fixture
def tell(manager: Manager, cache: Path) -> Tell:
    """Registers a package with one checkpoint; the cache is the test's own."""

    def register(
        address: Address, name: str = "acme/net", package: str = "acme-gait", content: bytes = CONTENT
    ) -> NamedCheckpoint:
        manager.register(Teller({name: published(address, content)}), distribution=package)
        found = manager.checkpoints_called(f"{package}/{name}")
        return found[0]

    return register


@pytest.fixture
def entry(server: WeightsServer, tell: Tell) -> NamedCheckpoint:
    server.files["/w/net.pt"] = CONTENT
    return tell(WebFile(f"{server.url}/w/net.pt"))
