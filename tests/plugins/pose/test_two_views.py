"""Two views of a walk through the whole trainer: frames, workers, interruptions, tests by a rule."""

from __future__ import annotations

import logging
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
from helpers.components.tiny_training import equal, trained
from helpers.components.two_view_training import CLIP, STEPS, checkpoint, configured, run

from gait_plugins.api import SequenceIndex
from gait_plugins.core.assembly.batches import batch_maker
from gait_plugins.core.assembly.components import build_dataset, build_model
from gait_plugins.core.data.loader import BatchMaker
from gait_plugins.errors import ConfigError

COMPOSE = "evaluator_cfg.transform.0.trf_cfg.0"


def maker(folder: Path, phase: Any, *overrides: str) -> BatchMaker:
    config = configured(folder, *overrides)
    dataset = build_dataset(config)
    index = SequenceIndex(dataset.sequences("train" if phase == "train" else "test"))
    return batch_maker(config, dataset, index, phase, build_model(config).streams)


def test_a_batch_holds_both_views_one_after_the_other(tmp_path: Path) -> None:
    frames = maker(tmp_path / "a", "train").make(0).frames[0]
    assert frames.shape == (8, 2 * CLIP, 3, 17, 1)
    one, other = frames[:, :CLIP], frames[:, CLIP:]
    assert not any(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_packed_batches_say_how_many_frames_both_views_have(tmp_path: Path) -> None:
    unfixed = ("sample_type=unfixed_ordered", "frames_num_min=12", "frames_num_max=15")
    made = maker(tmp_path / "a", "train", *(f"trainer_cfg.sampler.{each}" for each in unfixed)).make(0)
    assert made.seq_lens is not None
    assert made.seq_lens.tolist() == [[2 * CLIP] * 8]
    assert made.frames[0].shape == (1, 8 * 2 * CLIP, 3, 17, 1)


def test_workers_and_an_interruption_change_nothing(tmp_path: Path) -> None:
    whole = run(tmp_path / "a")
    assert equal(trained(whole), trained(run(tmp_path / "b", "data_cfg.num_workers=1")))
    run(tmp_path / "c", "trainer_cfg.total_iter=5")
    assert equal(trained(whole), trained(run(tmp_path / "c", resume=True)))
    group = checkpoint(tmp_path / "a", 4)["optimizer"]["param_groups"][0]
    assert group["betas"][0] != 0.95  # the momentum is in its cycle where it goes on


@pytest.mark.heavy
@pytest.mark.parametrize("workers", [0, 1])
def test_kills_leave_no_trace(tmp_path: Path, workers: int) -> None:
    whole = run(tmp_path / "whole")
    folder = tmp_path / "killed"
    configured(folder)
    settings = (f"output_dir={folder}", f"data_cfg.num_workers={workers}", "trainer_cfg.save_iter=1")
    words = [word for each in settings for word in ("-o", each)]
    program = [sys.executable, "-m", "gait_plugins", "train", str(tmp_path / "two_views.yaml")]
    command = [*program, "--device", "cpu", *words, "--resume"]
    own = os.environ | {"PYTHONPATH": import_path()}
    for wait in (1, 4, 8):
        with subprocess.Popen(command, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as child:
            deadline = time.monotonic() + 120
            while len(list(folder.rglob("views-*.pt"))) < wait and child.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.005)
            os.kill(child.pid, signal.SIGKILL)
    assert len(list(folder.rglob("views-*.pt"))) < STEPS
    subprocess.run(command, env=own, check=True, capture_output=True, timeout=300)
    assert equal(trained(whole), trained(checkpoint(folder, STEPS)))


def test_a_test_takes_the_same_frames_whatever_the_seed(tmp_path: Path) -> None:
    made = [maker(tmp_path / "a", "test", f"trainer_cfg.seed={seed}") for seed in (0, 1)]
    found = [each.make(0).frames[0] for each in made]
    assert found[0].shape == (4, CLIP, 3, 17, 1)
    assert np.array_equal(found[0], found[1])
    # The middle of the middle.
    whole = made[0].dataset.load(made[0].index.refs[0])[0]
    np.testing.assert_array_equal(found[0][0, ..., 0], whole[3:13].swapaxes(1, 2))


@pytest.mark.parametrize(
    "switch", ["evaluator_cfg.sampler.random_at_test=true", f"{COMPOSE}.random_at_test=true"]
)
def test_tests_are_random_where_that_is_asked_for(tmp_path: Path, switch: str) -> None:
    given = (switch, f"{COMPOSE}.sequence_length=8")
    found = [
        maker(tmp_path / "a", "test", *given, f"trainer_cfg.seed={seed}").make(0).frames[0] for seed in (0, 1)
    ]
    assert not np.array_equal(found[0], found[1])


def test_a_walk_shorter_than_its_clip_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = ("trainer_cfg.sampler.frames_num_fixed=40", "trainer_cfg.total_iter=3", "trainer_cfg.log_iter=1")
    with caplog.at_level(logging.INFO, "gait_plugins"):
        run(tmp_path / "a", *long)
    told = [text for text in caplog.messages if "frames of such sequences are repeated" in text]
    assert len(told) == 1
    assert " has 16 frames, the frame sampler takes 40" in told[0]


def test_a_clip_shorter_than_a_view_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    long = ("trainer_cfg.transform.0.trf_cfg.3.sequence_length=20", "trainer_cfg.total_iter=2")
    with caplog.at_level(logging.INFO, "gait_plugins"):
        run(tmp_path / "a", *long)
    told = [text for text in caplog.messages if "frames of such sequences are repeated" in text]
    assert len(told) == 1
    assert " has 14 frames, TwoView takes 20" in told[0]


def test_another_order_than_the_data_ends_before_work(tmp_path: Path) -> None:
    inverse = "trainer_cfg.transform.0.trf_cfg.0={type: InversePosesPre, joint_format: alphapose}"
    both = (
        r"joint_format of InversePosesPre is 'alphapose' \(18 joints.*\), but the data have COCO's 17 joints"
    )
    with pytest.raises(ConfigError, match=both):
        run(tmp_path / "a", inverse)
    model = r"joints of another order, COCO's 17 joints, expected 18 joints with a neck"
    with pytest.raises(ConfigError, match=model):
        run(tmp_path / "a", "model_cfg.joint_format=alphapose")
    assert not (tmp_path / "a").exists()
