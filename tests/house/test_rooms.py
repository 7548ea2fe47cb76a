"""The rooms: how much lies in one, no import circles, and modules that are worth a file."""

from __future__ import annotations

import ast
from collections import defaultdict
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from helpers.places import ROOT

PACKAGES = ("gait_plugins", "upstream_patches")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MOST_IN_A_FOLDER = 14
LONGEST_FUNCTION = 70
LONGEST_MODULE = 400
"""Of a page that one reads in a sitting; what counts more is that a module has one subject."""
SHORTEST_WITH_ONE_USER = 35
"""Shorter ones that a single module uses are better read where they are used."""


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {_name(path) for path in MODULES}


def _imported(path: Path) -> set[str]:
    """What a module imports of these packages: inside functions and for type checkers too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inside = f"{node.module}.{alias.name}"
                found.add(inside if inside in NAMES else node.module)
    return found & NAMES - {_name(path)}


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Module -> modules that it imports."""
    return {_name(path): _imported(path) for path in MODULES}


def test_no_folder_holds_more_modules_than_an_eye_takes_in():
    folders: dict[str, int] = defaultdict(int)
    for top in (*PACKAGES, "tests", "docs", "benchmarks", "examples"):
        for path in (ROOT / top).rglob("*.py"):
            folders[str(path.parent.relative_to(ROOT))] += path.name != "__init__.py"
    assert {folder: n for folder, n in folders.items() if n > MOST_IN_A_FOLDER} == {}


def test_no_module_imports_itself_by_way_of_others(imports: dict[str, set[str]]):
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(f"an import circle: {' <- '.join(error.args[1])}")


def test_the_graph_sees_the_imports_that_there_are(imports: dict[str, set[str]]):
    assert "gait_plugins.core.train.state" in imports["gait_plugins.core.train.loop"]
    assert "gait_plugins.registry.manager" in imports["gait_plugins"]  # inside a function
    assert "gait_plugins.api.model" in imports["gait_plugins.api.run"]  # for type checkers


def test_modules_and_functions_are_short_enough_to_read():
    long = []
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        if len(text.splitlines()) > LONGEST_MODULE:
            long.append(_name(path))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.end_lineno - node.lineno >= LONGEST_FUNCTION:
                long.append(f"{_name(path)}.{node.name}")
    assert long == []


def test_small_modules_with_one_user_live_with_it(imports: dict[str, set[str]]):
    users: dict[str, list[str]] = defaultdict(list)
    for name, used in imports.items():
        for other in used:
            users[other].append(name)
    packages = {_name(path) for path in MODULES if path.name == "__init__.py"}
    small = [
        f"{_name(path)}, used by {users[_name(path)][0]}"
        for path in MODULES
        if path.name != "__init__.py"
        and len(path.read_text(encoding="utf-8").splitlines()) < SHORTEST_WITH_ONE_USER
        # What a package re-exports, or imports when a hook is called, is used from outside.
        and len(users[_name(path)]) == 1
        and users[_name(path)][0] not in packages
    ]
    assert small == []


def test_titles_begin_with_what_the_module_is_about():
    """A title is a noun and what is said of it: no question, no clause that hides its subject."""
    riddle = ("What ", "Whether ", "Why ", "How ", "Who ", "Where ", "When ", "It ", "The usual ")
    titles = {_name(path): ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) for path in MODULES}
    assert {name: title for name, title in titles.items() if not title or title.startswith(riddle)} == {}
