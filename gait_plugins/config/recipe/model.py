"""A validated recipe: its stages with their configurations, and where each takes its weights from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gait_plugins.config.recipe.sections import Which
from gait_plugins.config.sections import Config
from gait_plugins.errors import ConfigError
from gait_plugins.suggest import did_you_mean


@dataclass(frozen=True)
class Take:
    """Where the weights of a part come from, as the recipe says it."""

    stage: str | None
    """An earlier stage; None: a checkpoint file."""
    checkpoint: Which
    where: str | None


@dataclass(frozen=True)
class Stage:
    """A stage of a recipe, its configuration validated."""

    name: str
    config: Config
    """``trainer_cfg.init`` still names stages where weights come from one."""
    takes: Mapping[str, Take] = field(default_factory=dict)
    """Part of the model -> where its weights come from."""
    where: str | None = None

    @property
    def folder(self) -> Path:
        """Its run folder."""
        return Path(self.config.run_dir or "")


@dataclass(frozen=True)
class RecipeConfig:
    """A validated recipe."""

    source: str
    stages: tuple[Stage, ...]

    def __getitem__(self, name: str) -> Stage:
        for stage in self.stages:
            if stage.name == name:
                return stage
        names = [stage.name for stage in self.stages]
        raise ConfigError(
            f"unknown stage {name!r}; the stages are {', '.join(names)}",
            where=self.source,
            hint=did_you_mean(name, names) or None,
        )


def sources(init: Any) -> dict[str, Any]:
    """``init`` by part of the model; the whole of it is the part without a name."""
    if init is None:
        return {}
    return {"": init} if isinstance(init, str) or "from" in init else dict(init)
