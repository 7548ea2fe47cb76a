"""TensorBoard of a report: its pictures, the embeddings for the projector, and settings beside figures."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.api import ReportRun
from gait_plugins.charts import Figure, pixels
from gait_plugins.config.plain import flat_settings
from gait_plugins.errors import ConfigError

log = logging.getLogger("gait_plugins")

FOLDER = Path("summary") / "report"
"""In the run folder: a run of its own for TensorBoard, which each report writes anew."""
MOST_POINTS = 10_000
"""Embeddings that the projector is given; of more, evenly spread ones."""
_TEXT = (str, bool, int, float)


def write_board(run: ReportRun, figures: Sequence[Figure]) -> Path:
    """Write figures, embeddings and settings of a run into ``summary/report``.

    Args:
        run: it.
        figures: as pictures.

    Raises:
        ConfigError: tensorboard cannot be imported.
    """
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise ConfigError(
            f"--tensorboard needs tensorboard: {error}", hint="pip install tensorboard, or leave it out"
        ) from error
    folder = run.folder / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    step = int(run.results.get("step") or 0)
    with SummaryWriter(str(folder)) as writer:
        for figure in figures:
            writer.add_image(f"report/{figure.name}", pixels(figure), step, dataformats="HWC")
        _add_embeddings(writer, run, step)
        metrics = {f"test/{name}": value for name, value in (run.results.get("metrics") or {}).items()}
        known = {name: value for name, value in metrics.items() if value is not None}
        if known:
            writer.add_hparams(_settings(run.config), known, run_name="settings")
    log.info("written: %s (tensorboard --logdir %s)", folder, run.folder)
    return folder


def _add_embeddings(writer: Any, run: ReportRun, step: int) -> None:
    if run.embedded is None:
        return
    data = run.embedded
    chosen = np.unique(np.linspace(0, len(data) - 1, min(len(data), MOST_POINTS)).round().astype(int))
    known = [
        [str(data.labels[place]), str(data.views[place]), str(data.types[place])] for place in chosen.tolist()
    ]
    values = data.embeddings[chosen].reshape(len(chosen), -1)
    header = ["person", "view", "condition"]
    writer.add_embedding(values, metadata=known, metadata_header=header, global_step=step, tag="test set")


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that TensorBoard can show: numbers, texts and truth values."""
    flat = flat_settings(config)
    return {name: value if isinstance(value, _TEXT) else str(value) for name, value in flat.items()}
