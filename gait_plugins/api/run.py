"""Runs, as the life-cycle hooks see them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from gait_plugins.api.model import GaitModel


@dataclass
class Run:
    """One training or test, as monitors see it."""

    folder: Path
    """Checkpoints, logs and provenance of the run."""
    phase: Literal["train", "test"]
    config: Mapping[str, Any]
    """The resolved configuration as plain data."""
    total_steps: int
    """Steps of the whole training; 0 for a test."""
    log_every: int = 100
    """Steps between two logging steps (``trainer_cfg.log_iter``)."""
    first_step: int = 0
    """The step that training starts from: 0, or that of the checkpoint it resumes."""
    rank: int = 0
    world_size: int = 1
    provenance: Mapping[str, Any] = field(default_factory=dict)
    """Component -> distribution, version, ``module:attr``."""
    model: GaitModel | None = None
    stopped: bool = False
    """True once a monitor has asked for the end."""
    _attach: Callable[[object], None] | None = field(default=None, repr=False)

    @property
    def is_main(self) -> bool:
        """True in the one process that writes files."""
        return self.rank == 0

    def stop(self) -> None:
        """End the training, without an error, with the checkpoint that is scored now, or else the next one.

        It is enough that one process asks. The run can be resumed.
        """
        self.stopped = True

    def attach(self, monitor: object) -> None:
        """Add an object with ``@hookimpl`` methods; it hears this run's later hooks, then is dropped."""
        if self._attach is None:
            raise RuntimeError(
                "this run has no host to attach monitors to: attach them while it is in progress"
            )
        self._attach(monitor)
