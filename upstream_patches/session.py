"""State that the patches and adapters of one run of the host share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from gait_plugins.api import Results

Phase = Literal["train", "test"]


@dataclass
class TransformedBatch:
    """One batch while it is transformed."""

    seed: int
    number: int
    """The training step; 0 for a test."""
    lengths: Sequence[int] | None
    """Frames of each packed sequence."""
    names: Sequence[str] | None = None
    """Of a test batch: which sequence each is. What is drawn for it is then its own, in whatever batch."""
    divided_later: frozenset[int] = frozenset()
    """``id`` of the transforms whose division is left to the device."""
    calls: dict[int, int] = field(default_factory=dict)
    """``id`` of each transform, in the order of their first calls -> sequences that it has had."""
    known: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Sequence of the batch -> what transforms know of it."""

    def apart(self, frames: np.ndarray) -> list[np.ndarray]:
        """The sequences of an array, one as a rule."""
        if self.lengths is None or sum(self.lengths) != len(frames):
            return [frames]
        return np.split(frames, np.cumsum(self.lengths)[:-1])

    def next_place(self, transform: object) -> tuple[int, int]:
        """Which sequence of this process's batch a transform is at, and its place in the pipeline."""
        sequence = self.calls.setdefault(id(transform), 0)
        self.calls[id(transform)] += 1
        return sequence, list(self.calls).index(id(transform))

    def targets(self) -> dict[str, np.ndarray]:
        """What the transforms know of the sequences, int64 or float32 ``[n, ...]`` by its name."""
        rows = [self.known[slot] for slot in sorted(self.known)]
        names = rows[0] if rows else ()
        columns = {name: np.stack([np.asarray(row[name]) for row in rows]) for name in names}
        return {
            name: column.astype(np.float32 if column.dtype.kind == "f" else np.int64)
            for name, column in columns.items()
        }


@dataclass
class Session:
    """The state of one run; whoever needs a part finds None where nobody has set it."""

    cfgs: Mapping[str, Any] = field(default_factory=dict)
    """The host's merged configuration."""
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    """``kind/name`` of every plugin component that was asked for -> where it comes from."""
    loading: Phase | None = None
    """For which phase a loader is being made."""
    transformed: TransformedBatch | None = None
    """The batch that is being transformed."""
    results: Results | None = None
    """What a plugin's protocol found last."""

    @property
    def seed(self) -> int:
        """``trainer_cfg.seed``, as our own trainer knows it; 0 where the YAML has none."""
        section = self.cfgs.get("trainer_cfg") or {}
        return int(section.get("seed") or 0)

    @contextmanager
    def loader(self, cfgs: Mapping[str, Any], phase: Phase) -> Iterator[None]:
        """While the host makes a loader: for whom."""
        self.cfgs, self.loading, before = cfgs, phase, self.loading
        try:
            yield
        finally:
            self.loading = before
