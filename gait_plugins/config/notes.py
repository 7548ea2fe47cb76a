"""Notes: problems and warnings that a check finds in a tree, each with its place."""

from __future__ import annotations

from gait_plugins.config.problems import Problem
from gait_plugins.config.tree import Path, Tree, dotted
from gait_plugins.errors import GaitPluginsError


class Notes:
    """Collects problems and warnings about what is at a path."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.problems: list[Problem] = []
        self.warnings: list[Problem] = []

    def report(
        self, message: str, path: Path, hint: str | None = None, cause: GaitPluginsError | None = None
    ) -> None:
        """Note a problem at a path."""
        self.problems.append(self._at(path, message, hint, cause))

    def warn(self, message: str, path: Path, hint: str | None = None) -> None:
        """Note a harmless oddity at a path."""
        self.warnings.append(self._at(path, message, hint))

    def _at(
        self, path: Path, message: str, hint: str | None, cause: GaitPluginsError | None = None
    ) -> Problem:
        where = self.tree.where(path)
        key = dotted(path)
        # An override is its own place and already names the key.
        named = not path or (where or "").startswith(f"-o {key}=")
        return Problem(message if named else f"{key}: {message}", where, hint, cause)
