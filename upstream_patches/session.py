"""State that the patches and adapters of one run of the host share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gait_plugins.api import Results
    from upstream_patches.transform_adapter import Scene

Phase = Literal["train", "test"]


@dataclass
class Session:
    """The state of one run; whoever needs a part finds None where nobody has set it."""

    cfgs: Mapping[str, Any] = field(default_factory=dict)
    """The host's merged configuration."""
    used: dict[str, dict[str, str]] = field(default_factory=dict)
    """``kind/name`` of every plugin component that was asked for -> where it comes from."""
    loading: Phase | None = None
    """For which phase a loader is being made."""
    scene: Scene | None = None
    """The batch that is being transformed."""
    results: Results | None = None
    """What a plugin's protocol found last."""

    @property
    def seed(self) -> int:
        """``trainer_cfg.seed``, as our own trainer knows it; 0 where the YAML has none."""
        section = self.cfgs.get("trainer_cfg") or {}
        return int(section.get("seed", 0))

    @contextmanager
    def loader(self, cfgs: Mapping[str, Any], phase: Phase) -> Iterator[None]:
        """While the host makes a loader: for whom."""
        self.cfgs, self.loading, before = cfgs, phase, self.loading
        try:
            yield
        finally:
            self.loading = before
