"""Failures of components: an exception of a component's own code, told with its package and the line."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gait_plugins.errors import ComponentFailure, GaitPluginsError
from gait_plugins.registry.manager import default_manager


@contextmanager
def failures_of(component: object) -> Iterator[None]:
    """Attribute exceptions raised inside to a component.

    Raises:
        ComponentFailure: the component raised anything but a ``GaitPluginsError``, which goes through.
    """
    try:
        yield
    except GaitPluginsError:
        raise
    except (Exception, SystemExit) as error:
        raise failure_of(component, error) from error


def failure_of(component: object, error: BaseException) -> ComponentFailure:
    """What a component raised, in words: its name, its package, and the line of its module that ran last."""
    kind = type(component)
    return ComponentFailure(
        f"{kind.__name__}{package_of(kind)} raised {type(error).__name__}: {error}",
        where=_place(kind, error),
        hint="gait-plugins --debug COMMAND shows the traceback",
    )


def package_of(kind: type) -> str:
    """The package that a component's class is of, in brackets; nothing where it is not known."""
    origin = f"{kind.__module__}:{kind.__qualname__}"
    owners = {str(c.owner) for c in default_manager().components() if c.origin == origin}
    return f" ({', '.join(sorted(owners))})" if owners else ""


def _place(kind: type, error: BaseException) -> str | None:
    """The last line of the component's own module that ran; its file where the fault is what it returned.

    A class that adapts one written elsewhere names that one as ``stands_for``.
    """
    kind = getattr(kind, "stands_for", kind)
    try:
        file = inspect.getsourcefile(kind)
    except TypeError:  # of a notebook or an interpreter
        file = None
    lines = traceback.extract_tb(error.__traceback__)
    own = [line for line in lines if file and Path(line.filename) == Path(file)]
    return f"{file}:{own[-1].lineno}" if own else file
