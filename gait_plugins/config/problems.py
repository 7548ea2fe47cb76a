"""Problems: everything that is wrong with a configuration, collected to be reported at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gait_plugins.errors import ConfigError, GaitPluginsError


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: what, where, and what to do about it."""

    message: str
    where: str | None = None
    hint: str | None = None
    cause: GaitPluginsError | None = None
    """The error behind it, where a look-up or an import failed."""

    def __str__(self) -> str:
        return str(ConfigError(self.message, where=self.where, hint=self.hint))


SHOWN = 50
"""Problems that a message spells out; whoever has more has made one mistake many times."""


class ConfigProblems(ConfigError):
    """Several things are wrong with a configuration; :attr:`problems` holds each."""

    def __init__(self, problems: Sequence[Problem], source: str) -> None:
        lines = [str(problem) for problem in problems[:SHOWN]]
        if len(problems) > SHOWN:
            lines.append(f"... and {len(problems) - SHOWN} more errors")
        super().__init__("\n".join([f"{len(problems)} errors in {source}:", *lines]))
        self.problems = tuple(problems)


def raise_problems(problems: Sequence[Problem], source: str) -> None:
    """Raise what was collected, if anything was.

    Raises:
        ConfigError: a lone problem as itself, several as :class:`ConfigProblems`.
    """
    if len(problems) == 1:
        problem = problems[0]
        raise ConfigError(
            problem.message, where=problem.where or source, hint=problem.hint
        ) from problem.cause
    if problems:
        raise ConfigProblems(problems, source)
