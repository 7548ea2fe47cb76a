"""Type annotations: checking values by pydantic, recognising structure, and naming types in words."""

from __future__ import annotations

import dataclasses
import inspect
import sys
import types
from collections.abc import Callable, Collection, Iterable, Mapping, MutableSequence, Sequence
from functools import lru_cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import typing_extensions
from pydantic import BaseModel, BeforeValidator, ConfigDict, StrictBool, StrictStr, TypeAdapter

from gait_plugins.api.options import CountedClasses
from gait_plugins.registry.kinds import KINDS

AUTO = "auto"
"""What may be written in place of a number of classes."""
_LISTS = (list, Sequence, MutableSequence, Iterable, Collection)
_MAPPINGS = (dict, Mapping)


def kind_of(annotation: Any) -> str | None:
    """The kind of component that an annotation names, or None."""
    if not is_class(annotation):
        return None
    for kind in KINDS.values():
        module, _, attribute = kind.base.partition(":")
        # A base class that was never imported cannot have been subclassed.
        if module != "builtins" and module in sys.modules:
            base = getattr(sys.modules[module], attribute)
            if issubclass(annotation, base):
                return kind.name
    return None


def is_class(annotation: Any) -> bool:
    """True for a plain class, not for ``list[int]``."""
    return inspect.isclass(annotation) and get_origin(annotation) is None


def is_structure(annotation: Any) -> bool:
    """True for a mapping of declared keys: a TypedDict, a dataclass or a pydantic model."""
    if not is_class(annotation):
        return False
    named = typing_extensions.is_typeddict(annotation) or dataclasses.is_dataclass(annotation)
    return named or issubclass(annotation, BaseModel)


def is_anything(annotation: Any) -> bool:
    """True for no annotation and for those that any value satisfies."""
    return annotation in (Any, object, inspect.Parameter.empty) or isinstance(annotation, TypeVar)


def bare(annotation: Any) -> Any:
    """The annotation without ``Annotated``."""
    return bare(get_args(annotation)[0]) if get_origin(annotation) is Annotated else annotation


def arms(annotation: Any) -> tuple[Any, ...]:
    """The alternatives of a union, or the annotation alone."""
    if get_origin(annotation) in (Union, types.UnionType):
        return get_args(annotation)
    return (annotation,)


def counts_classes(annotation: Any) -> bool:
    """True for ``ClassCount``, the number of classes that are trained, alone or as an alternative."""
    if get_origin(annotation) is Annotated:
        inner, *marks = get_args(annotation)
        return any(isinstance(mark, CountedClasses) for mark in marks) or counts_classes(inner)
    return len(arms(annotation)) > 1 and any(counts_classes(arm) for arm in arms(annotation))


def item_type(annotation: Any) -> Any | None:
    """The type of the items of a list-like annotation, or None for other annotations."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin in _LISTS or (origin is tuple and len(inner) == 2 and inner[1] is Ellipsis):
        return inner[0]
    return None


def value_type(annotation: Any) -> Any | None:
    """The type of the values of a mapping annotation, or None for other annotations."""
    return get_args(annotation)[1] if get_origin(annotation) in _MAPPINGS else None


def has_structure(annotation: Any) -> bool:
    """True where a component or a mapping of declared keys is somewhere in the annotation."""
    annotation = bare(annotation)
    if kind_of(annotation) or is_structure(annotation):
        return True
    return get_origin(annotation) is not Literal and any(has_structure(a) for a in get_args(annotation))


# --- values ------------------------------------------------------------------------------------


def validate(annotation: Any, value: Any) -> Any:
    """``value`` as the annotation wants it; raises pydantic's ``ValidationError``."""
    try:
        adapter = _cached_adapter(annotation)
    except TypeError:  # an unhashable annotation, such as Literal of a list
        adapter = _adapter(annotation)
    return adapter.validate_python(value)


def adapter_of(annotation: Any) -> TypeAdapter[Any]:
    """Pydantic's view of an annotation under the rules for YAML values."""
    return _adapter(annotation)


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    strict = _strict(annotation)
    try:
        return TypeAdapter(strict, config=ConfigDict(arbitrary_types_allowed=True))
    except Exception:  # pydantic refuses what it cannot describe; such an option takes any value
        return TypeAdapter(Any)


_cached_adapter = lru_cache(maxsize=1024)(_adapter)


def _refuse_bool(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError("true and false are not numbers")
    return value


def _refuse_bool_and_text(value: Any) -> Any:
    if isinstance(value, str):
        raise ValueError("text is not a number")
    return _refuse_bool(value)


_SCALARS: dict[Any, Any] = {
    int: Annotated[int, BeforeValidator(_refuse_bool_and_text)],
    float: Annotated[float, BeforeValidator(_refuse_bool)],
    bool: StrictBool,
    str: StrictStr,
}


def _strict(annotation: Any) -> Any:
    """The annotation with numbers that are not booleans, texts that are texts, and lists for iterables."""
    if isinstance(annotation, type) and annotation in _SCALARS:
        return _SCALARS[annotation]
    origin, inner = get_origin(annotation), get_args(annotation)
    if not inner or origin in (Literal, Callable):
        return list if annotation in _LISTS else annotation
    if origin is Annotated:
        strict = _strict(inner[0])
        # Constraints go first: pydantic shows them in a JSON schema only where they meet the bare type.
        return Annotated[(bare(strict), *inner[1:], *getattr(strict, "__metadata__", ()))]
    parts = tuple(part if part is Ellipsis else _strict(part) for part in inner)
    if origin in (Union, types.UnionType):
        return Union[parts]  # noqa: UP007  (made at run time)
    if origin in _LISTS:
        return list[parts[0]]  # type: ignore[valid-type]
    return origin[parts] if origin is tuple or origin in _MAPPINGS else annotation


# --- words -------------------------------------------------------------------------------------


def type_text(annotation: Any) -> str:
    """A type as people write it: ``tuple[int, int]``, ``'euc' | 'cos'``, ``list[Transform]``."""
    auto = f" | {AUTO!r}" if len(arms(bare(annotation))) == 1 and counts_classes(annotation) else ""
    annotation = bare(annotation)
    if auto:
        return f"{type_text(annotation)}{auto}"
    if is_anything(annotation):
        return "anything"
    if annotation is None or annotation is type(None):
        return "None"
    if annotation is Ellipsis:
        return "..."
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return " | ".join(repr(value) for value in inner)
    if len(arms(annotation)) > 1:
        return " | ".join(dict.fromkeys(type_text(arm) for arm in arms(annotation)))
    if origin is not None and origin in (Callable, *_LISTS) and origin is not list:
        return "callable" if origin is Callable else f"list[{type_text(inner[0])}]"
    if origin is not None and inner:
        return f"{getattr(origin, '__name__', origin)}[{', '.join(type_text(a) for a in inner)}]"
    if is_structure(annotation):
        is_model = issubclass(annotation, BaseModel)
        keys = annotation.model_fields if is_model else typing_extensions.get_type_hints(annotation)
        return f"mapping of {', '.join(keys)}"
    return str(getattr(annotation, "__name__", annotation))
