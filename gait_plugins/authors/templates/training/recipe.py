"""A recipe: a training of several stages, in the YAML file beside this module."""

from __future__ import annotations

from gait_plugins import Recipe


class ExampleRecipe(Recipe):
    """Trains a small GaitBase, and then new heads on its frozen frame network."""

    file = "recipe.yaml"
