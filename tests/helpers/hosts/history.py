"""The commits of the second host's repository: which there are, a checkout of each, whether it fits.

PYTHONPATH=.:tests python -m helpers.hosts.history GIT_DIR

prints a table of all commits of the last three years that touched a file that the patches rely on.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import load
from upstream_patches.patches.patch import fitting
from upstream_patches.run import pins

FOLDERS = ("configs", "opengait", "datasets")


@dataclass(frozen=True)
class Commit:
    """One commit."""

    name: str
    day: str
    """``2026-07-13``."""
    subject: str


def commits(repository: Path, years: int = 3) -> list[Commit]:
    """The newest first: those that touched a file that some patch relies on, up to ``years`` old.

    Args:
        repository: the git directory.
        years: counted from the newest commit of all.
    """
    newest = date.fromisoformat(_git(repository, "log", "-1", "--format=%cs", "HEAD").decode().strip())
    since = newest.replace(year=newest.year - years).isoformat()
    words = ("log", "--full-history", f"--since={since}", "--format=%H%x09%cs%x09%s", "HEAD", "--")
    lines = _git(repository, *words, *pins.relied_on(load())).decode().splitlines()
    return [Commit(*line.split("\t", 2)) for line in lines]


def at(repository: Path, commit: str, folder: Path) -> Checkout:
    """The checkout of a commit in a new folder."""
    folder.mkdir(parents=True)
    packed = _git(repository, "archive", commit, "--", *FOLDERS)
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        archive.extractall(folder, filter="data")
    return Checkout.find(folder)


def verdict(checkout: Checkout) -> str:
    """Whether all patches fit, what is off, or what stops the run."""
    try:
        _, off = fitting(load(), checkout)
    except UpstreamMismatch as error:
        return f"does not fit: {error.where}: {error.message}"
    return "fits" if not off else f"fits; off: {', '.join(off)}"


def pinned(checkout: Checkout) -> str:
    """The pin that a checkout is, or none."""
    try:
        return pins.verify(checkout, load()).commit[:10]
    except UpstreamMismatch:
        return "none"


def _git(repository: Path, *words: str) -> bytes:
    return subprocess.run(
        ["git", "--git-dir", str(repository), *words], capture_output=True, check=True
    ).stdout


if __name__ == "__main__":
    given = Path(sys.argv[1])
    for each in commits(given):
        with tempfile.TemporaryDirectory() as place:
            checkout = at(given, each.name, Path(place) / "OpenGait")
            row = (each.name[:10], each.day, f"pin {pinned(checkout)}", verdict(checkout), each.subject)
        print("  ".join(row), flush=True)
