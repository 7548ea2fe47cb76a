"""Trains the tiny configuration in a process of its own: ``run_tiny.py YAML [--resume] [-o ...]``."""

from __future__ import annotations

from gait_plugins.cli import main
from gait_plugins.registry.manager import Manager, use_manager
from helpers.components.tiny import TinyPlugin


def run() -> None:
    """The command line, with the tiny plugin beside the built-ins."""
    manager = Manager(allow=[])
    manager.register(TinyPlugin(), distribution="tiny-gait", version="1.0")
    use_manager(manager)
    main()


if __name__ == "__main__":
    run()
