"""The sections of what decides on a training: held-out identities, the best checkpoint, and an early end."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gait_plugins.config.section import Count, Section


def _held_out(value: int | float | list[str] | None) -> int | float | list[str] | None:
    if isinstance(value, float) and not 0 < value < 1:
        raise ValueError("a share must lie between 0 and 1")
    if isinstance(value, int) and value < 2:
        raise ValueError("at least two identities are needed to compare people")
    if isinstance(value, list) and len(set(value)) < 2:
        raise ValueError("at least two different identities are needed to compare people")
    return value


ValidationSplit = Annotated[int | float | list[str] | None, AfterValidator(_held_out)]
"""How many training identities are held out, which share of them, or which ones."""


class KeepBest(Section):
    """The figure that decides which checkpoint is best: of the validation identities, else of the test."""

    metric: str = Field(description="a figure of the protocol, such as NM@R1")
    mode: Literal["max", "min"] = Field("max", description="which of two figures is better")


class EarlyStopping(Section):
    """The rule that ends a training before its last step."""

    patience: Count = Field(description="number of scored checkpoints in a row without improvement")
    min_delta: Annotated[float, Field(ge=0)] = Field(
        0.0, description="smallest difference that counts as an improvement"
    )
    metric: str | None = Field(None, description="a figure of the protocol; null: the metric of keep_best")
    mode: Literal["max", "min"] | None = Field(
        None, description="as in keep_best; null: the mode of keep_best"
    )
