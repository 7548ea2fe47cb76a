"""Trackers of experiments, over the life-cycle hooks alone: Weights & Biases, Trackio and MLflow."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any

from gait_plugins.api import Results, Run
from gait_plugins.hookspecs import hookimpl
from gait_plugins.plugins.monitors.usage import Usage

PROJECT = "gait-plugins"


class Wandb:
    """A run of Weights & Biases, or of another package with its functions ``init``, ``log`` and ``finish``.

    Args:
        run: the run that has just begun.
        package: ``wandb``, or ``trackio``, which keeps everything on this machine.
        settings: for ``init``, over ours.
    """

    def __init__(self, run: Run, package: str = "wandb", **settings: Any) -> None:
        self._package = importlib.import_module(package)
        self._usage = Usage(run.first_step)
        self._step = run.first_step
        ours = {"project": PROJECT, "name": "-".join(run.folder.parts[-2:]), "config": flat(run.config)}
        self._package.init(**{**ours, **settings})

    @hookimpl
    def gait_step_end(self, step: int, metrics: Mapping[str, Any]) -> None:
        if metrics:
            self._step = step
            self._package.log(scalars({**metrics, **self._usage.told(step)}), step=step)

    @hookimpl
    def gait_evaluated(self, step: int, results: Results) -> None:
        # The best weights, tested at the end, are of an earlier step than the last one: it takes none back.
        told = {**scalars(results.scalars()), f"{results.subset}_accuracy/step": step}
        self._step = max(self._step, step)
        self._package.log(told, step=self._step)

    @hookimpl
    def gait_run_end(self) -> None:
        self._package.finish()


class Mlflow:
    """A run of MLflow; ``MLFLOW_TRACKING_URI`` names its server, folder or data base.

    Args:
        run: the run that has just begun.
        experiment: its name.
    """

    LONGEST = 500
    """Letters of a parameter that every store takes."""

    def __init__(self, run: Run, experiment: str = PROJECT) -> None:
        self._package = importlib.import_module("mlflow")
        self._usage = Usage(run.first_step)
        self._package.set_experiment(experiment)
        self._package.start_run(run_name="-".join(run.folder.parts[-2:]))
        known = {_allowed(name): str(value)[: self.LONGEST] for name, value in flat(run.config).items()}
        self._package.log_params(known)

    @hookimpl
    def gait_step_end(self, step: int, metrics: Mapping[str, Any]) -> None:
        if metrics:
            self._log({**metrics, **self._usage.told(step)}, step)

    @hookimpl
    def gait_evaluated(self, step: int, results: Results) -> None:
        self._log(results.scalars(), step)

    @hookimpl
    def gait_run_end(self, error: BaseException | None) -> None:
        self._package.end_run("FINISHED" if error is None else "FAILED")

    def _log(self, metrics: Mapping[str, Any], step: int) -> None:
        named = {_allowed(name): value for name, value in scalars(metrics).items()}
        self._package.log_metrics(named, step=step)


TRACKERS: dict[str, Callable[[Run], object]] = {
    "wandb": Wandb,
    "trackio": lambda run: Wandb(run, "trackio"),
    "mlflow": Mlflow,
}
"""Name -> what makes its monitor of a run."""


def scalars(metrics: Mapping[str, Any]) -> dict[str, float]:
    """The numbers among the figures of a step, by TensorBoard's names."""
    found = {name.partition("/")[2]: value for name, value in metrics.items() if name.startswith("scalar/")}
    return {name: float(value) for name, value in found.items()}


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Settings by their dotted names."""
    if not isinstance(value, Mapping):
        return {path: value}
    found: dict[str, Any] = {}
    for key, inner in value.items():
        found |= flat(inner, f"{path}.{key}" if path else str(key))
    return found


def _allowed(name: str) -> str:
    """A name with the letters that MLflow takes."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "_-./ ") else "-" for c in name)
