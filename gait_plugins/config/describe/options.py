"""Descriptions of components and sections, for people: types, defaults, meaning and origin."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from gait_plugins.api import Stream
from gait_plugins.config.describe import docstrings
from gait_plugins.config.options import annotations as ann
from gait_plugins.config.options import signature
from gait_plugins.config.options.signature import Param
from gait_plugins.registry.components import Component


@dataclass(frozen=True)
class Option:
    """One option of a component, or key of a section."""

    name: str
    type: str
    default: str
    """As written in Python; empty where the option is required or simply absent."""
    required: bool
    doc: str
    options: tuple[Option, ...] = ()
    """The keys, where the option is a mapping of declared keys."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


@dataclass(frozen=True)
class ComponentDescription:
    """What ``config explain`` and ``plugins show`` print."""

    name: str
    kind: str
    origin: str
    """``module:attr``."""
    owner: str
    """Distribution and version."""
    summary: str
    options: tuple[Option, ...]
    open: bool = False
    """True where further options are accepted (``**kwargs``)."""
    streams: tuple[str, ...] = ()
    """What a model takes, a line for each stream, where its class says so."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def describe(component: Component) -> ComponentDescription:
    """Import a component and describe its options.

    Raises:
        PluginLoadError: it cannot be imported.
    """
    cls = component.load()
    accepts = signature.of_component(cls)
    return ComponentDescription(
        name=component.name,
        kind=component.kind,
        origin=component.origin,
        owner=str(component.owner),
        summary=docstrings.summary(cls),
        options=describe_params(accepts.params.values(), docstrings.option_docs(cls)),
        open=accepts.open,
        streams=_streams(cls),
    )


def _streams(cls: type) -> tuple[str, ...]:
    declared = getattr(cls, "streams", None)
    listed = declared if isinstance(declared, tuple) else ()
    return tuple(each.summary if isinstance(each, Stream) else str(each) for each in listed)


def describe_params(params: Iterable[Param], docs: dict[str, str] | None = None) -> tuple[Option, ...]:
    """Options as texts; ``docs`` fills in for parameters without a description of their own."""
    known = docs or {}
    return tuple(
        Option(
            name=param.name,
            type=ann.type_text(param.annotation),
            default=param.default_text,
            required=param.required,
            doc=param.doc or known.get(param.name, ""),
            options=_keys(param.annotation),
        )
        for param in params
    )


def _keys(annotation: Any) -> tuple[Option, ...]:
    for arm in ann.arms(ann.bare(annotation)):
        inner = ann.item_type(ann.bare(arm)) or ann.bare(arm)
        if ann.is_structure(inner) and not ann.kind_of(inner):
            accepts = signature.of_structure(inner)
            return describe_params(accepts.params.values(), docstrings.arguments(inner.__doc__ or ""))
    return ()
