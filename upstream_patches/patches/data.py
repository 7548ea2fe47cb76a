"""Transforms and frame samplers of plugins in OpenGait's loader and trainer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from gait_plugins.registry.components import Component
from upstream_patches.patches.look_ups import LookUp
from upstream_patches.patches.patch import Host

HOST_METHOD = "random"
"""What a missing ``method`` means: OpenGait's own way of picking frames."""


class Transforms(LookUp):
    """Transforms, each run once a sequence with a seeded generator."""

    name = "transforms"
    kind, module = "transform", "data.transform"
    touches = "data.transform: names that it lacks; BaseModel.inputs_pretreament"
    why = "transform may name a plugin's; its division happens on the device, its draws are seeded"
    files = ("opengait/data/transform.py", "opengait/modeling/base_model.py")
    expects: ClassVar = {
        "data.transform": {"get_transform": ["trf_cfg"]},
        "modeling.base_model": {
            "get_transform": None,
            "BaseModel.inputs_pretreament": ["self", "inputs"],
        },
    }

    def change(self, host: Host) -> None:
        super().change(host)
        from upstream_patches.adapters.transform import once, pretreated, transforms_of

        module = host.module("modeling.base_model")
        base = module.BaseModel
        original, get_transform = base.inputs_pretreament, once(module.get_transform)

        def inputs_pretreament(model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
            host.session.cfgs = model.cfgs

            def prepare(model: Any, inputs: Any) -> Any:
                return original(model, inputs, *arguments, **options)

            return pretreated(prepare, model, inputs, host.session, transforms_of(model, get_transform))

        self.replace.set(module, "get_transform", get_transform)
        self.replace.set(base, "inputs_pretreament", inputs_pretreament)

    def adapt(self, host: Host, component: Component) -> Any:
        from upstream_patches.adapters.transform import adapt_transform

        return adapt_transform(component.load(), component.qualified, host.session)


class FrameSamplers(LookUp):
    """Frame samplers, in place of OpenGait's collate function where ``sampler.method`` names one."""

    name = "frame-samplers"
    kind, module = "frame_sampler", "modeling.base_model"
    touches = "CollateFn and BaseModel.get_loader of modeling.base_model"
    why = "sampler.method may name a plugin's frame sampler (TrackletGait's tracklet_mix_p)"
    files = (
        "opengait/data/collate_fn.py",
        "opengait/data/dataset.py",
        "opengait/modeling/base_model.py",
        "opengait/modeling/multidataset_model.py",
    )
    expects: ClassVar = {
        "data.collate_fn": {"CollateFn.__init__": ["self", "label_set", "sample_config"]},
        "modeling.base_model": {"CollateFn": None, "BaseModel.get_loader": ["self", "data_cfg", "train"]},
    }

    def change(self, host: Host) -> None:
        module = host.module("modeling.base_model")
        original, get_loader = module.CollateFn, module.BaseModel.get_loader
        made: dict[str, Any] = {}

        def collate(label_set: Any, sample_config: Mapping[str, Any], **options: Any) -> Any:
            method = sample_config.get("method", HOST_METHOD)
            if method == HOST_METHOD:
                return original(label_set, sample_config, **options)
            return self.find(host, made, method)(label_set, sample_config)

        def loader(model: Any, data_cfg: Any, train: bool = True, **options: Any) -> Any:
            with host.session.loader(model.cfgs, "train" if train else "test"):
                return get_loader(model, data_cfg, train, **options)

        self.replace.set(module, "CollateFn", collate)
        self.replace.set(module.BaseModel, "get_loader", loader)

    def adapt(self, host: Host, component: Component) -> Any:
        from upstream_patches.adapters.frame_sampler import adapt_frame_sampler

        return adapt_frame_sampler(component.load(), component.qualified, host.session)
