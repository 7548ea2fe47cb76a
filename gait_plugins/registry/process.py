"""State of the process that a plugin may not leave changed: put back, and told with the plugin's name."""

from __future__ import annotations

import logging
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

log = logging.getLogger("gait_plugins")

_told: set[tuple[str, str]] = set()
"""Who has been told of what: once for each is enough."""


class _Part(NamedTuple):
    what: str
    value: Any
    """Before the plugin's code ran."""
    read: Callable[[], Any]
    put_back: Callable[[Any], object]
    is_told: bool = True


class Settings(NamedTuple):
    """What a component's call may not change; read in a microsecond, so that every call can be watched."""

    threads: int
    dtype: object
    gradient: bool
    filters: list[Any]


@contextmanager
def process_kept(who: str, doing: str, *, with_random_state: bool = True) -> Iterator[None]:
    """Put back what code of a plugin changes of the whole process, and log a warning of it, once.

    Watched are torch's threads, default dtype and gradient mode, numpy's error handling, filters of warnings,
    the working directory and what Ctrl-C and a request to end do. The random state of Python, numpy and torch
    is put back without a word. torch and numpy are looked at where they are imported already.

    Args:
        who: the package, for the warning.
        doing: what it is doing: ``when it was imported``.
        with_random_state: False where the code may draw random numbers, as a constructor does.
    """
    parts = [*_settings(), *(_random_state() if with_random_state else ())]
    try:
        yield
    finally:
        _put_back(parts, who, doing)


def settings_now(torch: Any) -> Settings:
    """What :func:`keep_settings` compares with."""
    filters = list(warnings.filters)
    return Settings(torch.get_num_threads(), torch.get_default_dtype(), torch.is_grad_enabled(), filters)


def keep_settings(torch: Any, before: Settings, who: Callable[[], str]) -> None:
    """Put back what a component's call has changed since ``before``, and log a warning of it, once."""
    if settings_now(torch) != before:
        _put_back([_filters(before.filters), *_of_torch(torch, before)], who(), "when it was called")


def _put_back(parts: list[_Part], who: str, doing: str) -> None:
    for part in parts:
        now = part.read()
        if now == part.value:
            continue
        part.put_back(part.value)
        if part.is_told and (who, part.what) not in _told:
            _told.add((who, part.what))
            values = f" from {part.value} to {now}" if not isinstance(now, list | dict) else ""
            said = "%s changed the %s of the whole process%s %s; that was put back"
            log.warning(said, who, part.what, values, doing)


def _settings() -> Iterator[_Part]:
    yield _filters(list(warnings.filters))
    folder = _folder()
    if folder:
        yield _Part("working directory", folder, _folder, os.chdir)
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_default_dtype"):  # not half-way through its own import
        yield from _of_torch(torch, settings_now(torch))
    numpy: Any = sys.modules.get("numpy")
    if numpy is not None and hasattr(numpy, "geterr"):
        yield _Part("error handling of numpy", numpy.geterr(), numpy.geterr, lambda old: numpy.seterr(**old))
    if threading.current_thread() is threading.main_thread():
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            yield from _handler(name)


def _of_torch(torch: Any, before: Settings) -> Iterator[_Part]:
    yield _Part("number of torch threads", before.threads, torch.get_num_threads, torch.set_num_threads)
    yield _Part("default dtype", before.dtype, torch.get_default_dtype, torch.set_default_dtype)
    yield _Part("gradient mode", before.gradient, torch.is_grad_enabled, torch.set_grad_enabled)


def _handler(name: str) -> Iterator[_Part]:
    number = getattr(signal, name, None)  # Windows has fewer
    handler = None if number is None else signal.getsignal(number)
    if number is not None and handler is not None:  # one of another language can't be set from here

        def handler_now() -> Any:
            return signal.getsignal(number)

        yield _Part(f"handler of {name}", handler, handler_now, lambda old: signal.signal(number, old))


def _random_state() -> Iterator[_Part]:
    yield _Part("random state", random.getstate(), random.getstate, random.setstate, is_told=False)
    numpy: Any = sys.modules.get("numpy.random")
    if numpy is not None and hasattr(numpy, "get_state"):

        def drawn() -> tuple[Any, ...]:
            name, keys, *rest = numpy.get_state()
            return (name, keys.tolist(), *rest)

        yield _Part("random state of numpy", drawn(), drawn, numpy.set_state, is_told=False)
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_rng_state"):
        kept = torch.get_rng_state()

        def stirred() -> bool:
            return not torch.equal(torch.get_rng_state(), kept)

        yield _Part(
            "random state of torch", False, stirred, lambda _: torch.set_rng_state(kept), is_told=False
        )


def _folder() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:  # the working directory has been deleted
        return ""


def _filters(before: list[Any]) -> _Part:
    """Filters of warnings: a library may add some for its own messages, and none for everybody's."""

    def new() -> list[Any]:
        return [found for found in warnings.filters if found not in before]

    def read() -> list[Any]:
        as_before = [found for found in warnings.filters if found in before] == before
        return before if as_before and not any(map(_is_for_all, new())) else list(warnings.filters)

    def put_back(_: Any) -> None:
        wanted = [*(found for found in new() if not _is_for_all(found)), *before]
        warnings.resetwarnings()  # which also makes Python forget what it has decided by the others
        filters: Any = warnings.filters
        filters[:] = wanted

    return _Part("filters of warnings", before, read, put_back)


def _is_for_all(found: Any) -> bool:
    """True for a filter of the warnings of every module: ``warnings.simplefilter("ignore")``."""
    _, message, category, module, _ = found
    categories = category if isinstance(category, tuple) else (category,)
    return message is None and module is None and any(c.__module__ == "builtins" for c in categories)
