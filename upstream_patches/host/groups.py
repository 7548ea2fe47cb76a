"""Parameter groups of models that make their own optimiser."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from gait_plugins.errors import ConfigError


class _Recorder:
    """Looks like an optimiser's class to OpenGait's code, and keeps what it is given."""

    def __init__(self, params: Any, **options: Any) -> None:
        self.params = list(params)


class _Optimisers:
    """In place of ``torch.optim`` in one module: every name is a recorder.

    Args:
        options: arguments that OpenGait, which hands a class no others than those in its signature,
            finds the recorder to take.
    """

    def __init__(self, options: Iterable[str]) -> None:
        def make(recorder: _Recorder, params: Any, **given: Any) -> None:
            _Recorder.__init__(recorder, params, **given)

        takes = inspect.Parameter.POSITIONAL_OR_KEYWORD
        named = [inspect.Parameter(name, takes) for name in ("self", "params", *options)]
        vars(make)["__signature__"] = inspect.Signature(named)
        self._class = type("Recorder", (_Recorder,), {"__init__": make})

    def __getattr__(self, name: str) -> type[_Recorder]:
        return self._class


def recorded_groups(network: Any, optimizer_cfg: Mapping[str, Any]) -> list[Any]:
    """What the network's ``get_optimizer`` would make its optimiser of: parameters or groups of them.

    Args:
        network: a model of the checkout.
        optimizer_cfg: the optimiser's options.

    Raises:
        ConfigError: it reads an option that is not there.
    """
    name = network.get_optimizer.__func__.__module__
    names = vars(sys.modules[name])
    before = names.get("optim")
    names["optim"] = _Optimisers(optimizer_cfg)
    try:
        made = network.get_optimizer({"solver": "SGD", **optimizer_cfg})
    except KeyError as error:
        raise ConfigError(
            f"{type(network).__name__} needs the option {error}", where="optimizer_cfg"
        ) from error
    finally:
        names["optim"] = before
    if not isinstance(made, _Recorder):
        return list(made.param_groups)
    return [_with_lists(group) for group in made.params]


def _with_lists(group: Any) -> Any:
    if not isinstance(group, dict):
        return group
    params = group["params"]
    return {**group, "params": list(params) if hasattr(params, "__iter__") else [params]}
