"""What a run folder records of the machine."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from gait_plugins.core.runs import folder


def test_a_package_that_is_not_installed_is_recorded_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "REPORTED", ("torch", "installed-nowhere"))
    recorded = json.loads(json.dumps(folder.environment()))
    assert recorded["packages"] == {"torch": version("torch"), "installed-nowhere": None}
