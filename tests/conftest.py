"""Fixtures of many tests."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from helpers.children import import_path
from helpers.places import EXAMPLE, ROOT, TESTED

from gait_plugins.api import EmbeddingSet, Results
from gait_plugins.registry.manager import Manager, use_manager

if TYPE_CHECKING:
    from helpers.postgres_server import PostgresServer

# A checkout adds components wherever plugins are listed: only the tests that ask for it see it. Kept in
# the environment, where the processes that tests run side by side in find it.
_CHECKOUT = "GAIT_TEST_CHECKOUT"
if "OPENGAIT_HOME" in os.environ:
    os.environ[_CHECKOUT] = os.environ.pop("OPENGAIT_HOME")

# Processes that tests start import the very copy that is tested here.
os.environ["PYTHONPATH"] = import_path()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--installed", action="store_true", help="test an installed copy, not this checkout")


def pytest_configure(config: pytest.Config) -> None:
    """Refuse to test another copy than the one that is meant: a fault of this one would pass."""
    installed = bool(config.getoption("--installed"))
    if (TESTED == ROOT) != installed:
        return
    found = f"the tests of {ROOT} would import gait_plugins from {TESTED}"
    if installed:
        raise pytest.UsageError(f"{found}, which is this checkout: leave out --installed")
    raise pytest.UsageError(
        f"{found}: pip install -c constraints.txt -e '.[test]', or --installed to test that copy"
    )


@pytest.fixture
def real_checkout() -> Path:
    """The checkout of OpenGait that ``OPENGAIT_HOME`` named when the tests were started."""
    named = os.environ.get(_CHECKOUT)
    if not named:
        pytest.skip("OPENGAIT_HOME names no checkout of OpenGait")
    return Path(named)


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Data that a test draws lie with it: no test is quick, or wrong, for what an earlier day has left."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session", autouse=True)
def _one_thread_in_children() -> Iterator[None]:
    """A program that a test starts sums in the same order as the test, which compares the two bit for bit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    # Tests run side by side: more threads than cores would only make them wait for each other.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _no_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    """``precision: auto`` is float32 in this process, whatever the processor can: tests compare digits."""
    monkeypatch.setattr("gait_plugins.core.runtime.precision.bfloat16_instructions", tuple)


@contextmanager
def _logging_kept() -> Iterator[None]:
    logger = logging.getLogger("gait_plugins")
    handlers, level, propagate = logger.handlers, logger.level, logger.propagate
    yield
    logger.handlers, logger.propagate = handlers, propagate
    logger.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture(autouse=True)
def _logging_as_it_was() -> Iterator[None]:
    """Commands that a test runs in this process set up logging for a program; undo that."""
    with _logging_kept():
        yield


@pytest.fixture(scope="module", autouse=True)
def _logging_as_before_the_module() -> Iterator[None]:
    """The same for commands that the fixtures of a module run."""
    with _logging_kept():
        yield


@pytest.fixture
def tiny() -> Iterator[Manager]:
    """The built-ins and the tiny test plugin, as the manager of this process."""
    from helpers.components.tiny import TinyPlugin

    manager = Manager(allow=[])
    manager.register(TinyPlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    yield manager
    use_manager(None)


@pytest.fixture
def scored_sets(tiny: Manager, monkeypatch: pytest.MonkeyPatch) -> list[EmbeddingSet]:
    """What the tiny protocol is given to score, one set after the other."""
    from helpers.components.tiny import Nearest

    seen: list[EmbeddingSet] = []
    evaluate = Nearest.evaluate

    def watched(self: Nearest, data: EmbeddingSet) -> Results:
        seen.append(data)
        return evaluate(self, data)

    monkeypatch.setattr(Nearest, "evaluate", watched)
    return seen


@pytest.fixture
def strip_gait(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of the example of a stranger's package, which the manager of this process knows."""
    folder = EXAMPLE
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import strip_gait

    manager = Manager(allow=[])
    manager.register(strip_gait, distribution="strip-gait", version="0.1")
    use_manager(manager)
    yield folder
    use_manager(None)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL server of the tests' own; skips where there are no programs for it."""
    pytest.importorskip("psycopg", reason="galleries on a server need psycopg: the extra [postgres]")
    from helpers.postgres_server import PostgresServer, programs

    found = programs()
    if found is None:
        pytest.skip("the programs of a PostgreSQL server are not installed (Debian: postgresql)")
    server = PostgresServer(found)
    yield server
    server.close()


@pytest.fixture
def tiny_yaml(tmp_path: Path) -> Path:
    """A configuration of tiny components alone."""
    from helpers.components.tiny import TINY_YAML

    path = tmp_path / "tiny.yaml"
    path.write_text(f"output_dir: {tmp_path / 'output'}\n{TINY_YAML}")
    return path


@pytest.fixture
def fakes() -> Iterator[Manager]:
    """The built-ins and components that only record their options, as the manager of this process."""
    from helpers.components.config_fakes import FakePlugin

    manager = Manager(allow=[])
    manager.register(FakePlugin(), distribution="acme-gait", version="1.2")
    use_manager(manager)
    yield manager
    use_manager(None)
