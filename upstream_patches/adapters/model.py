"""A model component as a class of OpenGait's shape, constructed as ``Model(cfgs, training)``."""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar, cast

import torch
from torch import nn

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from upstream_patches.adapters import host_checkpoint
from upstream_patches.adapters.shared_state import SharesState
from upstream_patches.classes import class_targets
from upstream_patches.processes import rank

Build = Callable[[Mapping[str, Any]], GaitModel]
"""``model_cfg`` (with ``model``) to an instance."""
Base = TypeVar("Base", bound=type[nn.Module])


def adapt_model(
    component: type[GaitModel],
    base: Base,
    build: Build | None = None,
    used: Mapping[str, Mapping[str, str]] | None = None,
) -> Base:
    """A subclass of the host's ``base`` that computes what ``component`` computes, under its very keys.

    The host's constructor calls ``build_network(model_cfg)`` and ``init_parameters()``; later the host
    calls the instance with ``(inputs, labels, types, views, seq_lens)``, moves, copies, converts,
    wraps and saves it like any module of its own.

    Args:
        component: the model.
        base: the host's base class.
        build: makes the instance; by default the name in ``model_cfg`` is looked up among all plugins.
        used: ``kind/name`` -> origin of the plugins' components of the run, for its checkpoints.
    """
    body: dict[str, Any] = {
        "__doc__": component.__doc__,
        "__module__": component.__module__,
        "component_class": component,
        "used": {} if used is None else used,
    }
    if build is not None:
        body["build_component"] = staticmethod(build)
    # new_class finds the metaclass: a host's base may be an abstract one.
    adapted = types.new_class(component.__name__, (HostedModel, base), {}, lambda ns: ns.update(body))
    return cast("Base", adapted)


class HostedModel(SharesState):
    """The part of an adapted class that stands between the host's base class and the component."""

    component_class: ClassVar[type[GaitModel]]
    used: ClassVar[Mapping[str, Mapping[str, str]]]
    component: GaitModel
    optimizer: Any
    cfgs: Mapping[str, Any]
    engine_cfg: Mapping[str, Any]
    save_path: str
    _children: frozenset[str]
    """What the component had itself; the host adds its losses later."""

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
        vars(self)["_children"] = frozenset(name for name, _ in component.named_children())
        self.share(component)

    def init_parameters(self) -> None:
        """The component's own initialisation."""
        self.component.init_parameters()

    def forward(self, inputs: tuple[Any, ...]) -> ModelOutput:
        """The component's outputs for the host's five-part batch."""
        known = {**class_targets(self.cfgs, inputs[2]), **vars(self).pop("targets", {})}
        targets = {name: torch.from_numpy(values).to(inputs[1].device) for name, values in known.items()}
        outputs: ModelOutput = self.component(GaitBatch(*inputs)._replace(targets=targets))
        return outputs

    def get_optimizer(self, optimizer_cfg: Mapping[str, Any], **more: Any) -> Any:
        """The host's optimiser; with the component's parameter groups where it has some of its own."""
        optimizer: Any = super().get_optimizer(optimizer_cfg, **more)  # type: ignore[misc]
        if _has_its_own(self.component_class, "parameter_groups"):
            options = {key: value for key, value in optimizer_cfg.items() if key != "solver"}
            groups = list(self.component.parameter_groups(options))
            optimizer.param_groups.clear()
            for group in groups if isinstance(groups[0], dict) else [{"params": groups}]:
                optimizer.add_param_group(group)
            known = {id(p) for group in optimizer.param_groups for p in group["params"]}
            if left := [p for p in self._added_by_host() if id(p) not in known]:
                optimizer.add_param_group({"params": left})
        return optimizer

    def get_scheduler(self, scheduler_cfg: Mapping[str, Any], **more: Any) -> Any:
        """The component's schedule where it brings one, else the host's."""
        host: Any = super()
        if not _has_its_own(self.component_class, "schedule"):
            return host.get_scheduler(scheduler_cfg, **more)
        return self.component.schedule(self.optimizer, lambda: host.get_scheduler(scheduler_cfg, **more))

    def save_ckpt(self, iteration: int) -> None:
        """The host's file, which our own trainer takes too."""
        if rank() == 0:
            name = f"{self.engine_cfg['save_name']}-{iteration:0>5}.pt"
            host_checkpoint.save(self, Path(self.save_path) / "checkpoints" / name, iteration)

    def load_state_dict(self, state_dict: Mapping[str, Any], *arguments: Any, **options: Any) -> Any:
        """Weights of either trainer: a file need not hold what the host's losses hold."""
        state = host_checkpoint.completed(self, state_dict)
        return super().load_state_dict(state, *arguments, **options)

    def _load_ckpt(self, save_name: str) -> None:
        super()._load_ckpt(save_name)  # type: ignore[misc]
        host_checkpoint.restore_losses(self, save_name)

    def _added_by_host(self) -> Iterator[nn.Parameter]:
        """What is trained of the losses, which the host makes the model's children."""
        for name, child in self.named_children():
            if name not in self._children:
                yield from (p for p in child.parameters() if p.requires_grad)


def _has_its_own(component: type[GaitModel], method: str) -> bool:
    return getattr(component, method) is not getattr(GaitModel, method)
