"""Publication folders: what is to be uploaded, written so that anybody can look at it first."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from gait_plugins.core.checkpoints.convert import write_weights
from gait_plugins.core.publish.card import CARD, CONFIG, FIGURES, WEIGHTS, About, model_card
from gait_plugins.core.publish.source import Publishable
from gait_plugins.errors import ConfigError
from gait_plugins.io.atomic import file_sha256, write_text
from gait_plugins.io.printable import json_text

_PLACE = re.compile(r"(?:/|~|[A-Za-z]:[\\/]).*[\\/](?=[^\\/])|^~?[\\/]+", re.DOTALL)
_LICENCE = re.compile(r"[\w.+-]+", re.ASCII)
_KEPT = ("iteration", "plugins", "input_size")


@dataclass(frozen=True)
class Publication:
    """A folder that is ready to be uploaded."""

    folder: Path
    files: tuple[str, ...]
    sha256: str
    """Of the weights."""
    bytes: int
    shortened: tuple[str, ...]
    """Settings that held the path of a folder of this machine; they hold its last part."""


def write_publication(source: Publishable, folder: Path, repository: str, licence: str) -> Publication:
    """Write weights, configuration, figures and card to a folder.

    No path of this machine is in them: of a folder or file that a setting names, the last part is kept.

    Args:
        source: what is published.
        folder: where to; made where it is missing.
        repository: ``owner/name``.
        licence: of the weights, as the Hub names it (``apache-2.0``, ``other``).

    Raises:
        ConfigError: the licence is no such name.
        CheckpointError: a weight cannot be written.
    """
    if not _LICENCE.fullmatch(licence):
        raise ConfigError(
            f"the licence is {licence!r}, expected its name on the Hub", hint="--licence apache-2.0, or other"
        )
    folder.mkdir(parents=True, exist_ok=True)
    shortened: list[str] = []
    config = _without_places(source.config.data, shortened)
    kept = {name: _without_places(source.checkpoint[name]) for name in _KEPT if name in source.checkpoint}
    weights = folder / WEIGHTS
    origin = {"file": source.file.name, "sha256": _sha256_of(config)}
    write_weights(weights, source.weights, {**kept, "config": config}, origin)
    write_text(folder / CONFIG, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    files = [CARD, CONFIG, WEIGHTS]
    shown = replace(source, results=tuple(_without_places(source.results)))
    if shown.results:
        files.append(FIGURES)
        write_text(folder / FIGURES, json_text(list(shown.results), 2) + "\n")
    about = About(repository, licence, file_sha256(weights), weights.stat().st_size, tuple(shortened))
    write_text(folder / CARD, model_card(shown, about))
    return Publication(folder, tuple(sorted(files)), about.sha256, about.bytes, about.shortened)


def _without_places(value: Any, shortened: list[str] | None = None, key: str = "") -> Any:
    """Plain data without paths of this machine; the keys of those that were cut are noted."""
    if isinstance(value, Mapping):
        return {k: _without_places(v, shortened, f"{key}.{k}" if key else str(k)) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_without_places(item, shortened, key) for item in value]
    if not isinstance(value, str) or not (place := _PLACE.match(value)):
        return value
    if shortened is not None and key not in shortened:
        shortened.append(key)
    return value[place.end() :].rstrip("\\/") or "."


def _sha256_of(config: Any) -> str:
    return hashlib.sha256(json.dumps(config, default=str).encode()).hexdigest()
