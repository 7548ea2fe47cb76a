"""Recipes: finding them, and from their YAML to a validated configuration for every stage."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from gait_plugins.config.check.checker import Checker, OptionOwner
from gait_plugins.config.loading import open_source
from gait_plugins.config.options.signature import of_model
from gait_plugins.config.problems import ConfigProblems, Problem, raise_problems
from gait_plugins.config.recipe.configs import StageConfigs
from gait_plugins.config.recipe.model import RecipeConfig, Stage
from gait_plugins.config.recipe.overrides import divide_overrides
from gait_plugins.config.recipe.relations import Relations, missing_checkpoints
from gait_plugins.config.recipe.sections import RecipeSection, StageSection
from gait_plugins.config.yaml import overrides as typed
from gait_plugins.config.yaml.sources import Source, display_name
from gait_plugins.config.yaml.tree import Tree
from gait_plugins.errors import ConfigError


def find_recipe(name: str | os.PathLike[str]) -> Path | None:
    """The file of a recipe: a path, a shipped name or one that a plugin offers; None for a configuration.

    Raises:
        ConfigError: there is neither a recipe nor a configuration of that name.
    """
    source = open_source(name)
    return source.file if source.is_recipe else None


def load_recipe(
    source: str | os.PathLike[str] | Source, overrides: Iterable[str] = (), *, tried: bool = False
) -> RecipeConfig:
    """Read and validate a recipe and the configuration of each stage; nothing is built.

    Args:
        source: see :func:`find_recipe`; or a file that was opened already.
        overrides: ``STAGE.key=value`` for a stage (one of its configuration, or of the stage itself),
            ``key=value`` of a configuration for all stages, ``name=``, ``output_dir=`` for the recipe.
        tried: see :func:`~gait_plugins.config.loading.load_config`.

    Raises:
        ConfigError: with ``file:line``; a ``ConfigProblems`` that holds each if there are several.
    """
    read = source if isinstance(source, Source) else open_source(source)
    name, file, tree = read.name, read.file, read.tree
    if not read.is_recipe:
        raise ConfigError(
            "this is a configuration, expected a recipe: the key 'stages' is missing", where=name
        )
    shares = divide_overrides(tree, list(overrides))
    for text, place in shares.own:
        typed.apply(tree, [text], place)
    recipe = _sections(tree, display_name(file))
    relations = Relations(tree, recipe, file.parent)
    raise_problems(relations.problems, display_name(file))
    run = Path(recipe.output_dir) / (recipe.name or _run_name(name))
    configs = StageConfigs(tree, name, file.parent, run, shares.stages, tried=tried)
    stages: dict[str, Stage] = {}
    problems: list[Problem] = []
    for i, stage in enumerate(recipe.stages):
        if any(source.partition(".")[0] not in configs.done for source in stage.settings.values()):
            continue  # what it copies from is broken, which is told
        try:
            configs.done[stage.name] = configs.of(i, stage)
        except ConfigProblems as error:
            problems += error.problems
            continue
        except ConfigError as error:
            problems.append(Problem(error.message, error.where, error.hint, error))
            continue
        where = tree.where(("stages", i, "name"))
        stages[stage.name] = Stage(stage.name, configs.done[stage.name], relations.takes[i], where)
    raise_problems(list(dict.fromkeys(problems)), display_name(file))
    raise_problems(list(missing_checkpoints(stages)), display_name(file))
    return RecipeConfig(name, tuple(stages.values()))


def _sections(tree: Tree, name: str) -> RecipeSection:
    """The recipe with every key validated."""
    checker = Checker(tree)
    checked = checker.options(tree.data, of_model(RecipeSection), (), OptionOwner("a recipe", "recipe"))
    raise_problems([*tree.problems, *checker.problems], name)
    stages = [StageSection(**stage) for stage in checked.plain["stages"]]
    return RecipeSection(**{**checked.plain, "stages": stages})


def _run_name(source: str) -> str:
    path = Path(source)
    return path.stem if path.suffix else source.replace("/", "-")
