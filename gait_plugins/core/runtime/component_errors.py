"""Errors raised by a component's own code: reported with the component, its package and the line."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.utils.data import get_worker_info

from gait_plugins.errors import GaitPluginsError
from gait_plugins.lost_processes import lost_process
from gait_plugins.registry.failures import failure_of, package_of
from gait_plugins.registry.process import keep_settings, settings_now

_IN_FLOAT32 = (
    "it was given floats of 16 bits (precision); -o trainer_cfg.precision=32-true gives it none, in a test "
    "-o evaluator_cfg.precision=32-true"
)
_OF_ROUNDING = ("BFloat16", "Half", "dtype", "view size is not compatible")
"""Words of such errors; the last of maps, which lie in another order of memory in bfloat16."""


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
        failure = failure_of(component, error)
        if _of_rounding(error):
            failure.hint = f"{_IN_FLOAT32}; {failure.hint}"
        if get_worker_info() is not None:
            # On its way to the training process the error loses its cause, but not its notes.
            failure.__notes__ = ["".join(traceback.format_exception(error))]
        raise failure from error
    finally:
        keep_settings(torch, before, lambda: f"{type(component).__name__}{package_of(type(component))}")


def _of_rounding(error: BaseException) -> bool:
    """Whether it may be due to mixed precision, which code that was written for float32 may not expect."""
    mixed = torch.is_autocast_enabled("cpu") or torch.is_autocast_enabled("cuda")
    return mixed and any(word in str(error) for word in _OF_ROUNDING)
