"""Components of every installed plugin where OpenGait looks names up: by getattr on a module."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial
from typing import Any, ClassVar

from gait_plugins.errors import ConfigError, UnknownComponent, UpstreamMismatch
from gait_plugins.registry.components import Component
from gait_plugins.registry.manager import default_manager
from upstream_patches.patches.patch import Host, Patch

HOST_PREFIX = "opengait/"
"""Before the names of a checkout's components on our own trainer; here they are at home."""


class NotThere(UnknownComponent, AttributeError):
    """An unknown name of a module: import and ``hasattr`` know the one base, people the other's words."""


class LookUp(Patch):
    """A name that the module does not have is looked up among the components of one kind.

    Nothing is imported before a YAML names it. A name that OpenGait has means OpenGait's own; the
    qualified spelling ``dist-name/ComponentName`` always means the package's.
    """

    kind: ClassVar[str]
    module: ClassVar[str]

    def change(self, host: Host) -> None:
        made: dict[str, Any] = {}
        find = partial(self.find, host, made)
        self.replace.look_up(host.module(self.module), find)

    def find(self, host: Host, made: dict[str, Any], name: str) -> Any:
        """What the host gets for a name.

        Raises:
            NotThere, ComponentConflict, PluginLoadError: the name leads to no class.
            UpstreamMismatch: it is the name of a class of OpenGait's that could not be imported.
        """
        if name.startswith("_"):
            raise AttributeError(name)
        if name.startswith(HOST_PREFIX):
            return getattr(host.module(self.module), name.removeprefix(HOST_PREFIX))
        if name in host.unavailable:
            raise UpstreamMismatch(
                f"OpenGait's own {name} could not be imported: {host.unavailable[name]}",
                where=f"{self.kind} {name}",
                hint=_hint(self.kind, name),
            )
        try:
            component = default_manager().find(self.kind, name)
        except UnknownComponent as error:
            raise NotThere(f"OpenGait has no {name!r}, and {error.message}", hint=error.hint) from error
        if component.qualified not in made:
            made[component.qualified] = self.adapt(host, component)
        host.session.used[f"{self.kind}/{component.name}"] = component.provenance()
        return made[component.qualified]

    @abstractmethod
    def adapt(self, host: Host, component: Component) -> Any:
        """The component as the host takes it."""


def _hint(kind: str, name: str) -> str:
    offered = [c.qualified for c in default_manager().components(kind) if c.name == name]
    others = f", or name a plugin's: {' or '.join(offered)}" if offered else ""
    return f"install the missing package{others}"


class Models(LookUp):
    """Models, as subclasses of OpenGait's base class."""

    name = "models"
    kind, module = "model", "modeling.models"
    touches = "modeling.models: names that it lacks"
    why = "a model of a plugin is found by its name, and trained by OpenGait's own trainer"
    files = (
        "opengait/modeling/models/__init__.py",
        "opengait/modeling/base_model.py",
        "opengait/main.py",
    )
    expects: ClassVar = {
        "modeling.base_model": {
            "BaseModel.build_network": ["self", "model_cfg"],
            "BaseModel.init_parameters": ["self"],
            "BaseModel.get_optimizer": ["self", "optimizer_cfg"],
            "BaseModel.get_scheduler": ["self", "scheduler_cfg"],
        }
    }

    def adapt(self, host: Host, component: Component) -> Any:
        from upstream_patches.adapters.model import adapt_model

        base = host.module("modeling.base_model").BaseModel
        return adapt_model(component.load(), base, used=host.session.used)


class Backbones(LookUp):
    """Backbones, as what makes them from their options."""

    name = "backbones"
    kind, module = "backbone", "modeling.backbones"
    touches = "modeling.backbones: names that it lacks"
    why = "OpenGait's models take a plugin's backbone in backbone_cfg"
    files = ("opengait/modeling/backbones/__init__.py", "opengait/utils/common.py")
    expects: ClassVar = {"utils.common": {"get_valid_args": None, "get_attr_from": ["sources", "name"]}}

    def adapt(self, host: Host, component: Component) -> Any:
        from upstream_patches.adapters.backbone import adapt_backbone

        return adapt_backbone(component)


class Losses(LookUp):
    """Losses, as subclasses of OpenGait's base class."""

    name = "losses"
    kind, module = "loss", "modeling.losses"
    touches = "modeling.losses: names that it lacks; LossAggregator"
    why = "OpenGait's loss aggregator takes a plugin's loss, which may compare samples of all processes"
    files = (
        "opengait/modeling/losses/__init__.py",
        "opengait/modeling/losses/base.py",
        "opengait/modeling/loss_aggregator.py",
        "opengait/utils/common.py",
    )
    expects: ClassVar = {
        "modeling.losses.base": {"BaseLoss.__init__": ["self", "loss_term_weight"]},
        "modeling.loss_aggregator": {
            "LossAggregator.__init__": ["self", "loss_cfg"],
            "LossAggregator.forward": ["self", "training_feats"],
        },
    }

    def change(self, host: Host) -> None:
        super().change(host)
        aggregator = host.module("modeling.loss_aggregator").LossAggregator
        initialise, forward = aggregator.__init__, aggregator.forward

        def construct(terms: Any, loss_cfg: Any, **options: Any) -> None:
            initialise(terms, loss_cfg, **options)
            listed = loss_cfg if isinstance(loss_cfg, list) else [loss_cfg]
            adding = [cfg for cfg in listed if cfg.get("features")]
            vars(terms)["shared"] = {cfg["log_prefix"]: cfg["features"] for cfg in adding}

        def sum_up(terms: Any, training_feats: Any, **options: Any) -> Any:
            shared = vars(terms)["shared"]
            if missing := sorted(set(shared.values()) - set(training_feats)):
                raise ConfigError(
                    f"the model gives no features called {missing[0]!r}; it gives "
                    f"{', '.join(sorted(training_feats))}",
                    where="loss_cfg.features",
                )
            more = {prefix: training_feats[source] for prefix, source in shared.items()}
            return forward(terms, {**training_feats, **more}, **options)

        self.replace.set(aggregator, "__init__", construct)
        self.replace.set(aggregator, "forward", sum_up)

    def adapt(self, host: Host, component: Component) -> Any:
        from upstream_patches.adapters.loss import adapt_loss

        base = host.module("modeling.losses.base").BaseLoss
        return adapt_loss(component.load(), base, component.qualified)


class BatchSamplers(LookUp):
    """Batch samplers, over the host's data set and for its processes."""

    name = "batch-samplers"
    kind, module = "batch_sampler", "data.sampler"
    touches = "data.sampler: names that it lacks"
    why = "sampler.type may name a plugin's"
    files = ("opengait/data/sampler.py", "opengait/data/dataset.py", "opengait/modeling/base_model.py")
    expects: ClassVar = {"modeling.base_model": {"Samplers": None}, "data.dataset": {"DataSet": None}}

    def adapt(self, host: Host, component: Component) -> Any:
        from upstream_patches.adapters.batch_sampler import adapt_batch_sampler

        return adapt_batch_sampler(component.load(), component.qualified, host.session)


class Evaluators(LookUp):
    """Protocols, as functions that print what they find and return its figures."""

    name = "evaluators"
    kind, module = "protocol", "evaluation.evaluator"
    touches = "evaluation.evaluator: names that it lacks"
    why = "evaluator_cfg.eval_func may name a plugin's protocol"
    files = ("opengait/evaluation/evaluator.py", "opengait/modeling/base_model.py")
    expects: ClassVar = {
        "modeling.base_model": {"eval_functions": None, "BaseModel.run_test": ["model"]},
        "utils.msg_manager": {"get_msg_mgr": []},
    }

    def adapt(self, host: Host, component: Component) -> Any:
        from upstream_patches.adapters.protocol import adapt_protocol

        def tell(line: str) -> None:
            host.module("utils.msg_manager").get_msg_mgr().log_info(line)

        return adapt_protocol(component.load(), component.qualified, host.session, tell)
