"""Fills the generated parts of ``plugins.md``: tables of hooks and kinds, outputs of commands.

python docs/generate.py
"""

from __future__ import annotations

import contextlib
import inspect
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

from typer.testing import CliRunner

from gait_plugins import hookspecs
from gait_plugins.cli import app
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import Manager, use_manager

PAGE = Path(__file__).with_name("plugins.md")
CONTRIBUTING = {kind.hook for kind in KINDS.values()}


def rendered(text: str) -> str:
    """The page with its tables and outputs made anew."""
    for name, table in (("kinds", kinds_table()), ("hooks", hooks_table())):
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(pattern, lambda m, table=table: f"{m[1]}{table}\n{m[2]}", text, flags=re.DOTALL)
    with tutorial_package(text):
        return re.sub(r"```console\n\$ (.*?)\n.*?```", _with_output, text, flags=re.DOTALL)


def kinds_table() -> str:
    """Kind, hook, base class and the YAML key that names a component."""
    rows = [("Kind", "Hook", "Base class", "Named in YAML by")]
    for kind in KINDS.values():
        base = kind.base.rpartition(":")[2]
        rows.append((kind.name, f"`{kind.hook}`", f"`{base}`", f"`{kind.key}`"))
    return _table(rows)


def hooks_table() -> str:
    """Every hook with its arguments and what it is for."""
    rows = [("Hook", "When it is called, or what it returns")]
    for name, function in vars(hookspecs).items():
        if name.startswith("gait_"):
            arguments = ", ".join(inspect.signature(function).parameters)
            doc = " ".join((inspect.getdoc(function) or "").split())
            rows.append((f"`{name}({arguments})`", doc.replace("``", "`")))
    return _table(rows)


@contextlib.contextmanager
def tutorial_package(text: str) -> Iterator[Path]:
    """The tutorial's files, with its package installed; they are the working directory meanwhile."""
    before, path = Path.cwd(), list(sys.path)
    with tempfile.TemporaryDirectory() as folder:
        for name, content in re.findall(r"<!-- file: (\S+) -->\n```\w+\n(.*?)```", text, re.DOTALL):
            file = Path(folder) / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)
        site = Path(folder) / "site"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        offline = ["--no-index", "--no-deps", "--no-build-isolation"]
        subprocess.run([*pip, *offline, "--target", site, folder], check=True)
        sys.path.insert(0, str(site))
        os.chdir(folder)
        manager = Manager(allow=["my-gait"])  # whatever else is installed here
        manager.allow = None
        use_manager(manager)
        try:
            yield Path(folder)
        finally:
            os.chdir(before)
            sys.path[:] = path
            use_manager(None)
            for module in [name for name in sys.modules if name.partition(".")[0] == "my_gait"]:
                del sys.modules[module]


def _with_output(block: re.Match[str]) -> str:
    command = shlex.split(block[1])
    runtime = "gait_plugins.core.runtime"
    with (  # the page is the same wherever it is made
        mock.patch(f"{runtime}.devices.available", return_value="cpu"),
        mock.patch(f"{runtime}.precision.bfloat16_instructions", return_value=("avx512_bf16",)),
    ):
        result = CliRunner().invoke(app, command[1:])
    return f"```console\n$ {block[1]}\n{result.output.rstrip()}\n```"


def _table(rows: list[tuple[str, ...]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
