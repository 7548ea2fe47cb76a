"""Fills the reference of public names in ``python.md``.

python docs/generate_api.py
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import gait_plugins

PAGE = Path(__file__).with_name("python.md")
_WRITTEN = (
    "model",
    "loss",
    "sampling",
    "transform",
    "dataset",
    "protocol",
    "stream",
    "recipe",
    "run_report",
    "galleries",
    "weights",
)
GROUPS = {
    "To train, test and embed": ("core.", "config", "registry."),
    "To write components": ("hookspecs", "api.video.components", *(f"api.{name}" for name in _WRITTEN)),
    "What passes between components": ("api.", "io."),
    "Errors": ("errors",),
}
"""Title -> modules, without the package's name; the first that fits."""


def rendered(text: str) -> str:
    """The page with its reference made anew."""
    pattern = r"(<!-- generated: names -->\n).*?(<!-- end -->)"
    return re.sub(pattern, lambda match: f"{match[1]}{reference()}\n{match[2]}", text, flags=re.DOTALL)


def reference() -> str:
    """Every public name: its form, and what its docstring says."""
    grouped: dict[str, list[str]] = {title: [] for title in GROUPS}
    for name in sorted(gait_plugins.__all__, key=str.lower):
        value = getattr(gait_plugins, name)
        if is_described(value):
            grouped[_group(value)].append(_entry(name, value))
    return "\n\n".join(text for title, entries in grouped.items() for text in (f"### {title}", *entries))


def is_described(value: Any) -> bool:
    """True for classes and functions of this package: ``hookimpl`` is pluggy's, constants say enough."""
    own = getattr(value, "__module__", "").partition(".")[0] == "gait_plugins"
    return own and (inspect.isclass(value) or inspect.isfunction(value))


def _group(value: Any) -> str:
    module = value.__module__.removeprefix("gait_plugins.")
    found = (title for title, starts in GROUPS.items() if module.startswith(starts))
    return next(found, next(iter(GROUPS)))


def _entry(name: str, value: Any) -> str:
    lines = [
        f"#### {name}",
        "",
        "```python",
        _form(name, value),
        "```",
        "",
        _prose(inspect.getdoc(value) or ""),
    ]
    if inspect.isclass(value):
        members = [line for key, member in vars(value).items() if (line := _member(key, member))]
        lines += ["", *members] if members else []
    return "\n".join(lines).rstrip()


def _form(name: str, value: Any) -> str:
    """How it is called, an argument a line where they are many."""
    if inspect.isclass(value) and issubclass(value, BaseException):
        return f"class {name}({value.__base__.__name__})"
    try:
        parameters = list(inspect.signature(value).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    texts = [_argument(p) for p in parameters if not p.name.startswith("_")]
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    if named and len(named) < len(parameters):
        texts.insert(next(i for i, p in enumerate(parameters) if p.name == named[0]), "*")
    word = "class " if inspect.isclass(value) else ""
    short = f"{word}{name}({', '.join(texts)})"
    if len(short) <= 100:
        return short
    return f"{word}{name}(\n" + "".join(f"    {text},\n" for text in texts) + ")"


def _argument(parameter: inspect.Parameter) -> str:
    """As it is written in the code, without the modules of classes."""
    kind = parameter.annotation
    text = kind if isinstance(kind, str) else inspect.formatannotation(kind)
    bare = parameter.replace(annotation=parameter.empty, default=parameter.empty)
    found = str(bare) if kind is parameter.empty else f"{bare}: {text}"
    if parameter.default is not parameter.empty:
        found += f" = {parameter.default!r}"
    return re.sub(r"\bgait_plugins(\.\w+)*\.(\w+)", r"\2", found)


def _member(key: str, member: Any) -> str:
    """A line for a public method or property with words of its own."""
    if key.startswith("_"):
        return ""
    function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
    function = function.fget if isinstance(function, property) else function
    if not inspect.isfunction(function) or not function.__doc__:
        return ""
    first = _prose(inspect.getdoc(function) or "").split("\n\n")[0].replace("\n", " ")
    if isinstance(member, property):
        return f"- `{key}`: {first}"
    arguments = [
        p.name for p in inspect.signature(function).parameters.values() if p.name not in ("self", "cls")
    ]
    return f"- `{key}({', '.join(arguments)})`: {first}"


def _prose(text: str) -> str:
    """A docstring as Markdown: double backquotes single, sections as lists."""
    text = re.sub(r":\w+:`~?([^`]+)`", lambda match: f"`{match[1].lstrip('.').rsplit('.', 1)[-1]}`", text)
    text = text.replace("``", "`")
    found = []
    for block in re.split(r"\n{2,}", text):
        title, _, body = block.partition("\n")
        if title in ("Args:", "Raises:", "Returns:", "Yields:"):
            items = re.split(r"\n(?=\S)", inspect.cleandoc(body))
            lines = [" ".join(item.split()) for item in items]
            if title == "Args:":
                lines = [re.sub(r"^(\*{0,2}\w+): ", r"`\1`: ", line) for line in lines]
            found.append(f"{title.removesuffix(':')}:\n\n" + "\n".join(f"- {line}" for line in lines))
        else:
            found.append(block)
    return "\n\n".join(found)


if __name__ == "__main__":
    PAGE.write_text(rendered(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
