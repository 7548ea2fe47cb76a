"""The best checkpoint and the early end of a training, decided by the figures of its tests."""

from __future__ import annotations

import filecmp
import json
import logging
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from gait_plugins.config.sections import TrainerSection
from gait_plugins.core.checkpoints.files import BEST, checkpoint_path
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.io.atomic import whole_file, write_text
from gait_plugins.suggest import did_you_mean

HISTORY = "validation.json"

log = logging.getLogger("gait_plugins")


@dataclass(frozen=True)
class Watched:
    """A figure of the test, and in which direction it is better."""

    metric: str
    mode: Literal["max", "min"] = "max"

    def of(self, metrics: Mapping[str, float]) -> float:
        """The figure, the higher the better; NaN is worse than any number.

        Raises:
            ConfigError: the protocol gives no such figure.
        """
        name = self.metric.removeprefix("scalar/test_accuracy/").removeprefix("scalar/validation_accuracy/")
        if name not in metrics:
            raise ConfigError(
                f"the protocol has no figure {name!r}; its figures are {', '.join(metrics) or 'none'}",
                where="trainer_cfg",
                hint=did_you_mean(name, metrics) or None,
            )
        value = float(metrics[name]) * (1 if self.mode == "max" else -1)
        return -math.inf if math.isnan(value) else value


@dataclass
class ScoreHistory:
    """The figures of a training's tests, in ``validation.json``; everything else follows from them.

    So a training that is resumed finds the same best step, and stops where it would have stopped.
    """

    section: TrainerSection
    folder: Path
    figures: dict[int, dict[str, float]] = field(default_factory=dict)
    """Step -> figures of its test, in order."""

    @classmethod
    def read(cls, section: TrainerSection, folder: Path, last: int) -> ScoreHistory:
        """What is known up to a step.

        Raises:
            CheckpointError: the file is damaged.
        """
        path = folder / HISTORY
        if not path.is_file():
            return cls(section, folder)
        try:
            known = {int(step): dict(figures) for step, figures in json.loads(path.read_text()).items()}
        except (ValueError, AttributeError, TypeError) as error:
            raise CheckpointError(
                f"the figures of earlier tests cannot be read: {error}",
                where=str(path),
                hint="restore the file from a copy, or start again with --overwrite",
            ) from error
        return cls(section, folder, {step: known[step] for step in sorted(known) if step <= last})

    @property
    def wanted(self) -> bool:
        """True where the training asks for a best checkpoint or an early end."""
        return self.section.keep_best is not None or self.section.early_stopping is not None

    @property
    def best(self) -> int | None:
        """The step with the best figure, the first of equals; None where none is kept or known."""
        if self.section.keep_best is None or not self.figures:
            return None
        kept = self.section.keep_best
        values = self._values(Watched(kept.metric, kept.mode))
        return max(values, key=lambda step: values[step])

    @property
    def final(self) -> int:
        """The step whose weights the training is for: the best where it is kept, else the last; 0: none."""
        return self.best or max(self.figures, default=0)

    @property
    def enough(self) -> bool:
        """True where as many tests as ``early_stopping.patience`` says have brought nothing better."""
        rule = self.section.early_stopping
        if rule is None:
            return False
        kept = self.section.keep_best
        metric = rule.metric or (kept.metric if kept else "")
        mode = rule.mode or (kept.mode if kept and rule.metric in (None, kept.metric) else "max")
        best, waited = -math.inf, 0
        for value in self._values(Watched(metric, mode)).values():
            better = value > best + rule.min_delta
            best, waited = (value, 0) if better else (best, waited + 1)
        return waited >= rule.patience

    def note(self, step: int, metrics: Mapping[str, float]) -> None:
        """Add the figures of a test, and keep its checkpoint if it is the best.

        Raises:
            ConfigError: the watched figure does not exist.
        """
        self.figures[step] = {name: float(value) for name, value in metrics.items()}
        enough = self.enough
        # First the file, then the note: killed in between, the test is repeated and finds the same.
        if self.best == step:
            self._keep(step)
        self._write()
        if enough:
            log.info("step %d: no improvement for %d tests, the training ends", step, self._patience())

    def tidy(self) -> None:
        """Make the best checkpoint that of the steps that are known, by the figure that is watched now.

        A training may go back to an earlier step, and go on with another figure.
        """
        path, best = self.folder / HISTORY, self.best
        if not path.is_file():
            return
        kept = self.folder / "checkpoints" / BEST
        source = None if best is None else checkpoint_path(self.folder, self.section.save_name, best)
        if best is not None and source is not None and source.is_file():
            if not kept.is_file() or not filecmp.cmp(source, kept, shallow=False):
                self._keep(best)
        elif len(json.loads(path.read_text())) != len(self.figures):
            kept.unlink(missing_ok=True)
        self._write()

    def _values(self, watched: Watched) -> dict[int, float]:
        return {step: watched.of(figures) for step, figures in self.figures.items()}

    def _patience(self) -> int:
        rule = self.section.early_stopping
        return 0 if rule is None else rule.patience

    def _keep(self, step: int) -> None:
        source = checkpoint_path(self.folder, self.section.save_name, step)
        with open(source, "rb") as file, whole_file(source.with_name(BEST)) as copy:
            shutil.copyfileobj(file, copy, 2**20)
        metric = self.section.keep_best.metric if self.section.keep_best else ""
        found = Watched(metric).of(self.figures[step])
        log.info("step %d is the best so far, %s %.2f: %s", step, metric, found, source.with_name(BEST))

    def _write(self) -> None:
        write_text(self.folder / HISTORY, json.dumps(self.figures, indent=2) + "\n")
