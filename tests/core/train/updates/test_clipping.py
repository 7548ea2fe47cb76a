"""Clipping: the norm of all gradients together, what is reported of it, and gradients that are no numbers."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny import TinyModel
from helpers.components.tiny_training import equal, final, run, trained
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from torch import Tensor

from gait_plugins import GaitBatch, ModelOutput, NonFiniteLoss
from gait_plugins.core.checkpoints.files import checkpoint_path
from gait_plugins.core.train import state as training

pytestmark = pytest.mark.usefixtures("tiny")

PLAIN = ("optimizer_cfg={solver: SGD, lr: 1.0}", "trainer_cfg.total_iter=1", "scheduler_cfg.milestones=[9]")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


def norms(folder: Path) -> list[float]:
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [r["metrics"]["scalar/gradient_norm"] for r in records if r["type"] == "step"]


def moved(yaml_path: Path, folder: Path, *settings: str) -> Tensor:
    """What one step of the rate 1 does to all weights, those of losses too: the gradients."""
    run(yaml_path, *PLAIN, *settings, "optimizer_cfg.lr=0.0", overwrite=True)
    before = final(folder, 1)
    run(yaml_path, *PLAIN, *settings, overwrite=True)
    after = final(folder, 1)
    learnt = [("model", key) for key in ("conv.weight", "conv.bias", "norm.weight", "norm.bias")]
    learnt += [("model", "head.weight"), ("model", "head.bias"), ("losses", "contrast.scale")]
    return torch.cat([(before[part][key] - after[part][key]).flatten() for part, key in learnt])


def test_the_norm_of_all_gradients_is_limited_and_that_before_is_reported(tiny_yaml: Path, folder: Path):
    free = moved(tiny_yaml, folder)
    limit = float(free.norm()) / 10
    clipped = moved(tiny_yaml, folder, f"trainer_cfg.clip_grad_norm={limit}")
    assert norms(folder)[-1] == pytest.approx(float(free.norm()), rel=1e-4)
    torch.testing.assert_close(clipped, free / 10, atol=1e-6, rtol=1e-4)
    assert abs(float(clipped[-1])) < abs(float(free[-1]))  # the weight of the loss is one of them
    torch.testing.assert_close(moved(tiny_yaml, folder, "trainer_cfg.clip_grad_norm=1e6"), free)


def test_single_numbers_are_limited_before_the_norm(tiny_yaml: Path, folder: Path):
    free = moved(tiny_yaml, folder)
    limit = float(free.abs().max()) / 4
    clipped = moved(tiny_yaml, folder, f"trainer_cfg.clip_grad_value={limit}")
    torch.testing.assert_close(clipped, free.clamp(-limit, limit), atol=1e-6, rtol=1e-4)
    both = moved(
        tiny_yaml, folder, f"trainer_cfg.clip_grad_value={limit}", "trainer_cfg.clip_grad_norm=0.001"
    )
    assert float(both.norm()) == pytest.approx(0.001, rel=1e-2)


class Blows(torch.autograd.Function):
    """The same number, and a gradient that is none."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, value: float) -> Tensor:
        ctx.value = value
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        return gradients[0] * ctx.value, None


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("limit", ["clip_grad_norm=1.0", "clip_grad_value=1.0"])
@pytest.mark.parametrize("parts", [1, 2])
def test_gradients_that_are_no_numbers_are_told_and_not_let_through(
    tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, value: float, limit: str, parts: int
):
    forward, calls = TinyModel.forward, [0]

    def blown(self: TinyModel, batch: GaitBatch) -> ModelOutput:
        output = forward(self, batch)
        calls[0] += 1
        if calls[0] > 2 * (1 if parts == 1 else 4):
            features = output["training_feat"]["softmax"]
            features["logits"] = Blows.apply(features["logits"], value)  # type: ignore[no-untyped-call]
        return output

    monkeypatch.setattr(TinyModel, "forward", blown)
    with pytest.raises(
        NonFiniteLoss, match=r"step 3 is finite, but the gradients of 6 weights .*conv\.weight"
    ) as told:
        run(tiny_yaml, f"trainer_cfg.{limit}", f"trainer_cfg.accumulate={parts}")
    assert "model.conv.weight" in told.value.message
    assert "weights are untouched" in str(told.value.hint)
    assert all(torch.isfinite(weight).all() for weight in final(folder, 2)["model"].values())
    assert not checkpoint_path(folder, "tiny", 4).exists()


def test_a_gradient_scaler_is_asked_first(tiny_yaml: Path, folder: Path, monkeypatch: pytest.MonkeyPatch):
    """The limit is one of the gradients themselves; where they overflow, the scaler skips the step."""

    def fabric(*_: Any, **__: Any) -> Fabric:
        scaler = torch.amp.GradScaler("cpu", init_scale=2.0**20, growth_interval=100)
        made = Fabric(accelerator="cpu", devices=1, plugins=MixedPrecision("16-mixed", "cpu", scaler=scaler))
        made.launch()
        return made

    monkeypatch.setattr(training, "make_fabric", fabric)
    settings = ("trainer_cfg.clip_grad_norm=0.01", "optimizer_cfg={solver: SGD, lr: 1.0}")
    run(tiny_yaml, *settings, "trainer_cfg.save_iter=1", "trainer_cfg.total_iter=12")
    known = norms(folder)
    steps = [final(folder, step) for step in range(1, 13)]
    skipped = [norm is None for norm in known]  # infinite ones are null in JSON
    assert 0 < sum(skipped) < 12
    for step in range(1, 12):
        one, two = (steps[i]["model"]["head.weight"] for i in (step - 1, step))
        assert torch.equal(one, two) == skipped[step]
        assert float((one - two).norm()) <= 0.0101
    for step in range(6, 13):
        checkpoint_path(folder, "tiny", step).unlink()
    run(tiny_yaml, *settings, "trainer_cfg.save_iter=1", "trainer_cfg.total_iter=12", resume=True)
    assert equal(trained(final(folder, 12)), trained(steps[-1]))


def test_without_a_limit_no_norm_is_computed(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, *PLAIN)
    assert "gradient_norm" not in (folder / "log.jsonl").read_text()
