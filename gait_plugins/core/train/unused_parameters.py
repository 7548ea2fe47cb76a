"""Unused parameters: the error for parameters without gradient, which several processes wait for."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from gait_plugins.errors import ConfigError

_MARK = "Expected to have finished reduction in the prior iteration"
_SHOWN = 6


@contextmanager
def unused_named(module: nn.Module) -> Iterator[None]:
    """Run a step of a module that is spread over several processes.

    Args:
        module: the bare module; its trainable parameters are numbered as torch numbers them.

    Raises:
        ConfigError: parameters got no gradient in the step before; named where torch tells which.
    """
    try:
        yield
    except RuntimeError as error:
        if _MARK not in str(error):
            raise
        names = _names(module, str(error))
        which = f": {', '.join(names[:_SHOWN])}" if names else ""
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        raise ConfigError(
            f"{len(names) or 'some'} trainable parameters got no gradient in a step, "
            f"but several processes wait for the gradient of each{which}{more}",
            where="trainer_cfg",
            hint="set -o trainer_cfg.find_unused_parameters=true, or freeze them by trainer_cfg.freeze",
        ) from error


def _names(module: nn.Module, said: str) -> list[str]:
    numbers = re.search(r"Parameter indices which did not receive grad for rank \d+: ([\d ]+)", said)
    trained = [name for name, parameter in module.named_parameters() if parameter.requires_grad]
    found = [int(number) for number in numbers[1].split()] if numbers else []
    return [trained[number] for number in found if number < len(trained)]
