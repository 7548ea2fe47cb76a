"""The command line with the plugin of the tiny recipe, as a process: ``run_recipe.py train YAML``."""

from __future__ import annotations

from gait_plugins.cli import main
from gait_plugins.registry.manager import Manager, use_manager
from helpers.components.tiny_recipe import TinyRecipePlugin


def run() -> None:
    """The command line, with the plugin beside the built-ins."""
    manager = Manager(allow=[])
    manager.register(TinyRecipePlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    main()


if __name__ == "__main__":
    run()
