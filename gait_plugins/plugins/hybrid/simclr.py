"""SimCLR: contrastive pretraining of any model, on two views of each clip."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from typing_extensions import Self

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import ConfigError
from gait_plugins.nn import views_of
from gait_plugins.plugins.hybrid.view_images import pictures_of

PROBED_FRAMES = 4


class SimCLR(GaitModel):
    """Another model under a projection, trained on two views of each clip without labels.

    In training the first half of a batch holds one view of each clip, the second half another one, as
    ``BilateralSampler`` makes them; a batch norm sees one view at a time. The model's part embeddings are
    projected together. Its weights lie under ``of.``; what its embeddings do not depend on, a classifier
    as a rule, is not trained.

    Source: Chen et al., A Simple Framework for Contrastive Learning of Visual Representations, ICML 2020.

    Args:
        model: what is pretrained.
        hidden: width of the projection's hidden layer.
        out: width of the projection.
        frame: size of a frame, ``[h, w]`` or ``[c, h, w]``: a blank clip of it is embedded once to learn
            how many channels and parts there are.
        embedding: what stands for a sequence at test: the model's own embedding, or the unit projection.
    """

    def __init__(
        self,
        model: GaitModel,
        hidden: int = 256,
        out: int = 256,
        frame: Sequence[int] = (64, 44),
        embedding: Literal["model", "projection"] = "model",
    ) -> None:
        super().__init__()
        self.of = model
        self.frame_channels = model.frame_channels
        features, idle = _reached(model, frame)
        self.idle = tuple(f"of.{name}" for name in idle)
        self.projection = nn.Sequential(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, out))
        self.embedding = embedding

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        of: GaitModel,
        hidden: int = 256,
        out: int = 256,
        frame: Sequence[int] = (64, 44),
        embedding: Literal["model", "projection"] = "model",
    ) -> Self:
        """Build from ``model_cfg``.

        Args:
            of: ``model_cfg`` of the model to pretrain, with its ``model``.
            hidden: width of the projection's hidden layer.
            out: width of the projection.
            frame: size of a frame, ``[h, w]`` or ``[c, h, w]``.
            embedding: source of a sequence's embedding in tests.
        """
        return cls(of, hidden, out, frame, embedding)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Over the pipeline's own frame network."""
        return {"of": {"model": "HybridGaitModel", "num_classes": 5}, "hidden": 8, "out": 6}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embeddings ``[n, c, p]``; in training ``contrast``: both views' unit projections ``[n, out]``."""
        if self.training:
            return self._contrast(batch)
        embeddings = _embeddings(self.of, batch)
        if self.embedding == "projection":
            embeddings = self._project(embeddings).unsqueeze(2)
        return {
            "training_feat": {},
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }

    def check_input_size(self, height: int, width: int) -> None:
        """What the model takes."""
        self.of.check_input_size(height, width)

    def init_parameters(self) -> None:
        """The model's own initialisation, and the usual one of the projection."""
        super().init_parameters()
        self.of.init_parameters()

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """The model's own groups, and the projection."""
        groups = list(self.of.parameter_groups(optimizer_cfg))
        own = list(self.projection.parameters())
        return [*groups, {"params": own}] if groups and isinstance(groups[0], dict) else groups + own

    def _project(self, embeddings: Tensor) -> Tensor:
        return F.normalize(self.projection(embeddings.flatten(1)), dim=1)

    def _contrast(self, batch: GaitBatch) -> ModelOutput:
        views = views_of(batch, "SimCLR")
        embedded = [_embeddings(self.of, view) for view in views]
        first, second = (self._project(embeddings) for embeddings in embedded)
        return {
            "training_feat": {"contrast": {"view1": first, "view2": second}},
            "visual_summary": pictures_of(views),
            "inference_feat": {"embeddings": torch.cat(embedded)},
        }


def _embeddings(model: GaitModel, batch: GaitBatch) -> Tensor:
    return model(batch)["inference_feat"]["embeddings"].float()  # type: ignore[no-any-return]


def _reached(model: GaitModel, frame: Sequence[int]) -> tuple[int, list[str]]:
    """Channels times parts of the embeddings, and the weights that they do not depend on, now frozen."""
    training = model.training
    clip = torch.zeros(1, PROBED_FRAMES, *frame)
    batch = GaitBatch([clip], torch.zeros(1, dtype=torch.int64), ["nm-01"], ["000"], None)
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    try:
        with torch.enable_grad():
            embeddings = _embeddings(model.eval(), batch)
            reached = torch.autograd.grad(embeddings.sum(), list(trained.values()), allow_unused=True)
    except (ConfigError, RuntimeError) as error:
        reason = error.message if isinstance(error, ConfigError) else str(error).splitlines()[0]
        raise ConfigError(
            f"{type(model).__name__} cannot embed frames of {'x'.join(map(str, frame))}: {reason}",
            where="SimCLR",
            hint="set model_cfg.frame to the size of your silhouettes, for example [64, 44]",
        ) from error
    finally:
        model.train(training)
    idle = [name for name, gradient in zip(trained, reached, strict=True) if gradient is None]
    for name in idle:
        trained[name].requires_grad_(False)
    return embeddings[0].numel(), idle
