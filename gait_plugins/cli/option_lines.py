"""Option texts: the options of a component or section, indented."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gait_plugins.config.describe.options import Option


def option_lines(options: Iterable[Option], indent: str) -> Iterator[str]:
    """Each option with its type and default, what it means, and the keys that it holds."""
    for option in options:
        default = f" = {option.default}" if option.default else ""
        needed = "  (required)" if option.required else ""
        yield f"{indent}{option.name}: {option.type}{default}{needed}"
        deeper = f"{indent}    "
        if option.doc:
            yield textwrap.fill(option.doc, 100, initial_indent=deeper, subsequent_indent=deeper)
        yield from option_lines(option.options, deeper)
