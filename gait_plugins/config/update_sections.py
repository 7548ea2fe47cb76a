"""Sections of a training step: the rise of the learning rate, and the average of the weights."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from gait_plugins.config.section import Count, Section

Limit = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class WarmUp(Section):
    """The rise of the learning rate at the beginning, in front of any schedule."""

    steps: Count = Field(description="training steps that the rise takes")
    factor: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.0, description="what the rates of the schedule are multiplied by in the first step; rises to 1"
    )

    def plain(self) -> dict[str, Any]:
        """All keys, written or not: a default that is written later is no change."""
        return {"steps": self.steps, "factor": self.factor}


class Averages(Section):
    """The moving average of the weights, which is tested and saved beside them."""

    decay: Annotated[float, Field(gt=0, lt=1)] = Field(
        description="share of the average that stays at each update, such as 0.999"
    )
    every: Count = Field(1, description="training steps between two updates")
    warm: bool = Field(
        True, description="smaller decay at first, (1 + n) / (10 + n) after n updates: the start is forgotten"
    )

    def plain(self) -> dict[str, Any]:
        """All keys, written or not: a default that is written later is no change."""
        return {"decay": self.decay, "every": self.every, "warm": self.warm}
