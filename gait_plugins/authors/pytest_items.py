"""Pytest's items of a sweep: one test for each component of a package."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gait_plugins.authors.sweep import checkpoints_of, components_of, try_checkpoint, try_component, why_not
from gait_plugins.errors import GaitPluginsError
from gait_plugins.registry.components import Component
from gait_plugins.registry.published import NamedCheckpoint


class Swept(pytest.Collector):
    """A package whose components are tried."""

    def collect(self) -> Iterable[pytest.Item]:
        """A test for each component, by kind and name, and for each published checkpoint."""
        for component in components_of(self.name):
            name = f"{component.kind}[{component.name}]"
            yield ComponentItem.from_parent(self, name=name, component=component)
        for entry in checkpoints_of(self.name):
            yield CheckpointItem.from_parent(self, name=f"checkpoint[{entry.name}]", entry=entry)


class ComponentItem(pytest.Item):
    """The contract check of one component."""

    def __init__(self, *, component: Component, **given: Any) -> None:
        super().__init__(**given)
        self.component = component

    def runtest(self) -> None:
        """Try it; what cannot be used here is skipped."""
        reason = why_not(self.component)
        if reason:
            pytest.skip(reason)
        try_component(self.component)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """A broken contract in words; anything else with its traceback."""
        if isinstance(excinfo.value, AssertionError | GaitPluginsError):
            where = f"{self.component.kind} {self.component.name} ({self.component.owner})"
            return f"{where}, {self.component.origin}\n  {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """File of the class, and what is tried."""
        try:
            path = Path(inspect.getfile(self.component.load()))
        except (GaitPluginsError, OSError, TypeError):
            path = self.path
        return path, None, f"{self.component.owner.distribution}: {self.name}"


class CheckpointItem(pytest.Item):
    """The check of one published checkpoint."""

    def __init__(self, *, entry: NamedCheckpoint, **given: Any) -> None:
        super().__init__(**given)
        self.entry = entry

    def runtest(self) -> None:
        """Try it, as far as it is here."""
        try_checkpoint(self.entry)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """What is wrong in words; anything else with its traceback."""
        if isinstance(excinfo.value, AssertionError | GaitPluginsError):
            return f"checkpoint {self.entry.name} ({self.entry.owner})\n  {excinfo.value}"
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, int | None, str]:
        """What is tried."""
        return self.path, None, f"{self.entry.owner.distribution}: {self.name}"


def items_of(session: pytest.Session, package: str) -> list[pytest.Item]:
    """A test for each component and published checkpoint of a package."""
    swept: Swept = Swept.from_parent(session, name=package, nodeid=package)
    return list(swept.collect())
