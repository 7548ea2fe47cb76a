"""The objective: model and losses as one module, from a batch to the summed loss and its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gait_plugins.api import GaitBatch, GaitModel, Loss
from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.errors import ConfigError
from gait_plugins.nn.tensor_trees import gathered, in_float32, tensors

Outcome = tuple[Tensor, dict[str, Tensor], dict[str, Tensor]]
"""Loss, figures and images of a batch."""


class AsItIs:
    """A batch on its way through Fabric, which looks into batches and not into this.

    Of a batch it would round the frames to the precision of the training, and drop the targets.
    """

    def __init__(self, batch: GaitBatch | Replay) -> None:
        self.batch = batch


@dataclass(frozen=True)
class Replay:
    """A part of a batch that goes through the model again, to carry known gradients into the weights."""

    batch: GaitBatch
    expected: Sequence[Tensor]
    """The features that the model gave before, in the order of ``tensors``."""
    differentiable: Sequence[bool]
    """Which of them have a gradient."""
    gradients: Sequence[Tensor | None]
    """Those gradients, float32; None where no loss needs the features."""
    learnt: Sequence[tuple[Tensor, Tensor | None]]
    """Parameters of losses, and their gradients, which go the same way: several processes average them."""


class Objective(nn.Module):
    """What is trained. Losses are in it so that their own parameters are trained and saved too.

    Args:
        model: the network.
        losses: ``log_prefix`` -> loss, for the keys of the model's ``training_feat``.
        shared: ``log_prefix`` -> the key whose features that loss gets, where the model has none for it.
    """

    def __init__(
        self, model: GaitModel, losses: Mapping[str, Loss], shared: Mapping[str, str] | None = None
    ) -> None:
        super().__init__()
        self.shared = dict(shared or {})
        self.model = model
        self.losses = nn.ModuleDict(losses)

    def forward(self, batch: GaitBatch | AsItIs) -> Outcome | tuple[Tensor, Tensor]:
        """The summed loss, the terms and figures by OpenGait's ``scalar/...`` keys, and the images.

        Args:
            batch: what the model is fed with. Of a :class:`Replay`, what carries its gradients back, and how
                far the features are from those of the first pass.

        Raises:
            ConfigError: the losses and the model's training features do not match.
        """
        given = batch.batch if isinstance(batch, AsItIs) else batch
        if isinstance(given, Replay):
            return self._replay(given)
        features, images = self.features(given)
        total, figures = self.score(features, given.labels.device.type)
        return total, figures, images

    def features(self, batch: GaitBatch) -> tuple[Mapping[str, Any], dict[str, Tensor]]:
        """What the losses are given, by ``log_prefix``, and the images.

        Raises:
            ConfigError: the losses and the model's training features do not match.
        """
        with errors_of(self.model):
            output = self.model(batch)
        features = self._completed(output["training_feat"])
        self._check(features)
        return features, output.get("visual_summary", {})

    def score(self, features: Mapping[str, Any], device: str) -> tuple[Tensor, dict[str, Tensor]]:
        """The summed loss of features, and the figures."""
        # Metric losses in half precision stall or overflow: they are computed in float32 always.
        with torch.autocast(device, enabled=False):
            terms = {prefix: self._term(prefix, value) for prefix, value in features.items()}
        total = torch.stack([loss for loss, _ in terms.values()]).sum()
        figures = {
            f"scalar/{prefix}/{name}": value.detach().float().mean()
            for prefix, (_, info) in terms.items()
            for name, value in info.items()
        }
        return total, figures

    def _replay(self, replay: Replay) -> tuple[Tensor, Tensor]:
        features, _ = self.features(replay.batch)
        found = list(tensors(features))
        leaves = [x for x, kept in zip(found, replay.differentiable, strict=True) if kept]
        pairs = [*zip(leaves, replay.gradients, strict=True), *replay.learnt]
        with torch.autocast(replay.batch.labels.device.type, enabled=False):
            carried = [(x.float() * g).sum() for x, g in pairs if g is not None]
            apart = [_apart(x, then) for x, then in zip(found, replay.expected, strict=True)]
        return torch.stack(carried).sum(), torch.stack(apart).max()

    def _term(self, prefix: str, value: Any) -> tuple[Tensor, Mapping[str, Tensor]]:
        if isinstance(value, Tensor):
            loss = value.float().mean()
            return loss, {"loss": loss}
        term = self.losses[prefix]
        arguments = in_float32(value)
        if term.gathers:
            arguments = gathered(arguments)
        with errors_of(term):
            loss, info = term(**arguments)
        return loss.mean() * term.loss_term_weight, info

    def _completed(self, features: Mapping[str, Any]) -> Mapping[str, Any]:
        if missing := sorted(set(self.shared.values()) - set(features)):
            raise ConfigError(
                f"the model {type(self.model).__name__} gives no features called {missing[0]!r}; "
                f"it gives {', '.join(sorted(features))}",
                where="loss_cfg.features",
            )
        return {**features, **{prefix: features[source] for prefix, source in self.shared.items()}}

    def _check(self, features: Mapping[str, Any]) -> None:
        configured = set(self.losses)
        wanted = {prefix for prefix, value in features.items() if not isinstance(value, Tensor)}
        if wanted - configured or configured - set(features) or not features:
            raise ConfigError(
                f"the model {type(self.model).__name__} has features for {sorted(features) or 'no loss'}, "
                f"but loss_cfg has the log_prefix {sorted(configured)}",
                hint="each log_prefix of loss_cfg must name a training feature of the model, and each "
                "feature needs a loss; a further loss names the features that it gets by its key 'features'",
            )


@torch.no_grad()
def _apart(now: Tensor, then: Tensor) -> Tensor:
    """How far two tensors are apart, as a share of the largest number of the first one."""
    if not now.numel():
        return torch.zeros((), device=now.device)
    return (now.float() - then.float()).abs().max() / then.float().abs().max().clamp(min=1e-6)
