"""Life-cycle hooks: called so that a failing monitor is reported once and ends nothing."""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pluggy

from gait_plugins.errors import GaitPluginsError
from gait_plugins.lost_processes import lost_process
from gait_plugins.registry.admission import enlist
from gait_plugins.registry.components import BUILT_IN
from gait_plugins.registry.process import process_kept

if TYPE_CHECKING:
    from gait_plugins.api import Job, Results, Run

log = logging.getLogger("gait_plugins")


class _Attached(NamedTuple):
    monitor: object
    run: Run
    owner: str


class Lifecycle:
    """The life-cycle hooks of all loaded plugins and of each run's own monitors.

    Args:
        hooks: the plugin manager that the plugins are registered with.
        describe: names the package of a plugin, for reports.
    """

    def __init__(self, hooks: pluggy.PluginManager, describe: Callable[[object], str]) -> None:
        self._hooks = hooks
        self._describe = describe
        self._runs: list[Run] = []
        self._attached: dict[int, _Attached] = {}
        self._detached: set[int] = set()
        self._speaker = "this program"

    def configure(self, config: dict[str, Any]) -> None:
        """Let plugins see and change the raw configuration; their ``GaitPluginsError`` goes through.

        Of a plugin that fails otherwise, nothing is changed; the next configuration asks it anew.
        """
        for implementation in self._listening("gait_configure"):
            before = copy.deepcopy(config)
            try:
                self._tell(implementation, {"config": config})
            except GaitPluginsError:
                raise
            except (Exception, SystemExit) as error:
                config.clear()
                config.update(before)
                self._report(
                    implementation, "gait_configure", error, "its changes to the configuration are dropped"
                )

    def run_begin(self, run: Run) -> None:
        """A run begins; monitors may attach themselves to it."""
        self._runs.append(run)
        run._attach = partial(self._attach, run)
        self._call("gait_run_begin", run=run)

    @contextmanager
    def during(self, run: Run) -> Iterator[None]:
        """A run from its beginning to its end, whatever it ends by."""
        self.run_begin(run)
        error: BaseException | None = None
        try:
            yield
        except BaseException as caught:
            error = caught
            raise
        finally:
            self.run_end(run, error)

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
        try:
            self._call("gait_run_end", run=run, error=error)
        finally:
            self._drop(run)

    def progress(self, job: Job) -> None:
        """A long job moved."""
        self._call("gait_progress", job=job)

    def _attach(self, run: Run, monitor: object) -> None:
        known = self._attached.get(id(monitor))
        if known and known.run is run:
            return
        enlist(self._hooks, monitor, f"{type(monitor).__qualname__}-{id(monitor)}")
        self._attached[id(monitor)] = _Attached(monitor, run, self._speaker)

    def _drop(self, run: Run) -> None:
        run._attach = None
        self._runs = [other for other in self._runs if other is not run]
        for key, attached in list(self._attached.items()):
            if attached.run is run:
                self._hooks.unregister(attached.monitor)
                del self._attached[key]
                self._detached.discard(key)
        if not self._runs:  # the next run is a new chance for those that failed in this one
            self._detached.clear()

    def _call(self, hook: str, **arguments: Any) -> None:
        # Not pluggy's own multicall: one failing implementation must not silence the others.
        for implementation in self._listening(hook, arguments.get("run")):
            try:
                self._tell(implementation, arguments)
            except (Exception, SystemExit) as error:
                # A process that dies while a monitor runs is not the monitor's fault.
                lost = lost_process(error)
                if lost is not None:
                    raise lost from error
                self._detached.add(id(implementation.plugin))
                goes_on = hook != "gait_run_end"
                outcome = "the run goes on" if goes_on else "what it keeps of the run may be incomplete"
                self._report(implementation, hook, error, f"the plugin is detached and {outcome}")

    def _listening(self, hook: str, run: Run | None = None) -> Iterator[pluggy.HookImpl]:
        # Pluggy's order: the last registered first, but for tryfirst and trylast.
        for implementation in reversed(getattr(self._hooks.hook, hook).get_hookimpls()):
            attached = self._attached.get(id(implementation.plugin))
            of_other_run = attached is not None and run is not None and attached.run is not run
            if id(implementation.plugin) not in self._detached and not of_other_run:
                yield implementation

    def _tell(self, implementation: pluggy.HookImpl, arguments: Mapping[str, Any]) -> None:
        outer = self._speaker
        self._speaker = self._owner(implementation.plugin)
        try:
            with self._kept(implementation):
                implementation.function(**{name: arguments[name] for name in implementation.argnames})
        finally:
            self._speaker = outer

    def _kept(self, implementation: pluggy.HookImpl) -> AbstractContextManager[None]:
        # Hooks of the built-ins, which every step calls, are tried by tests of their own.
        if self._speaker.partition(" ")[0] == BUILT_IN:
            return nullcontext()
        return process_kept(self._speaker, f"in {implementation.function.__name__}")

    def _owner(self, plugin: object) -> str:
        attached = self._attached.get(id(plugin))
        return attached.owner if attached else self._describe(plugin)

    def _report(self, implementation: pluggy.HookImpl, hook: str, error: BaseException, outcome: str) -> None:
        plugin = implementation.plugin
        log.error(
            "%s failed in %s (%s: %s); %s",
            self._owner(plugin),
            f"{type(plugin).__name__}.{hook}" if id(plugin) in self._attached else hook,
            type(error).__name__,
            str(error),  # a record that someone keeps must not keep the plugin alive
            outcome,
            exc_info=log.isEnabledFor(logging.DEBUG),
        )
