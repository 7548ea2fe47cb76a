"""OpenGait's experiment files: each that is accepted trains a step on walkers and is tested."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers.hosts.experiments import experiments, tried

FOLDERS = (
    *("biggait", "biggergait", "deepgaitv2", "denoisinggait", "foundationgait", "gaitbase", "gaitedge"),
    *("gaitgl", "gaitgraph1", "gaitgraph2", "gaitpart", "gaitset", "gaitssb", "gaittr", "gln", "lidargait"),
    *("lidargaitv2", "msgg", "multigaitpp", "parsinggait", "sconet", "skeletongait", "smplgait", "swingait"),
)
pytestmark = [pytest.mark.opengait, pytest.mark.heavy]


def test_the_folders_are_those_of_the_checkout(real_checkout: Path) -> None:
    assert sorted({name.split("/")[0] for name in experiments(real_checkout)}) == sorted(FOLDERS)


@pytest.mark.parametrize("which", FOLDERS)
def test_accepted_files_train_and_are_tested(
    which: str, real_checkout: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [name for name in experiments(real_checkout) if name.startswith(f"{which}/")]
    found = [tried(real_checkout, name, tmp_path / str(number)) for number, name in enumerate(names)]
    with capsys.disabled():
        print("", *found, sep="\n")
    accepted = [outcome for outcome in found if not outcome.refused]
    assert all(outcome.steps == 1 for outcome in accepted)
    assert [outcome.name for outcome in accepted if not outcome.results and not outcome.note] == []
