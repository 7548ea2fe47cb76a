"""Layers of a configuration: one laid over another, where the test goes on following the training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, NamedTuple

from gait_plugins.config.options.signature import of_model
from gait_plugins.config.yaml.defaults import SECTIONS
from gait_plugins.config.yaml.tree import KeyPath, Mark, Tree, merge


def lay_over(base: Tree, top: Tree) -> Tree:
    """``top`` over ``base`` as :func:`~.tree.merge` does it; ``base`` is changed and returned."""
    with following(base):
        return merge(base, top)


@contextmanager
def following(tree: Tree) -> Iterator[None]:
    """A block that changes a tree; a key that follows another one goes on doing so.

    ``evaluator_cfg.save_name`` follows ``trainer_cfg.save_name`` where it is not written. A shipped file may
    write both, with one value. Whoever inherits it and changes the training alone means the test of that
    training: the key of the test is taken out, and follows again.
    """
    before = {pair: _state(tree, *pair) for pair in _pairs()}
    yield
    for (follower, leader), was in before.items():
        now = _state(tree, follower, leader)
        if was is None or now is None:
            continue
        follows = was.follower == was.leader and now.mark is was.mark
        if follows and now.leader != was.leader:
            section, key = follower
            del tree.data[section][key]
            tree.marks.pop(follower, None)


class _State(NamedTuple):
    """Values of a key and of the one that it follows, and the mark of the first."""

    follower: Any
    leader: Any
    mark: Mark | None


def _state(tree: Tree, follower: tuple[str, str], leader: tuple[str, str]) -> _State | None:
    """None where one of them is not written."""
    found = []
    for section, key in (follower, leader):
        holder = tree.data.get(section)
        if not isinstance(holder, dict) or key not in holder:
            return None
        found.append(holder[key])
    path: KeyPath = follower
    return _State(found[0], found[1], tree.marks.get(path))


@cache
def _pairs() -> tuple[tuple[tuple[str, str], tuple[str, str]], ...]:
    """Each key of the test that follows one of the training, and that one.

    ``data_cfg.test_dataset_name`` is none of them: whoever gives the data another name goes on by the same
    table.
    """
    section, found = "evaluator_cfg", []
    for param in of_model(SECTIONS[section]).params.values():
        if param.default_note:
            leading, _, key = param.default_note.partition(".")
            found.append(((section, param.name), (leading, key)))
    return tuple(found)
