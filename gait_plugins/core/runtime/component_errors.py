"""Errors raised by a component's own code: reported with the component, its package and the line."""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.utils.data import get_worker_info

from gait_plugins.errors import ComponentFailure, GaitPluginsError
from gait_plugins.lost_processes import lost_process
from gait_plugins.registry.manager import default_manager
from gait_plugins.registry.process import keep_settings, settings_now


@contextmanager
def errors_of(component: object) -> Iterator[None]:
    """Attribute exceptions raised inside to a component, and put back what it changes of the process.

    Raises:
        ComponentFailure: the component raised anything but a ``GaitPluginsError``, which goes through.
    """
    before = settings_now(torch)
    try:
        yield
    except GaitPluginsError:
        raise
    except (Exception, SystemExit) as error:
        # A process that dies while a component runs is not the component's fault.
        lost = lost_process(error)
        if lost is not None:
            raise lost from error
        failure = ComponentFailure(
            f"{type(component).__name__}{_package(type(component))} raised {type(error).__name__}: {error}",
            where=_place(type(component), error),
            hint="gait-plugins --debug COMMAND shows the traceback",
        )
        if get_worker_info() is not None:
            # On its way to the training process the error loses its cause, but not its notes.
            failure.__notes__ = ["".join(traceback.format_exception(error))]
        raise failure from error
    finally:
        keep_settings(torch, before, lambda: f"{type(component).__name__}{_package(type(component))}")


def _package(kind: type) -> str:
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
