"""What goes wrong in the middle of a training harms no checkpoint and is never passed over."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from helpers.components.tiny import TinyModel
from torch import Tensor

from gait_plugins import GaitBatch, Loss, ModelOutput, NonFiniteLoss, hookimpl
from gait_plugins.config import load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.registry.manager import Manager


class Cliff(Loss):
    """Finite, but from the third call on with a gradient that is not."""

    gathers = True

    def __init__(self, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.calls = 0

    def forward(self, embeddings: Tensor, labels: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:  # type: ignore[override]
        self.calls += 1
        loss = embeddings.square().mean() if self.calls < 3 else (embeddings * 0).square().sum().sqrt()
        return loss, {"loss": loss.detach()}


class Remembering(TinyModel):
    """Keeps a tensor that it made on its first call."""

    def __init__(self, classes: int = 4) -> None:
        super().__init__(classes)
        self.factor = torch.nn.Parameter(torch.ones(1))
        self.table: Tensor | None = None

    def forward(self, batch: GaitBatch) -> ModelOutput:
        output = super().forward(batch)
        if self.table is None and not self.training:
            self.table = torch.ones(1)
        factor = self.factor if self.table is None else self.factor * self.table
        contrast = output["training_feat"]["contrast"]
        contrast["embeddings"] = contrast["embeddings"] * factor
        return output


class Troubles:
    """The manifest."""

    @hookimpl
    def gait_losses(self) -> dict[str, type]:
        return {"Cliff": Cliff}

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"Remembering": Remembering}


def run(yaml_path: Path, *overrides: str) -> None:
    train(load_config(str(yaml_path), overrides=overrides), RunOptions(device="cpu"))


@pytest.fixture(autouse=True)
def _troubles(tiny: Manager) -> None:
    tiny.register(Troubles(), distribution="troubled-gait")


def test_weights_that_became_nan_are_not_saved(tiny_yaml: Path, tmp_path: Path) -> None:
    with pytest.raises(NonFiniteLoss, match=r"step 3 is finite, but .* model\.conv\.weight"):
        run(tiny_yaml, "loss_cfg.0.type=Cliff", "trainer_cfg.save_iter=1")
    folder = tmp_path / "output" / "Tiny" / "TinyModel" / "tiny" / "checkpoints"
    assert sorted(path.name for path in folder.iterdir()) == ["tiny-00001.pt", "tiny-00002.pt"]


def test_what_a_model_keeps_from_a_test_serves_in_training_too(tiny_yaml: Path) -> None:
    run(tiny_yaml, "model_cfg.model=Remembering", "trainer_cfg.with_test=true")


def test_an_interrupt_during_the_last_test_is_not_forgotten(tiny: Manager, tiny_yaml: Path) -> None:
    class Impatient:
        @hookimpl
        def gait_evaluated(self, step: int) -> None:
            if step == 6:
                os.kill(os.getpid(), signal.SIGINT)

    tiny.register(Impatient(), distribution="impatient-gait")
    with pytest.raises(KeyboardInterrupt):
        run(tiny_yaml, "trainer_cfg.with_test=true")
