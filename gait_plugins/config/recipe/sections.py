"""The keys of a recipe and of each of its stages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field
from typing_extensions import Required, TypedDict

from gait_plugins.config.section import Count, Section
from gait_plugins.config.sections import FolderName
from gait_plugins.config.specs import realise

Which = Literal["last", "best"] | Count
"""Which checkpoint of a stage: its last one, the best one, or that of an iteration."""

StageSource = TypedDict(
    "StageSource",
    {
        "from": Required[str],
        "checkpoint": Which,
        "prefix": str,
        "strict": bool,
        "drop_head": bool,
        "optional": bool,
    },
    total=False,
)
"""Where weights come from: an earlier stage or a checkpoint file, and which of its keys."""


class StageSection(Section):
    """One training of a recipe."""

    name: FolderName = Field(description="name of the stage and of its run folder")
    cfgs: str | dict[str, Any] = Field(
        description="configuration of the stage: a shipped name, a path relative to the recipe, or sections"
    )
    settings: dict[str, str] = Field(
        {},
        description="settings copied from an earlier stage: key -> STAGE.key",
    )
    overrides: dict[str, Any] | list[str] = Field(
        {}, description="settings that replace those of cfgs: sections, or a list of key=value as for -o"
    )
    init: Annotated[dict[str, str | StageSource] | StageSource | str | None, BeforeValidator(realise)] = (
        Field(
            None,
            description="weights that the stage starts from: part of the model (what its keys begin with) -> "
            "earlier stage or checkpoint file, or a single source for the whole model; each may be "
            "{from, checkpoint, prefix, strict, drop_head, optional}",
        )
    )
    freeze: list[str] = Field([], description="parts of the model that are not trained")
    frozen_mode: Literal["eval", "train"] | None = Field(None, description="as in trainer_cfg")


class RecipeSection(Section):
    """Trainings that are run one after the other."""

    stages: list[StageSection] = Field(description="the stages, in the order of training")
    name: FolderName | None = Field(
        None, description="name of the recipe's run folder; null: the name of the recipe"
    )
    output_dir: str = Field("output", description="folder that holds the recipe's run folder")
