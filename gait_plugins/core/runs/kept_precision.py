"""Precision of a training that goes on: what it began in, and what it is computed in now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gait_plugins.config import Config
from gait_plugins.core.runtime.precision import KNOWN, is_possible, precision_in_use


def precision_then(then: Mapping[str, Any], device: str, recorded: object = None) -> str:
    """What a training was computed in.

    Args:
        then: its configuration, as plain data.
        device: what it is taken to have been computed on, where nothing is recorded.
        recorded: what it has written down itself; versions before there was ``auto`` may not have.
    """
    if recorded in KNOWN:
        return str(recorded)
    setting, float16 = _precision_settings(then)
    return precision_in_use(None if setting == "auto" else setting, float16, device)


def kept_precision(
    then: Mapping[str, Any], config: Config, device: str, recorded: object = None
) -> str | None:
    """What a training that goes on is bound to compute in; None where the configuration of now decides.

    Where ``auto`` decided and still does, that is what the training began in, whatever ``auto`` would be on
    this device, as far as the device can.

    Args:
        then: the configuration that was trained by, as plain data.
        config: the configuration of now.
        device: what is computed on now.
        recorded: what the training has written down.
    """
    section = config.trainer_cfg
    was, (setting, float16) = precision_then(then, device, recorded), _precision_settings(then)
    # Before there was `auto`, shipped configurations wrote false where a CPU was to compute.
    as_then = float16 == section.enable_float16 or (setting is None and not float16)
    left = section.precision == "auto" and setting in ("auto", None) and as_then
    return was if left and is_possible(was, device) else None


def _precision_settings(data: Mapping[str, Any]) -> tuple[str | None, bool]:
    """``precision`` and ``enable_float16`` of a configuration; older ones have not the first."""
    section = data.get("trainer_cfg")
    section = section if isinstance(section, Mapping) else {}
    setting = section.get("precision")
    return (str(setting) if setting is not None else None), bool(section.get("enable_float16", True))
