"""TensorBoard: scalars, learning rate, sample silhouettes and results of a run."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from time import sleep
from typing import TYPE_CHECKING, Any

import numpy as np

from gait_plugins.api import Results, Run
from gait_plugins.hookspecs import hookimpl
from gait_plugins.plugins.monitors.usage import Usage

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

log = logging.getLogger("gait_plugins")

FOLDER_NAME = "summary"
MOST_PICTURES = 64
TRIES = 8
"""How often a name is looked for that comes after those that are there, four a second."""


class TensorBoard:
    """Writes event files into ``summary`` in the run folder, with OpenGait's tags.

    A run that goes on from a checkpoint hides what an earlier one wrote for later steps. The writer
    is made when there is something to write. Where tensorboard cannot be imported, one warning says
    so and nothing is written.

    Args:
        run: the run that has just begun.
    """

    def __init__(self, run: Run) -> None:
        self._folder: Path = run.folder / FOLDER_NAME
        trains_again = run.phase == "train" and any(self._folder.glob("events.*"))
        self._purge_step = run.first_step + 1 if trains_again else None
        self._writer: SummaryWriter | None = None
        self._usage = Usage(run.first_step)
        self._absent = False

    @hookimpl
    def gait_step_end(self, step: int, metrics: Mapping[str, Any]) -> None:
        used = self._usage.told(step) if metrics else {}
        for key, value in {**metrics, **used}.items():
            self._add(key, value, step)

    @hookimpl
    def gait_evaluated(self, step: int, results: Results) -> None:
        for key, value in results.scalars().items():
            self._add(key, value, step)
        self._flush()

    @hookimpl
    def gait_checkpoint_saved(self) -> None:
        self._flush()

    @hookimpl
    def gait_run_end(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _add(self, key: str, value: Any, step: int) -> None:
        family, _, tag = key.partition("/")
        writer = self._open()
        if writer is None:
            return
        if family == "scalar":
            writer.add_scalar(tag, float(value), step)
        elif family == "image":
            writer.add_image(tag, image_grid(np.asarray(value)), step, dataformats="CHW")

    def _open(self) -> SummaryWriter | None:
        if self._writer is None and not self._absent:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError as error:
                self._absent = True
                log.warning("no TensorBoard log is written: %s (pip install tensorboard)", error)
                return None
            make = partial(SummaryWriter, str(self._folder), purge_step=self._purge_step)
            self._writer = make() if self._purge_step is None else _later(make, self._folder)
        return self._writer

    def _flush(self) -> None:
        if self._writer is not None:
            self._writer.flush()


def _later(make: Callable[[], SummaryWriter], folder: Path) -> SummaryWriter:
    """A writer whose file is read after those that are there: files are read in the order of their names.

    A name holds the second in which it was made, and after it numbers that are compared as text.
    """
    there = {path.name for path in folder.glob("events.*")}
    writer = make()
    for _ in range(TRIES):
        new = {path.name for path in folder.glob("events.*")} - there
        if not new or max(new) > max(there):
            break
        writer.close()
        for name in new:
            (folder / name).unlink()
        sleep(1 / 4)
        writer = make()
    return writer


def image_grid(pictures: np.ndarray) -> np.ndarray:
    """Pictures side by side, nearly square, in one.

    Args:
        pictures: float ``[k, c, h, w]`` in [0, 1]; the first 64 are shown.

    Returns:
        float ``[c, H, W]``; the lines between the pictures are mid-grey.
    """
    pictures = pictures[:MOST_PICTURES]
    count, channels, height, width = pictures.shape
    columns = math.ceil(math.sqrt(count))
    rows = math.ceil(count / columns)
    grid = np.full((channels, rows * (height + 1) - 1, columns * (width + 1) - 1), 0.5, dtype=np.float32)
    for place, picture in enumerate(pictures):
        top, left = (place // columns) * (height + 1), (place % columns) * (width + 1)
        grid[:, top : top + height, left : left + width] = picture
    return grid
