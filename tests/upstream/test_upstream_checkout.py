"""Finding a checkout of the second host, reading it, and its place on Python's path."""

from __future__ import annotations

import importlib
import sys
import types
from contextlib import suppress
from pathlib import Path

import pytest
from helpers.hosts.upstream_host import content, mini

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout.tree import HOME, MODULES, Checkout


def test_a_checkout_is_found_by_name_by_its_inner_folder_and_by_the_environment(tmp_path: Path, monkeypatch):
    root = mini(tmp_path / "OpenGait").root
    assert Checkout.find(root / "opengait").root == root
    monkeypatch.setenv(HOME, str(root))
    assert Checkout.find().root == root
    monkeypatch.chdir(tmp_path)
    assert Checkout.find("OpenGait").root == root


def test_a_repository_that_is_itself_called_opengait_is_found(tmp_path: Path):
    root = mini(tmp_path / "opengait").root
    assert Checkout.find(root).root == root


@pytest.mark.parametrize("from_environment", [False, True])
def test_what_is_no_checkout_is_told_in_words(tmp_path: Path, monkeypatch, from_environment: bool):
    (tmp_path / "file").touch()
    (tmp_path / "other").mkdir()
    monkeypatch.delenv(HOME, raising=False)
    with pytest.raises(UpstreamMismatch, match="no OpenGait checkout given"):
        Checkout.find()
    cases = {
        "missing": "no such folder",
        "file": "is a file, expected a folder",
        "other": "not an OpenGait checkout: missing",
    }
    for name, words in cases.items():
        monkeypatch.setenv(HOME, str(tmp_path / name))
        with pytest.raises(UpstreamMismatch, match=words) as caught:
            Checkout.find(None if from_environment else tmp_path / name)
        assert caught.value.where == (HOME if from_environment else "--opengait")


def test_an_outline_tells_classes_functions_and_imports(tmp_path: Path):
    outline = mini(tmp_path / "host").outline("modeling.base_model")
    assert outline["BaseModel.inference"] == ["self", "rank"]
    assert outline["BaseModel.run_train"] == ["model"]
    assert outline["autocast"] is None
    with pytest.raises(UpstreamMismatch, match="has no module modeling"):
        Checkout(tmp_path / "host").outline("modeling.nothing")


def test_a_file_that_is_no_python_is_named(tmp_path: Path):
    checkout = mini(tmp_path / "host")
    (checkout.package / "data" / "sampler.py").write_text("def :")
    with pytest.raises(UpstreamMismatch, match=r"cannot be read.*") as caught:
        checkout.outline("data.sampler")
    assert "sampler.py" in str(caught.value.where)


def test_afterwards_path_and_modules_are_as_before_and_nothing_is_written(tmp_path: Path):
    checkout = mini(tmp_path / "host")
    before, path, modules = content(checkout), list(sys.path), set(sys.modules)
    with checkout.attached():
        with suppress(ImportError):  # it imports torchvision, which need not be here
            importlib.import_module("utils")
        assert checkout.owns(sys.modules["utils.common"])
        assert sys.dont_write_bytecode
    assert sys.path == path
    assert {name for name in set(sys.modules) - modules if name.split(".")[0] in MODULES} == set()
    assert content(checkout) == before


def test_two_checkouts_one_after_the_other_do_not_mix(tmp_path: Path):
    for name in ("one", "two"):
        checkout = mini(tmp_path / name)
        with checkout.attached():
            assert checkout.owns(importlib.import_module("evaluation.metric"))
            assert checkout.owns(importlib.import_module("modeling"))  # it has no __init__.py of its own


def test_modules_of_the_users_with_the_same_names_are_an_error(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    mine = types.ModuleType("utils")
    mine.__file__ = str(tmp_path / "utils.py")
    monkeypatch.setitem(sys.modules, "utils", mine)
    path = list(sys.path)
    with pytest.raises(UpstreamMismatch, match=r"another module 'utils' is loaded already, from .*utils\.py"):
        checkout.attach()
    assert sys.path == path
    assert sys.modules["utils"] is mine
