"""Options of plugins and their components in a YAML, read as our own trainer reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from gait_plugins.errors import ConfigError
from gait_plugins.registry.manager import default_manager, pin_plugins
from upstream_patches.patches.look_ups import HOST_PREFIX
from upstream_patches.patches.patch import Host, Patch

if TYPE_CHECKING:
    from gait_plugins.config.specs import ComponentSpec

FRAMES = "frame-samplers"
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
    touches = "utils.config_loader"
    why = "OpenGait drops unknown options; here they are errors before any work, with a suggestion"
    files = ("opengait/utils/common.py", "configs/default.yaml")
    expects: ClassVar = {"utils": {"config_loader": None}, "utils.common": {"config_loader": ["path"]}}

    def change(self, host: Host) -> None:
        utils = host.module("utils")
        original = utils.config_loader

        def config_loader(path: str) -> dict[str, Any]:
            from upstream_patches.patches.config_checks import Checks
            from upstream_patches.patches.data_checks import check_data

            cfgs: dict[str, Any] = original(path)
            if "plugins" in cfgs:
                pin_plugins(cfgs["plugins"])
                self.replace.undo(_unpin)
            if _own(host, "model", cfgs["model_cfg"]["model"]) is None:
                # The hooks move keys of the checkout's dialect to where our models read them; a model
                # of the checkout reads them where they are.
                default_manager().lifecycle.configure(cfgs)
            checks = Checks(_defaults(host), lambda kind, name: _own(host, kind, name))
            checks.all(cfgs)
            check_data(cfgs["data_cfg"], host.phase)
            for spec in checks.found:
                _applied(host, spec)
                found = spec.component
                host.session.used[f"{found.kind}/{found.name}"] = found.provenance()
            return cfgs

        self.replace.set(utils, "config_loader", config_loader)


def _unpin() -> None:
    pin_plugins(None)


def _applied(host: Host, spec: ComponentSpec) -> None:
    # Its method would mean nothing to the host, which would pick frames in its own way.
    if spec.kind == "frame_sampler" and host.patches and FRAMES not in host.patches:
        raise ConfigError(
            f"the frame sampler {spec.name} needs the patch {FRAMES}",
            where="sampler.method",
            hint=f"remove --without {FRAMES}, or set method: random",
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
