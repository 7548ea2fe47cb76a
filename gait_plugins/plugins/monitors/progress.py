"""Progress bars with rate and remaining time for every long job, on terminals."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from gait_plugins.api import Job
from gait_plugins.io.printable import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

REDRAW_SECONDS = 0.1


class Bars:
    """The bars of all open jobs, drawn together.

    They are drawn by whoever advances a job and by no thread, so that loader workers may be forked
    at any time. The last job's bar stays on the screen; those of jobs within it vanish.
    """

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._open: dict[int, tuple[Job, TaskID]] = {}
        self._drawn = 0.0

    def show(self, job: Job) -> None:
        """Open, move or close the bar of a job."""
        if job.state == "begin":
            if is_watched():
                self._begin(job)
        elif id(job) in self._open:
            if job.state == "end":
                self._end(job)
            elif time.monotonic() - self._drawn >= REDRAW_SECONDS:
                self._draw()

    def _begin(self, job: Job) -> None:
        if self._progress is None:
            self._progress = _new_progress()
            self._progress.start()
        task = self._progress.add_task(
            printable(job.name), total=job.total, completed=job.done, unit=printable(job.unit), figures=""
        )
        self._open[id(job)] = (job, task)
        self._draw()

    def _end(self, job: Job) -> None:
        self._draw()
        _, task = self._open.pop(id(job))
        if self._progress is None:
            return
        if self._open:
            self._progress.remove_task(task)
        else:
            self._progress.stop()
            self._progress = None

    def _draw(self) -> None:
        if self._progress is None:
            return
        for job, task in self._open.values():
            figures = "  ".join(f"{printable(name)} {value:.4g}" for name, value in job.figures.items())
            self._progress.update(task, completed=job.done, total=job.total, figures=figures)
        self._progress.refresh()
        self._drawn = time.monotonic()


def is_watched() -> bool:
    """True in the first process of a run whose error stream is a terminal."""
    first = all(os.environ.get(name, "0") == "0" for name in ("RANK", "LOCAL_RANK"))
    return first and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _new_progress() -> Progress:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class CountAndRate(ProgressColumn):
        def render(self, task: Task) -> Text:
            total = "" if task.total is None else f"/{task.total:.0f}"
            speed = task.finished_speed or task.speed
            rate = f" {speed:.3g} {task.fields['unit']}/s" if speed else ""
            return Text(f"{task.completed:.0f}{total}{rate}", style="progress.data.speed")

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        CountAndRate(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[figures]}", markup=False),
        console=Console(stderr=True),
        auto_refresh=False,
    )


_bars = Bars()


def show(job: Job) -> None:
    """Show a job among the bars of this process; silent where nobody watches."""
    _bars.show(job)
