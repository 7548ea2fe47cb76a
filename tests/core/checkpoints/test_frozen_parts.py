"""Frozen parts and layers that take no weights: a training tells that they stay random."""

from __future__ import annotations

import pytest
from torch import nn

from gait_plugins import GaitModel, build, get
from gait_plugins.core.checkpoints.partial import Part, warn_of_untrained_parts


class Halves(GaitModel):
    """An encoder whose first layer is frozen, a head that is trained, and one that nothing depends on."""

    idle = ("unused",)

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Linear(2, 2))
        self.encoder[:2].requires_grad_(False)
        self.head = nn.Linear(2, 2)
        self.unused = nn.Linear(2, 2).requires_grad_(False)


def told(caplog: pytest.LogCaptureFixture, *targets: str) -> str:
    caplog.clear()
    warn_of_untrained_parts(Halves(), [Part(target, "some.pt") for target in targets])
    return caplog.text


def test_frozen_layers_of_a_part_that_is_else_trained_are_told_of(caplog: pytest.LogCaptureFixture) -> None:
    said = "encoder.0, encoder.1 of Halves are frozen and take no weights: their weights stay random; give a"
    assert said in told(caplog)
    assert said in told(caplog, "head", "encoder.2")
    assert "encoder.1 of Halves is frozen and takes no weights" in told(caplog, "encoder.0.weight")
    for target in ("", "encoder"):
        assert told(caplog, target) == ""


def test_an_edge_training_alone_tells_that_half_of_the_segmentation_stays_random(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recogniser = {"model": "GaitGL", "channels": [2, 4, 6], "class_num": 5}
    segmentation = {"type": "U_Net", "freeze_half": True}
    model = build("model", {"model": "GaitEdge", "GaitGL": recogniser, "Segmentation": segmentation})
    warn_of_untrained_parts(model, [])
    (said,) = caplog.messages
    assert said.startswith("Backbone.")
    assert "init: {Backbone: ...}" in said


@pytest.mark.parametrize("name", ["SimCLR", "FoundationGait_Scaling"])
def test_what_nothing_depends_on_and_what_follows_is_not_told_of(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    model = build("model", {"model": name, **get("model", name).example_config()})
    warn_of_untrained_parts(model, [])
    assert not caplog.messages
