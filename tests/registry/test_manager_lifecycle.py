"""Life-cycle hooks: a monitor that raises is reported once, detached, and ends nothing."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from gait_plugins import ConfigError, Job, PluginLoadError, Results, Run, hookimpl
from gait_plugins.registry.manager import Manager


def new_run(folder: str = "run") -> Run:
    return Run(Path(folder), "train", {}, total_steps=10)


class Recorder:
    """Writes down every hook that it hears."""

    def __init__(self) -> None:
        self.heard: list[Any] = []

    @hookimpl
    def gait_run_begin(self, run: Run) -> None:
        self.heard.append("begin")

    @hookimpl
    def gait_step_end(self, step: int) -> None:
        self.heard.append(step)

    @hookimpl
    def gait_checkpoint_saved(self, path: Path) -> None:
        self.heard.append(path.name)

    @hookimpl
    def gait_evaluated(self, results: Results) -> None:
        self.heard.append(results.protocol)

    @hookimpl
    def gait_progress(self, job: Job) -> None:
        self.heard.append(job.name)

    @hookimpl
    def gait_run_end(self, error: BaseException | None) -> None:
        self.heard.append(error)


class Raiser:
    """A plugin that fails in one hook."""

    def __init__(self) -> None:
        self.calls = 0

    @hookimpl
    def gait_step_end(self) -> None:
        self.calls += 1
        raise ValueError("out of paper")


class Attacher:
    """A plugin that attaches monitors to each run."""

    def __init__(self, *monitors: object) -> None:
        self.monitors = monitors

    @hookimpl
    def gait_run_begin(self, run: Run) -> None:
        for monitor in self.monitors:
            run.attach(monitor)


@pytest.fixture
def manager() -> Manager:
    """A manager without any installed plugin's life-cycle hooks."""
    manager = Manager(allow=[])
    for plugin in manager._hooks.get_plugins():
        manager._hooks.unregister(plugin)
    return manager


def register(manager: Manager, plugin: object, distribution: str) -> None:
    manager.register(plugin, distribution=distribution, version="1.5")


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def test_a_monitor_hears_the_whole_run(manager: Manager) -> None:
    recorder, run, failure = Recorder(), new_run(), OSError("full")
    register(manager, recorder, "recorder")
    life = manager.lifecycle
    life.run_begin(run)
    life.step_end(run, 1, {"scalar/x": 2.0})
    life.checkpoint_saved(run, Path("a/one.pt"), 1)
    life.evaluated(run, 1, Results("rank", "CASIA-B", {}, 1, 1))
    life.progress(Job("train", 10))
    life.run_end(run, failure)
    assert recorder.heard == ["begin", 1, "one.pt", "rank", "train", failure]


def test_a_raising_monitor_is_reported_once_and_the_others_go_on(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    before, raiser, after, run = Recorder(), Raiser(), Recorder(), new_run()
    for plugin, name in ((before, "before"), (raiser, "paper-log"), (after, "after")):
        register(manager, plugin, name)
    manager.lifecycle.run_begin(run)
    for step in (1, 2, 3):
        manager.lifecycle.step_end(run, step, {})
    assert before.heard == after.heard == ["begin", 1, 2, 3]
    assert raiser.calls == 1
    assert errors(caplog) == [
        "paper-log 1.5 failed in gait_step_end (ValueError: out of paper); "
        "the plugin is detached and the run goes on"
    ]


def test_a_detached_plugin_gets_a_new_chance_in_the_next_run(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    raiser = Raiser()
    register(manager, raiser, "paper-log")
    for calls in (1, 2):
        run = new_run()
        manager.lifecycle.run_begin(run)
        manager.lifecycle.step_end(run, 1, {})
        manager.lifecycle.step_end(run, 2, {})
        manager.lifecycle.run_end(run, None)
        assert raiser.calls == len(errors(caplog)) == calls


def test_an_interrupt_in_a_monitor_is_not_swallowed(manager: Manager) -> None:
    class Impatient:
        @hookimpl
        def gait_step_end(self) -> None:
            raise KeyboardInterrupt

    register(manager, Impatient(), "impatient")
    with pytest.raises(KeyboardInterrupt):
        manager.lifecycle.step_end(new_run(), 1, {})


def test_an_attached_monitor_hears_later_hooks_of_its_run_only(manager: Manager) -> None:
    recorder, run = Recorder(), new_run()
    attacher = Attacher(recorder)
    register(manager, attacher, "attacher")
    manager.lifecycle.run_begin(run)
    manager.lifecycle.step_end(run, 1, {})
    manager.lifecycle.run_end(run, None)
    attacher.monitors = ()
    second = new_run()
    manager.lifecycle.run_begin(second)
    manager.lifecycle.step_end(second, 1, {})
    manager.lifecycle.progress(Job("test", 1))
    assert recorder.heard == [1, None]
    with pytest.raises(RuntimeError, match="no host"):
        run.attach(recorder)


def test_a_run_within_a_run_keeps_its_monitors_apart(manager: Manager) -> None:
    outer, inner = new_run("outer"), new_run("inner")
    outer_recorder, inner_recorder = Recorder(), Recorder()
    life = manager.lifecycle
    life.run_begin(outer)
    outer.attach(outer_recorder)
    life.run_begin(inner)
    inner.attach(inner_recorder)
    life.step_end(inner, 7, {})
    life.run_end(inner, None)
    life.step_end(outer, 1, {})
    life.run_end(outer, None)
    assert inner_recorder.heard == [7, None]
    assert outer_recorder.heard == [1, None]


def test_a_monitor_attached_twice_hears_everything_once(manager: Manager) -> None:
    recorder, run = Recorder(), new_run()
    register(manager, Attacher(recorder, recorder), "attacher")
    manager.lifecycle.run_begin(run)
    manager.lifecycle.step_end(run, 1, {})
    assert recorder.heard == [1]


def test_a_failing_attached_monitor_is_reported_with_the_package_that_attached_it(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    recorder, run = Recorder(), new_run()
    between = Recorder()

    class Busy(Attacher):
        @hookimpl
        def gait_run_begin(self, run: Run) -> None:
            manager.lifecycle.progress(Job("prepare", 1))  # other plugins are called in between
            super().gait_run_begin(run)

    register(manager, between, "between")
    register(manager, Busy(Raiser(), recorder), "attacher")
    manager.lifecycle.run_begin(run)
    manager.lifecycle.step_end(run, 1, {})
    manager.lifecycle.step_end(run, 2, {})
    assert recorder.heard == [1, 2]
    assert between.heard == ["prepare", "begin", 1, 2]
    (message,) = errors(caplog)
    assert message.startswith("attacher 1.5 failed in Raiser.gait_step_end")


def test_a_monitor_that_failed_in_a_run_can_be_attached_to_the_next(manager: Manager) -> None:
    # The same holds for a new one that comes to lie where the failed one lay in memory.
    raiser = Raiser()
    manager.lifecycle.run_begin(new_run("outer"))
    for calls in (1, 2):
        inner = new_run("inner")
        manager.lifecycle.run_begin(inner)
        inner.attach(raiser)
        for step in (1, 2):
            manager.lifecycle.step_end(inner, step, {})
        manager.lifecycle.run_end(inner, None)
        assert raiser.calls == calls


def test_a_misspelt_hook_of_a_monitor_is_reported_and_leaves_nothing_behind(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    class Misspelt:
        @hookimpl
        def gait_step_ends(self, run: Run) -> None: ...

    register(manager, Attacher(Misspelt()), "careless")
    manager.lifecycle.run_begin(new_run())
    (message,) = errors(caplog)
    assert message.startswith("careless 1.5 failed in gait_run_begin (PluginLoadError: unknown hook")
    assert "did you mean 'gait_step_end'?" in message
    register(manager, Recorder(), "careful")


def test_a_monitor_attached_from_outside_must_be_right(manager: Manager) -> None:
    run = new_run()
    manager.lifecycle.run_begin(run)
    with pytest.raises(PluginLoadError, match="the plugin has no hook"):
        run.attach(object())


def test_configure_changes_the_configuration_and_may_refuse_it(manager: Manager) -> None:
    class Strict:
        @hookimpl
        def gait_configure(self, config: dict[str, Any]) -> None:
            config["seen"] = True
            if "bad" in config:
                raise ConfigError("bad is not good", where="file.yaml:3")

    register(manager, Strict(), "strict")
    config: dict[str, Any] = {}
    manager.lifecycle.configure(config)
    assert config == {"seen": True}
    with pytest.raises(ConfigError, match=r"file.yaml:3: bad is not good"):
        manager.lifecycle.configure({"bad": 1})


def test_what_a_failing_configure_has_changed_is_undone_and_the_next_configuration_asks_it_anew(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    class Dialect:
        @hookimpl
        def gait_configure(self, config: dict[str, Any]) -> None:
            config["section"]["translated"] = True
            config["section"]["new"] = config["section"].pop("old") + 1

    register(manager, Dialect(), "dialect")
    config: dict[str, Any] = {"section": {"old": "text"}}
    manager.lifecycle.configure(config)
    assert config == {"section": {"old": "text"}}
    assert errors(caplog) == [
        'dialect 1.5 failed in gait_configure (TypeError: can only concatenate str (not "int") to str); '
        "its changes to the configuration are dropped"
    ]
    config = {"section": {"old": 1}}
    manager.lifecycle.configure(config)
    assert config == {"section": {"translated": True, "new": 2}}


def test_order_marks_are_respected(manager: Manager) -> None:
    order: list[str] = []

    class Named:
        def __init__(self, name: str) -> None:
            self.name = name

        @hookimpl
        def gait_configure(self) -> None:
            order.append(self.name)

    class Last(Named):
        @hookimpl(trylast=True)
        def gait_configure(self) -> None:
            order.append(self.name)

    class First(Named):
        @hookimpl(tryfirst=True)
        def gait_configure(self) -> None:
            order.append(self.name)

    for plugin in (First("first"), Named("a"), Last("last"), Named("b")):
        register(manager, plugin, plugin.name)
    manager.lifecycle.configure({})
    assert order == ["first", "b", "a", "last"]


def test_a_monitor_that_exits_the_program_is_detached_too(
    manager: Manager, caplog: pytest.LogCaptureFixture
) -> None:
    class Leaver:
        @hookimpl
        def gait_step_end(self) -> None:
            raise SystemExit(4)

    register(manager, Leaver(), "leaver")
    manager.lifecycle.step_end(new_run(), 1, {})
    assert errors(caplog) == [
        "leaver 1.5 failed in gait_step_end (SystemExit: 4); the plugin is detached and the run goes on"
    ]
