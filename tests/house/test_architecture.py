"""The shape of the house: arrows, style, types, sizes, words, and what an import may cost.

All checks that start a tool are in this one module, so that side by side they run in one worker.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest
from helpers.places import ROOT

PACKAGES = ("gait_plugins", "upstream_patches")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MACHINE_PATH = re.compile(r"(?<![\w.$}<-])/(?:work|root|home|Users|farm|mnt)/[\w.]")
HEAVY = ("torch", "lightning_fabric", "cv2", "pywt", "tensorboard")


def _run(*command: str) -> None:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=550)
    # The end says enough: a formatter's differences can fill screens.
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"


def _tool(module: str, *arguments: str) -> None:
    _run(sys.executable, "-m", module, *arguments)


def test_arrows_point_one_way():
    _run(
        sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"
    )


def test_lint_is_clean():
    _tool("ruff", "check", "--no-cache", ".")


def test_format_is_clean():
    _tool("ruff", "format", "--no-cache", "--check", ".")


@pytest.mark.heavy
def test_types_are_clean():
    _tool("mypy")


def test_every_module_says_what_it_is():
    silent = [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))]
    assert [str(path.relative_to(ROOT)) for path in silent] == []


def _modules_of(package: str) -> Iterator[ModuleType]:
    root = importlib.import_module(package)
    yield root
    for info in pkgutil.walk_packages(root.__path__, f"{package}."):
        yield importlib.import_module(info.name)


def _documented(thing: object, name: str) -> bool:
    # Data classes and named tuples get a text that only repeats their fields.
    text = thing.__doc__ if inspect.isclass(thing) else inspect.getdoc(thing)
    return bool(text) and not str(text).startswith(f"{name}(")


def _undocumented(module: ModuleType) -> Iterator[str]:
    for name, thing in vars(module).items():
        own = getattr(thing, "__module__", None) == module.__name__
        if name.startswith("_") or not own or not (inspect.isclass(thing) or inspect.isfunction(thing)):
            continue
        if not _documented(thing, name):
            yield f"{module.__name__}.{name}"
        if inspect.isclass(thing):
            for method in (key for key in vars(thing) if not key.startswith("_")):
                # getattr, so that a method without words of its own inherits those of its base class
                value = inspect.getattr_static(thing, method)
                is_method = isinstance(value, property | classmethod | staticmethod | FunctionType)
                if is_method and not inspect.getdoc(getattr(thing, method)):
                    yield f"{module.__name__}.{name}.{method}"


@pytest.mark.parametrize("package", ["gait_plugins.api", "gait_plugins.metrics", "gait_plugins.nn"])
def test_the_public_api_is_documented(package):
    assert [name for module in _modules_of(package) for name in _undocumented(module)] == []


@pytest.mark.smoke
@pytest.mark.parametrize(
    "code",
    [
        "import gait_plugins",
        "import gait_plugins.cli",
        "sys.argv = ['gait-plugins', 'plugins', 'list']; import gait_plugins.cli as c; c.main()",
        "sys.argv = ['gait-plugins', '--help']; import gait_plugins.cli as c; c.main()",
    ],
)
def test_light_commands_import_no_torch(code):
    look = f"print('HEAVY', [m for m in {HEAVY!r} if m in sys.modules])"
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit as e:\n    assert not e.code, e.code\n{look}"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "HEAVY []"


def _files() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        found = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:  # an unpacked source distribution
        folders = (*PACKAGES, "tests", "docs", "examples", "benchmarks")
        found = [path for folder in folders for path in (ROOT / folder).rglob("*")]
    return [path for path in found if path.is_file() and path.suffix not in {".npz", ".png", ".pt", ".pyc"}]


def test_no_file_holds_a_path_of_somebodys_machine():
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in _files()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if MACHINE_PATH.search(line)
    ]
    assert found == []
