"""Models called with something else than a batch: they run where it is clear, or say what a batch is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.tiny import TinyModel
from torch import Tensor

from gait_plugins import ConfigError, GaitBatch, GaitModel, GaitPluginsError, ModelOutput, Stream, build
from gait_plugins.registry.manager import Manager

MODELS = [c.qualified for c in Manager(allow=[]).components("model")]


def embedded(output: ModelOutput) -> Tensor:
    return output["inference_feat"]["embeddings"]


@pytest.mark.parametrize("name", MODELS)
def test_every_model_runs_on_silhouettes_alone_or_says_what_a_batch_is(name: str) -> None:
    cls: Any = Manager(allow=[]).find("model", name).load()
    model = build("model", {"model": name, **cls.example_config()}).eval()
    frames = torch.rand(2, 6, 64, 44).round()  # labels of body parts are whole numbers
    takes_others = model.streams is not None and [tuple(s.shape) for s in model.streams] != [("h", "w")]
    wrong = [torch.rand(2, 1, 6, 64, 44), torch.rand(64, 44), frames.mul(255).byte(), frames.numpy()]
    for each in [*wrong, frames] if takes_others else wrong:
        with pytest.raises(GaitPluginsError, match="expected a GaitBatch: n sequences of s frames"):
            model(each)
    if takes_others:
        return
    labels = torch.zeros(2, dtype=torch.int64)
    plain = ([frames], labels, ["nm-01"] * 2, ["090"] * 2, None)
    with torch.no_grad():
        found = embedded(model(frames))
        assert torch.equal(found, embedded(model(GaitBatch(*plain))))
        assert torch.equal(found, embedded(model(plain)))


@pytest.mark.parametrize("given", [np.zeros((1, 2, 8, 8)), [torch.rand(1, 2, 8, 8)], {"a": 1}, None, (1, 2)])
def test_what_is_no_batch_is_told_so(given: object) -> None:
    with pytest.raises(ConfigError, match=f"called with {type(given).__name__}, expected a GaitBatch"):
        TinyModel()(given)


def test_a_stranger_of_one_declared_stream_takes_its_frames() -> None:
    class Mean(GaitModel):
        streams = (Stream("keypoints", (17, 3), "float32"),)

        def forward(self, batch: GaitBatch) -> ModelOutput:
            return self.outputs(batch.inputs[0].mean(1).transpose(1, 2), batch)

    assert embedded(Mean()(torch.rand(2, 5, 17, 3))).shape == (2, 3, 17)
    with pytest.raises(ConfigError, match=r"keypoints \[n, s, 17, 3\]"):
        Mean()(torch.rand(2, 5, 18, 3))


def test_a_model_that_fails_on_a_tensor_says_why_and_on_a_batch_as_ever() -> None:
    frames = torch.rand(2, 5, 3, 8, 8)
    with pytest.raises(ConfigError, match="taken as such, the tensor fails: ") as caught:
        TinyModel()(frames)
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(RuntimeError):
        TinyModel()(GaitBatch.of_frames(frames))
