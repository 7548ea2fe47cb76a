"""Run options: the settings of a run that the command line gives, not the YAML."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gait_plugins.core.runtime.precision import Device


@dataclass(frozen=True)
class RunOptions:
    """Device, processes and starting state of a run."""

    device: Device = "auto"
    devices: int = 1
    resume: bool = False
    """Go on from the last checkpoint of the run folder, with optimiser, schedule and order."""
    allow_changes: bool = False
    """Go on with other settings than the checkpoint was trained by; they are recorded."""
    init_from: Path | None = None
    """Take the weights of this checkpoint, and nothing else, to start from."""
    drop_head: bool = False
    """Of ``init_from``, leave out the classifier where it is for another number of identities."""
    overwrite: bool = False
    """Remove what an earlier training left in the run folder."""
    log_to_file: bool = False
    """Write the log to the run folder too."""
    monitors: tuple[object, ...] = ()
    """Objects with life-cycle hooks, for this run alone."""
    go_on: str = ""
    """What whoever interrupts the run does to go on with it, in words; empty: not known."""
