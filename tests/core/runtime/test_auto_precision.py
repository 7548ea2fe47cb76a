"""Trainings that leave their precision to the processor: what is kept of it, and how they go on elsewhere."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.children import free_port, import_path
from helpers.components.tiny import TinyModel
from helpers.components.tiny_training import equal, final, run, trained

from gait_plugins import ComponentFailure, ConfigError, EmbeddingSet, GaitBatch, ModelOutput
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint, save_checkpoint
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runs.compare import compare_runs
from gait_plugins.core.runtime import precision
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.nn.blocks import MapNorm

pytestmark = pytest.mark.usefixtures("tiny")

HALF = "trainer_cfg.total_iter=4"
REFUSED = "trainer_cfg.precision was {} and is {} now"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The run folder."""
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


@pytest.fixture
def free(tiny_yaml: Path) -> Path:
    """A configuration that does not say in what it is computed."""
    tiny_yaml.write_text(tiny_yaml.read_text().replace("  enable_float16: false\n", ""))
    return tiny_yaml


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """What kind of floats the head of the model gives, forward pass after forward pass."""
    kinds: list[torch.dtype] = []
    forward = TinyModel.forward

    def watched(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        output = forward(self, batch)
        kinds.append(output["training_feat"]["softmax"]["logits"].dtype)
        return output

    monkeypatch.setattr(TinyModel, "forward", watched)
    return kinds


def here(monkeypatch: pytest.MonkeyPatch, *instructions: str) -> None:
    """Go to a processor with these instructions."""
    monkeypatch.setattr(precision, "bfloat16_instructions", lambda: instructions)


def recorded(folder: Path, step: int = 6) -> tuple[str, str]:
    """What the run folder and the checkpoint say."""
    environment = json.loads((folder / "environment.json").read_text())
    return environment["precision"], final(folder, step)["machine"]["precision"]


def change(folder: Path, step: int, edit: Any) -> None:
    path = checkpoint_path(folder, "tiny", step)
    state = load_checkpoint(path)
    edit(state)
    path.unlink()
    save_checkpoint(path, state)


def test_a_processor_with_bfloat16_uses_it_and_says_so(
    free: Path,
    folder: Path,
    seen: list[torch.dtype],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    here(monkeypatch, "avx512_bf16")
    with caplog.at_level(logging.INFO, "gait_plugins"):
        run(free, log_to_file=True)
    assert seen == [torch.bfloat16] * 6
    line = "precision bf16-mixed (auto: the processor multiplies bfloat16 faster, avx512_bf16)"
    assert caplog.messages.count(line) == 1
    (log,) = (folder / "logs").iterdir()
    assert line in log.read_text()
    assert recorded(folder) == ("bf16-mixed", "bf16-mixed")
    assert load_config(str(folder / "config.yaml")).trainer_cfg.precision == "auto"
    state = final(folder)
    floats = [v for part in ("model", "losses") for v in state[part].values() if v.is_floating_point()]
    moments = [v for s in state["optimizer"]["state"].values() for v in s.values() if v.is_floating_point()]
    assert {value.dtype for value in (*floats, *moments)} == {torch.float32}
    assert "norm.running_var" in state["model"]


def test_elsewhere_and_with_enable_float16_false_it_is_float32_bit_for_bit(
    free: Path, folder: Path, seen: list[torch.dtype], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(free)
    assert recorded(folder) == ("32-true", "32-true")
    plain = trained(final(folder))
    here(monkeypatch, "avx512_bf16")
    for setting in (
        "trainer_cfg.enable_float16=false",
        "trainer_cfg.precision=32-true",
        "trainer_cfg.precision=null",
    ):
        run(free, setting, overwrite=True)
        assert equal(trained(final(folder)), plain)
    assert set(seen) == {torch.float32}


def test_workers_and_a_resumed_start_change_no_bit_in_bfloat16(
    free: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch, "avx512_bf16")
    run(free)
    whole = trained(final(folder))
    run(free, "data_cfg.num_workers=2", overwrite=True)
    assert equal(trained(final(folder)), whole)
    checkpoint_path(folder, "tiny", 6).unlink()
    run(free, "data_cfg.num_workers=1", resume=True)
    assert equal(trained(final(folder)), whole)


@pytest.mark.parametrize(
    ("begun", "instructions"), [("bf16-mixed", ("bf16",)), ("32-true", ())], ids=["bfloat16", "float32"]
)
def test_a_training_goes_on_in_what_it_began_in(
    begun: str,
    instructions: tuple[str, ...],
    free: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    here(monkeypatch, *instructions)
    run(free)
    whole = trained(final(folder))
    checkpoint_path(folder, "tiny", 6).unlink()
    here(monkeypatch, *(() if instructions else ("avx512_bf16",)))
    with caplog.at_level(logging.INFO, "gait_plugins"):
        run(free, resume=True)
    assert equal(trained(final(folder)), whole)
    assert recorded(folder) == (begun, begun)
    assert any(f"the training goes on in {begun}, as it began; auto would be" in m for m in caplog.messages)
    assert not (folder / "changes.json").exists()


def test_a_written_precision_is_a_changed_setting(
    free: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here(monkeypatch, "avx512_bf16")
    run(free, HALF)
    for setting in ("trainer_cfg.precision=32-true", "trainer_cfg.enable_float16=false"):
        with pytest.raises(ConfigError, match=REFUSED.format("bf16-mixed", "32-true")) as caught:
            run(free, setting, resume=True)
        assert "--allow-changes" in (caught.value.hint or "")
    run(free, "trainer_cfg.precision=bf16-mixed", "trainer_cfg.total_iter=5", resume=True)
    run(free, "trainer_cfg.precision=32-true", resume=True, allow_changes=True)
    assert recorded(folder) == ("32-true", "32-true")


def test_checkpoints_of_before_there_was_auto_go_on_in_float32(
    free: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may not say their precision; on a CPU there was one alone, unless another one was written."""

    def of_an_older_version(state: dict[str, Any]) -> None:
        del state["machine"]["precision"]
        del state["config"]["trainer_cfg"]["precision"]

    run(free)
    whole = trained(final(folder))
    checkpoint_path(folder, "tiny", 6).unlink()
    change(folder, 4, of_an_older_version)
    here(monkeypatch, "avx512_bf16")
    run(free, resume=True)
    assert equal(trained(final(folder)), whole)


def test_what_this_device_cannot_is_refused_in_words(free: Path, folder: Path) -> None:
    def of_a_gpu(state: dict[str, Any]) -> None:
        state["machine"]["precision"] = "16-mixed"

    run(free, HALF)
    change(folder, 4, of_a_gpu)
    with pytest.raises(ConfigError, match=REFUSED.format("16-mixed", "32-true")):
        run(free, resume=True)


def test_tests_stay_in_float32_unless_asked(
    free: Path, seen: list[torch.dtype], scored_sets: list[EmbeddingSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A test during the training computes as the training does."""
    here(monkeypatch, "avx512_bf16")
    run(free, "trainer_cfg.with_test=true")
    assert set(seen) == {torch.bfloat16}
    seen.clear()
    asked: dict[str, list[str]] = {"32": [], "bf16": ["evaluator_cfg.precision=auto"]}
    kinds = {}
    for name, overrides in asked.items():
        score(load_config(str(free), overrides=overrides), RunOptions(device="cpu"))
        kinds[name] = set(seen)
        seen.clear()
    assert kinds == {"32": {torch.float32}, "bf16": {torch.bfloat16}}
    last, plain, fast = scored_sets[-3:]
    assert (last.embeddings == fast.embeddings).all()
    assert not (last.embeddings == plain.embeddings).all()


def test_a_model_that_knows_float32_alone_is_told_how_to_get_it(
    free: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = TinyModel.forward

    def strict(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        output = forward(self, batch)
        output["training_feat"]["softmax"]["logits"].detach().numpy()
        return output

    monkeypatch.setattr(TinyModel, "forward", strict)
    run(free)
    here(monkeypatch, "avx512_bf16")
    with pytest.raises(ComponentFailure, match="BFloat16") as caught:
        run(free, overwrite=True)
    assert "-o trainer_cfg.precision=32-true" in (caught.value.hint or "")


def test_a_model_that_views_maps_in_one_order_of_memory_is_told_too(
    free: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward, norm = TinyModel.forward, MapNorm(4)

    def strict(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        maps = norm(self.conv(batch.inputs[0].flatten(0, 1).unsqueeze(1)))
        maps.view(len(maps), -1)
        return forward(self, batch)

    monkeypatch.setattr(TinyModel, "forward", strict)
    run(free)
    here(monkeypatch, "avx512_bf16")
    with pytest.raises(ComponentFailure, match="view size") as caught:
        score(load_config(str(free), overrides=["evaluator_cfg.precision=auto"]), RunOptions(device="cpu"))
    assert "-o evaluator_cfg.precision=32-true" in (caught.value.hint or "")
    with pytest.raises(ComponentFailure, match="view size") as caught:
        run(free, overwrite=True)
    assert "-o trainer_cfg.precision=32-true" in (caught.value.hint or "")


def test_two_runs_are_compared_by_their_precision(
    free: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, instructions in (("a", ()), ("b", ("amx_bf16",))):
        here(monkeypatch, *instructions)
        run(free, HALF, f"run_dir={tmp_path / name}")
    found = compare_runs(tmp_path / "a", tmp_path / "b", needs_results=False)
    assert [tuple(each) for each in found.machine] == [("precision", "32-true", "bf16-mixed")]
    assert found.settings == ()


TWO_MACHINES = """
import os
from gait_plugins.core.runs.compare import compare_runs
from gait_plugins.core.runtime import precision
from helpers.programs import run_tiny
here = ("avx512_bf16",) if os.environ.get("LOCAL_RANK", "0") in os.environ["FAST"] else ()
precision.bfloat16_instructions = lambda: here
run_tiny.run()
"""


@pytest.mark.heavy
@pytest.mark.parametrize(("fast", "expected"), [("0", "32-true"), ("1", "32-true"), ("01", "bf16-mixed")])
def test_processes_of_unlike_machines_compute_alike(
    fast: str, expected: str, free: Path, folder: Path, tmp_path: Path
) -> None:
    script = tmp_path / "two_machines.py"
    script.write_text(TWO_MACHINES)
    words = ["train", str(free), "--device", "cpu", "--devices", "2"]
    own = {"MASTER_PORT": str(free_port()), "PYTHONPATH": import_path(), "FAST": fast}
    done = subprocess.run(
        [sys.executable, str(script), *words, "-o", f"output_dir={tmp_path / 'output'}"],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert recorded(folder) == (expected, expected)
