"""Configuration that a model of the checkout reads beside ``model_cfg``."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from upstream_patches.host.listing import PREFIX, listing


def hand_over(config: MutableMapping[str, Any]) -> None:
    """Put what the configured model reads of other sections into ``model_cfg.cfgs``, in place.

    A key that only such a model knows leaves its section, where validation would refuse it.
    """
    model = config.get("model_cfg")
    if not isinstance(model, MutableMapping):
        return
    *fronts, name = str(model.get("model")).split("/")
    found = listing().found.get(("model", name))
    if not fronts or fronts[-1].lower() != PREFIX or found is None:
        return
    for section, key in sorted(found.settings):
        holder = _holder(config, model, section, key)
        if holder is not None:
            foreign = holder is model or (section == "trainer_cfg" and key not in _trainer_keys())
            value = holder.pop(key) if foreign else holder[key]
            model.setdefault("cfgs", {}).setdefault(section, {}).setdefault(key, value)


def _holder(
    config: MutableMapping[str, Any], model: MutableMapping[str, Any], section: str, key: str
) -> MutableMapping[str, Any] | None:
    """The mapping that has the key: its section, or ``model_cfg``, which may hold it as well."""
    for values in (config.get(section), model):
        if isinstance(values, MutableMapping) and key in values:
            return values
    return None


def _trainer_keys() -> set[str]:
    from gait_plugins.config.sections import TrainerSection

    return set(TrainerSection.model_fields)
