"""Training through mixed precision: what is kept in float32, and steps that a gradient scaler skips."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from helpers.components.tiny import Contrast, TinyModel, TinyWalks
from helpers.components.tiny_training import equal, trained
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import Tensor

from gait_plugins import EmbeddingSet, GaitBatch, ModelOutput, SequenceRef, hookimpl
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.evaluate.score import score
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train import state as training
from gait_plugins.core.train.loop import train

BF16 = "trainer_cfg.precision=bf16-mixed"
EACH_STEP = "trainer_cfg.save_iter=1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def run(yaml_path: Path, *overrides: str, **options: Any) -> None:
    train(load_config(str(yaml_path), overrides=overrides), RunOptions(device="cpu", **options))


def saved(folder: Path, step: int) -> dict[str, Any]:
    return dict(load_checkpoint(checkpoint_path(folder, "tiny", step)))


def forget(folder: Path, *steps: int) -> None:
    for step in steps:
        checkpoint_path(folder, "tiny", step).unlink()


def kinds(state: Any) -> set[torch.dtype]:
    """The kinds of floats in a state."""
    if isinstance(state, Tensor):
        return {state.dtype} if state.is_floating_point() else set()
    inner = state.values() if isinstance(state, dict) else state if isinstance(state, list | tuple) else ()
    return set().union(*map(kinds, inner))


def learnt(state: dict[str, Any]) -> dict[str, Any]:
    """What a skipped step leaves as it was; batch norm counts every forward pass."""
    counted = ("running_mean", "running_var", "num_batches_tracked")
    weights = {key: value for key, value in state["model"].items() if not key.endswith(counted)}
    return {"model": weights, **{key: state[key] for key in ("losses", "optimizer", "scheduler")}}


def unmoved(states: list[dict[str, Any]]) -> list[bool]:
    """For each state but the first whether all that is learnt is that of the state before."""
    return [equal(learnt(earlier), learnt(later)) for earlier, later in pairwise(states)]


def computed_in(monkeypatch: pytest.MonkeyPatch) -> list[torch.dtype]:
    """What kind of floats the head of the model gives, forward pass after forward pass."""
    seen: list[torch.dtype] = []
    forward = TinyModel.forward

    def watched(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        assert batch.inputs[0].dtype == torch.float32  # as in a test: what is rounded, autocast says
        output = forward(self, batch)
        seen.append(output["training_feat"]["softmax"]["logits"].dtype)
        return output

    monkeypatch.setattr(TinyModel, "forward", watched)
    return seen


@pytest.mark.usefixtures("tiny")
def test_bfloat16_trains_resumes_and_keeps_float32(
    tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    seen = computed_in(monkeypatch)
    run(tiny_yaml, BF16)
    assert seen == [torch.bfloat16] * 6
    first, whole = saved(folder, 2), saved(folder, 6)
    assert kinds([whole["model"], whole["losses"], whole["optimizer"]]) == {torch.float32}
    assert not equal(learnt(first), learnt(whole))
    forget(folder, 4, 6)
    run(tiny_yaml, BF16, resume=True)
    assert equal(trained(saved(folder, 6)), trained(whole))
    run(tiny_yaml, "trainer_cfg.precision=32-true", overwrite=True)
    assert set(seen[10:]) == {torch.float32}
    torch.testing.assert_close(
        saved(folder, 6)["model"]["head.weight"], whole["model"]["head.weight"], atol=0.02, rtol=0
    )


def test_bfloat16_tests_alike_during_training_and_after(
    tiny_yaml: Path, scored_sets: list[EmbeddingSet], monkeypatch: pytest.MonkeyPatch
):
    seen = computed_in(monkeypatch)
    run(tiny_yaml, BF16, "trainer_cfg.with_test=true")
    config = load_config(str(tiny_yaml), overrides=["evaluator_cfg.precision=bf16-mixed"])
    score(config, RunOptions(device="cpu"))
    assert set(seen) == {torch.bfloat16}
    during, after = scored_sets[-2:]
    assert during.embeddings.dtype == "float32"
    assert (during.embeddings == after.embeddings).all()


class Pair(NamedTuple):
    """Features with names."""

    left: Tensor
    right: Tensor


class Nested(TinyModel):
    """Hands a loss more than tensors, and a target."""

    def forward(self, batch: GaitBatch) -> ModelOutput:
        output = super().forward(batch)
        logits = output["training_feat"]["softmax"]["logits"]
        output["training_feat"]["contrast"] |= {
            "more": {"parts": [logits, logits[:, :2]], "pair": Pair(logits, batch.labels)},
            "known": (batch.targets["share"], "a word", None),
        }
        return output


class Sees(Contrast):
    """A loss that does nothing about precision, and notes what it gets."""

    seen: list[Any]

    def forward(self, embeddings: Tensor, labels: Tensor, more: Any = None, known: Any = None) -> Any:
        product = embeddings.flatten(1) @ embeddings.flatten(1).T
        self.seen.append((product.dtype, labels.dtype, more, known))
        return super().forward(embeddings, labels)


class Shares(TinyWalks):
    """Walks with a target that 16 bits cannot hold."""

    SHARE = 300.123

    def targets(self, ref: SequenceRef) -> Mapping[str, Any]:
        return {"share": self.SHARE}


class Stranger:
    """Somebody else's plugin."""

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"Nested": Nested}

    @hookimpl
    def gait_losses(self) -> dict[str, type]:
        return {"Sees": Sees}

    @hookimpl
    def gait_datasets(self) -> dict[str, type]:
        return {"Shares": Shares}


@pytest.fixture
def given(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the stranger's loss is given, step after step."""
    tiny.register(Stranger(), distribution="strange-gait", version="1.0")
    monkeypatch.setattr(Sees, "seen", [], raising=False)
    return Sees.seen


STRANGE = ["model_cfg.model=Nested", "loss_cfg.0.type=Sees", "data_cfg.type=Shares"]


def assert_in_float32(given: list[Any]) -> None:
    for product, labels, more, (share, *rest) in given:
        assert product == torch.float32  # autocast would have made it half
        assert labels == torch.int64
        assert [part.dtype for part in more["parts"]] == [torch.float32] * 2
        assert isinstance(more["pair"], Pair)
        assert [part.dtype for part in more["pair"]] == [torch.float32, torch.int64]
        assert torch.equal(share, torch.full_like(share, Shares.SHARE, dtype=torch.float32))
        assert rest == ["a word", None]


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_loss_gets_float32_however_deep_and_no_autocast(tiny_yaml: Path, given: list[Any], precision: str):
    run(tiny_yaml, *STRANGE, f"trainer_cfg.precision={precision}", "trainer_cfg.total_iter=2")
    assert len(given) == 2
    assert_in_float32(given)


class Overflows:
    """What a gradient scaler does, with overflows at calls that are known before."""

    def __init__(self, *at: int) -> None:
        self.at, self.calls, self.factor, self.over = at, 0, 1024.0, False

    def scale(self, loss: Tensor) -> Tensor:
        return loss * self.factor

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        self.calls += 1
        self.over = self.calls in self.at
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                parameter.grad /= self.factor
        if not self.over:
            optimizer.step()

    def update(self) -> None:
        self.factor *= 0.5 if self.over else 1.0

    def get_scale(self) -> float:
        return self.factor

    def state_dict(self) -> dict[str, float]:
        return {"scale": self.factor, "calls": self.calls}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.factor, self.calls = state["scale"], state["calls"]


def scale_by(monkeypatch: pytest.MonkeyPatch, make: Callable[[], Any]) -> None:
    """Let trainings of this test run in 16-mixed on the CPU, each with a scaler of its own."""

    def fabric(*_: Any, **__: Any) -> Fabric:
        plugin = MixedPrecision("16-mixed", "cpu", scaler=make())
        made = Fabric(accelerator="cpu", devices=1, plugins=plugin)
        made.launch()
        return made

    monkeypatch.setattr(training, "make_fabric", fabric)


PLATEAU = "scheduler_cfg={scheduler: ReduceLROnPlateau, every: 2, patience: 1}"


@pytest.mark.usefixtures("tiny")
@pytest.mark.parametrize("schedule", ["scheduler_cfg.milestones=[2]", PLATEAU])
def test_a_skipped_step_leaves_weights_and_schedule_and_counts(
    tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, schedule: str
):
    scale_by(monkeypatch, lambda: Overflows(2, 3))
    run(tiny_yaml, EACH_STEP, schedule)
    states = [saved(folder, step) for step in range(1, 7)]
    assert [state["iteration"] for state in states] == [1, 2, 3, 4, 5, 6]
    assert unmoved(states) == [True, True, False, False, False]
    assert [state["scheduler"]["last_epoch"] for state in states] == [1, 1, 1, 2, 3, 4]
    assert [state["scaler"]["scale"] for state in states] == [1024, 512, 256, 256, 256, 256]
    steps = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in steps if record["type"] == "step"] == [1, 2, 3, 4, 5, 6]


@pytest.mark.usefixtures("tiny")
def test_a_resumed_training_goes_on_with_its_scaler(
    tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    """With its calls counted anew, other steps than the fifth would be skipped."""
    scale_by(monkeypatch, lambda: Overflows(2, 5))
    run(tiny_yaml, EACH_STEP)
    whole = saved(folder, 6)
    assert whole["scaler"] == {"scale": 256, "calls": 6}
    forget(folder, 4, 5, 6)
    run(tiny_yaml, EACH_STEP, resume=True)
    assert saved(folder, 6)["scaler"] == whole["scaler"]
    assert equal(trained(saved(folder, 6)), trained(whole))


@pytest.mark.usefixtures("tiny")
def test_torchs_own_scaler_skips_and_resumes(tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch):
    scale_by(monkeypatch, lambda: torch.amp.GradScaler("cpu", init_scale=2.0**40, growth_interval=1))
    run(tiny_yaml, EACH_STEP, "trainer_cfg.total_iter=40", "trainer_cfg.log_iter=40")
    states = [saved(folder, step) for step in range(1, 41)]
    scales = [2.0**40, *(state["scaler"]["scale"] for state in states)]
    skipped = [later < scale for scale, later in pairwise(scales)]
    assert unmoved(states) == skipped[1:]
    assert 5 < sum(skipped) < 35
    assert states[-1]["scheduler"]["last_epoch"] == 40 - sum(skipped)
    forget(folder, *range(30, 41))
    run(tiny_yaml, EACH_STEP, "trainer_cfg.total_iter=40", resume=True)
    assert saved(folder, 40)["scaler"] == states[-1]["scaler"]
    assert equal(trained(saved(folder, 40)), trained(states[-1]))


def test_losses_of_a_scaled_training_get_float32_too(
    tiny_yaml: Path, given: list[Any], monkeypatch: pytest.MonkeyPatch
):
    scale_by(monkeypatch, Overflows)
    seen = computed_in(monkeypatch)
    run(tiny_yaml, *STRANGE, "trainer_cfg.total_iter=2")
    assert seen == [torch.float16] * 2
    assert_in_float32(given)
