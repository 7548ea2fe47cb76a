"""Two processes with half the batch each train and score as one process with the whole batch."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from helpers.children import free_port, import_path
from helpers.places import PROGRAMS

import gait_plugins
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint

STEPS = 20

OVERRIDES = [
    f"trainer_cfg.total_iter={STEPS}",
    "trainer_cfg.save_iter=20",
    "trainer_cfg.sync_BN=true",
    "trainer_cfg.with_test=true",
    "model_cfg.dropout=0.0",
    "optimizer_cfg.solver=SGD",
    "optimizer_cfg.lr=0.1",
]


def start(
    yaml_path: Path,
    name: str,
    launcher: list[str],
    *options: str,
    script: Path = PROGRAMS / "run_tiny.py",
) -> subprocess.Popen[str]:
    overrides = [*OVERRIDES, f"output_dir={yaml_path.parent / name}"]
    command = [*launcher, str(script), "train", str(yaml_path), "--device", "cpu", *options]
    command += [word for override in overrides for word in ("-o", override)]
    # A port of its own, so that tests may run side by side, of several checkouts too.
    own = {"MASTER_PORT": str(free_port()), "PYTHONPATH": import_path()}
    return subprocess.Popen(
        command,
        env=os.environ | own,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


CALIBRATES = """
from dataclasses import replace
from itertools import islice
import torch
import gait_plugins
from helpers.components import tiny
from helpers.programs import run_tiny
from gait_plugins.nn.collectives import mean_over_ranks
def calibrate(self, batches):
    brightness = torch.stack([batch.inputs[0].mean() for batch in islice(batches, 2)]).mean()
    # The softmax is blind to what all classes have in common: training leaves the mean as it is.
    torch.nn.init.constant_(self.head.bias, 1 + float(mean_over_ranks(brightness)))
tiny.TinyModel.calibrate = calibrate
class Nearest(tiny.Nearest):
    def evaluate(self, data):
        # What is scored, in full.
        return replace(super().evaluate(data), details={"embeddings": data.embeddings.tolist()})
tiny.Nearest = Nearest
print("imports", gait_plugins.__file__, tiny.__file__)
run_tiny.run()
"""


@pytest.fixture(scope="module")
def outputs() -> dict[str, str]:
    """What one and two processes print, once they have run."""
    return {}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, outputs: dict[str, str]) -> dict[str, Path]:
    """The run folders of one and of two processes."""
    from helpers.components.tiny import TINY_YAML

    folder = tmp_path_factory.mktemp("ddp")
    yaml_path = folder / "tiny.yaml"
    yaml_path.write_text(TINY_YAML)
    script = folder / "calibrates.py"
    script.write_text(CALIBRATES)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    started = {
        "one": start(yaml_path, "one", [sys.executable], script=script),
        "two": start(yaml_path, "two", torchrun, script=script),
    }
    for name, process in started.items():
        outputs[name], _ = process.communicate(timeout=180)
        assert process.returncode == 0, outputs[name][-3000:]
    return {name: folder / name / "Tiny" / "TinyModel" / "tiny" for name in started}


@pytest.mark.usefixtures("runs")
@pytest.mark.parametrize(("name", "processes"), [("one", 1), ("two", 2)])
def test_processes_use_the_copies_that_this_one_uses(outputs: dict[str, str], name: str, processes: int):
    from helpers.components import tiny

    told = re.findall(r"^imports .*", outputs[name], re.MULTILINE)
    assert told == [f"imports {gait_plugins.__file__} {tiny.__file__}"] * processes, outputs[name][-3000:]


def losses(folder: Path) -> list[float]:
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [r["metrics"]["scalar/loss"] for r in records if r["type"] == "step"]


def test_weights_and_batch_norm_statistics_agree(runs: dict[str, Path]):
    one, two = (load_checkpoint(checkpoint_path(runs[name], "tiny", STEPS)) for name in ("one", "two"))
    for part in ("model", "losses"):
        for key, value in one[part].items():
            torch.testing.assert_close(
                two[part][key], value, atol=1e-5, rtol=0, msg=lambda m, k=key: f"{k}: {m}"
            )


def test_what_was_set_from_the_first_batches_is_that_of_all_of_them(runs: dict[str, Path]):
    one, two = (
        load_checkpoint(checkpoint_path(runs[name], "tiny", STEPS))["model"]["head.bias"].mean()
        for name in ("one", "two")
    )
    assert one > 1.05
    torch.testing.assert_close(two, one, atol=1e-5, rtol=0)


def test_losses_agree(runs: dict[str, Path]):
    one, two = losses(runs["one"]), losses(runs["two"])
    assert len(one) == STEPS
    torch.testing.assert_close(torch.tensor(two), torch.tensor(one), atol=1e-5, rtol=0)


def test_what_is_scored_agrees(runs: dict[str, Path]):
    one, two = (
        json.loads((runs[name] / f"results-{STEPS}-Nearest.json").read_text()) for name in ("one", "two")
    )
    assert one["metrics"] == two["metrics"]
    embeddings = [torch.tensor(results["details"]["embeddings"]) for results in (one, two)]
    assert embeddings[0].std(0).max() > 0.1  # sequences do not all look alike
    torch.testing.assert_close(*embeddings, atol=1e-5, rtol=0)


def test_going_on_with_fewer_processes_is_told_with_both_numbers(runs: dict[str, Path]):
    top = runs["two"].parents[3]
    environment = json.loads((runs["two"] / "environment.json").read_text())
    assert environment["processes"] == 2
    shutil.copytree(top / "two", top / "fewer")
    process = start(top / "tiny.yaml", "fewer", [sys.executable], "--resume")
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 0, output[-3000:]
    assert "processes 2 then, 1 now" in " ".join(output.split())


def test_two_processes_do_not_go_on_with_other_settings(runs: dict[str, Path]):
    top = runs["two"].parents[3]
    shutil.copytree(top / "two", top / "other")
    options = ("--devices", "2", "--resume", "-o", "loss_cfg.1.loss_term_weight=2.0")
    process = start(top / "tiny.yaml", "other", [sys.executable], *options)
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 2, output[-3000:]
    assert "loss_cfg.1.loss_term_weight was 0.5 and is 2.0 now" in " ".join(output.split())
    assert "Traceback" not in output


@pytest.mark.heavy
def test_an_error_of_the_first_process_ends_both_in_words(tmp_path: Path):
    """The launcher without torchrun: the command starts the second process itself."""
    from helpers.components.tiny import TINY_YAML

    yaml_path = tmp_path / "tiny.yaml"
    yaml_path.write_text(TINY_YAML)
    earlier = checkpoint_path(tmp_path / "run" / "Tiny" / "TinyModel" / "tiny", "tiny", 2)
    earlier.parent.mkdir(parents=True)
    earlier.touch()  # only the first process looks after the run folder
    process = start(yaml_path, "run", [sys.executable], "--devices", "2")
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 2, output[-3000:]
    assert "MEMBER: 2/2" in output
    assert "already holds checkpoints up to iteration 2" in output
    assert "Traceback" not in output


FAILS_ON_THE_SECOND = """
import os
from helpers.components import tiny
from helpers.programs import run_tiny
class Shift(tiny.Shift):
    def __call__(self, sequence, rng):
        if os.environ.get("LOCAL_RANK") == "1":
            raise KeyError("only here")
        return super().__call__(sequence, rng)
tiny.Shift = Shift
run_tiny.run()
"""


def test_an_error_of_the_second_process_alone_ends_both_in_words(tiny_yaml: Path, tmp_path: Path):
    script = tmp_path / "fails_on_the_second.py"
    script.write_text(FAILS_ON_THE_SECOND)
    process = start(tiny_yaml, "run", [sys.executable], "--devices", "2", script=script)
    output, _ = process.communicate(timeout=180)
    assert process.returncode == 2, output[-3000:]
    assert "Shift (tiny-gait 1.0) raised KeyError: 'only here'" in output
    assert "ProcessLost: rank 0: another process of this job ended" in output
    assert "Traceback" not in output


@pytest.mark.heavy
def test_interrupted_processes_save_the_same_step_together(tiny_yaml: Path, tmp_path: Path):
    endless = [word for o in ("total_iter", "save_iter") for word in ("-o", f"trainer_cfg.{o}=100000")]
    process = start(tiny_yaml, "run", [sys.executable], "--devices", "2", *endless)
    folder = tmp_path / "run" / "Tiny" / "TinyModel" / "tiny"
    log = folder / "log.jsonl"
    while not (log.is_file() and '"step"' in log.read_text()):
        assert process.poll() is None, process.communicate()[0][-3000:]
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output[-3000:]
    assert "Traceback" not in output
    (saved,) = (folder / "checkpoints").iterdir()
    assert load_checkpoint(saved)["iteration"] > 0


@pytest.mark.heavy
def test_held_out_people_are_scored_by_both_and_the_test_set_once(tmp_path: Path):
    from helpers.components.tiny import TINY_YAML

    yaml_path = tmp_path / "tiny.yaml"
    yaml_path.write_text(TINY_YAML)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    settings = (
        "data_cfg.identities=6",
        "data_cfg.validation=2",
        "trainer_cfg.keep_best.metric=R1",
        "trainer_cfg.early_stopping.patience=2",
    )
    options = [word for setting in settings for word in ("-o", setting)]
    process = start(yaml_path, "two", torchrun, *options)
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output[-3000:]
    folder = tmp_path / "two" / "Tiny" / "TinyModel" / "tiny"
    assert json.loads((folder / "validation_set.json").read_text()) == ["000", "003"]
    assert list(json.loads((folder / "validation.json").read_text())) == [str(STEPS)]
    assert json.loads((folder / f"results-{STEPS}-Nearest.json").read_text())["probes"] == 30
