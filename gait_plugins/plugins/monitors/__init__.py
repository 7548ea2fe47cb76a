"""Monitors over the life-cycle hooks alone: TensorBoard, a progress bar and a JSONL log."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gait_plugins.hookspecs import hookimpl

if TYPE_CHECKING:
    from gait_plugins.api import Job, Run

requires_api = 1


@hookimpl
def gait_run_begin(run: Run) -> None:
    """The process that writes files gets a JSONL log and a TensorBoard writer."""
    if run.is_main:
        from gait_plugins.plugins.monitors.jsonl import JsonlLog
        from gait_plugins.plugins.monitors.tensorboard import TensorBoard

        run.attach(JsonlLog(run))
        run.attach(TensorBoard(run))


@hookimpl
def gait_progress(job: Job) -> None:
    """Every long job gets a bar with rate and remaining time, where someone watches a terminal."""
    from gait_plugins.plugins.monitors.progress import show

    show(job)
