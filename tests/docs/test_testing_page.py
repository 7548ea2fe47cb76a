"""The page of contract checks: every check has an example, and every example runs."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.places import DOCS

from gait_plugins import testing
from gait_plugins.authors.texts import write_package
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import Manager, use_manager

PAGE = (DOCS / "testing.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture(scope="module")
def my_gait(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The package of the page, with components of all kinds."""
    package, folder = write_package("my-gait", list(KINDS), tmp_path_factory.mktemp("docs") / "my-gait")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setattr(sys, "dont_write_bytecode", True)
        manager = Manager(allow=[])
        manager.register(importlib.import_module("my_gait"), distribution=package.name, version="0.1.0")
        use_manager(manager)
        yield folder
        use_manager(None)
    for module in [name for name in sys.modules if name.partition(".")[0] == "my_gait"]:
        del sys.modules[module]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda text: re.findall(r"check_\w+", text)[0])
def test_every_example_runs(example: str, my_gait: Path) -> None:
    given: dict[str, Any] = {}
    exec(example, given)
    for test in [value for name, value in given.items() if name.startswith("test_")]:
        test()


def test_every_check_has_an_example() -> None:
    shown = set(re.findall(r"\w+", "\n".join(EXAMPLES)))
    assert set(testing.__all__) - shown == set()
    assert [f"`check_{kind}(" in PAGE for kind in KINDS] == [True] * len(KINDS)
