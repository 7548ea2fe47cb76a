"""A model component as a class of OpenGait's shape, constructed as ``Model(cfgs, training)``."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, TypeVar, cast

from torch import nn
from typing_extensions import Self

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError, UpstreamMismatch

Build = Callable[[Mapping[str, Any]], GaitModel]
"""``model_cfg`` (with ``model``) to an instance."""
Base = TypeVar("Base", bound=type[nn.Module])


def adapt_model(component: type[GaitModel], base: Base, build: Build | None = None) -> Base:
    """A subclass of the host's ``base`` that computes what ``component`` computes, under its very keys.

    The host's constructor calls ``build_network(model_cfg)`` and ``init_parameters()``; later the host
    calls the instance with ``(inputs, labels, types, views, seq_lens)``, moves, copies, converts,
    wraps and saves it like any module of its own.

    Args:
        component: the model.
        base: the host's base class.
        build: makes the instance; by default the name in ``model_cfg`` is looked up among all plugins.
    """
    body: dict[str, Any] = {
        "__doc__": component.__doc__,
        "__module__": component.__module__,
        "component_class": component,
    }
    if build is not None:
        body["build_component"] = staticmethod(build)
    # new_class finds the metaclass: a host's base may be an abstract one.
    adapted = types.new_class(component.__name__, (HostedModel, base), {}, lambda ns: ns.update(body))
    return cast("Base", adapted)


class HostedModel(nn.Module):
    """The part of an adapted class that stands between the host's base class and the component.

    The component is no child of the host, or its name would enter the keys. Both keep their parameters,
    buffers and children in the same mappings instead: what either replaces, the other sees.
    """

    component_class: ClassVar[type[GaitModel]]
    component: GaitModel

    @staticmethod
    def build_component(model_cfg: Mapping[str, Any]) -> GaitModel:
        """The model that ``model_cfg`` names, from any package."""
        model: GaitModel = gait_plugins.build("model", model_cfg)
        return model

    def build_network(self, model_cfg: Mapping[str, Any]) -> None:
        """Build the component from ``model_cfg`` and share its state."""
        component = self.build_component(model_cfg)
        expected = self.component_class
        if not isinstance(component, expected):
            raise ConfigError(
                f"model_cfg builds {type(component).__qualname__}, expected {expected.__qualname__}",
                where="model_cfg",
                hint="name one model there; see gait-plugins plugins show NAME",
            )
        _share_state(self, component)
        object.__setattr__(self, "component", component)

    def init_parameters(self) -> None:
        """The component's own initialisation."""
        self.component.init_parameters()

    def forward(self, inputs: tuple[Any, ...]) -> ModelOutput:
        """The component's outputs for the host's five-part batch."""
        outputs: ModelOutput = self.component(GaitBatch(*inputs))
        return outputs

    def train(self, mode: bool = True) -> Self:
        """Switch both; the component has the last word, it may keep a frozen part in eval mode."""
        super().train(mode)
        if "component" in vars(self):
            self.component.train(mode)
        return self

    def get_optimizer(self, optimizer_cfg: Mapping[str, Any]) -> Any:
        """The host's optimiser; with the component's parameter groups where it has some of its own."""
        optimizer: Any = super().get_optimizer(optimizer_cfg)  # type: ignore[misc]
        if self.component_class.parameter_groups is not GaitModel.parameter_groups:
            optimizer.param_groups.clear()
            groups = list(self.component.parameter_groups(optimizer_cfg))
            for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
                optimizer.add_param_group(group)
        return optimizer

    def _save_to_state_dict(self, *args: Any) -> None:
        self.component._save_to_state_dict(*args)

    def _load_from_state_dict(self, *args: Any) -> None:
        self.component._load_from_state_dict(*args)


STATE = ("_parameters", "_buffers", "_modules")
# The hooks that ``state_dict`` and ``load_state_dict`` call on the module they are called on.
STATE_HOOKS = ("_state_dict_pre_hooks", "_state_dict_hooks", "_load_state_dict_post_hooks")


def _share_state(host: nn.Module, component: nn.Module) -> None:
    for name in STATE:
        ours, theirs = vars(component)[name], vars(host)[name]
        if clash := sorted(set(ours) & set(theirs)):
            raise UpstreamMismatch(
                f"{type(component).__qualname__} and the host's base class both have {clash}",
                where=type(host).__qualname__,
                hint="rename the component's, or report the host's version",
            )
        ours.update(theirs)
    vars(component)["_non_persistent_buffers_set"] |= vars(host)["_non_persistent_buffers_set"]
    shared = (*STATE, *STATE_HOOKS, "_non_persistent_buffers_set")
    vars(host).update({name: vars(component)[name] for name in shared})
