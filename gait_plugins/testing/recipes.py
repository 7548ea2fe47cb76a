"""Contract checks of recipes."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import yaml

from gait_plugins.api import Recipe
from gait_plugins.testing.expect import expect, made


def check_recipe(make: Recipe | Callable[[], Recipe]) -> None:
    """File and stages of a recipe; ``gait-plugins config check NAME`` checks what the stages train.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    recipe = made(make, Recipe)
    expect(bool(inspect.getdoc(type(recipe))), "the class has no docstring: it says what the stages are for")
    path = recipe.path()
    expect(path.is_file(), f"there is no file {recipe.file!r} beside the module of the class")
    try:
        told = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise AssertionError(f"{recipe.file} is not YAML: {error}") from error
    stages = told.get("stages") if isinstance(told, dict) else None
    expect(isinstance(stages, list) and bool(stages), f"{recipe.file} has no list of stages")
    for number, stage in enumerate(stages or [], 1):
        named = isinstance(stage, dict) and {"name", "cfgs"} <= stage.keys()
        expect(named, f"stage {number} of {recipe.file} lacks name or cfgs")
