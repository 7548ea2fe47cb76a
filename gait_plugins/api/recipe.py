"""The contract of recipes: trainings of several stages."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import ClassVar

from gait_plugins.api.options import HasExample


class Recipe(HasExample):
    """Names a YAML file of stages that lies in a plugin's package; its docstring says what they are for.

    What the file's stages name by relative paths lies beside it.
    """

    file: ClassVar[str] = ""
    """The file, from the folder of the module on that the class is written in."""

    @classmethod
    def path(cls) -> Path:
        """Where the file lies."""
        return Path(inspect.getfile(cls)).parent / cls.file
