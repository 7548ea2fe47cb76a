"""The texts of a new package: project file, manifest, tests, the file for CI, a page to read."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gait_plugins import __version__
from gait_plugins.authors.configuration import configuration
from gait_plugins.authors.package import Package, Part, planned
from gait_plugins.errors import ConfigError
from gait_plugins.hookspecs import API_VERSION
from gait_plugins.io.atomic import remove_orphans
from gait_plugins.registry.kinds import KINDS

_PYPROJECT = """\
[build-system]
requires = ["hatchling>=1.24"]
build-backend = "hatchling.build"

[project]
name = "{name}"
version = "0.1.0"
description = "Components for gait-plugins-trackletgait: {kinds}."
readme = "README.md"
requires-python = ">=3.10"
dependencies = ["gait-plugins-trackletgait>={version}"]

[project.optional-dependencies]
test = ["pytest>=8.0"]

[project.entry-points.gait_plugins]
{module} = "{module}"

[tool.hatch.build.targets.wheel]
packages = ["{module}"]
dev-mode-dirs = ["."]  # an editable installation needs hatchling alone

[tool.pytest.ini_options]
testpaths = ["tests"]
"""
_MANIFEST = '''\
"""The manifest: what this package offers. It imports no torch, so that listing it costs nothing."""

from gait_plugins import hookimpl

requires_api = {api}
'''
_HOOK = """

@hookimpl
def {hook}() -> dict[str, str]:
    return {{{offered}}}
"""
_CI = """\
name: test
on: [push, pull_request]

jobs:
  test:
    runs-on: ubuntu-latest
    strategy:
      matrix:
        python: ["3.10", "3.13"]
    steps:
      - uses: actions/checkout@v4
      - uses: actions/setup-python@v5
        with:
          python-version: ${{{{ matrix.python }}}}
      - run: pip install torch --index-url https://download.pytorch.org/whl/cpu
      # Where your index has no gait-plugins-trackletgait, install it here first, from wherever you have it.
      - run: pip install -e '.[test]'
      - run: gait-plugins plugins check
      - run: pytest --gait-plugins {name}
      - run: gait-plugins train walkers.yaml
"""
_README = """\
# {name}

Components for gait-plugins-trackletgait:

| Kind | Name | Module |
|---|---|---|
{rows}

```bash
pip install -e '.[test]'
gait-plugins plugins list                         # {name} and what it offers
pytest                                            # every component keeps the contract of its kind
pytest --gait-plugins {name}                      # the same for whatever the manifest names
gait-plugins train walkers.yaml                   # seconds on a CPU
```

`pyproject.toml` names the manifest as an entry point, `{module}/__init__.py` is the manifest. `walkers.yaml`
uses the components by their names. To add one, write its class in a module of `{module}` and name it in the
manifest; `gait-plugins plugins show NAME` then prints its options, from the constructor and its docstring.
"""
_TESTS = '''\
"""Every component keeps the contract of its kind, and the configurations are accepted.

The package must be installed: pip install -e '.[test]'
"""

{imports}

HERE = Path(__file__).parents[1]
{tests}

def test_the_configuration_is_accepted():
    load_config(HERE / "walkers.yaml")
'''
_TEST = """

def test_{name}_keeps_its_contract():
    check_{kind}({made})
"""
_RECIPE_TEST = """

def test_the_stages_of_{name}_are_accepted():
    load_recipe("{package}/{cls}")
"""
_IGNORED = "__pycache__/\n*.egg-info/\ndist/\noutput/\n"


def write_package(
    name: str, kinds: Sequence[str] = (), folder: Path | None = None, file: Path | None = None
) -> tuple[Package, Path]:
    """Write a new package.

    Args:
        name: of its distribution.
        kinds: kinds of components that are written from templates.
        folder: where to; ``NAME`` in the working directory if not given. It is made, or empty.
        file: a Python file whose components the package is to have; the file is run.

    Returns:
        The package and its folder.

    Raises:
        ConfigError: the name, a kind, the folder or the file cannot be used; nothing is written.
        PluginLoadError: the file cannot be run.
    """
    package = planned(name, kinds, file)
    target = folder or Path(name)
    if os.path.lexists(target) and not (target.is_dir() and not any(target.iterdir())):
        raise ConfigError(
            f"there is something already: {'a folder that is not empty' if target.is_dir() else 'a file'}",
            where=str(target),
            hint="choose another NAME, or another folder by --out",
        )
    _write_whole(target, texts(package))
    return package, target


def _write_whole(target: Path, files: Mapping[str, str]) -> None:
    """Write a folder beside its place, and give it its name when it is complete."""
    ending = ".partial"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        remove_orphans(target, ending)
        partial = target.with_name(f".{target.name}.{os.getpid()}{ending}")
        try:
            for path, text in files.items():
                (partial / path).parent.mkdir(parents=True, exist_ok=True)
                (partial / path).write_text(text, encoding="utf-8")
            if target.is_dir():
                target.rmdir()
            partial.rename(target)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except OSError as error:
        raise ConfigError(
            f"the package cannot be written, and nothing of it is: {error.strerror or error}",
            where=str(target),
            hint="check the free space and that you may write there, or name another folder by --out",
        ) from error


HOW_TO_INSTALL = "pip install -e '.[test]'"
"""The command that installs a package from its folder, with what its tests need."""


def texts(package: Package) -> dict[str, str]:
    """Every file of the package, by its path in the package's folder."""
    kinds = ", ".join(dict.fromkeys(part.kind.replace("_", " ") for part in package.parts))
    rows = [f"| {part.kind} | `{part.cls}` | `{package.module}.{part.module}` |" for part in package.parts]
    given = {"name": package.name, "module": package.module}
    inside = {f"{name}.py": text for name, text in package.modules.items()} | package.data
    return {
        "pyproject.toml": _PYPROJECT.format(kinds=kinds, version=__version__, **given),
        "README.md": _README.format(rows="\n".join(rows), **given),
        ".gitignore": _IGNORED,
        ".github/workflows/test.yml": _CI.format(**given),
        f"{package.module}/__init__.py": _manifest(package),
        **{f"{package.module}/{name}": text for name, text in inside.items()},
        "tests/test_components.py": _tests(package),
        "walkers.yaml": configuration(package),
    }


def _manifest(package: Package) -> str:
    found = [_MANIFEST.format(api=API_VERSION)]
    for kind in KINDS.values():
        own = package.of(kind.name)
        if not own:
            continue
        offered = [f'"{part.cls}": "{package.module}.{part.module}:{part.cls}"' for part in own]
        lines = (
            offered[0] if len(offered) == 1 else "".join(f"\n        {each}," for each in offered) + "\n    "
        )
        found.append(_HOOK.format(hook=kind.hook, offered=lines))
    return "".join(found)


def _tests(package: Package) -> str:
    tests = [
        _TEST.format(name=_snake(part.cls), kind=part.kind, made=_made(package, part))
        for part in package.parts
    ]
    recipes = package.of("recipe")
    tests += [_RECIPE_TEST.format(name=_snake(r.cls), package=package.name, cls=r.cls) for r in recipes]
    return _TESTS.format(imports="\n".join(_imports(package)), tests="".join(tests))


def _snake(name: str) -> str:
    """``MyGaitLoss`` as a part of a function's name: ``my_gait_loss``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _made(package: Package, part: Part) -> str:
    if part.needs_example:
        key = KINDS[part.kind].key
        options = f'{{"{key}": "{package.name}/{part.cls}", **{part.cls}.example_config()}}'
        return f'lambda: gait_plugins.build("{part.kind}", {options})'
    frames = part.kind == "backbone" and part.from_template
    return f"{part.cls}, torch.rand(3, 1, 64, 44)" if frames else part.cls


def _imports(package: Package) -> Iterator[str]:
    yield "from pathlib import Path\n"
    third = []
    if any(part.kind == "backbone" and part.from_template for part in package.parts):
        third.append("import torch\n")
    if any(part.needs_example for part in package.parts):
        third.append("import gait_plugins")
    yield from third
    yield "from gait_plugins.config import load_config"
    if package.of("recipe"):
        yield "from gait_plugins.config.recipe.load import load_recipe"
    checks = sorted({f"check_{part.kind}" for part in package.parts})
    yield f"from gait_plugins.testing import {_listed(checks)}"
    for module in sorted(package.modules):
        classes = sorted(part.cls for part in package.parts if part.module == module)
        yield f"from {package.module}.{module} import {_listed(classes)}"


def _listed(names: list[str]) -> str:
    """Names after an import, in brackets where they are many."""
    line = ", ".join(names)
    return line if len(line) < 60 else f"({''.join(f'{chr(10)}    {name},' for name in names)}\n)"
