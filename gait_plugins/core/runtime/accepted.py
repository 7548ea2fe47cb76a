"""Answers that were given before, each with all that was looked at for it, so that they can be given again.

Kept are only answers without an error and without a warning. An answer counts as long as every file that was
read, looked for or imported while it was made is as it was, and so are Python, its paths, the environment
variables and the machine since it was started.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from io import StringIO
from logging import getLogger
from pathlib import Path
from typing import Any, NamedTuple

from gait_plugins.io.atomic import whole_file
from gait_plugins.io.folders import user_cache
from gait_plugins.version import __version__

MOST = 64
"""Answers that are kept; the oldest goes first."""
MOST_FILES = 20_000
"""Files of one answer: looking at more would take longer than they save."""
_FORM = 1
_FRESH = 3 * 10**9
"""A file that changed within so many nanoseconds may change again without a trace."""
_PASSING = frozenset(
    ("_", "COLUMNS", "LINES", "OLDPWD", "PWD", "SHLVL", "TERM", "TERM_SESSION_ID", "WINDOWID", "SSH_TTY")
)
"""Variables that differ from terminal to terminal."""
_SYSTEM = re.compile(r"/proc/|/sys/|/dev/(?!shm/)")
"""Places that hold no files of anybody's: the machine as it runs."""
_HANDED = re.compile(r"/dev/(stdin$|fd/)|/proc/[^/]+/fd/")
"""Names of whatever a process was given: another time it is something else."""
_GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
_BOOT = "/proc/sys/kernel/random/boot_id"
_UNSEEN = frozenset(
    ("socket.connect", "sqlite3.connect", "subprocess.Popen", "os.system", "os.exec", "os.posix_spawn")
)
"""What asks something else than files."""

State = list[int] | None
"""Of a file or folder; None where there is none."""


def answer_again(question: Sequence[str], answer: Callable[[], None], *, fresh: bool = False) -> None:
    """Print what ``answer`` prints, without calling it where it is known and nothing has changed since.

    Args:
        question: what is asked; the environment is added.
        answer: prints to standard output. What it raises is raised.
        fresh: call it in any case.
    """
    folder = user_cache("checks")
    # A process that has done other work may hold plugins and settings that are in no file.
    if folder is None or "torch" in sys.modules:
        answer()
        return
    file = folder / f"{_key(question)}.z"
    known = None if fresh else _known(file)
    if known is not None:
        print(known, end="")
        return
    printed, watch = StringIO(), _Watch()
    heard = _Heard(sys.stderr)
    try:
        with redirect_stdout(printed), redirect_stderr(heard), watch.watching():
            answer()
    finally:
        print(printed.getvalue(), end="", flush=True)
    looked_at = None if heard.said else watch.unchanged()
    if looked_at is not None:
        _keep(file, printed.getvalue(), looked_at)


class _Looked(NamedTuple):
    """What was looked at, and how it was then: files and folders by name, and folders that were listed."""

    at: dict[str, State]
    listed: dict[str, State]


class _Watch:
    """What this process looks at: by an audit hook, and by the two functions that no hook tells of."""

    def __init__(self) -> None:
        self._looked = _Looked({}, {})
        self._since = 0
        self._is_on = self._is_lost = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Take note of files until the block ends."""
        self._since = time.time_ns()
        sys.addaudithook(self._hear)  # it stays, and is deaf afterwards
        plain = os.stat, os.lstat
        os.stat, os.lstat = self._noting(os.stat), self._noting(os.lstat)
        self._is_on = True
        try:
            yield
        finally:
            self._is_on = False
            os.stat, os.lstat = plain

    def unchanged(self) -> _Looked | None:
        """All that was looked at; None where something changed meanwhile, or may still do so unseen."""
        for module in list(sys.modules.values()):
            origin = getattr(module, "__file__", None)
            if isinstance(origin, str):
                self._looked.at.setdefault(origin, _state(origin))
        for folder in sys.path:
            self._looked.listed.setdefault(os.path.abspath(folder), _state_listed(folder))
        if self._is_lost or len(self._looked.at) + len(self._looked.listed) > MOST_FILES:
            return None
        youngest = max(
            (max(state[3:]) for each in self._looked for state in each.values() if state), default=0
        )
        return self._looked if youngest < self._since - _FRESH and _is_as_it_was(self._looked) else None

    def _noting(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def noting(path: Any, *args: Any, **more: Any) -> Any:
            if self._is_on:
                self._note(path, self._looked.at, _state)
            return function(path, *args, **more)

        return noting

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._is_on:
            return
        if event == "open":
            _, mode, flags = args
            writes = any(letter in (mode or "") for letter in "wxa+")
            if not writes and not (flags or 0) & (os.O_WRONLY | os.O_RDWR):
                self._note(args[0], self._looked.at, _state)
        elif event in ("os.listdir", "os.scandir"):
            self._note("." if args[0] is None else args[0], self._looked.listed, _state_listed)
        elif event in _UNSEEN:
            self._is_lost = True

    def _note(self, path: Any, into: dict[str, State], state: Callable[[str], State]) -> None:
        if isinstance(path, int):
            return
        self._is_on = False  # what follows is no part of the answer
        try:
            name = os.path.abspath(os.fsdecode(path))
            if _HANDED.match(name):
                self._is_lost = True
            # Of a module counts the file that it is written in.
            elif name not in into and not name.endswith(".pyc") and not _SYSTEM.match(name):
                into[name] = state(name)
        except Exception:  # a folder that is gone, a name that is none: the answer is not kept
            self._is_lost = True
        finally:
            self._is_on = True


class _Heard:
    """Standard error, and whether anything was said there."""

    def __init__(self, stream: Any) -> None:
        self.said = False
        self._stream = stream

    def write(self, text: str) -> Any:
        """Pass a text on."""
        self.said = True
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _state(path: str) -> State:
    """Kind and place of a file or folder; of a file size and times too."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    if stat.S_ISDIR(found.st_mode):
        return [found.st_mode, found.st_ino, 0, 0, 0]
    return [found.st_mode, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns]


def _state_listed(path: str) -> State:
    """As :func:`_state`; of a folder the times too, which change with the names in it."""
    try:
        found = os.stat(path or ".")
    except (OSError, ValueError):
        return None
    return [found.st_mode, found.st_ino, 0, found.st_mtime_ns, found.st_ctime_ns]


def _is_as_it_was(looked: _Looked) -> bool:
    at, listed = looked
    return all(_state(path) == state for path, state in at.items()) and all(
        _state_listed(path) == state for path, state in listed.items()
    )


def _known(file: Path) -> str | None:
    """The answer of a file; None where it is not there, damaged, or no longer true."""
    try:
        kept = json.loads(zlib.decompress(file.read_bytes()))
        text, looked = str(kept["text"]), _Looked(dict(kept["at"]), dict(kept["listed"]))
    except (OSError, ValueError, KeyError, TypeError, zlib.error, RecursionError):
        return None
    if not _is_as_it_was(looked):
        return None
    with suppress(OSError):
        os.utime(file)  # the last that goes
    return text


def _keep(file: Path, text: str, looked: _Looked) -> None:
    try:
        content = json.dumps({"text": text, "at": looked.at, "listed": looked.listed})
        with whole_file(file) as out:
            out.write(zlib.compress(content.encode(), 1))
        files = sorted(file.parent.glob("*.z"), key=lambda each: each.stat().st_mtime_ns)
        for old in files[:-MOST]:
            old.unlink(missing_ok=True)
    except (OSError, ValueError):  # nothing is lost but time
        return


def _key(question: Sequence[str]) -> str:
    try:
        here = os.getcwd()
    except OSError:
        here = ""
    user = getattr(os, "geteuid", int)()
    variables = sorted(pair for pair in os.environ.items() if pair[0] not in _PASSING)
    python = (sys.version, sys.executable, sys.path, tuple(sys.flags), sys.warnoptions)
    level = getLogger("gait_plugins").level
    asked = (_FORM, __version__, list(question), here, user, _machine(), variables, python, level)
    return hashlib.sha256(repr(asked).encode(errors="backslashreplace")).hexdigest()


def _machine() -> tuple[str, ...]:
    """Its name, since when it runs (it may have got another processor before that), and which GPUs it has."""
    name = tuple(os.uname()) if hasattr(os, "uname") else ()
    boot = ""
    with suppress(OSError):
        boot = Path(_BOOT).read_text(encoding="ascii", errors="replace")
    return (*name, boot, *filter(os.path.exists, _GPUS))
