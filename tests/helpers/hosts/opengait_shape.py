"""A stand-in for OpenGait's base class: the calls that it makes on a model, and no more."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor, nn


class Contract(ABC):
    """What a model must define."""

    @abstractmethod
    def build_network(self, model_cfg: dict[str, Any]) -> None:
        """Make the layers."""


class HostModel(Contract, nn.Module):
    """Builds, initialises, moves and trains itself, as ``Model(cfgs, training)``."""

    def __init__(self, cfgs: dict[str, Any], training: bool) -> None:
        super().__init__()
        self.cfgs = cfgs
        self.iteration = 0
        self.build_network(cfgs["model_cfg"])
        self.init_parameters()
        self.device = 0
        self.to(device=torch.device("cpu"))
        if training:
            self.loss_aggregator = nn.ModuleDict({"triplet": nn.Identity()})
            self.optimizer = self.get_optimizer(cfgs.get("optimizer_cfg", {}))
        self.train(training)

    def init_parameters(self) -> None:
        raise AssertionError("the component has its own")

    def get_optimizer(self, optimizer_cfg: dict[str, Any]) -> torch.optim.Optimizer:
        """One group with everything that is trained."""
        trained = (p for p in self.parameters() if p.requires_grad)
        return torch.optim.SGD(trained, **{"lr": 0.1, "momentum": 0.9, **optimizer_cfg})

    def fix_BN(self) -> None:  # noqa: N802
        """Freeze the running statistics, as the host finds them: by class name."""
        for module in self.modules():
            if "BatchNorm" in type(module).__name__:
                module.eval()

    @staticmethod
    def run_train(model: Any, batch: tuple[Any, ...], steps: int) -> list[Tensor]:
        """The host's loop: call, sum, step."""
        losses = []
        for _ in range(steps):
            features = model(batch)["training_feat"]
            loss = features["triplet"]["embeddings"].square().mean() + features["softmax"]["logits"].mean()
            model.optimizer.zero_grad()
            loss.backward()
            model.optimizer.step()
            model.iteration += 1
            losses.append(loss.detach())
        return losses
