"""A real checkout of OpenGait, named by ``OPENGAIT_HOME``: plugins' components in its own trainer."""

from __future__ import annotations

import pickle
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.files.layout_files import partition
from helpers.hosts.two_hosts import OURS, Listener, same
from helpers.hosts.upstream_host import content
from helpers.places import EXAMPLE

import gait_plugins
from gait_plugins import EmbeddingSet
from gait_plugins.config import load_config
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions as CoreOptions
from gait_plugins.core.train.loop import train
from gait_plugins.registry.manager import Manager, use_manager
from upstream_patches.checkout.tree import Checkout
from upstream_patches.run.program import RunOptions, run

pytestmark = [
    pytest.mark.opengait,
    pytest.mark.heavy,
    # torch, of a temporal convolution as narrow as here: "This is not an error".
    pytest.mark.filterwarnings("ignore:Grad strides do not match"),
]
CUT = f"[{{type: {OURS}/BaseSilCuttingTransform}}]"


@pytest.fixture
def checkout(real_checkout: Path, tmp_path: Path) -> Checkout:
    """A copy, so that the output of the tests lies in their own folder."""
    root = Checkout.find(real_checkout).root
    ignored = shutil.ignore_patterns(".git", "output", "__pycache__")
    shutil.copytree(root, tmp_path / "OpenGait", ignore=ignored)
    return Checkout.find(tmp_path / "OpenGait")


@pytest.fixture
def listener(monkeypatch) -> Iterator[Listener]:
    """The built-ins, the example of a stranger's package, and somebody who listens."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    import strip_gait

    listener, manager = Listener(), Manager(allow=[])
    manager.register(strip_gait, distribution="strip-gait", version="0.1")
    manager.register(listener, distribution="listening", version="1")
    use_manager(manager)
    yield listener
    use_manager(None)


@pytest.fixture
def overrides(tmp_path: Path) -> list[str]:
    """The published TrackletGait on made-up walkers: small, short, and with a stranger's loss."""
    small = {"train": 3, "test": 3, "views": ["000", "090"], "frames": 12}
    walkers = gait_plugins.build(
        "dataset", {"type": "walkers", "cache_dir": str(tmp_path / "cache"), **small}
    )
    labels = {}
    for subset in ("train", "test"):
        refs = walkers.sequences(subset)
        labels[subset] = sorted({ref.label for ref in refs})
        for ref in refs:
            folder = tmp_path / "data" / ref.label / ref.type / ref.view
            folder.mkdir(parents=True)
            (folder / f"{ref.view}.pkl").write_bytes(pickle.dumps(walkers.load(ref)[0]))
    listed = partition(tmp_path / "walkers.json", labels["train"], labels["test"])
    terms = (
        "{type: TripletLoss_HardEx, log_prefix: triplet, margin: 0.2}",
        "{type: CrossEntropyLoss, log_prefix: softmax, scale: 16, log_accuracy: true}",
        "{type: CompactLoss, log_prefix: compact, features: triplet, loss_term_weight: 0.1}",
    )
    return [
        f"data_cfg.dataset_root={tmp_path / 'data'}",
        f"data_cfg.dataset_partition={listed}",
        "data_cfg.dataset_name=CASIA-B",
        "data_cfg.test_dataset_name=CASIA-B",
        "data_cfg.num_workers=0",
        "model_cfg.SeparateBNNecks.class_num=3",
        "model_cfg.widths=[4,4,4,4,4,8,8,8,8,8]",
        "model_cfg.stem_channels=4",
        "model_cfg.embedding_channels=8",
        f"loss_cfg=[{', '.join(terms)}]",
        "trainer_cfg.total_iter=20",
        "trainer_cfg.save_iter=10",
        "trainer_cfg.log_iter=1",
        "trainer_cfg.sampler.batch_size=[2,2]",
        "evaluator_cfg.eval_func=evaluate_indoor_dataset",
    ]


def in_host(checkout: Checkout, phase: str, overrides: list[str]) -> Any:
    options = RunOptions(device="cpu", overrides=tuple(overrides))
    return run(checkout, ["--cfgs", "trackletgait/gait3d", "--phase", phase], options)


def in_core(tmp_path: Path, overrides: list[str]) -> Any:
    return load_config("trackletgait/gait3d", overrides=[*overrides, f"output_dir={tmp_path / 'core'}"])


@pytest.fixture
def scored(monkeypatch, listener: Listener) -> list[EmbeddingSet]:
    """What our protocol was given."""
    protocol = gait_plugins.get("protocol", f"{OURS}/evaluate_indoor_dataset")
    found: list[EmbeddingSet] = []
    evaluate = protocol.evaluate
    monkeypatch.setattr(protocol, "evaluate", lambda self, data: found.append(data) or evaluate(self, data))
    return found


def test_trackletgait_trains_in_the_host_and_its_checkpoint_tests_alike_in_both(
    checkout: Checkout, tmp_path: Path, overrides: list[str], listener: Listener, scored: list[EmbeddingSet]
):
    before = content(checkout)
    host = in_host(checkout, "train", overrides)
    steps = [event[2] for event in listener.of("step")]
    assert len(steps) == 20
    assert all(np.isfinite(step["scalar/loss"]) for step in steps)
    assert all(step["scalar/compact/loss"] > 0 for step in steps)
    assert {"model/TrackletGait", "loss/CompactLoss", "frame_sampler/tracklet_mix_p"} <= set(
        host.session.used
    )
    assert [event[1] for event in listener.of("saved")] == [10, 20]
    own = checkout.root / "output/CASIA-B/TrackletGait/TrackletGait_gait3d/checkpoints"
    file = own / "TrackletGait_gait3d-00020.pt"
    listener.heard.clear()

    in_host(checkout, "test", overrides)
    in_host(checkout, "test", [*overrides, f"evaluator_cfg.eval_func={OURS}/evaluate_indoor_dataset"])
    score(in_core(tmp_path, [*overrides, f"evaluator_cfg.restore_hint={file}"]), CoreOptions("cpu"))
    same(*scored)
    theirs, hosted, ours = (event[2].metrics for event in listener.of("evaluated"))
    assert hosted == ours
    assert theirs == pytest.approx(ours)
    assert content(checkout) == before


def test_both_trainers_agree_and_the_host_takes_our_checkpoint(
    checkout: Checkout, tmp_path: Path, overrides: list[str], listener: Listener, scored: list[EmbeddingSet]
):
    """Same seeds, weights and batches: the first losses agree to 1e-4."""
    short = ["trainer_cfg.total_iter=5", "trainer_cfg.save_iter=5", "evaluator_cfg.restore_hint=5"]
    given = [
        *overrides,
        *short,
        f"trainer_cfg.sampler.type={OURS}/TripletSampler",
        f"trainer_cfg.transform={CUT}",
        f"evaluator_cfg.transform={CUT}",
        f"evaluator_cfg.eval_func={OURS}/evaluate_indoor_dataset",
    ]
    start = ["trainer_cfg.total_iter=1", "trainer_cfg.save_iter=1", "trainer_cfg.save_name=start"]
    train(in_core(tmp_path, [*given, *start]), CoreOptions("cpu"))
    weights = next((tmp_path / "core").rglob("start-00001.pt"))
    resets = ["trainer_cfg.optimizer_reset=true", "trainer_cfg.scheduler_reset=true", "optimizer_cfg.lr=0.01"]
    given += [f"trainer_cfg.restore_hint={weights}", *resets]
    listener.heard.clear()
    train(in_core(tmp_path, given), CoreOptions("cpu"))
    ours = [event[2]["scalar/loss"] for event in listener.of("step")]
    listener.heard.clear()
    in_host(checkout, "train", given)
    theirs = [event[2]["scalar/loss"] for event in listener.of("step")]
    assert len(ours) == 5
    assert theirs == pytest.approx(ours, abs=1e-4)

    listener.heard.clear()
    file = next((tmp_path / "core").rglob("TrackletGait_gait3d-00005.pt"))
    in_host(checkout, "test", [*given, f"evaluator_cfg.restore_hint={file}"])
    score(in_core(tmp_path, given), CoreOptions("cpu"))
    same(*scored)
    hosted, core = (event[2].metrics for event in listener.of("evaluated"))
    assert hosted == core
