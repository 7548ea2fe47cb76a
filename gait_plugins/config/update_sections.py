"""Sections of an update: the optimiser, the learning rate and its rise, the average of the weights."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gait_plugins.config.section import PART, Count, Section
from gait_plugins.config.specs import realise

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


class OptimizerSection(Section):
    """The optimiser. Every other key is an argument of the ``torch.optim`` class."""

    solver: str = Field("SGD", description="name of a class of torch.optim")
    options: dict[str, Any] = Field(description="its arguments", json_schema_extra=PART)
    where: str | None = Field(None, description="file and line of it", json_schema_extra=PART)

    def plain(self) -> dict[str, Any]:
        """The section as YAML holds it."""
        return {**super().plain(), **self.options}


class SchedulerSection(Section):
    """The learning rate, stepped every iteration. Every other key is an argument of the class."""

    scheduler: str = Field("MultiStepLR", description="name of a class of torch.optim.lr_scheduler")
    warmup: Annotated[WarmUp | None, BeforeValidator(realise)] = Field(
        None, description="linear rise of the schedule's learning rates over the first steps"
    )
    options: dict[str, Any] = Field(description="its arguments", json_schema_extra=PART)
    where: str | None = Field(None, description="file and line of it", json_schema_extra=PART)

    def plain(self) -> dict[str, Any]:
        """The section as YAML holds it."""
        return {**super().plain(), **self.options}


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
