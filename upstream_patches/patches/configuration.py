"""Options of plugins and their components in a YAML, read as our own trainer reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from gait_plugins.errors import ConfigError
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager, pin_plugins
from upstream_patches.patches.look_ups import HOST_PREFIX
from upstream_patches.patches.patch import LEFT_OUT, SEVERAL, Host, Patch

if TYPE_CHECKING:
    from gait_plugins.config.specs import ComponentSpec

PATCHES: dict[str, str] = {
    "model": "models",
    "backbone": "backbones",
    "loss": "losses",
    "transform": "transforms",
    "batch_sampler": "batch-samplers",
    "frame_sampler": "frame-samplers",
    "protocol": "evaluators",
}
"""Kind -> the patch by which the host finds a plugin's."""
MODULES: dict[str, str] = {
    "model": "modeling.models",
    "backbone": "modeling.backbones",
    "loss": "modeling.losses",
    "transform": "data.transform",
    "batch_sampler": "data.sampler",
    "protocol": "evaluation.evaluator",
}
"""Kind -> where the host looks its own up."""


class Configuration(Patch):
    """Plugins see the configuration of their models; options of their components are checked."""

    name = "configuration"
    needed = True
    touches = "utils.config_loader"
    why = "OpenGait drops unknown options; here they are errors before any work, with a suggestion"
    files = ("opengait/utils/common.py", "configs/default.yaml")
    expects: ClassVar = {"utils": {"config_loader": None}, "utils.common": {"config_loader": ["path"]}}

    def change(self, host: Host) -> None:
        utils = host.module("utils")
        original = utils.config_loader

        def config_loader(path: str, **options: Any) -> dict[str, Any]:
            from upstream_patches.patches.config_checks import Checks
            from upstream_patches.patches.data_checks import check_data

            cfgs: dict[str, Any] = original(path, **options)
            if "plugins" in cfgs:
                pin_plugins(cfgs["plugins"])
                self.replace.undo(_unpin)
            if _own(host, "model", cfgs["model_cfg"]["model"]) is None:
                # The hooks move keys of the checkout's dialect to where our models read them; a model
                # of the checkout reads them where they are.
                default_manager().lifecycle.configure(cfgs)
            checks = Checks(_defaults(host), lambda kind, name: _own(host, kind, name))
            checks.all(cfgs)
            _needs_off(host, cfgs)
            check_data(cfgs["data_cfg"], host.phase)
            for spec in checks.asked:
                _applied(host, spec)
            for spec in checks.found:
                found = spec.component
                host.session.used[f"{found.kind}/{found.name}"] = found.provenance()
            return cfgs

        self.replace.set(utils, "config_loader", config_loader)


def _unpin() -> None:
    pin_plugins(None)


def _applied(host: Host, spec: ComponentSpec) -> None:
    """Refuse what the host would not find, or, a frame sampler, take for its own way of picking frames."""
    patch = PATCHES[spec.kind]
    if patch in host.off:
        why = host.off[patch]
        own = "set method: random" if patch == "frame-samplers" else f"name one of OpenGait's own {patch}"
        raise ConfigError(
            f"the {spec.kind.replace('_', ' ')} {spec.name} needs the patch {patch}, but {why}",
            where=spec.where or KINDS[spec.kind].key,
            hint=f"remove --without {patch}, or {own}" if why == LEFT_OUT else own,
        )


def _needs_off(host: Host, cfgs: Mapping[str, Any]) -> None:
    terms = cfgs["loss_cfg"] if isinstance(cfgs["loss_cfg"], list) else [cfgs["loss_cfg"]]
    if "losses" in host.off and any(term.get("features") for term in terms):
        raise ConfigError(
            f"features needs the patch losses, but {host.off['losses']}", where="loss_cfg.features"
        )
    if SEVERAL in host.off and isinstance(cfgs["data_cfg"], list):
        raise ConfigError(
            f"a training on several data sets is off: {host.off[SEVERAL]}",
            where="data_cfg",
            hint="give one data set, or use a newer checkout",
        )


def _own(host: Host, kind: str, name: str) -> Any:
    """What the host itself calls so, be it a class that could not be imported."""
    if kind == "frame_sampler":
        return name if name == "random" else None
    name = name.removeprefix(HOST_PREFIX)
    if name in host.unavailable:
        return name
    return vars(host.module(MODULES[kind])).get(name)


def _defaults(host: Host) -> Mapping[str, Any]:
    file = host.checkout.root / "configs" / "default.yaml"
    read: Mapping[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return read
