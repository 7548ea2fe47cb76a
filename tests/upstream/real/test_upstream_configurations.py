"""OpenGait's experiment files: which of them are accepted as they are, and why others are not."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from gait_plugins.config import load_config
from gait_plugins.core.train.rehearsal import rehearse_without_data
from gait_plugins.errors import GaitPluginsError

NO_EXPERIMENTS = ("default.yaml", "skeletongait/pretreatment_heatmap.yaml")
"""OpenGait's defaults, and the settings of a script."""
WHOLE = (
    *("biggait", "biggergait"),
    *("deepgaitv2", "gaitbase", "gaitgl", "gaitgraph1", "gaitgraph2", "gaitpart", "gaitset", "gaitssb"),
    *("gaittr", "gln", "lidargait", "msgg", "multigaitpp", "parsinggait", "sconet", "skeletongait"),
    *("smplgait", "swingait"),
)
"""Folders of which every file is accepted."""


def experiments(checkout: Path) -> list[str]:
    """Names below the checkout's configs."""
    root = checkout / "configs"
    found = sorted(str(path.relative_to(root)) for path in root.rglob("*.yaml"))
    return [name for name in found if name not in NO_EXPERIMENTS]


def refusal(checkout: Path, name: str) -> str:
    """Why a file is refused, in a line; empty where it is accepted."""
    try:
        config = load_config(checkout / "configs" / name)
        rehearse_without_data(config)
    except GaitPluginsError as error:
        lines = [line.strip() for line in str(error).splitlines() if re.search(r"\.yaml:\d+: ", line)]
        said = [line.partition(".yaml:")[2].partition(": ")[2] for line in lines] or [
            str(error).split("\n")[0]
        ]
        return "; ".join(said)
    return ""


def table(refusals: dict[str, str]) -> str:
    """A line for each folder, and one for each file that is refused."""
    folders = Counter(name.split("/")[0] for name in refusals)
    accepted = Counter(name.split("/")[0] for name, why in refusals.items() if not why)
    lines = [f"{folder}: {accepted[folder]} of {count}" for folder, count in sorted(folders.items())]
    lines.append(f"all: {sum(accepted.values())} of {len(refusals)}")
    return "\n".join([*lines, *(f"{name}: {why}" for name, why in refusals.items() if why)])


@pytest.mark.opengait
@pytest.mark.heavy
def test_files_of_every_known_model_are_accepted_as_they_are(
    real_checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = experiments(real_checkout)
    refusals = {name: refusal(real_checkout, name) for name in names}
    with capsys.disabled():
        print(f"\n{table(refusals)}")
    assert {name: why for name, why in refusals.items() if why and name.split("/")[0] in WHOLE} == {}
