"""OpenGait's experiment files: which of them are accepted as they are, and why others are not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from helpers.hosts.experiments import experiments, refusal

WHOLE = (
    *("biggait", "biggergait"),
    *("deepgaitv2", "gaitbase", "gaitgl", "gaitgraph1", "gaitgraph2", "gaitpart", "gaitset", "gaitssb"),
    *("gaittr", "gln", "lidargait", "msgg", "multigaitpp", "parsinggait", "sconet", "skeletongait"),
    *("smplgait", "swingait"),
)
"""Folders of which every file is accepted."""


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
