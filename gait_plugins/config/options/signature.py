"""Signatures: the options that a constructor, a mapping of declared keys or a section accepts."""

from __future__ import annotations

import collections.abc
import dataclasses
import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Optional, get_args, get_origin, get_type_hints

import typing_extensions
from pydantic import BaseModel

from gait_plugins.config.options.annotations import arms, bare, kind_of, type_text, value_type

REQUIRED: Any = inspect.Parameter.empty
OMITTED: Any = object()
"""The default of a key that may be absent, as TypedDicts have them."""
_USUAL: dict[str, Any] = {**vars(typing), **vars(collections.abc)}


@dataclass(frozen=True)
class Param:
    """One option."""

    name: str
    annotation: Any
    default: Any = REQUIRED
    doc: str = ""
    default_note: str = ""
    """Where the default comes from, if it is no fixed value."""

    @property
    def required(self) -> bool:
        """True where the option must be written."""
        return self.default is REQUIRED and not self.default_note

    @property
    def default_text(self) -> str:
        """The default as people write it; empty where there is none."""
        if self.required or self.default is OMITTED:
            return ""
        return self.default_note or repr(self.default)

    def __str__(self) -> str:
        text = f"{self.name}: {type_text(self.annotation)}"
        if self.default is OMITTED:
            return f"{text} (optional)"
        return text if self.required else f"{text} = {self.default_text}"


@dataclass(frozen=True)
class Signature:
    """All options, by name."""

    params: Mapping[str, Param]
    open: bool = False
    """True where any other option is accepted too (``**kwargs``)."""

    def without(self, *names: str) -> Signature:
        """The signature less some options."""
        return Signature({n: p for n, p in self.params.items() if n not in names}, self.open)


@lru_cache(maxsize=512)
def of_component(cls: type) -> Signature:
    """What the YAML mapping of a component may hold: ``from_config``'s keywords, else the constructor's."""
    if uses_from_config(cls):
        return _of_callable(cls.from_config, skip=0)  # type: ignore[attr-defined]
    return of_class(cls)


def takes_kinds_of_streams(cls: type) -> bool:
    """Whether a data set is told by the option ``streams`` what its files hold: name -> kind of stream."""
    param = of_component(cls).params.get("streams")
    alternatives = () if param is None else arms(bare(param.annotation))
    return any(kind_of(value_type(one)) == "stream" for one in alternatives)


def ignored_options(cls: type) -> Mapping[str, str]:
    """Options that people write for a component and that have no effect, with the reason."""
    found: Mapping[str, str] = getattr(cls, "ignored_options", {})
    return found


def uses_from_config(cls: type) -> bool:
    """True where the class gives ``from_config`` keywords of its own."""
    adapt = getattr(cls, "from_config", None)
    if not isinstance(adapt, types.MethodType):
        return False
    kinds = [p.kind for p in inspect.signature(adapt).parameters.values()]
    return kinds != [inspect.Parameter.VAR_KEYWORD]


@lru_cache(maxsize=512)
def of_class(cls: type) -> Signature:
    """What a constructor accepts."""
    constructor = cls.__init__  # type: ignore[misc]
    if constructor is object.__init__ or constructor.__module__ == "torch.nn.modules.module":
        return Signature({})
    return _of_callable(constructor, skip=1)


@lru_cache(maxsize=512)
def of_structure(cls: type) -> Signature:
    """The keys of a TypedDict, dataclass or pydantic model."""
    if issubclass(cls, BaseModel):
        return of_model(cls)
    hints = typing_extensions.get_type_hints(cls, include_extras=True)
    if dataclasses.is_dataclass(cls):
        fields = [f for f in dataclasses.fields(cls) if f.init]
        return Signature({f.name: Param(f.name, hints[f.name], _field_default(f)) for f in fields})
    required: frozenset[str] = getattr(cls, "__required_keys__", frozenset())
    return Signature({name: _typed_key(name, hint, name in required) for name, hint in hints.items()})


@lru_cache(maxsize=64)
def of_model(model: type[BaseModel]) -> Signature:
    """The fields of a pydantic model, less those marked ``part`` (they are read by other rules)."""
    params = {}
    for name, field in model.model_fields.items():
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        if extra.get("part"):
            continue
        hint = Annotated[(field.annotation, *field.metadata)] if field.metadata else field.annotation
        default = REQUIRED if field.is_required() else field.get_default(call_default_factory=True)
        note = str(extra.get("follows", ""))
        params[name] = Param(name, hint, default, field.description or "", note)
    return Signature(params)


def _field_default(field: dataclasses.Field[Any]) -> Any:
    if field.default is not dataclasses.MISSING:
        return field.default
    return REQUIRED if field.default_factory is dataclasses.MISSING else field.default_factory()


def _typed_key(name: str, hint: Any, required: bool) -> Param:
    while get_origin(hint) in (
        typing_extensions.Required,
        typing_extensions.NotRequired,
        typing_extensions.ReadOnly,
    ):
        # Under postponed annotations __required_keys__ does not know of these two.
        if get_origin(hint) is not typing_extensions.ReadOnly:
            required = get_origin(hint) is typing_extensions.Required
        hint = get_args(hint)[0]
    return Param(name, hint, REQUIRED if required else OMITTED)


def _of_callable(function: Callable[..., Any], skip: int) -> Signature:
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    kinds = {p.kind for p in parameters}
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    module_names = getattr(inspect.unwrap(function), "__globals__", {})
    params = {}
    for p in (p for p in parameters if p.kind in named):
        annotation = _evaluated(p.annotation, module_names)
        if p.default is None and annotation is not REQUIRED:
            annotation = Optional[annotation]  # noqa: UP045  (made at run time)
        params[p.name] = Param(p.name, annotation, p.default)
    return Signature(params, open=inspect.Parameter.VAR_KEYWORD in kinds)


def _evaluated(annotation: Any, module_names: dict[str, Any]) -> Any:
    """A postponed annotation as a type; what only a type checker can resolve accepts anything.

    The usual names are found even where their import is for type checkers alone.
    """
    if not isinstance(annotation, str):
        return annotation
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return get_type_hints(holder, globalns={**_USUAL, **module_names}, include_extras=True)["it"]
    except Exception:
        return Any
