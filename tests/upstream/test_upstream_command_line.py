"""``gait-plugins upstream``: messages and exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.hosts.upstream_host import mini, pin
from typer.testing import CliRunner

from gait_plugins.cli import app
from upstream_patches.patches import load


def gait(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["upstream", *words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_patches_are_listed_with_or_without_a_checkout(tmp_path: Path, monkeypatch):
    monkeypatch.delenv("OPENGAIT_HOME", raising=False)
    code, output = gait("patches")
    assert code == 0
    assert [patch.name for patch in load()] == [line for line in output.splitlines() if line[:1] != " "]
    checkout = mini(tmp_path / "host")
    code, output = gait("patches", "--opengait", str(checkout.root))
    assert (code, output.count("fits this checkout")) == (0, len(load()))
    checkout.file("data.sampler").write_text("")
    code, output = gait("patches", "--opengait", str(checkout.root))
    assert code == 2
    assert "does not fit this checkout: data.sampler has no " in output


def test_a_pin_is_written_and_named(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    code, output = gait("pin", "--opengait", str(checkout.root), "--commit", "mine")
    assert code == 0
    written = json.loads(Path(output.strip()).read_text())
    assert written["commit"] == "mine"
    assert "opengait/main.py" in written["files"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--", "--cfgs", "x.yaml"], "no OpenGait checkout given"),
        (["run", "--opengait", "nowhere", "--", "--cfgs", "x.yaml"], "no such folder"),
        (["run", "--opengait", ".", "--", "--cfgs", "x.yaml"], "is not an OpenGait checkout"),
        (
            ["run", "--opengait", "host", "--without", "devise", "--", "--cfgs", "x.yaml"],
            "did you mean 'device'",
        ),
        (["run", "--opengait", "host", "--", "--cfgs", "x.yaml"], "differs from the pinned commit"),
        (
            ["run", "--opengait", "host", "--allow-unpinned", "--", "--cfgs", "x.yaml"],
            "no configuration 'x.yaml'",
        ),
        (
            ["run", "--opengait", "host", "--allow-unpinned", "--", "--phase", "train"],
            "no configuration given",
        ),
    ],
)
def test_mistakes_end_with_words(tmp_path: Path, monkeypatch, words: list[str], message: str):
    mini(tmp_path / "host")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENGAIT_HOME", raising=False)
    code, output = gait(*words)
    assert code == 2
    assert message in output
    assert "Traceback" not in output


def test_help_and_the_list_of_patches_import_no_torch():
    code = (
        "import sys; from typer.testing import CliRunner; from gait_plugins.cli import app\n"
        "for words in (['upstream', 'run', '--help'], ['upstream', 'patches']):\n"
        "    assert CliRunner().invoke(app, words).exit_code == 0\n"
        "print([name for name in ('torch', 'lightning_fabric') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
