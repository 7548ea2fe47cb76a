"""Validated components that are not built yet: name, options, origin, and how to build them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import typing_extensions

from gait_plugins.config.options.signature import uses_from_config
from gait_plugins.errors import ConfigError, GaitPluginsError
from gait_plugins.registry.components import Component, Owner
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.process import process_kept


@dataclass(frozen=True)
class ComponentSpec:
    """A component of the configuration with its validated options."""

    kind: str
    name: str
    """As written, bare or qualified; of a component in a file, the file's name and the class."""
    options: dict[str, Any]
    """The options as plain data, as YAML would hold them; constructor defaults are not filled in."""
    where: str | None
    """``file.yaml:12`` of the component's name."""
    component: Component
    arguments: dict[str, Any] = field(repr=False, default_factory=dict)
    """The options as the constructor takes them; nested components still as specs."""

    def build(self, **extra: Any) -> Any:
        """A new instance; ``extra`` are further arguments and win over the options.

        Raises:
            ConfigError: the constructor refuses the values.
            PluginLoadError: the class cannot be imported.
        """
        cls: Any = self.component.load()
        make = cls.from_config if uses_from_config(cls) else cls
        try:
            arguments = {name: realise(value) for name, value in self.arguments.items()} | extra
            with _kept(self.component.owner):
                return make(**arguments)
        except GaitPluginsError as error:
            error.where = error.where or self._place()
            raise
        except (TypeError, ValueError) as error:
            raise ConfigError(
                f"{self.kind} {self.name!r} of {self.component.owner} refuses its options: {error}",
                where=self._place(),
                hint=f"gait-plugins config explain {self.spelling}",
            ) from error
        except (Exception, SystemExit) as error:  # a size of 0 may end as anything, deep inside torch
            raise ConfigError(
                f"{self.kind} {self.name!r} of {self.component.owner} cannot be built with these options: "
                f"{type(error).__name__}: {error}",
                where=self._place(),
                hint=f"gait-plugins config explain {self.spelling}; gait-plugins --debug shows the traceback",
            ) from error

    def mapping(self) -> dict[str, Any]:
        """The YAML mapping that gives this spec."""
        return {KINDS[self.kind].key: self.spelling, **self.options}

    @property
    def spelling(self) -> str:
        """What names the component in a configuration: of one in a file, with the file's full path."""
        return self.component.written(self.name)

    def walk(self) -> Iterator[ComponentSpec]:
        """This spec and all that are nested in it."""
        yield self
        yield from _nested(self.arguments)

    def _place(self) -> str:
        return self.where or f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Uncounted:
    """Stands for a number of classes that is written as ``auto``, until the training set has been counted."""

    path: str
    """Name of the setting, ``model_cfg.SeparateBNNecks.class_num``."""


@dataclass(frozen=True)
class Structure:
    """Validated values of a TypedDict, dataclass or pydantic model."""

    cls: type
    values: dict[str, Any]

    def build(self) -> Any:
        """A new instance."""
        values = realise(self.values)
        return values if typing_extensions.is_typeddict(self.cls) else self.cls(**values)


@dataclass(frozen=True)
class SamplerSpec:
    """Which sequences make a batch, and which frames of each are used."""

    batch: ComponentSpec
    frames: ComponentSpec

    def mapping(self) -> dict[str, Any]:
        """The one YAML mapping that holds the options of both."""
        return {**self.batch.mapping(), **self.frames.mapping()}


@dataclass(frozen=True)
class TransformSpecs:
    """A transform, or None, for each input: in the order of the inputs, or by the name of the stream."""

    specs: tuple[ComponentSpec | None, ...] = ()
    streams: tuple[str, ...] | None = None
    """Names of the streams, one for each of ``specs``; None: in the order of the inputs."""

    def __iter__(self) -> Iterator[ComponentSpec | None]:
        return iter(self.specs)

    def __len__(self) -> int:
        return len(self.specs)

    def __getitem__(self, place: int) -> ComponentSpec | None:
        return self.specs[place]

    def items(self) -> Iterator[tuple[str | int, ComponentSpec | None]]:
        """Each with the key of it in the YAML."""
        return zip(self.streams or range(len(self.specs)), self.specs, strict=True)

    def mapping(self) -> Any:
        """The YAML list, or mapping, that gives these."""
        found = [None if spec is None else spec.mapping() for spec in self.specs]
        return found if self.streams is None else dict(zip(self.streams, found, strict=True))


@dataclass(frozen=True)
class LossSpec:
    """A loss term under the prefix that the model gives its features."""

    log_prefix: str
    component: ComponentSpec
    features: str | None = None
    """The name in ``training_feat`` of what it gets, where it is not the prefix."""

    def mapping(self) -> dict[str, Any]:
        """The YAML mapping of the term."""
        shared = {} if self.features is None else {"features": self.features}
        return {"log_prefix": self.log_prefix, **shared, **self.component.mapping()}


def _kept(owner: Owner) -> AbstractContextManager[None]:
    """What a constructor may not change; it may draw random numbers."""
    if owner.is_built_in:
        return nullcontext()
    return process_kept(str(owner), "when it was built", with_random_state=False)


def realise(value: Any) -> Any:
    """A value with every nested spec built; containers are new on each call.

    Raises:
        ConfigError: a number of classes has not been counted yet.
    """
    if isinstance(value, Uncounted):
        raise ConfigError(
            f"{value.path} is auto: a training counts it in the training set, and what comes after reads it "
            "from the checkpoint; here there is neither",
            hint=f"write the number: -o {value.path}=NUMBER",
        )
    if isinstance(value, ComponentSpec | Structure):
        return value.build()
    if isinstance(value, dict):
        return {key: realise(item) for key, item in value.items()}
    if type(value) in (list, tuple):
        return type(value)(realise(item) for item in value)
    return value


def holds_components(value: Any) -> bool:
    """True where a component is nested somewhere in the value."""
    return next(_nested(value), None) is not None


def _nested(value: Any) -> Iterator[ComponentSpec]:
    if isinstance(value, ComponentSpec):
        yield from value.walk()
    elif isinstance(value, Structure):
        yield from _nested(value.values)
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _nested(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _nested(item)
