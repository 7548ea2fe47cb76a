"""Runs of version 0.1.0, whose modules lay elsewhere: read, resumed, tested and compared without a word."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest
import torch
from helpers.components.tiny_training import final, run
from helpers.places import GOLDEN

from gait_plugins.core.checkpoints.files import checkpoint_path, compare_plugins, load_checkpoint
from gait_plugins.core.checkpoints.inspect import checkpoint_info
from gait_plugins.core.runs.compare import compare_runs

pytestmark = pytest.mark.usefixtures("tiny")

OLD = GOLDEN / "run-0.1.0"
"""Four of six steps of the tiny configuration, trained and written by 0.1.0."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The run folder that a training goes on in."""
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def test_it_is_resumed_and_ends_as_one_never_interrupted(
    tiny_yaml: Path, folder: Path, caplog: pytest.LogCaptureFixture
):
    run(tiny_yaml)
    begun, whole = final(folder, 4)["model"], final(folder)["model"]
    shutil.rmtree(folder)
    shutil.copytree(OLD, folder)
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        run(tiny_yaml, resume=True)
    assert caplog.messages == []
    written = load_checkpoint(checkpoint_path(OLD, "tiny", 4))["model"]
    alike = torch.allclose(begun["conv.weight"], written["conv.weight"], atol=1e-6)
    if not alike and not torch.__version__.startswith("2.13."):
        pytest.skip("this torch draws other numbers than 2.13, by which the old run was trained")
    for name, weights in final(folder)["model"].items():
        torch.testing.assert_close(weights, whole[name], atol=1e-6, rtol=1e-5)


def test_its_checkpoint_is_shown():
    info = checkpoint_info(checkpoint_path(OLD, "tiny", 4))
    assert (info.iteration, info.model) == (4, "TinyModel")


def test_it_differs_from_a_run_of_today_in_nothing_but_what_was_set(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, "trainer_cfg.with_test=true")
    shutil.copytree(OLD, folder.parent / "old")
    for results in folder.glob("results-6*"):
        shutil.copy(results, folder.parent / "old")
    found = compare_runs(folder.parent / "old", folder)
    assert {name for name, *_ in found.versions} & {"model/TinyModel", "loss/Contrast"} == set()
    assert {name for name, *_ in found.settings} == {"trainer_cfg.total_iter", "trainer_cfg.with_test"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"target": "tiny.elsewhere:TinyModel"}, False),
        ({"target": "tiny:OtherModel"}, True),
        ({"version": "1.1"}, True),
        ({"distribution": "other-gait"}, True),
        ({"source": "OpenGait abc"}, True),
    ],
)
def test_only_another_package_version_class_or_source_is_drift(
    change: dict[str, str], told: bool, caplog: pytest.LogCaptureFixture
):
    saved = load_checkpoint(checkpoint_path(OLD, "tiny", 4))["plugins"]
    now = {**saved, "model/TinyModel": {**saved["model/TinyModel"], **change}}
    with caplog.at_level(logging.WARNING, "gait_plugins"):
        compare_plugins(saved, now, "x.pt")
    assert bool(caplog.messages) == told
