"""``gait-plugins upstream clone``: whole at the pinned commit, or nothing and words."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from helpers.hosts.upstream_host import mini
from typer.testing import CliRunner

from gait_plugins.cli import app
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import load
from upstream_patches.run import pins


def git(*words: str | Path) -> str:
    identity = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
    done = subprocess.run(["git", *identity, *map(str, words)], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bare repository whose first commit is pinned, and whose last one is another."""
    checkout = mini(tmp_path / "work")
    git("init", "-q", checkout.root)
    git("-C", checkout.root, "add", "-A")
    git("-C", checkout.root, "commit", "-qm", "first")
    monkeypatch.setattr(pins, "FOLDER", tmp_path / "pins")
    pins.write(checkout, load())
    (checkout.root / "opengait/main.py").write_text("# later\n")
    git("-C", checkout.root, "commit", "-qam", "second")
    git("clone", "-q", "--bare", checkout.root, tmp_path / "OpenGait.git")
    return tmp_path / "OpenGait.git"


def cloned(*words: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["upstream", "clone", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def test_the_pinned_commit_is_checked_out_on_no_branch(repository: Path, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    for folder in ("new/OpenGait", "there"):  # an empty folder is taken
        code, output = cloned(folder, "--from", "OpenGait.git")
        assert code == 0, output
        assert f"OpenGait is in {tmp_path / folder}" in output
        assert f"OPENGAIT_HOME={tmp_path / folder}" in output
        pin = pins.verify(Checkout.find(folder), load())
        assert git("-C", folder, "rev-parse", "HEAD") == pin.commit
        assert git("-C", folder, "branch", "--show-current") == ""
        assert git("-C", folder, "status", "--short") == ""
    assert oct(Path("there").stat().st_mode & 0o777) == oct(0o777 & ~_umask())
    assert {path.name for path in tmp_path.iterdir()} == {"work", "pins", "OpenGait.git", "new", "there"}


def _umask() -> int:
    before = os.umask(0o077)
    os.umask(before)
    return before


def test_another_commit_may_be_named(repository: Path, tmp_path: Path):
    last = git("-C", repository, "rev-parse", "HEAD")
    assert cloned(tmp_path / "last", "--from", repository, "--commit", last)[0] == 0
    assert git("-C", tmp_path / "last", "rev-parse", "HEAD") == last


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--from", "{tmp}/nowhere.git"), "git could not clone {tmp}/nowhere.git: fatal: "),
        (("--from", "{tmp}/OpenGait.git", "--commit", "abc1234"), "OpenGait.git has no commit abc1234"),
        (("--from", "{tmp}/other.git", "--commit", "HEAD"), "other.git at HEAD is no OpenGait: missing"),
    ],
)
def test_where_it_fails_nothing_is_left(repository: Path, tmp_path: Path, words: tuple[str, ...], told: str):
    other = tmp_path / "elsewhere"
    git("init", "-q", other)
    git("-C", other, "commit", "-q", "--allow-empty", "-m", "nothing")
    git("clone", "-q", "--bare", other, tmp_path / "other.git")
    before = {path.name for path in tmp_path.iterdir()}
    code, output = cloned(tmp_path / "new", *(word.format(tmp=tmp_path) for word in words))
    assert code == 2
    assert told.format(tmp=tmp_path) in output.replace("\n", " ").replace("  ", " ")
    assert "Traceback" not in output
    assert {path.name for path in tmp_path.iterdir()} == before


def test_a_folder_with_something_in_it_is_left_alone(repository: Path, tmp_path: Path):
    for name, words in (("work", "is not empty"), ("file", "is a file")):
        (tmp_path / "file").touch()
        before = sorted(path.name for path in tmp_path.rglob("*"))
        code, output = cloned(tmp_path / name, "--from", repository)
        assert (code, words in output) == (2, True), output
        assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_without_git_it_is_told(repository: Path, tmp_path: Path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    code, output = cloned(tmp_path / "new", "--from", repository)
    assert code == 2
    assert "the program git cannot be run" in output
    assert "--opengait" in output
    assert not (tmp_path / "new").exists()
