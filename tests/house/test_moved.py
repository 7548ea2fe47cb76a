"""Old names of modules: everything that version 0.1.0's pages and examples import works, with a warning."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from gait_plugins.moved import MOVED

SHOWN = [
    (
        "gait_plugins",
        "EmbeddingSet FrameSampler GaitModel Loss Offer Protocol Recipe Results Transform hookimpl",
    ),
    ("gait_plugins", "build get hookspecs track"),
    ("gait_plugins.cli", "app"),
    ("gait_plugins.config", "Config load_config shipped"),
    ("gait_plugins.core.checkpoint", "load_checkpoint"),
    ("gait_plugins.core.checkpoint_info", "checkpoint_info"),
    ("gait_plugins.core.embedder", "Embedder"),
    ("gait_plugins.core.embeddings", "read_embeddings write_embeddings"),
    ("gait_plugins.core.identification", "enroll identify"),
    ("gait_plugins.core.load_report", "compare_weights"),
    ("gait_plugins.kinds", "KINDS"),
    ("gait_plugins.manager", "Manager use_manager"),
    ("gait_plugins.nn", "FrameWise HorizontalPooling PackedMax SeparateFCs frames_of pairwise_distance"),
    ("gait_plugins.plugins.rle.moderate", "ModerateRLE"),
    ("gait_plugins.plugins.rle.radical", "RadicalRLE"),
    ("gait_plugins.prepare", "Name align_masks write_sequence"),
    ("upstream_patches.patch", "Host Patch"),
    ("upstream_patches.patches", "load"),
]
"""Module and names, as docs, README and examples of 0.1.0 import them."""
PROGRAMS = ("authors", "grid", "splits")
"""What its pages start by ``python -m gait_plugins.plugins.rle.NAME``."""


@pytest.mark.parametrize(("module", "names"), SHOWN)
def test_what_the_pages_imported_can_be_imported(module: str, names: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, module, raising=False) if module in MOVED else None
    if module in MOVED:
        with pytest.warns(DeprecationWarning, match=f"{module} is now {MOVED[module]}"):
            found = importlib.import_module(module)
    else:
        found = importlib.import_module(module)
    for name in names.split():
        assert getattr(found, name) is getattr(importlib.import_module(MOVED.get(module, module)), name)


@pytest.mark.parametrize("old", MOVED)
def test_every_old_name_leads_to_the_module_that_it_is_now(old: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delitem(sys.modules, old, raising=False)
    with pytest.warns(DeprecationWarning, match="the old name goes with version"):
        found = importlib.import_module(old)
    new = importlib.import_module(MOVED[old])
    assert set(dir(new)) == set(dir(found))


START_ALL = """
import contextlib, io, runpy, sys
sys.argv[1:] = ["--help"]
for name in {programs}:
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        try:
            runpy.run_module(f"gait_plugins.plugins.rle.{{name}}", run_name="__main__", alter_sys=True)
        except SystemExit as end:
            assert not end.code
    assert said.getvalue().startswith("usage: "), name
"""


def test_programs_start_by_their_old_names():
    command = [sys.executable, "-c", START_ALL.format(programs=PROGRAMS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_name_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError, match=r"gait_plugins\.core\.chekpoint"):
        importlib.import_module("gait_plugins.core.chekpoint")
