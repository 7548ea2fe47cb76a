"""Configuration files: shipped ones by name, others by path, and what they inherit."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gait_plugins.config.problems import Problem
from gait_plugins.config.yaml.layers import lay_over
from gait_plugins.config.yaml.reader import read_file
from gait_plugins.config.yaml.tree import Tree
from gait_plugins.errors import ConfigError
from gait_plugins.io.folders import SPECIAL, is_special
from gait_plugins.suggest import did_you_mean, nearest

INHERITS = "inherits"
_LONGEST_CHAIN = 50
_SUFFIXES = (".yaml", ".yml")
_PACKAGE = Path(__file__).parents[2]
_INSTALLED = _PACKAGE / "configs"
_SHIPPED = _INSTALLED if _INSTALLED.is_dir() else _PACKAGE.parent / "configs"
"""Inside an installed package, or beside it in a checkout."""


def shipped() -> list[str]:
    """Names of the configurations inside the package: ``trackletgait/gait3d``.

    Files whose name begins with ``_`` are parts to inherit from, no configurations of their own.
    """
    return [name for name, is_recipe in _shipped().items() if not is_recipe]


def shipped_recipes() -> list[str]:
    """Names of the recipes inside the package."""
    return [name for name, is_recipe in _shipped().items() if is_recipe]


def _shipped() -> dict[str, bool]:
    """Name -> whether it is a recipe."""
    files = sorted(file for file in _SHIPPED.rglob("*.yaml") if not file.name.startswith("_"))
    return {
        file.relative_to(_SHIPPED).with_suffix("").as_posix(): bool(
            re.search(r"^stages:", file.read_text(encoding="utf-8"), re.MULTILINE)
        )
        for file in files
    }


def locate(name: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """The file of a configuration.

    Args:
        name: of a shipped configuration, or a path.
        folder: what relative paths start from; the working directory if not given.

    Raises:
        ConfigError: there is no such file; the hint holds names that are near.
    """
    text = os.fspath(name)
    path = (folder or Path()) / os.path.expanduser(text)
    if path.is_file():
        return path
    if not text.endswith(_SUFFIXES) and (inside := _SHIPPED / f"{text}.yaml").is_file():
        return inside
    if is_special(path):
        raise ConfigError(f"{SPECIAL}, expected a configuration", where=text, hint="save it as a .yaml file")
    if path.is_dir():
        message = f"there is no configuration {text!r}: this is a folder"
        raise ConfigError(message, hint=_shipped_like(text.rstrip("/")) or "give a YAML file in it")
    if path.suffix in _SUFFIXES:
        start = "the working directory" if folder is None else "the folder of the file that names it"
        raise ConfigError(
            f"there is no configuration {text!r}: the file is missing",
            hint=_files_like(text, path) or f"check the path; a relative one starts from {start}",
        )
    raise ConfigError(
        f"there is no configuration {text!r}: neither a file nor a shipped name",
        hint=_shipped_like(text) or f"gait-plugins config list shows the {len(_shipped())} shipped names",
    )


def _files_like(text: str, path: Path) -> str:
    """What may have been meant by the path of a file that is not there; empty where nothing is near."""
    name = text[: -len(path.suffix)]
    if name in _shipped():
        return f"did you mean the shipped configuration {name!r}, without {path.suffix}?"
    if not path.parent.is_dir():
        return f"the folder {str(path.parent)!r} is missing too: check the path"
    beside = {file.stem: file for file in sorted(path.parent.iterdir()) if file.suffix in _SUFFIXES}
    near = [repr(str(beside[stem])) for stem in nearest(path.stem, beside)]
    return f"did you mean {' or '.join(near)}?" if near else ""


_MOST_LIKE = 10
"""Names of one kind that are told; whoever wants more of them asks for the list."""


def _shipped_like(text: str) -> str:
    """Shipped names of which a part is written, or else the nearest ones; empty where none is near."""
    whole = [name for name in _shipped() if text in name.split("/")]
    if whole:
        shown = ", ".join(sorted(whole, key=lambda name: not name.startswith(f"{text}/"))[:_MOST_LIKE])
        more = ", ...: gait-plugins config list" if len(whole) > _MOST_LIKE else ""
        return f"shipped names with {text!r}: {shown}{more}"
    return did_you_mean(text, _shipped(), 3)


@dataclass(frozen=True)
class Source:
    """A YAML file that was read: a configuration or a recipe."""

    name: str
    """As it was asked for."""
    file: Path
    tree: Tree
    """Its own text; what it inherits is not merged in."""

    @property
    def is_recipe(self) -> bool:
        """True where the file has stages."""
        return "stages" in self.tree.data


def read_source(name: str | os.PathLike[str], file: Path | None = None) -> Source:
    """Read the file of a configuration or recipe.

    Args:
        name: of a shipped one, or a path.
        file: the file, where it is known already.

    Raises:
        ConfigError: there is no such file, or it is broken.
    """
    found = file or locate(name)
    tree = read_file(found, display_name(found))
    tree.take_files(found.parent)
    return Source(os.fspath(name), found, tree)


def read_config(file: Path) -> Tree:
    """A configuration file merged over what it ``inherits``.

    Raises:
        ConfigError: a file is missing or broken, or inherits itself.
    """
    return merged_with_parents(read_source(file, file))


def merged_with_parents(source: Source) -> Tree:
    """A configuration that was read, merged over what it ``inherits``; raises as :func:`read_config` does."""
    return _merged(source, (), {})


def _merged(source: Source, ancestors: tuple[Path, ...], known: dict[Path, Tree]) -> Tree:
    file = source.file
    file_id = file.resolve()
    if file_id in ancestors:
        raise ConfigError(
            "the configuration inherits itself",
            where=display_name(file),
            hint=f"remove the {INHERITS!r} entry that leads back to this file",
        )
    if len(ancestors) == _LONGEST_CHAIN:
        raise ConfigError(
            f"the configuration inherits through more than {_LONGEST_CHAIN} files, one from the other",
            where=display_name(file),
            hint=f"let a file inherit a list: {INHERITS}: [a.yaml, b.yaml]",
        )
    return _over_parents(source.tree, file.parent, (*ancestors, file_id), known)


def with_parents(tree: Tree, folder: Path) -> Tree:
    """A configuration merged over what it ``inherits``.

    Args:
        tree: it, as it is written.
        folder: what relative paths in it start from.

    Raises:
        ConfigError: see :func:`read_config`.
    """
    return _over_parents(tree, folder, (), {})


def _over_parents(tree: Tree, folder: Path, ancestors: tuple[Path, ...], known: dict[Path, Tree]) -> Tree:
    """See :func:`with_parents`; ``known`` holds files that several inherit, each read once."""
    if INHERITS not in tree.data:
        return tree
    where = tree.where((INHERITS,))
    base: Tree | None = None
    for name in _names(tree.data.pop(INHERITS), where):
        try:
            file = locate(name, folder)
        except ConfigError as error:
            # What is written here is looked at all the same.
            tree.problems.append(Problem(error.message, error.where or where, error.hint))
            tree.incomplete = True
            continue
        if file not in known:
            known[file] = _merged(read_source(file, file), ancestors, known)
        parent = known[file].copy()  # whoever inherits it changes it
        base = parent if base is None else lay_over(base, parent)
    return tree if base is None else lay_over(base, tree)


def display_name(file: Path) -> str:
    """A file's name in messages: relative to the working directory or the package, if it lies inside."""
    try:
        resolved, here = file.resolve(), Path.cwd()
    except FileNotFoundError:  # the working directory has been deleted
        return str(file)
    for start in (here, _PACKAGE.parent.resolve()):
        if resolved.is_relative_to(start):
            return str(resolved.relative_to(start))
    return str(file)


def _names(value: Any, where: str | None) -> list[str]:
    names = [value] if isinstance(value, str) else value
    if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
        return names
    raise ConfigError(
        f"{INHERITS!r} must hold the name or path of a configuration, or a list of them, got {value!r}",
        where=where,
    )
