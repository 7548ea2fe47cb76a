"""Monitors over the life-cycle hooks alone: TensorBoard, a progress bar, a JSONL log, trackers on request."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from gait_plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from gait_plugins.api import Job, Run

requires_api = 1

TRACK = "GAIT_PLUGINS_TRACK"
"""Names of trackers that hear of every run, with commas between them: ``wandb``, ``trackio``, ``mlflow``."""

log = logging.getLogger("gait_plugins")


@hookimpl
def gait_run_begin(run: Run) -> None:
    """The process that writes files gets a JSONL log and a TensorBoard writer."""
    if run.is_main:
        from gait_plugins.plugins.monitors.jsonl import JsonlLog
        from gait_plugins.plugins.monitors.tensorboard import TensorBoard

        run.attach(JsonlLog(run))
        run.attach(TensorBoard(run))
        for name in filter(None, map(str.strip, os.environ.get(TRACK, "").split(","))):
            _track(run, name)


def _track(run: Run, name: str) -> None:
    """Attach a tracker; one that cannot be had is told of, and the run goes on."""
    from gait_plugins.plugins.monitors.trackers import TRACKERS

    if name not in TRACKERS:
        log.warning("%s=%s: there is no such tracker, only %s", TRACK, name, ", ".join(TRACKERS))
        return
    try:
        run.attach(TRACKERS[name](run))
    except ImportError as error:
        told = "%s=%s: nothing is tracked: %s (pip install 'gait-plugins-trackletgait[%s]')"
        log.warning(told, TRACK, name, error, name)
    except Exception as error:  # no login, no server, no room
        log.error("%s=%s: nothing is tracked: %s: %s", TRACK, name, type(error).__name__, error)


@hookimpl
def gait_progress(job: Job) -> None:
    """Every long job gets a bar with rate and remaining time, where someone watches a terminal."""
    from gait_plugins.plugins.monitors.progress import show

    show(job)
