"""The configuration of a run as a file that OpenGait's own loader reads."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gait_plugins.config.problems import raise_problems
from gait_plugins.config.yaml.overrides import apply
from gait_plugins.config.yaml.reader import read_file
from gait_plugins.config.yaml.sources import INHERITS, display_name, locate, read_config
from gait_plugins.config.yaml.tree import merge
from upstream_patches.checkout.tree import Checkout

FOLLOWS = {
    ("evaluator_cfg", "save_name"): ("trainer_cfg", "save_name"),
    ("evaluator_cfg", "restore_hint"): ("trainer_cfg", "total_iter"),
    ("data_cfg", "test_dataset_name"): ("data_cfg", "dataset_name"),
}
"""Keys that follow another one where they are not written."""


@contextlib.contextmanager
def readable_config(name: str, checkout: Checkout, overrides: Sequence[str] = ()) -> Iterator[str]:
    """The path of a plain YAML file.

    A file that inherits nothing is handed over as it is; everything else as a temporary file of what it
    means, gone afterwards.

    Args:
        name: a path from the working directory or from the checkout on, or a shipped configuration.
        checkout: the checkout; its ``configs/default.yaml`` lies below every configuration.
        overrides: ``key.key=value``.

    Raises:
        ConfigError: there is no such configuration, it is broken, or an override does not fit.
    """
    file = _find(name, checkout).resolve()
    alone = read_file(file, display_name(file))
    raise_problems(alone.problems, display_name(file))
    if not overrides and INHERITS not in alone.data:
        yield str(file)
        return
    default = checkout.root / "configs" / "default.yaml"
    written = read_config(file)
    tree = merge(read_file(default, display_name(default)), written)
    apply(tree, overrides)
    raise_problems(tree.problems, display_name(file))
    _follow(tree.data, written.data, overrides)
    handle, path = tempfile.mkstemp(prefix=f"{file.stem}-", suffix=".yaml")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            yaml.safe_dump(tree.data, stream, sort_keys=False, allow_unicode=True)
        yield path
    finally:
        os.unlink(path)


def _follow(data: dict[str, Any], written: Mapping[str, Any], overrides: Sequence[str]) -> None:
    """What nobody wrote is as in our own trainer: what was trained is tested. The host has fixed words."""
    for (section, key), (source, leader) in FOLLOWS.items():
        own = (written.get(section) or {}, data.get(section), data.get(source))
        if all(isinstance(part, Mapping) for part in own) and key not in own[0]:
            said = any(override.startswith(f"{section}.{key}=") for override in overrides)
            if not said and leader in data[source]:
                data[section][key] = data[source][leader]


def _find(name: str, checkout: Checkout) -> Path:
    """From where the user is, else from the checkout on, else a shipped one by name."""
    if not Path(name).expanduser().is_file():
        inside = checkout.root / name
        if inside.is_file():
            return inside
    return locate(name)
