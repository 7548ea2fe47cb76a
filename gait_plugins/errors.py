"""Errors: one family of exceptions that say what happened, where, and what to do next."""

from __future__ import annotations


class GaitPluginsError(Exception):
    """Base of every error that this package raises on purpose.

    Args:
        message: what happened, with names and values.
        where: ``file:line``, component or file that it happened in.
        hint: what to do next.
    """

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        where = (self.where or "").replace("\n", "\\n")  # the name of a folder may hold anything
        text = f"{where}: {self.message}" if where else self.message
        return f"{text}\n  -> {self.hint}" if self.hint else text


class UnknownComponent(GaitPluginsError):
    """No installed package offers a component of that kind and name."""


class ComponentConflict(GaitPluginsError):
    """Two packages offer the same name; the qualified spelling decides."""


class PluginLoadError(GaitPluginsError):
    """A plugin or one of its components could not be imported, or breaks the hook contract."""


class ConfigError(GaitPluginsError):
    """The YAML, or an option in it, is not what a section or component accepts."""


class DataError(GaitPluginsError):
    """A data set, sequence file or partition is missing, broken or of the wrong layout."""


class CheckpointError(GaitPluginsError):
    """A checkpoint is missing, broken, of a future format or does not fit the model."""


class ComponentFailure(GaitPluginsError):
    """A component's own code raised an exception that it should not."""


class NonFiniteLoss(GaitPluginsError):
    """A loss term became NaN or infinite; training stopped before the weights were touched."""


class ProcessLost(GaitPluginsError):
    """Another process of the same job ended, and this one cannot go on without it."""


class RunFolderLost(GaitPluginsError):
    """The folder of a run was removed, moved or replaced while the run wrote into it."""


class UpstreamMismatch(GaitPluginsError):
    """A checkout of the second host differs from the one its patches were written for."""
