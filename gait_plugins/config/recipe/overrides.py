"""Overrides of recipes: ``-o`` for the recipe itself, for one of its stages, or for all of them."""

from __future__ import annotations

from typing import NamedTuple

from gait_plugins.config.check.resolving import TOP
from gait_plugins.config.recipe.sections import RecipeSection, StageSection
from gait_plugins.config.yaml.tree import Tree
from gait_plugins.errors import ConfigError
from gait_plugins.suggest import did_you_mean


class Override(NamedTuple):
    """``key=value`` for a stage's configuration."""

    stage: str | None
    """None: for all stages."""
    text: str
    place: str


class Shares(NamedTuple):
    """Overrides of the recipe itself, and those of its stages."""

    own: list[tuple[str, str]]
    """For the recipe itself, each with its place."""
    stages: list[Override]


def divide_overrides(tree: Tree, overrides: list[str]) -> Shares:
    """Overrides sorted by what they apply to.

    Raises:
        ConfigError: an override names neither a key of the recipe, a stage nor a section.
    """
    keys, stage_keys = RecipeSection.model_fields, StageSection.model_fields
    listed = tree.data.get("stages")
    items = listed if isinstance(listed, list) else []
    names = [item.get("name") if isinstance(item, dict) else None for item in items]
    shares = Shares([], [])
    for text in overrides:
        place, (first, _, rest) = f"-o {text}", text.partition(".")
        if first.partition("=")[0].strip() in keys:
            shares.own.append((text, place))
        elif first.strip() in names and rest.partition("=")[0].partition(".")[0].strip() in stage_keys:
            shares.own.append((f"stages.{names.index(first.strip())}.{rest}", place))
        elif first.strip() in names:
            shares.stages.append(Override(first.strip(), rest, place))
        elif first.partition("=")[0].strip() in TOP:
            shares.stages.append(Override(None, text, place))
        else:
            known = [*TOP, *keys, *filter(None, names)]
            raise ConfigError(
                f"{first.partition('=')[0]!r} is neither a stage nor a section; the stages are "
                f"{', '.join(map(str, names))}",
                where=place,
                hint=did_you_mean(first, known) or "for example -o STAGE.trainer_cfg.total_iter=200",
            )
    return shares
