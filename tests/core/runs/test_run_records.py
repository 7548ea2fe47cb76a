"""What a run folder records of the machine."""

from __future__ import annotations

import json
from importlib.metadata import version

import pytest

from gait_plugins import load_config
from gait_plugins.core.runs import folder
from gait_plugins.core.runs.folder import run_folder
from gait_plugins.errors import ConfigError


def test_a_package_that_is_not_installed_is_recorded_as_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "REPORTED", ("torch", "installed-nowhere"))
    recorded = json.loads(json.dumps(folder.environment()))
    assert recorded["packages"] == {"torch": version("torch"), "installed-nowhere": None}


@pytest.mark.parametrize("key", ["output_dir", "run_dir"])
def test_an_address_is_no_place_for_runs(key: str):
    config = load_config("walkers/gei", [f"{key}=s3://KEY:SECRET@bucket/runs"])
    with pytest.raises(ConfigError, match=r"s3://\*\*\*@bucket/runs is an address") as caught:
        run_folder(config, "demo")
    assert str(caught.value).startswith(key)
