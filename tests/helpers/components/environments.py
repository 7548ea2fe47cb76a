"""Virtual environments to install packages into."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import gait_plugins


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
        """``gait-plugins ...`` in this environment."""
        return self.python_run("-m", "gait_plugins", *command, **environment)

    def python_run(self, *words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        """``python ...`` in this environment."""
        inherited = {k: v for k, v in os.environ.items() if k not in ("GAIT_PLUGINS_LOAD", "PYTHONPATH")}
        return subprocess.run(
            [self.python, *words],
            capture_output=True,
            text=True,
            cwd=self.home,
            env={**inherited, "OMP_NUM_THREADS": "1", **environment},
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
