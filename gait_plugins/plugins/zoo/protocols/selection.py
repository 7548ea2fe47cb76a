"""Selections of sequences by type, by view and by a list of names."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gait_plugins.api import EmbeddingSet, fits_any
from gait_plugins.errors import DataError
from gait_plugins.io.folders import require_regular
from gait_plugins.plugins.zoo.protocols import figures

Role = Literal["probe", "gallery"]
PARTITION = "partition"
PARTITION_OR_ALL = "partition_or_all"
_SET_OF: dict[Role, str] = {"probe": "PROBE_SET", "gallery": "GALLERY_SET"}


@dataclass(frozen=True)
class Selection:
    """The sequences that satisfy everything that is given."""

    role: Role
    types: Sequence[str] | None = None
    """Patterns, ``nm-*``."""
    views: Sequence[str] | None = None
    """Patterns."""
    listed: Sequence[str] | str | None = None
    """Names ``id-type-view``, the file that holds them, ``partition`` or ``partition_or_all``."""
    unlisted: bool = False
    """True where the partition was to list them if it can, and does not."""

    def __bool__(self) -> bool:
        return any(given is not None for given in (self.types, self.views, self.listed))

    def settled(self, data: EmbeddingSet) -> Selection:
        """The same with ``partition_or_all`` decided by whether the partition lists probes."""
        if self.listed != PARTITION_OR_ALL:
            return self
        if data.probe_set:
            return replace(self, listed=PARTITION)
        return replace(self, listed=None, unlisted=True)

    def mask(self, data: EmbeddingSet) -> np.ndarray:
        """Which sequences are chosen, bool ``[n]``.

        Raises:
            DataError: none is, or the list cannot be read.
        """
        chosen = np.ones(len(data), bool)
        if self.types is not None:
            chosen &= _any_pattern(data.types, self.types)
        if self.views is not None:
            chosen &= _any_pattern(data.views, self.views)
        if self.listed is not None:
            names = self._listed_names(data)
            chosen &= np.fromiter((name in names for name in _names(data)), bool, len(data))
        if not chosen.any():
            raise DataError(
                f"no test sequence of {data.dataset_name} is chosen by {self._options()}: the types are "
                f"{figures.some(data.types)}; the views {figures.some(data.views)}; names such as "
                f"{figures.some(_names(data), 2)}",
                where="evaluator_cfg",
                hint="a sequence must match all of these options; * stands for any text",
            )
        return chosen

    def words(self) -> str:
        """What is chosen, for the name of the protocol."""
        parts = []
        if self.types is not None:
            parts.append(f"type {' | '.join(self.types)}")
        if self.views is not None:
            parts.append(f"view {' | '.join(self.views)}")
        if self.listed is not None:
            parts.append("listed" if not isinstance(self.listed, str) else f"listed in {self.listed}")
        return ", ".join(parts)

    def notes(self, data: EmbeddingSet) -> list[str]:
        """Patterns and names that nothing fits."""
        notes = []
        if self.unlisted:
            whom = {"probe": "probes", "gallery": "gallery"}[self.role]
            notes.append(f"{self.role}_list: the partition has no PROBE_SET, so no list restricts the {whom}")
        for option, patterns, values in (
            ("types", self.types, data.types),
            ("views", self.views, data.views),
        ):
            idle = [p for p in patterns or () if not _any_pattern(values, [p]).any()]
            if idle:
                notes.append(f"{self.role}_{option}: no sequence matches {', '.join(idle)}")
        if self.listed is not None:
            absent = len(self._listed_names(data) - set(_names(data)))
            if absent:
                notes.append(f"{self.role}_list: {absent} of the names are not test sequences")
        return notes

    def _options(self) -> str:
        values = {"types": self.types, "views": self.views, "list": self.listed}
        return " with ".join(f"{self.role}_{k}: {_short(v)}" for k, v in values.items() if v is not None)

    def _listed_names(self, data: EmbeddingSet) -> frozenset[str]:
        if not isinstance(self.listed, str):
            return frozenset(self.listed or ())
        if self.listed != PARTITION:
            return _read_names(Path(self.listed), _SET_OF[self.role])
        if not data.probe_set:
            raise DataError(
                f"{self.role}_list asks for the partition's list, but the partition of {data.dataset_name} "
                "lists no probes",
                where="evaluator_cfg",
                hint='add "PROBE_SET": ["<id>-<type>-<view>", ...] to the JSON of data_cfg.dataset_partition '
                f"(data partition --probes 1 does), or -o evaluator_cfg.{self.role}_list={PARTITION_OR_ALL}",
            )
        return data.probe_set if self.role == "probe" else frozenset(_names(data)) - data.probe_set


def _names(data: EmbeddingSet) -> list[str]:
    return [f"{i}-{kind}-{view}" for i, kind, view in zip(data.labels, data.types, data.views, strict=True)]


def _any_pattern(values: np.ndarray, patterns: Iterable[str]) -> np.ndarray:
    distinct, place = np.unique(values, return_inverse=True)
    fits = np.array([fits_any(str(v), map(str, patterns)) for v in distinct], bool)
    chosen: np.ndarray = fits[place.reshape(-1)]
    return chosen


def _short(value: Sequence[str] | str) -> str:
    return value if isinstance(value, str) else f"[{figures.some(value, 4)}]"


def _read_names(path: Path, key: str) -> frozenset[str]:
    """Names from a JSON list, from ``key`` of a JSON mapping, or one a line (``#`` begins a comment)."""
    try:
        require_regular(path)
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"cannot read the list of sequences: {getattr(error, 'strerror', None) or error}",
            where=str(path),
            hint=f"give names id-type-view, or a text file of them; relative paths start at {Path.cwd()}",
        ) from error
    if path.suffix.lower() != ".json":
        lines = (line.split("#")[0].strip() for line in text.splitlines())
        return frozenset(line for line in lines if line)
    try:
        content: Any = json.loads(text)
    except ValueError as error:
        raise DataError(
            f"the list of sequences is not valid JSON: {error}",
            where=str(path),
            hint='write a list of names: ["<id>-<type>-<view>", ...]',
        ) from error
    names = content.get(key) if isinstance(content, dict) else content
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(
            f"expected a list of names <id>-<type>-<view>, or a mapping with such a list under {key!r}",
            where=str(path),
        )
    return frozenset(names)
