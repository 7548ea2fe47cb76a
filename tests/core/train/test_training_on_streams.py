"""A plugin of several streams, as a stranger writes it: trained, killed, resumed, packed, enrolled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.children import free_port
from helpers.components.environments import Environment
from helpers.components.tiny_training import equal, trained
from helpers.components.walk_streams import SOURCES, StickWalks

from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.evaluate.infer import _differ
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.train.loop import train
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.prepare.pack import pack_dataset
from gait_plugins.registry.manager import Manager, use_manager

YAML = SOURCES / "three_streams.yaml"
SHORT = {"trainer_cfg.total_iter": 6, "trainer_cfg.save_iter": 3, "trainer_cfg.with_test": "false"}
PACKED = {"trainer_cfg.sampler.sample_type": "unfixed_ordered", "trainer_cfg.sampler.frames_num_min": 5}
PACKED |= {"trainer_cfg.sampler.frames_num_max": 20}


@pytest.fixture(autouse=True)
def plugin() -> Iterator[None]:
    """The example, beside the built-ins."""
    import walk_streams

    manager = Manager(allow=[])
    manager.register(walk_streams, distribution="walk-streams", version="0.1.0")
    use_manager(manager)
    yield
    use_manager(None)


def configured(output: Path, **settings: Any) -> Any:
    chosen = {"output_dir": output, **SHORT, **settings}
    return load_config(str(YAML), overrides=[f"{key}={value}" for key, value in chosen.items()])


def run(output: Path, *, resume: bool = False, **settings: Any) -> dict[str, Any]:
    config = configured(output, **settings)
    train(config, RunOptions(device="cpu", resume=resume))
    folder = output / "stick-walks" / "ThreeStreams" / "three_streams"
    return load_checkpoint(checkpoint_path(folder, "three_streams", config.trainer_cfg.total_iter))


@pytest.mark.parametrize("sampling", [{}, PACKED], ids=["stacked", "packed"])
def test_workers_and_interruptions_change_nothing(tmp_path: Path, sampling: dict[str, Any]):
    whole = run(tmp_path / "a", **sampling, **{"data_cfg.num_workers": 0})
    for workers in (1, 3):
        other = run(tmp_path / f"w{workers}", **sampling, **{"data_cfg.num_workers": workers})
        assert equal(trained(whole), trained(other))
    run(tmp_path / "b", **sampling, **{"trainer_cfg.total_iter": 3})
    resumed = run(tmp_path / "b", resume=True, **sampling)
    assert equal(trained(whole), trained(resumed))
    assert whole["streams"] == {"silhouettes": [32, 32], "keypoints": [4, 3], "points": [None, 3]}


def test_a_packed_data_file_trains_as_the_data_set_that_it_was_made_of(tmp_path: Path):
    walks = StickWalks()
    refs = [*walks.sequences("train"), *walks.sequences("test")]
    pack_dataset(walks, refs, tmp_path / "p.npz")
    sets = {"TRAIN_SET": ["000", "001", "002", "003"], "TEST_SET": ["004", "005", "006", "007"]}
    (tmp_path / "sets.json").write_text(json.dumps(sets))
    from_file = {
        "data_cfg.type": "PackedSilhouettes",
        "data_cfg.dataset_root": tmp_path / "p.npz",
        "data_cfg.dataset_partition": tmp_path / "sets.json",
    }
    assert equal(trained(run(tmp_path / "a")), trained(run(tmp_path / "b", **from_file)))


def test_what_a_sequence_is_embedded_as_depends_on_nothing_beside_it(tmp_path: Path):
    run(tmp_path / "a")
    found = []
    for size in (1, 5):
        settings = {"evaluator_cfg.restore_hint": 6, "evaluator_cfg.sampler.batch_size": size}
        found.append(Embedder(configured(tmp_path / "a", **settings), device="cpu").test_set())
    assert np.allclose(found[0].embeddings, found[1].embeddings, atol=1e-5)
    assert found[0].origin.streams == "silhouettes [32, 32], keypoints [4, 3], points [m, 3]"


def test_weights_of_other_frames_are_not_tested(tmp_path: Path):
    run(tmp_path / "a")
    config = configured(tmp_path / "a", **{"evaluator_cfg.restore_hint": 6})
    embedder = Embedder(config, device="cpu")
    embedder.trained_on = {"silhouettes": [64, 44], "keypoints": [4, 3], "points": [None, 3]}
    with pytest.raises(CheckpointError, match=r"trained on frames of silhouettes \[64, 44\], keypoints"):
        embedder.test_set()


def test_streams_in_another_order_are_other_frames():
    then = {"a": [64, 44], "b": [64, 44]}
    assert not _differ(then, dict(then))
    assert _differ(then, {"b": [64, 44], "a": [64, 44]})
    assert _differ((64, 44), {"silhouettes": [32, 22]})
    assert not _differ((64, 44), {"silhouettes": [64, 44]})


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"trainer_cfg.transform": "{depth: {type: BaseSilTransform}}"}, "for the stream 'depth'"),
        ({"trainer_cfg.transform": "[{type: BaseSilTransform}]"}, "1 transforms for 3 inputs"),
        ({"data_cfg.clocks": "{cloud: 10}"}, "clock for 'cloud'"),
    ],
)
def test_settings_that_do_not_fit_the_streams_end_before_work(
    tmp_path: Path, settings: dict[str, Any], words: str
):
    with pytest.raises(ConfigError, match=words):
        run(tmp_path / "a", **settings)
    assert not (tmp_path / "a").exists()


# --- installed by pip ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """An environment with the example."""
    environment = Environment(tmp_path_factory.mktemp("streams"))
    environment.install(SOURCES)
    yield environment
    environment.close()


def words(output: Path, *more: str, steps: int = 30) -> list[str]:
    settings = {"output_dir": output, "trainer_cfg.total_iter": steps, "trainer_cfg.save_iter": 5}
    pairs = [f"{key}={value}" for key, value in settings.items()]
    return [str(YAML), *more, *(word for pair in pairs for word in ("-o", pair))]


def weights(output: Path, step: int = 30) -> dict[str, torch.Tensor]:
    [path] = output.rglob(f"three_streams-{step:05d}.pt")
    found: dict[str, torch.Tensor] = load_checkpoint(path)["model"]
    return found


@pytest.mark.heavy
def test_a_stranger_trains_tests_packs_embeds_and_enrols(installed: Environment, tmp_path: Path):
    run_folder = tmp_path / "run"
    installed.succeed("train", *words(run_folder, "--device", "cpu"))
    [checkpoint] = run_folder.rglob("three_streams-00030.pt")
    with_weights = ["--checkpoint", str(checkpoint), "--device", "cpu"]
    installed.succeed("test", *words(run_folder, "--device", "cpu"), "-o", "evaluator_cfg.restore_hint=30")
    installed.succeed("data", "check", str(YAML))
    installed.succeed("data", "pack", str(YAML), tmp_path / "p.npz")
    installed.succeed("data", "export", str(YAML), "--out", tmp_path / "tree")
    installed.succeed("data", "sheet", str(YAML), "--out", tmp_path / "sheet.png")
    packed = tmp_path / "p.npz"
    installed.succeed("embed", str(YAML), packed, "--out", tmp_path / "e.npz", *with_weights)
    installed.succeed("enroll", str(YAML), packed, "--gallery", tmp_path / "g.npz", *with_weights)
    found = installed.succeed("identify", str(YAML), packed, "--gallery", tmp_path / "g.npz", *with_weights)
    assert "000" in found
    message = installed.fail(
        "config", "check", str(YAML), "-o", "data_cfg.type=walkers", "-o", "data_cfg.train=2"
    )
    assert "takes silhouettes, keypoints, points" in message or "ThreeStreams" in message


@pytest.mark.heavy
def test_killed_and_resumed_it_ends_with_the_same_weights(installed: Environment, tmp_path: Path):
    installed.succeed("train", *words(tmp_path / "whole", "--device", "cpu"))
    command = [
        installed.python,
        "-m",
        "gait_plugins",
        "train",
        *words(tmp_path / "killed", "--device", "cpu"),
    ]
    for _ in range(3):
        child = subprocess.Popen([*command, "--resume"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        before, deadline = len(list((tmp_path / "killed").rglob("*.pt"))), time.monotonic() + 60
        while len(list((tmp_path / "killed").rglob("*.pt"))) == before and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
    installed.succeed("train", *words(tmp_path / "killed", "--device", "cpu", "--resume"))
    assert equal(weights(tmp_path / "whole"), weights(tmp_path / "killed"))


@pytest.mark.heavy
def test_two_processes_train_as_one(installed: Environment, tmp_path: Path):
    # A few steps: pixels are large numbers, and rounding grows with every step.
    more = ("--device", "cpu", "-o", "trainer_cfg.sync_BN=true", "-o", "optimizer_cfg.solver=SGD")
    installed.succeed("train", *words(tmp_path / "one", *more, steps=3))
    command = ("-m", "gait_plugins", "train", *words(tmp_path / "two", *more, "--devices", "2", steps=3))
    two = installed.python_run(*command, MASTER_PORT=str(free_port()))
    assert two.returncode == 0, two.stderr
    one, other = weights(tmp_path / "one", 3), weights(tmp_path / "two", 3)
    assert all(torch.allclose(one[name], other[name], atol=1e-5) for name in one)
