"""The versions of OpenGait that the patches were written for, as checksums of the files that they rely on."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shlex
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches.patch import Patch

FOLDER = Path(__file__).parents[1] / "pins"
"""One file a pin, ``<commit>.json``."""
ALWAYS = ("configs/default.yaml", "opengait/main.py")
"""Files that every run relies on."""
_SHOWN = 12
_PIN_ONE = "pin it with gait-plugins upstream pin"


@dataclass(frozen=True)
class Pin:
    """One version of OpenGait."""

    commit: str
    files: dict[str, str]
    """File, from the root on -> sha256 of its content with plain line ends."""
    day: str = ""
    """Of the commit, ``2026-07-13``; empty where git does not know it."""


def pinned() -> list[Pin]:
    """Every pin that there is."""
    read = (json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json")))
    return [Pin(content["commit"], content["files"], content.get("day", "")) for content in read]


def newest() -> Pin:
    """The pin of the latest commit.

    Raises:
        UpstreamMismatch: there is no pin.
    """
    found = pinned()
    if not found:
        raise UpstreamMismatch("no version of OpenGait is pinned", hint=_PIN_ONE)
    return max(found, key=lambda pin: pin.day)


def relied_on(patches: Iterable[Patch]) -> list[str]:
    """The files of the checkout whose behaviour these patches rely on."""
    return sorted({*ALWAYS, *(file for patch in patches for file in patch.files)})


def sums(checkout: Checkout, files: Iterable[str]) -> dict[str, str]:
    """sha256 of those of the files that are there; the line ends of Windows count as plain ones."""
    found = {}
    for name in files:
        file = checkout.root / name
        if file.is_file():
            content = file.read_bytes().replace(b"\r\n", b"\n")
            found[name] = hashlib.sha256(content).hexdigest()
    return found


def verify(checkout: Checkout, patches: Iterable[Patch]) -> Pin:
    """The pin that the checkout is.

    Raises:
        UpstreamMismatch: it is none; the differing files of the nearest are listed.
    """
    files = relied_on(patches)
    here = sums(checkout, files)
    nearest: tuple[list[str], Pin] | None = None
    for pin in pinned():
        lines = [_line(name, pin, here) for name in files if here.get(name) != pin.files.get(name)]
        if not lines:
            return pin
        if nearest is None or len(lines) < len(nearest[0]):
            nearest = (lines, pin)
    hint = "--allow-unpinned continues if each patch's own probe succeeds"
    if nearest is None:
        raise UpstreamMismatch(
            "no version of OpenGait is pinned",
            where=str(checkout.root),
            hint=f"{_PIN_ONE}; {hint}",
        )
    lines, pin = nearest
    more = [f"... and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    listed = "\n    ".join([*lines[:_SHOWN], *more])
    raise UpstreamMismatch(
        f"the checkout differs from the pinned commit {pin.commit[:12]} in\n    {listed}",
        where=str(checkout.root),
        hint=f"git -C {shlex.quote(str(checkout.root))} checkout {pin.commit}, or {hint}",
    )


def _line(name: str, pin: Pin, here: dict[str, str]) -> str:
    if name not in here:
        return f"{name} (missing)"
    return name if name in pin.files else f"{name} (not in the pin)"


def write(
    checkout: Checkout, patches: Iterable[Patch], commit: str | None = None, day: str | None = None
) -> Path:
    """Pin a checkout as it is.

    Args:
        checkout: the checkout.
        patches: all patches; each of them must be able to work on it.
        commit: what the version is called; by default the commit that git has checked out.
        day: of the commit; by default as git says.

    Raises:
        UpstreamMismatch: git does not know the commit, a probe fails, or a file is missing.
    """
    patches = list(patches)
    for patch in patches:
        patch.probe(checkout)
    files = relied_on(patches)
    found = sums(checkout, files)
    optional = {file for patch in patches for file in patch.files_of_parts()}
    if missing := [name for name in files if name not in found and name not in optional]:
        raise UpstreamMismatch(f"the checkout has no {', '.join(missing)}", where=str(checkout.root))
    commit = commit or _git(checkout, "rev-parse", "HEAD")
    with contextlib.suppress(UpstreamMismatch):
        day = day or _git(checkout, "show", "-s", "--format=%cs", commit)
    content = {"commit": commit, **({"day": day} if day else {}), "files": found}
    FOLDER.mkdir(exist_ok=True)
    file = FOLDER / f"{commit}.json"
    file.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return file


def _git(checkout: Checkout, *words: str) -> str:
    asked = ["git", "-C", str(checkout.root), *words]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise UpstreamMismatch(
            "git does not report the commit of the checkout",
            where=str(checkout.root),
            hint="give it with --commit NAME",
        ) from error
    return done.stdout.strip()
