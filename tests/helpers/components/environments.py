"""Virtual environments to install packages into."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import gait_plugins
from helpers.places import PROGRAMS


class Environment:
    """A virtual environment on top of the one that runs the tests.

    Args:
        folder: where it is made.
        with_tested: the copy of this package that is tested can be imported here too.
    """

    def __init__(self, folder: Path, *, with_tested: bool = True) -> None:
        venv.create(folder / "venv", with_pip=False)
        self.python = next((folder / "venv").glob("[bS]*/python*"))
        self.home = folder
        self._forks: subprocess.Popen[str] | None = None
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        own = Path(subprocess.check_output([self.python, "-c", code], text=True).strip())
        below = [path for path in sys.path if path.endswith(("site-packages", "dist-packages"))]
        lines = []
        if with_tested:  # before an installed one
            lines.append(str(Path(gait_plugins.__file__).parents[1]))
        # addsitedir, not a plain path: this environment may hold editable installs.
        lines += [f"import site; site.addsitedir({p!r})" if with_tested else p for p in below]
        (own / "below.pth").write_text("\n".join(lines))

    def install(self, *sources: Path, editable: bool = False) -> None:
        """Build and install copies of packages, from the network nothing."""
        copies: list[str | Path] = []
        for source in sources:
            copy = shutil.copytree(source, self.home / "sources" / source.name)
            copies += ["-e", copy] if editable else [copy]
        pip = [sys.executable, "-m", "pip", "--python", self.python, "install", "--quiet"]
        offline = ["--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
        subprocess.run([*pip, *offline, *copies], check=True, cwd=self.home)

    def run(self, *command: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """``gait-plugins ...`` in this environment, by a process that no earlier command has touched."""
        if not hasattr(os, "fork"):
            return self.python_run("-m", "gait_plugins", *command, **environment)
        if self._forks is None:
            self._forks = subprocess.Popen(
                [self.python, PROGRAMS / "forks.py"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=self.home,
                env=_inherited(),
            )
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        words = [os.fspath(word) for word in command]
        print(json.dumps({"words": words, "environment": environment}), file=self._forks.stdin, flush=True)
        done = json.loads(self._forks.stdout.readline())
        return subprocess.CompletedProcess(words, done["code"], done["stdout"], done["stderr"])

    def close(self) -> None:
        """End what commands were run by; call it once, at the end."""
        if self._forks is not None:
            self._forks.communicate()

    def python_run(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """``python ...`` in this environment."""
        return subprocess.run(
            [self.python, *words],
            capture_output=True,
            text=True,
            cwd=self.home,
            env=_inherited() | environment,
        )

    def imported(self, module: str) -> str:
        """The file that a module is imported from."""
        return self.python_run("-c", f"import {module}; print({module}.__file__)").stdout.strip()

    def succeed(self, *command: str | Path, **environment: str) -> str:
        """The output of a command that must work."""
        done = self.run(*command, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def fail(self, *command: str | Path, **environment: str) -> str:
        """The message of a command that must end with an error of ours."""
        done = self.run(*command, **environment)
        assert done.returncode == 2, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr


def _inherited() -> dict[str, str]:
    """The variables of this process, but for those that lead to plugins and modules of its own."""
    return {k: v for k, v in os.environ.items() if k not in ("GAIT_PLUGINS_LOAD", "PYTHONPATH")}
