"""Configurations of models of the checkout: what they read beside ``model_cfg``, and their transforms."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from upstream_patches.host.counterparts import STACKED
from upstream_patches.host.listing import PREFIX, listing


def hand_over(config: MutableMapping[str, Any]) -> None:
    """Put what the configured model reads of other sections into ``model_cfg.cfgs``, in place.

    A key that only such a model knows leaves its section, where validation would refuse it. The one
    transform of a model that lays several files on each other is for all of them.
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
    for section in ("trainer_cfg", "evaluator_cfg"):
        loading = config.get(section)
        if isinstance(loading, MutableMapping) and name in STACKED:
            _join(loading, STACKED[name])


def _join(loading: MutableMapping[str, Any], streams: Sequence[str]) -> None:
    """Make the one transform of several files, which the checkout lays on each other first, a joint one."""
    written = loading.get("transform")
    if isinstance(written, list) and len(written) == 1 and not loading.get("joint_transform"):
        joint = {"type": "JointPictures", "streams": list(streams), "trf_cfg": written}
        loading["joint_transform"], loading["transform"] = [joint], dict.fromkeys(streams)


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
