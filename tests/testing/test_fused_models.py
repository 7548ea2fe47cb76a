"""Every model of every installed package has a fused copy that embeds as it does."""

from __future__ import annotations

from typing import Any

import pytest
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.registry.components import Component
from gait_plugins.registry.manager import default_manager
from gait_plugins.testing import check_fused

FOLDED = {
    "Baseline": 11,
    "DeepGaitV2": 14,
    "GaitSet": 0,
    "GEI": 0,
    "SkeletonGaitPP": 18,
    "SwinGait": 7,
    "TrackletGait": 13,
    "TrackletGait_s": 11,
}
"""Batch norms of the examples: all that the embeddings depend on, but for one of SkeletonGaitPP."""
SLOW = ("DenoisingGait", "GaitEdge", "Segmentation")
COARSE = {"BigGait": 0.1, "BiggerGait": 0.5}
"""Models whose tiny, random examples bfloat16 is too coarse for."""


def models() -> list[Any]:
    found = default_manager().components("model")
    return [pytest.param(c, id=c.name, marks=[pytest.mark.heavy] if c.name in SLOW else []) for c in found]


@pytest.mark.parametrize("component", models())
def test_fused_copies_embed_as_their_models(component: Component) -> None:
    cls: Any = component.load()
    cfg = {"model": component.qualified, **cls.example_config()}
    check_fused(
        lambda: gait_plugins.build("model", cfg),
        folded=FOLDED.get(component.name),
        tolerance=COARSE.get(component.name, 1e-2),
    )


class Moody(GaitModel):
    """Adds the parameters that want gradients to what it embeds: a copy for inference has none."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        frames = batch.inputs[0]
        maps: Tensor = self.norm(self.conv(frames.flatten(0, 1).unsqueeze(1))).mean((2, 3))
        lens = [frames.shape[1]] * len(frames) if batch.seq_lens is None else batch.seq_lens[0].tolist()
        found = [part.amax(0) for part in maps.split(lens)]
        moods = sum(each.requires_grad for each in self.parameters())
        embeddings = nn.utils.rnn.pad_sequence(found, batch_first=True).unsqueeze(2) + moods
        return {"training_feat": {}, "visual_summary": {}, "inference_feat": {"embeddings": embeddings}}


def test_a_copy_that_is_not_the_model_is_noticed() -> None:
    with pytest.raises(AssertionError, match="the fused copy gives other embeddings"):
        check_fused(Moody)


def test_too_few_folded_norms_are_noticed() -> None:
    component = default_manager().find("model", "GaitSet")
    cfg = {"model": "GaitSet", **component.load().example_config()}
    with pytest.raises(AssertionError, match="0 batch norms are folded, expected 1"):
        check_fused(lambda: gait_plugins.build("model", cfg), folded=1)
