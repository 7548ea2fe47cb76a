"""Options of plugins and their components in a YAML, read as our own trainer reads them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import yaml

from gait_plugins.errors import ConfigError
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager, pin_plugins
from upstream_patches.patches import settings
from upstream_patches.patches.device import choose
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
POINTS = "points_in_use"
"""Of a sampler: how many points of each cloud the checkout's loader draws."""


def _configure(cfgs: dict[str, Any]) -> None:
    """Let plugins see the configuration, but for the points of clouds, which the checkout's loader draws."""
    sections = [cfgs.get(name) for name in ("trainer_cfg", "evaluator_cfg")]
    samplers = [section.get("sampler") for section in sections if isinstance(section, dict)]
    drawn = [(each, each.pop(POINTS)) for each in samplers if isinstance(each, dict) and POINTS in each]
    default_manager().lifecycle.configure(cfgs)
    for sampler, points in drawn:
        sampler[POINTS] = points


class Configuration(Patch):
    """Plugins see the configuration of their models; options of their components are checked."""

    name = "configuration"
    needed = True
    touches = "utils.config_loader and init_seeds; init_parameters, train and run_train of the model"
    why = (
        "OpenGait drops unknown options; here they are errors before any work, with a suggestion. "
        "seed, precision, init and freeze act as in our own trainer"
    )
    files = (
        "opengait/utils/common.py",
        "opengait/modeling/base_model.py",
        "opengait/evaluation/evaluator.py",
        "configs/default.yaml",
    )
    expects: ClassVar = {
        "utils": {"config_loader": None, "init_seeds": None},
        "utils.common": {"config_loader": ["path"], "init_seeds": ["seed", "cuda_deterministic"]},
        "modeling.base_model": {
            "BaseModel.init_parameters": ["self"],
            "BaseModel.run_train": ["model"],
        },
    }

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
                _configure(cfgs)
            settings.refuse(cfgs, host.phase)
            _translate_precision(host, cfgs)
            checks = Checks(_defaults(host), lambda kind, name: _own(host, kind, name))
            checks.all(cfgs)
            _needs_off(host, cfgs)
            host.session.cfgs = cfgs
            check_data(cfgs["data_cfg"], host.phase)
            _check_evaluator(host, cfgs)
            for spec in checks.asked:
                _applied(host, spec)
            for spec in checks.found:
                found = spec.component
                host.session.used[f"{found.kind}/{found.name}"] = found.provenance()
            if host.phase == "train":
                self._begin_with(host, cfgs)
            return cfgs

        seeds = utils.init_seeds

        def init_seeds(seed: int = 0, *arguments: Any, **options: Any) -> None:
            from upstream_patches.processes import world_size

            # The host counts processes; trainer_cfg.seed sets them off from those of another training.
            seeds(seed + host.session.seed * world_size(), *arguments, **options)

        self.replace.set(utils, "config_loader", config_loader)
        self.replace.set(utils, "init_seeds", init_seeds)

    def _begin_with(self, host: Host, cfgs: Mapping[str, Any]) -> None:
        """``init``, ``freeze`` and ``frozen_mode`` for the model that is trained."""
        from upstream_patches.adapters.start import start_of

        start = start_of(cfgs["trainer_cfg"])
        if start is None:
            return
        name = cfgs["model_cfg"]["model"]
        model = getattr(host.module(MODULES["model"]), name)
        initialise, train, run = model.init_parameters, model.train, model.run_train

        def init_parameters(network: Any, *arguments: Any, **options: Any) -> None:
            initialise(network, *arguments, **options)
            start.begin(network)

        def train_mode(network: Any, mode: bool = True) -> Any:
            train(network, mode)
            if mode:
                start.keep(network)
            return network

        def run_train(network: Any, *arguments: Any, **options: Any) -> Any:
            if not start.begun:
                raise ConfigError(
                    f"{name} of OpenGait initialises itself: init and freeze have no effect on it",
                    where="trainer_cfg",
                    hint="remove them",
                )
            return run(network, *arguments, **options)

        self.replace.set(model, "init_parameters", init_parameters)
        self.replace.set(model, "train", train_mode)
        self.replace.set(model, "run_train", staticmethod(run_train))


def _check_evaluator(host: Host, cfgs: Mapping[str, Any]) -> None:
    """One of the host's own must be able to score what is tested; a plugin's says so itself."""
    from upstream_patches.patches.scorable import check_scorable

    section, data = cfgs["evaluator_cfg"], cfgs["data_cfg"]
    tests = host.phase == "test" or bool(cfgs["trainer_cfg"].get("with_test"))
    if tests and _own(host, "protocol", str(section.get("eval_func", "identification"))) is not None:
        check_scorable(host.checkout, section, data[0] if isinstance(data, list) else data)


def _translate_precision(host: Host, cfgs: Mapping[str, Any]) -> None:
    """``precision`` in the words of OpenGait, whose autocast knows 16-bit floats of one kind."""
    name = "trainer_cfg" if host.phase == "train" else "evaluator_cfg"
    section, where = cfgs[name], f"{name}.precision"
    precision = section.get("precision")
    if precision in (None, "auto"):  # enable_float16 decides, as OpenGait has it
        return
    if precision not in ("32-true", "16-mixed"):
        raise ConfigError(
            f"OpenGait's own trainer cannot compute in {precision}",
            where=where,
            hint="choose 32-true or 16-mixed, or use gait-plugins train and test",
        )
    section["enable_float16"] = precision == "16-mixed"
    if precision == "16-mixed" and choose(host.device).type == "cpu":
        raise ConfigError(
            "precision 16-mixed needs a GPU", where=where, hint=f"-o {where}=32-true, or remove it"
        )


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
