"""A folder of packages that look installed: real metadata on the path, nothing to install."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable
from pathlib import Path

import pytest


class FakeSite:
    """Packages for one test; they leave the path and ``sys.modules`` when it ends."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        monkeypatch.delenv("GAIT_PLUGINS_LOAD", raising=False)
        monkeypatch.setattr(sys, "dont_write_bytecode", True)
        monkeypatch.syspath_prepend(str(folder))

    def module(self, name: str, source: str) -> None:
        """Write a module, and forget it when the test ends."""
        (self.folder / f"{name}.py").write_text(textwrap.dedent(source))
        self._monkeypatch.delitem(sys.modules, name, raising=False)

    def package(
        self,
        distribution: str,
        source: str,
        *,
        version: str = "1.0",
        module: str | None = None,
        entry_point: str | None = None,
        requires: Iterable[str] = (),
    ) -> str:
        """A distribution with one entry point, whose manifest module has this source."""
        module = module or distribution.lower().replace("-", "_").replace(".", "_")
        self.module(module, source)
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir(exist_ok=True)
        lines = ["Metadata-Version: 2.1", f"Name: {distribution}", f"Version: {version}"]
        lines += [f"Requires-Dist: {requirement}" for requirement in requires]
        (info / "METADATA").write_text("\n".join(lines) + "\n")
        table = info / "entry_points.txt"
        known = table.read_text() if table.exists() else "[gait_plugins]\n"
        table.write_text(f"{known}{entry_point or module} = {module}\n")
        return module


def manifest(**hooks: object) -> str:
    """The source of a manifest module: hook -> what it returns."""
    lines = ["from gait_plugins import hookimpl"]
    for hook, value in hooks.items():
        lines.append(f"@hookimpl\ndef {hook}():\n    return {value!r}")
    return "\n".join(lines) + "\n"
