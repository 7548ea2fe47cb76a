"""Calling the life-cycle hooks so that a monitor's failure is reported once and ends nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

from gait_plugins.errors import GaitPluginsError

if TYPE_CHECKING:
    from gait_plugins.api import Job, Results, Run

log = logging.getLogger("gait_plugins")


class Lifecycle:
    """The life-cycle hooks of all loaded plugins and of a run's own monitors.

    Args:
        hooks: the plugin manager that the plugins are registered with.
        describe: names the package of a plugin, for reports.
    """

    def __init__(self, hooks: pluggy.PluginManager, describe: Callable[[object], str]) -> None:
        self._hooks = hooks
        self._describe = describe
        self._detached: set[int] = set()
        self._attached: dict[int, str] = {}
        self._speaker: str | None = None

    def configure(self, config: dict[str, Any]) -> None:
        """Let plugins see and change the raw configuration; their ``GaitPluginsError`` goes through."""
        self._call("gait_configure", config=config)

    def run_begin(self, run: Run) -> None:
        """A run begins; monitors may attach themselves to it."""
        run._attach = self._attach
        self._call("gait_run_begin", run=run)

    def step_end(self, run: Run, step: int, metrics: Mapping[str, Any]) -> None:
        """A training step ended."""
        self._call("gait_step_end", run=run, step=step, metrics=metrics)

    def checkpoint_saved(self, run: Run, path: Path, step: int) -> None:
        """A checkpoint is on disk."""
        self._call("gait_checkpoint_saved", run=run, path=path, step=step)

    def evaluated(self, run: Run, step: int, results: Results) -> None:
        """A protocol has scored."""
        self._call("gait_evaluated", run=run, step=step, results=results)

    def run_end(self, run: Run, error: BaseException | None) -> None:
        """The run is over; its own monitors are dropped afterwards."""
        self._call("gait_run_end", run=run, error=error)
        for plugin in self._hooks.get_plugins():
            if id(plugin) in self._attached:
                self._hooks.unregister(plugin)
        self._attached.clear()
        run._attach = None

    def progress(self, job: Job) -> None:
        """A long job moved."""
        self._call("gait_progress", job=job)

    def _attach(self, monitor: object) -> None:
        owner = self._speaker or "this program"
        self._hooks.register(monitor, name=f"{type(monitor).__qualname__}-{id(monitor)}")
        self._attached[id(monitor)] = owner

    def _call(self, hook: str, **arguments: Any) -> None:
        # Not pluggy's own multicall: one failing implementation must not silence the others.
        for implementation in getattr(self._hooks.hook, hook).get_hookimpls():
            plugin = implementation.plugin
            if id(plugin) in self._detached:
                continue
            owner = self._attached.get(id(plugin)) or self._describe(plugin)
            self._speaker = owner
            try:
                implementation.function(**{name: arguments[name] for name in implementation.argnames})
            except Exception as error:
                if hook == "gait_configure" and isinstance(error, GaitPluginsError):
                    raise
                self._detached.add(id(plugin))
                log.error(
                    "%s failed in %s (%s: %s); it is detached and the run goes on",
                    owner,
                    hook,
                    type(error).__name__,
                    error,
                    exc_info=log.isEnabledFor(logging.DEBUG),
                )
            finally:
                self._speaker = None
