"""Callables that show the host which options they take, so that it hands them over."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from gait_plugins.config.options import signature

C = TypeVar("C", bound=Callable[..., Any])


def accepting(function: C, name: str, first: tuple[str, ...], component: type) -> C:
    """The function under the component's name; its parameters are ``first`` and the component's options.

    The host drops every key of its YAML that the callable's own parameters do not name.
    """
    named = inspect.Parameter.POSITIONAL_OR_KEYWORD
    options = [option for option in signature.of_component(component).params if option not in first]
    parameters = [inspect.Parameter(each, named) for each in first]
    parameters += [inspect.Parameter(each, named, default=None) for each in options]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = name
    function.__doc__ = component.__doc__
    return function
