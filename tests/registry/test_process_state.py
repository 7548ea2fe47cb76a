"""What a plugin changes of the whole process is put back, and told with the name of its package."""

from __future__ import annotations

import os
import random
import signal
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.components.fake_site import FakeSite

from gait_plugins.config import build
from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.errors import ComponentFailure, ConfigError, PluginLoadError
from gait_plugins.registry import process
from gait_plugins.registry.manager import Manager, use_manager

CHANGES: dict[str, tuple[str, Callable[[], object]]] = {
    "number of torch threads": ("import torch; torch.set_num_threads(3)", torch.get_num_threads),
    "default dtype": ("import torch; torch.set_default_dtype(torch.float64)", torch.get_default_dtype),
    "gradient mode": ("import torch; torch.set_grad_enabled(False)", torch.is_grad_enabled),
    "filters of warnings": ("import warnings; warnings.simplefilter('ignore')", lambda: warnings.filters[:]),
    "error handling of numpy": ("import numpy; numpy.seterr(all='raise')", np.geterr),
    "working directory": ("import os; os.chdir('/')", os.getcwd),
    "handler of SIGINT": (
        "import signal; signal.signal(signal.SIGINT, lambda *_: None)",
        lambda: signal.getsignal(signal.SIGINT),
    ),
    "handler of SIGTERM": (
        "import signal; signal.signal(signal.SIGTERM, lambda *_: None)",
        lambda: signal.getsignal(signal.SIGTERM),
    ),
}
SILENT: dict[str, tuple[str, Callable[[], object]]] = {
    "random": ("import random; random.seed(0); random.random()", random.getstate),
    "numpy": ("import numpy; numpy.random.seed(0)", lambda: np.random.get_state()[1].tolist()),
    "torch": ("import torch; torch.manual_seed(0)", lambda: torch.get_rng_state().tolist()),
}
MORE_FILTERS = {
    "errors": "import warnings; warnings.filterwarnings('error')",
    "a category of everybody": "import warnings; warnings.simplefilter('error', DeprecationWarning)",
    "reset": "import warnings; warnings.resetwarnings()",
}
CALLED = ("number of torch threads", "default dtype", "gradient mode", "filters of warnings")
PLUGIN = """
from gait_plugins import Loss, hookimpl
{at_import}

class {name}(Loss):
    def __init__(self) -> None:
        super().__init__(1.0)
        {at_construction}

    def forward(self):
        {at_call}

@hookimpl
def gait_losses():
    return {{"{name}": "{module}:{name}"}}

@hookimpl
def gait_configure(config):
    {at_hook}
"""


@pytest.fixture
def site(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> Iterator[FakeSite]:
    monkeypatch.setattr(process, "_told", set())
    before = [read() for _, read in CHANGES.values()]
    yield FakeSite(tmp_path, monkeypatch)
    use_manager(None)
    torch.set_default_dtype(torch.float32)  # for the other tests, where one of these fails
    torch.set_grad_enabled(True)
    np.seterr(**before[4])
    os.chdir(str(before[5]))
    for number, handler in zip((signal.SIGINT, signal.SIGTERM), before[6:], strict=True):
        signal.signal(number, handler)


def _package(site: FakeSite, **at: str) -> None:
    parts = {f"at_{moment}": "pass" for moment in ("import", "construction", "call", "hook")}
    parts |= {f"at_{moment}": code for moment, code in at.items()}
    site.package("rude-gait", PLUGIN.format(name="Rude", module="rude_gait", **parts))


def _go(site: FakeSite, moment: str, code: str) -> None:
    """Let a plugin run this code when it is imported, built, called or hooked."""
    _package(site, **{moment: code})
    use_manager(manager := Manager())
    if moment == "hook":
        manager.lifecycle.configure({})
    if moment in ("construction", "call"):
        loss = build("loss", {"type": "Rude"})
    if moment == "call":
        with errors_of(loss):
            loss()


@pytest.mark.parametrize(
    ("what", "moment"),
    [(what, m) for what in CHANGES for m in ("import", "construction", "hook")]
    + [(what, "call") for what in CALLED],
)
def test_what_a_plugin_changes_is_put_back_and_told(
    site: FakeSite, caplog: pytest.LogCaptureFixture, what: str, moment: str
) -> None:
    code, read = CHANGES[what]
    before = read()
    _go(site, moment, code)
    after = read()
    assert after == before
    [said] = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert "rude-gait 1.0" in said
    assert what in said


@pytest.mark.parametrize("code", MORE_FILTERS.values(), ids=MORE_FILTERS)
def test_filters_for_everybodys_warnings_do_not_stay(site: FakeSite, code: str) -> None:
    before = warnings.filters[:]
    _go(site, "import", code)
    after = warnings.filters[:]
    warnings.filters[:] = before
    assert after == before


def test_a_filter_for_a_librarys_own_messages_stays(site: FakeSite) -> None:
    before = warnings.filters[:]
    _go(site, "import", "import warnings; warnings.filterwarnings('ignore', message='about edges')")
    after = warnings.filters[:]
    warnings.filters[:] = before
    assert after[1:] == before


@pytest.mark.parametrize("moment", ["import", "hook"])
@pytest.mark.parametrize("which", SILENT)
def test_the_random_state_is_put_back_without_a_word(
    site: FakeSite, caplog: pytest.LogCaptureFixture, which: str, moment: str
) -> None:
    code, read = SILENT[which]
    before = read()
    _go(site, moment, code)
    assert read() == before
    assert caplog.records == []


def test_the_import_of_a_component_is_watched_too(site: FakeSite, caplog: pytest.LogCaptureFixture) -> None:
    source = PLUGIN.format(
        name="Rude", module="rude_losses", at_import="", at_construction="", at_call="pass", at_hook="pass"
    )
    site.package("rude-gait", source)
    site.module("rude_losses", f"import torch; torch.set_num_threads(3)\n{source}")
    Manager().get("loss", "Rude")
    assert torch.get_num_threads() == 1
    assert "rude-gait 1.0 changed the number of torch threads of the whole process from 1 to 3" in caplog.text


def test_a_constructor_may_draw_random_numbers(site: FakeSite) -> None:
    torch.manual_seed(0)
    before = torch.get_rng_state()
    _go(site, "construction", "import torch; torch.rand(1)")
    assert not torch.equal(torch.get_rng_state(), before)


def test_a_change_is_told_once(site: FakeSite, caplog: pytest.LogCaptureFixture) -> None:
    _package(site, hook=CHANGES["default dtype"][0])
    manager = Manager()
    for _ in range(3):
        manager.lifecycle.configure({})
    assert caplog.text.count("default dtype") == 1


@pytest.mark.parametrize(
    ("moment", "kind"), [("construction", ConfigError), ("call", ComponentFailure)], ids=str
)
def test_a_component_cannot_end_the_program(site: FakeSite, moment: str, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="SystemExit: enough"):
        _go(site, moment, "raise SystemExit('enough')")


def test_a_component_that_exits_when_it_is_imported_is_an_error(site: FakeSite) -> None:
    _package(site)
    Manager()
    source = PLUGIN.format(
        name="Rude", module="exiting", at_import="", at_construction="", at_call="pass", at_hook="pass"
    )
    site.package("rude-gait", source)
    site.module("exiting", "raise SystemExit(0)\n")
    with pytest.raises(PluginLoadError, match=r"SystemExit: 0"):
        Manager().get("loss", "Rude")
