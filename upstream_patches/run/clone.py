"""A checkout of OpenGait at a pinned commit, had by git from its authors."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import load
from upstream_patches.run import pins

URL = "https://github.com/ShiqiYu/OpenGait"
"""Where its authors publish it."""


def clone(folder: Path, source: str = URL, commit: str | None = None) -> Checkout:
    """Clone OpenGait into a new folder, at a commit and on no branch.

    Args:
        folder: must not exist, or be empty; it is there whole afterwards, or not at all.
        source: the repository, a URL or a folder.
        commit: by default the newest pinned one.

    Raises:
        UpstreamMismatch: there is something in the folder, git is not installed, it cannot reach the
            repository, or that has no such commit.
    """
    folder = folder.expanduser().absolute()
    if folder.is_dir() and any(folder.iterdir()):
        raise UpstreamMismatch(f"{folder} is not empty", hint="give a folder that does not exist yet")
    if folder.exists() and not folder.is_dir():
        raise UpstreamMismatch(f"{folder} is a file, expected a folder", hint="give another name")
    wanted = commit or pins.newest().commit
    source = os.path.abspath(source) if os.path.exists(source) else source
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    except OSError as error:
        raise UpstreamMismatch(f"{folder} cannot be made: {error.strerror}", hint="give another") from error
    try:
        _git(partial, "clone", "--no-checkout", "--", source, ".", failed=f"git could not clone {source}")
        gone = f"{source} has no commit {wanted}"
        _git(partial, "-c", "advice.detachedHead=false", "checkout", "--detach", wanted, failed=gone)
        _checked(partial, source, wanted)
        os.chmod(partial, 0o777 & ~_umask())  # mkdtemp's is for its owner alone
        if folder.is_dir():
            folder.rmdir()
        os.rename(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return Checkout.find(folder)


def _checked(partial: Path, source: str, commit: str) -> None:
    """See that what was cloned is an OpenGait, and where it is pinned the very one."""
    try:
        checkout = Checkout.find(partial)
    except UpstreamMismatch as error:
        lacks = error.message.partition(": ")[2]
        raise UpstreamMismatch(f"{source} at {commit} is no OpenGait: {lacks}", hint=error.hint) from error
    if any(pin.commit == commit for pin in pins.pinned()):
        pins.verify(checkout, load())


def _git(folder: Path, *words: str, failed: str) -> None:
    environment = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    command = ["git", "-C", str(folder), *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
    except OSError as error:
        raise UpstreamMismatch(
            f"the program git cannot be run: {error.strerror}",
            hint=f"install git, or get {URL} in another way and name its folder with --opengait",
        ) from error
    if done.returncode:
        said = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise UpstreamMismatch(
            f"{failed}: {said[0]}",
            hint="see whether the network reaches it, or name another copy of the repository with --from",
        )


def _umask() -> int:
    before = os.umask(0o077)
    os.umask(before)
    return before
