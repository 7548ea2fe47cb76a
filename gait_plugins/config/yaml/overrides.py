"""Overrides: single values that replace the file's (``-o trainer_cfg.total_iter=200``)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from gait_plugins.config.problems import Problem
from gait_plugins.config.yaml.layers import following
from gait_plugins.config.yaml.reader import parse_value
from gait_plugins.config.yaml.tree import KeyPath, Tree, at, dotted, marked, with_full_names
from gait_plugins.errors import ConfigError
from gait_plugins.io.remote.address import masked
from gait_plugins.suggest import did_you_mean

Overrides = Mapping[str, Any] | Iterable[str]
"""``{"trainer_cfg.total_iter": 200}``, or ``["trainer_cfg.total_iter=200"]`` as on the command line."""
OPTIONAL = ("video_cfg",)
"""Sections that a configuration may leave out, without defaults."""


def apply(
    tree: Tree,
    overrides: Iterable[str],
    place: str | None = None,
    folder: Path = Path(),
) -> None:
    """Put each ``a.b.c=value`` into the tree; list items are named by their position.

    A key that the mapping does not have yet is added; whether anyone accepts it shows later, with
    the override as its place, unless another one is given. A relative path of a component's file starts from
    ``folder``.

    One that is not of this form, or whose path leads nowhere, is among the tree's problems.
    """
    with following(tree):
        for text in overrides:
            with noted(tree):
                apply_one(tree, text, place or f"-o {text}", folder)


@contextmanager
def noted(tree: Tree) -> Iterator[None]:
    """A block whose error becomes a problem of the tree."""
    try:
        yield
    except ConfigError as error:
        tree.problems.append(Problem(error.message, error.where, error.hint))


def written(key: str, value: str) -> str:
    """The override that sets ``key`` to this very text, whatever characters are in it."""
    quoted: str = yaml.safe_dump(value, default_style='"', width=float("inf"))
    return f"{key}={quoted.strip()}"


def apply_one(tree: Tree, text: str, place: str, folder: Path = Path()) -> None:
    """One of several overrides of a block of :func:`~.layers.following`; see :func:`apply`.

    Raises:
        ConfigError: it is not of this form, or its path leads nowhere.
    """
    keys, equals, value_text = text.partition("=")
    if not equals or not all(keys.strip().split(".")):
        raise ConfigError(
            "an override has the form key.key=value",
            where=place,
            hint="for example -o trainer_cfg.total_iter=200",
        )
    assign(tree, keys.strip(), _value(value_text, place), place, folder)


def assign(tree: Tree, key: str, value: Any, place: str, folder: Path = Path()) -> None:
    """Put a value at ``a.b.c``; see :func:`apply`. Components of files in it may then be run.

    Raises:
        ConfigError: the path leads nowhere.
    """
    names = key.split(".")
    value = with_full_names(value, folder, tree.files, names[-1])
    path: KeyPath = ()
    for i, name in enumerate(names):
        last = i == len(names) - 1
        path = (*path, _step(tree, path, name, last, place))
        if not last and _is_missing(tree, path):
            tree.put(path, {}, marked({}, place, path))
    if isinstance(at(tree.data, path[:-1]), dict):
        tree.rename(path[:-1], {path[-1]: value})
    tree.put(path, value, marked(value, place, path))


def _value(text: str, place: str) -> Any:
    try:
        text.encode()
    except UnicodeEncodeError:
        return text  # a path with bytes that are no UTF-8: no YAML can hold it, nor mean anything else
    try:
        return parse_value(text)
    except ConfigError as error:
        raise ConfigError(error.message, where=place, hint="quote the value") from error


def _is_missing(tree: Tree, path: KeyPath) -> bool:
    holder = at(tree.data, path[:-1])
    return isinstance(holder, dict) and holder.get(path[-1]) is None


def _step(tree: Tree, path: KeyPath, name: str, last: bool, place: str) -> str | int:
    """The key or position that ``name`` means in what is at ``path``."""
    holder: Any = at(tree.data, path)
    here = dotted(path)
    if isinstance(holder, list):
        if name.isdecimal() and int(name) < len(holder):
            return int(name)
        places = ", ".join(dotted((*path, i)) for i in range(len(holder))) or "none"
        raise ConfigError(
            f"the list {here} has no item {name!r}", where=place, hint=f"the items are {places}"
        )
    if not isinstance(holder, dict):
        raise ConfigError(
            f"{here} is {holder!r}, not a mapping: it has no key {name!r}",
            where=place,
            hint=f"gait-plugins config explain {path[0]} lists the keys",
        )
    if not path and name not in (*holder, *OPTIONAL) and not last:
        raise ConfigError(
            f"unknown section {name!r}; the sections are {', '.join(holder)}",
            where=place,
            hint=did_you_mean(name, holder) or None,
        )
    return name


def is_place(path: Sequence[object]) -> bool:
    """Whether a setting says where data lie: such an address is kept free of credentials."""
    return path[0] == "data_cfg" and path[-1] in ("dataset_root", "dataset_partition")


def texts_of(overrides: Overrides) -> list[str]:
    """Overrides as they are typed.

    Raises:
        ConfigError: a value of a mapping cannot be written as YAML.
    """
    if isinstance(overrides, str):
        texts = [overrides]
    elif not isinstance(overrides, Mapping):
        texts = list(overrides)
    else:
        texts = [f"{key}={_flow(key, value)}" for key, value in overrides.items()]
    return [masked(text) if is_place(text.partition("=")[0].split(".")) else text for text in texts]


def _flow(key: str, value: Any) -> str:
    """A value as YAML in one line."""
    plain = os.fspath(value) if isinstance(value, os.PathLike) else value
    plain = plain.item() if type(plain).__module__ == "numpy" and hasattr(plain, "item") else plain
    try:
        text: str = yaml.safe_dump(plain, default_flow_style=True, width=float("inf"))
    except yaml.YAMLError as error:
        raise ConfigError(
            f"an override cannot be written as YAML: {value!r}",
            where=str(key),
            hint="give numbers, texts, lists and mappings",
        ) from error
    return text.removesuffix("...\n").strip()
