"""Models with random, partly restored or stand-in weights name nobody; those of made-up people say so."""

from __future__ import annotations

import pytest
import torch
from helpers.components.tiny import TinyModel, TinyWalks, seen_weights

from gait_plugins import CheckpointError
from gait_plugins.core.checkpoints.trust import Trust, trust_in


def test_weights_of_a_training_are_trusted() -> None:
    checkpoint = {"model": TinyModel().state_dict(), "config": {"data_cfg": {}}, "iteration": 2}
    assert trust_in(TinyModel(), checkpoint) == Trust()
    assert trust_in(TinyModel(), {"model": seen_weights()}) == Trust()


def test_fresh_weights_are_random() -> None:
    found = trust_in(TinyModel(), {"model": TinyModel().state_dict()})
    assert found.refusals == ("its weights are random: they were never trained",)
    with pytest.raises(CheckpointError, match="this model may name nobody: its weights are random"):
        found.require("a.pt")


def test_the_start_of_a_training_is_random_unless_all_was_taken_from_another() -> None:
    begun = {"model": seen_weights(), "config": {"data_cfg": {}}, "iteration": 0}
    assert trust_in(TinyModel(), begun).refusals
    part = {"part": "conv", "file": "a.pt", "taken": 2}
    assert trust_in(TinyModel(), {**begun, "init": [part]}).refusals
    assert not trust_in(TinyModel(), {**begun, "init": [{**part, "part": ""}]}).refusals


def test_partly_restored_weights_are_refused() -> None:
    weights = {key: value for key, value in seen_weights().items() if not key.startswith("conv")}
    [refusal] = trust_in(TinyModel(), {"model": weights}).refusals
    assert "partly restored" in refusal
    assert "conv.weight" in refusal


def test_a_head_for_other_people_does_not_matter() -> None:
    assert trust_in(TinyModel(7), {"model": seen_weights(4)}) == Trust()


def test_stand_ins_are_refused_wherever_they_are() -> None:
    model = TinyModel()
    model.conv.stand_in = "of DINOv2, which is not there"  # type: ignore[assignment]
    [refusal] = trust_in(model, {"model": seen_weights()}).refusals
    assert refusal == "its weights are stand-ins: of DINOv2, which is not there"


def test_a_model_without_weights_is_trusted() -> None:
    assert trust_in(torch.nn.Flatten(), {}) == Trust()


@pytest.mark.parametrize(
    "section",
    [
        {"type": "walkers"},
        {"type": "ChosenSequences", "of": {"type": "walkers", "train": 2}},
        {"type": "duo"},
    ],
)
def test_people_who_are_made_up_are_told(section: dict[str, object]) -> None:
    checkpoint = {"model": seen_weights(), "config": {"data_cfg": section}, "iteration": 2}
    found = trust_in(TinyModel(), checkpoint)
    assert not found.refusals
    assert "trained on synthetic people" in found.warnings[0]


def test_other_data_sets_are_of_real_people(tiny: object) -> None:
    for section in ({"type": "TinyWalks"}, {"type": "not-installed/Set"}, {}, "nonsense"):
        checkpoint = {"model": seen_weights(), "config": {"data_cfg": section}, "iteration": 2}
        assert trust_in(TinyModel(), checkpoint) == Trust()
    assert not TinyWalks.synthetic
