"""Commands of plugins: listed with their package, imported when called, and none replaces another."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from helpers.components.fake_site import FakeSite, manifest
from typer.testing import CliRunner

from gait_plugins import PluginLoadError, hookimpl
from gait_plugins.cli import app
from gait_plugins.registry.manager import Manager, use_manager

SAID: list[object] = []


def tally(folder: Path, times: int = 1, *, loud: bool = False) -> None:
    """Count what lies in a folder.

    Each time anew.
    """
    SAID.append((folder, times, loud))
    print("tallied")


def offering(commands: object) -> object:
    class Plugin:
        @hookimpl
        def gait_commands(self) -> object:
            return commands

    return Plugin()


Offer = Callable[..., Manager]


@pytest.fixture
def offer() -> Iterator[Offer]:
    """Registers plugins, each with the commands of one package, as the manager of this process."""

    def register(**packages: Mapping[str, tuple[str, str]]) -> Manager:
        manager = Manager(allow=[])
        for name, commands in packages.items():
            manager.register(offering(commands), distribution=f"{name}-gait", version="2.0")
        use_manager(manager)
        return manager

    yield register
    use_manager(None)
    SAID.clear()


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(app, list(words))
    assert done.exit_code == code, done.output
    return done.output


HERE = f"{__name__}:tally"
NOWHERE = ("acme_gait_that_is_not_there.commands:run", "Never imported.")


def test_a_command_joins_a_group_and_is_shown_with_its_package(offer: Offer):
    offer(acme={"runs tally": (HERE, "Count runs.")})
    help_text = " ".join(run("runs", "--help").split())
    assert "tally Count runs. (acme-gait 2.0)" in help_text
    assert "compare" in help_text
    assert run("runs", "tally", "x", "--times", "3", "--loud") == "tallied\n"
    assert [(Path("x"), 3, True)] == SAID


def test_arguments_and_help_are_the_functions_own(offer: Offer):
    offer(acme={"runs tally": (HERE, "Count runs.")})
    help_text = " ".join(run("runs", "tally", "--help").split())
    for text in ("Count what lies in a folder.", "--times", "--loud", "A command of acme-gait 2.0."):
        assert text in help_text
    assert "Missing argument" in run("runs", "tally", code=2)


@pytest.mark.parametrize("words", [("tally",), ("herd", "tally"), ("data", "tally")])
def test_a_command_may_stand_alone_or_found_a_group(offer: Offer, words: tuple[str, ...]):
    offer(acme={" ".join(words): (HERE, "Count.")})
    assert run(*words, "x") == "tallied\n"
    assert words[0] in run("--help")


def test_a_new_group_names_its_packages(offer: Offer):
    offer(acme={"herd tally": (HERE, "Count.")}, zeta={"herd other": (HERE, "Count too.")})
    assert "Commands of acme-gait 2.0, zeta-gait 2.0." in run("herd", "--help")


def test_nothing_is_imported_before_the_call(offer: Offer):
    offer(acme={"runs lost": NOWHERE, "lost": NOWHERE})
    assert "Never imported. (acme-gait 2.0)" in " ".join(run("runs", "--help").split())
    assert "lost" in run("--help")


def test_a_command_that_cannot_be_imported_ends_in_words(offer: Offer):
    offer(acme={"runs lost": NOWHERE})
    message = run("runs", "lost", "x", code=2)
    for text in ("the command 'runs lost' cannot be imported", "acme-gait 2.0", "reinstall acme-gait"):
        assert text in message
    assert "the command 'runs lost'" in run("plugins", "check", code=2)


def test_a_command_of_this_program_is_not_replaced(offer: Offer):
    offer(acme={"runs compare": (HERE, "Mine."), "train": (HERE, "Mine too.")})
    assert "acme-gait/compare" in run("runs", "--help")
    assert run("runs", "acme-gait/compare", "x") == "tallied\n"
    assert run("acme-gait/train", "x") == "tallied\n"
    assert "List the figures of two runs" in run("runs", "compare", "--help")


def test_two_packages_with_one_name_are_both_named(offer: Offer):
    offer(acme={"runs tally": (HERE, "One.")}, zeta={"runs tally": (HERE, "Two.")})
    message = run("runs", "tally", "x", code=2)
    assert "2 packages offer a command 'runs tally'" in message
    assert "gait-plugins runs acme-gait/tally or runs zeta-gait/tally" in message
    assert run("runs", "zeta-gait/tally", "x") == "tallied\n"


def test_a_misspelt_command_is_told_the_nearest(offer: Offer):
    offer(acme={"runs tally": (HERE, "Count.")})
    assert "Did you mean 'tally'?" in run("runs", "taly", code=2)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"runs tally": HERE},
        {"runs tally": (HERE, "")},
        {"runs tally": (HERE, "two\nlines")},
        {"runs tally": ("no target", "Help.")},
        {"runs of tally": (HERE, "Help.")},
        {"Runs": (HERE, "Help.")},
        {"": (HERE, "Help.")},
        {3: (HERE, "Help.")},
    ],
)
def test_commands_of_a_wrong_shape_are_a_load_error(value: object):
    with pytest.raises(PluginLoadError, match=r"gait_commands of .* returned .*, expected a mapping"):
        Manager(allow=[]).register(offering(value), distribution="acme-gait", version="2.0")


def test_commands_are_listed_with_the_components(offer: Offer):
    offer(acme={"runs tally": (HERE, "Count runs.")})
    assert f"gait-plugins runs tally      acme-gait 2.0                    {HERE}" in run("plugins", "list")
    listed = json.loads(run("plugins", "list", "--json"))["commands"]
    assert {"runs tally", "runs retention", "data film"} == {command["name"] for command in listed}
    assert "1 of 1 commands load" in run("plugins", "check")


def test_a_broken_package_hurts_no_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    site = FakeSite(tmp_path, monkeypatch)
    site.package("broken-gait", "import a_module_that_is_not_there\n")
    site.package("acme-gait", manifest(gait_commands={"runs tally": (HERE, "Count runs.")}))
    use_manager(Manager())
    try:
        assert "tally" in run("runs", "--help")
        assert run("runs", "tally", "x") == "tallied\n"
        assert "broken-gait 1.0 may offer it, but failed to load" in run("runs", "herd", code=2)
    finally:
        use_manager(None)
        SAID.clear()


def test_help_with_a_plugins_commands_imports_neither_torch_nor_them():
    code = (
        "import sys; from gait_plugins.cli import app\n"
        "app(['runs', '--help'], standalone_mode=False)\n"
        "kept = {'torch', 'numpy', 'cv2', 'gait_plugins.plugins.resgait.retention.command'}\n"
        "heavy = kept & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "retention" in done.stdout
