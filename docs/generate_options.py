"""Fills the reference of ``options.md``: keys of the sections, options of every built-in component.

python docs/generate_options.py
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from gait_plugins.config import Config
from gait_plugins.config.describe.explain import SectionDescription, explain
from gait_plugins.config.describe.options import ComponentDescription, Option, describe
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import Manager, use_manager

PAGE = Path(__file__).with_name("options.md")


def rendered(text: str) -> str:
    """The page with its lists made anew, of the components of this package alone."""
    manager = Manager(allow=[])
    use_manager(manager)
    try:
        parts = {"sections": _sections(), "components": _components(manager)}
    finally:
        use_manager(None)
    for name, made in parts.items():
        pattern = rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)"
        text = re.sub(
            pattern, lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text, flags=re.DOTALL
        )
    return text


def _sections() -> str:
    shown = []
    for name in Config.model_fields:
        for found in explain(name) if name.endswith("_cfg") else ():
            if isinstance(found, SectionDescription):
                shown.append(f"### {name}\n\n{_entry(found.summary, found.options)}")
    return "\n\n".join(shown)


def _components(manager: Manager) -> str:
    shown = []
    for kind in KINDS.values():
        described = [describe(component) for component in manager.components(kind.name)]
        entries = [_component(found) for found in sorted(described, key=lambda found: found.name.lower())]
        shown.append(f"### Kind: {kind.name}\n\nNamed by `{kind.key}`.\n\n" + "\n\n".join(entries))
    return "\n\n".join(shown)


def _component(found: ComponentDescription) -> str:
    return f"#### {found.name}\n\n{_entry(found.summary, found.options, found.open)}"


def _entry(summary: str, options: Iterable[Option], more: bool = False) -> str:
    listed = [line for option in options for line in _lines(option)]
    listed += ["- and further options of the class behind it"] if more else []
    return "\n\n".join(part for part in (_prose(summary), "\n".join(listed)) if part)


def _lines(option: Option, depth: int = 0) -> list[str]:
    default = f" = {option.default}" if option.default else ""
    needed = ", required" if option.required else ""
    head = f"{'    ' * depth}- `{option.name}: {option.type}{default}`{needed}"
    doc = _prose(option.doc.partition(": ")[0] if option.doc.startswith("name of a ") else option.doc)
    below = [line for key in option.options for line in _lines(key, depth + 1)]
    return [f"{head}: {doc}" if doc else head, *below]


def _prose(text: str) -> str:
    """Words of a docstring as Markdown in one line."""
    words = " ".join(text.replace("``", "`").split())
    words = re.sub(r":\w+:`~?\.?([^`]+)`", r"`\1`", words)
    pieces = words.split("`")
    return "`".join(
        piece if number % 2 else piece.replace("<", "&lt;").replace("*", "\\*").replace("_", "\\_")
        for number, piece in enumerate(pieces)
    )


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8", newline="\n")
