"""Clouds through the whole trainer: ragged batches, workers, interruptions, tests by a rule."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.children import import_path
from helpers.clouds.training import STEPS, checkpoint, configured, run
from helpers.components.tiny_training import equal, trained

from gait_plugins.api import RaggedTensor, SequenceIndex
from gait_plugins.core.assembly.batches import batch_maker
from gait_plugins.core.assembly.components import build_dataset, build_model
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.errors import ConfigError

IN_USE = "{}.sampler.points_in_use={{pointcloud_index: 0, points_num: 50}}"


def maker(folder: Path, phase: Any, *overrides: str) -> BatchMaker:
    config = configured(folder, *overrides)
    dataset = build_dataset(config)
    index = SequenceIndex(dataset.sequences("train" if phase == "train" else "test"))
    return batch_maker(config, dataset, index, phase, build_model(config).streams)


def test_a_batch_holds_clouds_of_their_own_sizes(tmp_path: Path) -> None:
    frames = maker(tmp_path / "a", "train").make(0).frames[0]
    assert isinstance(frames, RaggedTensor)
    sizes = frames.offsets.diff()
    assert len(sizes) == 6 * 2
    assert len(set(sizes.tolist())) > 3
    assert frames.values.shape == (sizes.sum(), 4)


def test_points_in_use_gives_every_cloud_so_many_points(tmp_path: Path) -> None:
    both = [IN_USE.format(section) for section in ("trainer_cfg", "evaluator_cfg")]
    train, test = (maker(tmp_path / "a", phase, *both).make(0) for phase in ("train", "test"))
    assert train.frames[0].shape == (6, 2, 50, 4)
    assert test.frames[0].shape[2:] == (50, 4)
    assert test.seq_lens is not None


def test_a_test_takes_the_same_points_whatever_the_seed(tmp_path: Path) -> None:
    given = IN_USE.format("evaluator_cfg")
    found = [
        maker(tmp_path / "a", "test", given, f"trainer_cfg.seed={seed}").make(0).frames[0] for seed in (0, 1)
    ]
    assert np.array_equal(*found)


@pytest.mark.parametrize("more", [(), (IN_USE.format("trainer_cfg"),)])
def test_workers_and_an_interruption_change_nothing(more: tuple[str, ...], tmp_path: Path) -> None:
    whole = run(tmp_path / "a", *more)
    assert equal(trained(whole), trained(run(tmp_path / "b", "data_cfg.num_workers=1", *more)))
    run(tmp_path / "c", "trainer_cfg.total_iter=4", "scheduler_cfg.T_max=8", *more)
    assert equal(trained(whole), trained(run(tmp_path / "c", *more, resume=True)))


@pytest.mark.heavy
def test_kills_leave_no_trace(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    folder = tmp_path / "killed"
    configured(folder)
    settings = (f"output_dir={folder}", "data_cfg.num_workers=1", "trainer_cfg.save_iter=1")
    words = [word for each in settings for word in ("-o", each)]
    program = [sys.executable, "-m", "gait_plugins", "train", str(tmp_path / "clouds.yaml")]
    command = [*program, "--device", "cpu", *words, "--resume"]
    own = os.environ | {"PYTHONPATH": import_path()}
    for wait in (1, 3, 5):
        with subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
            deadline = time.monotonic() + 120
            while len(list(folder.rglob("clouds-*.pt"))) < wait and child.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            os.kill(child.pid, signal.SIGKILL)
    assert len(list(folder.rglob("clouds-*.pt"))) < STEPS
    subprocess.run(command, env=own, check=True, capture_output=True, timeout=300)
    assert equal(trained(whole), trained(checkpoint(folder, STEPS)))


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "trainer_cfg.transform.0.scale_aware=false",
            r"the data after PointCloudsTransform give frames \[m, 3\], expected \[m, 4\]",
        ),
        ("data_cfg.streams=[silhouettes]", "missing is points"),
        (
            "trainer_cfg.sampler.points_in_use={pointcloud_index: 3, points_num: 50}",
            "has no option 'points_in_use'|points_in_use",
        ),
    ],
)
def test_what_does_not_fit_ends_before_work(override: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=words):
        run(tmp_path / "a", override)
    assert not (tmp_path / "a").exists()
