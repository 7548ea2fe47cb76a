"""A component under a base class of OpenGait's shape: same keys, same numbers, and one module in all."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.hosts.opengait_shape import HostModel
from torch import Tensor, nn

import gait_plugins
from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError, UpstreamMismatch
from upstream_patches.adapters.model import adapt_model

BASELINE: dict[str, Any] = {
    "model": "Baseline",
    "backbone_cfg": {"type": "ResNet9", "channels": [4, 4, 8, 8], "layers": [1, 1, 1, 1], "maxpool": False},
    "SeparateFCs": {"in_channels": 8, "out_channels": 6, "parts_num": 16},
    "SeparateBNNecks": {"in_channels": 6, "class_num": 5, "parts_num": 16},
    "bin_num": [16],
}
TRACKLETGAIT: dict[str, Any] = {
    "model": "TrackletGait_s",
    "SeparateBNNecks": {"class_num": 5},
    "widths": [8, 16],
    "stem_channels": 4,
    "embedding_channels": 6,
}
CONFIGS = {"Baseline": BASELINE, "TrackletGait_s": TRACKLETGAIT}

Inputs = tuple[list[Tensor], Tensor, list[str], list[str], Tensor | None]


class Bare(GaitModel):
    """Norm, parameter and buffers straight on the model, where a wrapper easily loses them."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.bn = nn.BatchNorm1d(width)
        self.scale = nn.Parameter(torch.ones(width))
        self.register_buffer("kept", torch.zeros(2))
        self.register_buffer("passing", torch.zeros(2), persistent=False)
        self.frozen = nn.Sequential(nn.BatchNorm1d(width))

    def train(self, mode: bool = True) -> Bare:
        super().train(mode)
        self.frozen.eval()
        return self

    def init_parameters(self) -> None:
        nn.init.constant_(self.scale, 3.0)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        x = self.bn(batch.inputs[0].mean((2, 3))) * self.scale
        feature = x.unsqueeze(2)
        return {
            "training_feat": {"triplet": {"embeddings": feature}, "softmax": {"logits": feature}},
            "visual_summary": {},
            "inference_feat": {"embeddings": feature},
        }


def build_bare(model_cfg: Mapping[str, Any]) -> Bare:
    return Bare(**{key: value for key, value in model_cfg.items() if key != "model"})


def inputs_of(n: int = 4, s: int = 3) -> Inputs:
    frames = torch.rand(n, s, 64, 44, generator=torch.Generator().manual_seed(0)).round()
    return [frames], torch.arange(n) % 5, ["nm-01"] * n, ["090"] * n, None


def packed_inputs() -> Inputs:
    (frames,), *_ = inputs_of(1, 7)
    return [frames], torch.arange(2), ["nm-01"] * 2, ["090"] * 2, torch.tensor([[4, 3]], dtype=torch.int32)


def hosted(name: str, training: bool = True) -> Any:
    component = gait_plugins.get("model", name)
    return adapt_model(component, HostModel)({"model_cfg": CONFIGS[name]}, training)


def hosted_bare(training: bool = True, **options: Any) -> Any:
    return adapt_model(Bare, HostModel, build_bare)({"model_cfg": {"model": "Bare", **options}}, training)


@pytest.mark.parametrize("name", CONFIGS)
def test_keys_and_numbers_are_the_components_own(name: str) -> None:
    plain = gait_plugins.build("model", CONFIGS[name])
    host = hosted(name, training=False)
    assert type(host).__name__ == type(plain).__name__
    assert isinstance(host, HostModel)
    assert list(host.state_dict()) == list(plain.state_dict())
    assert [key for key, _ in host.named_parameters()] == [key for key, _ in plain.named_parameters()]
    plain.load_state_dict(host.state_dict())
    plain.eval()
    for inputs in (inputs_of(), packed_inputs()):
        theirs, ours = plain(GaitBatch(*inputs)), host(inputs)
        for output in ("embeddings", *theirs["inference_feat"]):
            assert torch.equal(theirs["inference_feat"][output], ours["inference_feat"][output])


@pytest.mark.parametrize("name", CONFIGS)
def test_training_under_the_host_equals_training_alone(name: str) -> None:
    host = hosted(name)
    plain: Any = gait_plugins.build("model", CONFIGS[name])
    plain.load_state_dict(host.state_dict())
    plain.optimizer = torch.optim.SGD(plain.parameters(), lr=0.1, momentum=0.9)
    plain.iteration = 0
    found = HostModel.run_train(host, inputs_of(), 3)
    expected = HostModel.run_train(plain, GaitBatch(*inputs_of()), 3)
    assert found == expected
    assert len(set(map(float, found))) == 3
    for key, value in plain.state_dict().items():
        assert torch.equal(host.state_dict()[key], value), key


def test_what_the_model_holds_itself_is_kept() -> None:
    host = hosted_bare()
    assert list(host.state_dict()) == list(Bare().state_dict())
    assert host.scale.tolist() == [3.0] * 4
    assert host.component.training
    assert host.bn.training
    assert not host.frozen[0].training
    host.eval()
    assert not host.component.training
    assert not host.bn.training
    assert not hosted_bare(training=False).training


def test_parameter_groups_of_the_component_reach_the_hosts_optimiser() -> None:
    class Grouped(Bare):
        def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> list[Any]:
            slow = {"params": [self.scale], "lr": optimizer_cfg["lr"] / 10}
            return [slow, {"params": list(self.bn.parameters())}]

    cfgs = {"model_cfg": {"model": "Grouped"}, "optimizer_cfg": {"lr": 0.5}}
    host: Any = adapt_model(Grouped, HostModel, lambda _: Grouped())(cfgs, True)
    assert [group["lr"] for group in host.optimizer.param_groups] == [0.05, 0.5]
    assert [group["momentum"] for group in host.optimizer.param_groups] == [0.9, 0.9]
    assert len(hosted_bare().optimizer.param_groups) == 1


def test_norms_are_converted_for_the_component_too() -> None:
    host = torch.nn.SyncBatchNorm.convert_sync_batchnorm(hosted_bare())
    assert isinstance(host.component.bn, nn.SyncBatchNorm)
    assert host.component.bn is host.bn
    host.fix_BN()
    assert not host.component.bn.training


def test_data_parallel_training_steps_the_component(tmp_path: Path) -> None:
    host = hosted("Baseline")
    before = host.component.FCs.fc_bin.detach().clone()
    torch.distributed.init_process_group("gloo", f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        wrapped = nn.parallel.DistributedDataParallel(host)
        assert [key.removeprefix("module.") for key in wrapped.state_dict()] == list(host.state_dict())
        wrapped(inputs_of())["training_feat"]["triplet"]["embeddings"].square().mean().backward()
    finally:
        torch.distributed.destroy_process_group()
    host.optimizer.step()
    assert not torch.equal(host.component.FCs.fc_bin, before)


def test_moving_and_casting_reach_the_component() -> None:
    host = hosted_bare().half()
    assert host.component.scale.dtype == host.component.bn.weight.dtype == torch.float16
    assert host.component.kept.dtype == torch.float16
    host.to("meta")
    assert host.component.passing.is_meta
    assert host.component.scale.is_meta


def test_a_copy_is_a_model_of_its_own() -> None:
    host = hosted_bare()
    other = copy.deepcopy(host)
    with torch.no_grad():
        other.scale.fill_(7.0)
        other.bn.bias.fill_(1.0)
    assert other.component is not host.component
    assert other.component.scale is other.scale
    assert host.component.scale.tolist() == [3.0] * 4
    inputs = [torch.rand(3, 4, 2, 2)], torch.zeros(3), [], [], None
    assert not torch.equal(
        host(inputs)["inference_feat"]["embeddings"], other(inputs)["inference_feat"]["embeddings"]
    )


def test_checkpoints_travel_between_host_and_component() -> None:
    host, plain = hosted_bare(), Bare()
    with torch.no_grad():
        plain.scale.copy_(torch.arange(4.0))
    host.load_state_dict(pickle.loads(pickle.dumps(plain.state_dict())))
    assert host.component.scale.tolist() == [0.0, 1.0, 2.0, 3.0]
    with pytest.raises(RuntimeError, match="size mismatch for scale"):
        host.load_state_dict(Bare(5).state_dict())


def test_hooks_of_the_components_state_dict_are_heard_once() -> None:
    heard = []

    class Hooked(Bare):
        def __init__(self) -> None:
            super().__init__()
            self.register_state_dict_pre_hook(lambda *_: heard.append("save"))
            self.register_load_state_dict_pre_hook(lambda *_: heard.append("load"))
            self.register_load_state_dict_post_hook(lambda *_: heard.append("loaded"))

    host = adapt_model(Hooked, HostModel, lambda _: Hooked())({"model_cfg": {"model": "Hooked"}}, True)
    state = host.state_dict()
    host.load_state_dict(state)
    assert heard == ["save", "load", "loaded"]


def test_what_the_host_adds_later_belongs_to_the_host() -> None:
    host = hosted_bare()
    assert "loss_aggregator" in dict(host.named_children())
    host.loss_aggregator.eval()
    host.train()
    assert host.loss_aggregator.training


def test_a_name_that_both_have_is_refused() -> None:
    class Crowded(HostModel):
        def build_network(self, model_cfg: dict[str, Any]) -> None:
            raise AssertionError

        def __init__(self, cfgs: dict[str, Any], training: bool) -> None:
            nn.Module.__init__(self)
            self.bn = nn.Identity()
            self.build_network(cfgs["model_cfg"])

    with pytest.raises(UpstreamMismatch, match=r"Bare and the host's base class both have \['bn'\]"):
        adapt_model(Bare, Crowded, build_bare)({"model_cfg": {"model": "Bare"}}, True)


def test_another_model_than_the_adapted_one_is_refused() -> None:
    adapted = adapt_model(gait_plugins.get("model", "Baseline"), HostModel, build_bare)
    with pytest.raises(ConfigError, match="builds Bare, expected Baseline"):
        adapted({"model_cfg": {"model": "Bare"}}, True)


def test_the_components_schedule_and_groups_take_the_hosts_place() -> None:
    """A loss that the host trains beside the model keeps its place among the parameters."""

    class Slowing(Bare):
        def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> list[Any]:
            assert "solver" not in optimizer_cfg
            return [{"params": [self.scale]}, {"params": list(self.bn.parameters()), "lr": 0.5}]

        def schedule(self, optimizer: Any, configured: Any) -> Any:
            assert configured() == ("host", {"gamma": 3})
            return "component", [group["lr"] for group in optimizer.param_groups]

    class Scheduling(HostModel):
        def __init__(self, cfgs: dict[str, Any], training: bool) -> None:
            super().__init__(cfgs, training)
            self.loss_aggregator["triplet"] = nn.Linear(2, 1)
            self.optimizer = self.get_optimizer(cfgs["optimizer_cfg"])
            self.scheduler = self.get_scheduler({"gamma": 3})

        def get_scheduler(self, scheduler_cfg: dict[str, Any]) -> Any:
            return "host", scheduler_cfg

    cfgs = {"model_cfg": {"model": "Slowing"}, "optimizer_cfg": {"lr": 0.1}}
    host: Any = adapt_model(Slowing, Scheduling, lambda _: Slowing())(cfgs, True)
    assert host.scheduler == ("component", [0.1, 0.5, 0.1])
    assert [len(group["params"]) for group in host.optimizer.param_groups] == [1, 2, 2]
    plain: Any = adapt_model(Bare, Scheduling, build_bare)({**cfgs, "model_cfg": {"model": "Bare"}}, True)
    assert plain.scheduler == ("host", {"gamma": 3})
