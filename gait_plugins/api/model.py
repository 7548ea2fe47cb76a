"""The contract of models and backbones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypedDict

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import Self

from gait_plugins.api.batch import GaitBatch, as_batch, no_batch
from gait_plugins.api.options import HasExample
from gait_plugins.api.stream import Stream


class ModelOutput(TypedDict):
    """What ``GaitModel.forward`` returns; OpenGait's three mappings."""

    training_feat: dict[str, Any]
    """Loss prefix -> keyword arguments of that loss, or an already computed loss tensor."""
    visual_summary: dict[str, Tensor]
    """``image/<name>`` -> ``[k, c, h, w]`` in [0, 1], for monitors."""
    inference_feat: dict[str, Tensor]
    """``embeddings`` -> ``[n, c, p]``."""


class Backbone(nn.Module):
    """Marks a constructor argument as a nested backbone; any ``nn.Module`` may be registered as one."""


class FeatureExtractor(HasExample, Backbone):
    """A network from pictures to maps of several layers, which a model builds on and leaves as it is.

    Its weights come from elsewhere, such as those of DINOv2. A model of pictures asks for layers by their
    numbers; it freezes the extractor and keeps it in eval mode. Another package registers its own as a
    backbone (hook ``gait_backbones``), and a configuration names it: ``extractor: {type: MINE, ...}``.
    """

    channels: int
    """Of every map."""
    depth: int
    """Layers, numbered from 1."""
    patch: int
    """Pixels, in height and width, that become one place of a map."""
    stand_in: str = ""
    """What it stands in for, where its weights are random on purpose; see :attr:`GaitModel.stand_in`."""

    def features(self, pictures: Tensor, layers: Sequence[int]) -> tuple[list[Tensor], Tensor]:
        """Maps of the layers that are asked for, as the layers give them, and the map of the whole network.

        Args:
            pictures: normalised as ImageNet's, ``[m, 3, h, w]``; both sizes multiples of :attr:`patch`.
            layers: from 1 to :attr:`depth`, ascending.

        Returns:
            A map ``[m, channels, h / patch, w / patch]`` for each layer, and such a map behind the last norm.
        """
        raise NotImplementedError(f"{type(self).__name__} must define features(pictures, layers)")

    def forward(self, pictures: Tensor) -> Tensor:
        """The map of the whole network."""
        return self.features(pictures, ())[1]

    def require_weights(self) -> None:
        """Raise an error that says what to get from where, if there are no weights yet."""

    def weights_record(self) -> Mapping[str, Any] | None:
        """Where the weights come from, for checkpoints: ``file``, ``sha256``, ``taken``; None: unknown."""
        return None


class GaitModel(HasExample, nn.Module):
    """A network from silhouette sequences to part embeddings.

    Subclasses take explicit, typed constructor arguments. Where OpenGait's YAML has another shape,
    override :meth:`from_config`: its keyword arguments are then the accepted ``model_cfg`` keys.
    """

    num_classes: int | None = None
    """Identities that the classifier head can tell apart; None where there is no head."""

    streams: tuple[Stream, ...] | None = None
    """The streams that it takes, in the order of ``batch.inputs``; None for a model of silhouettes, or of
    whatever frames it is given. One whose :attr:`Stream.own_clock` is set comes with frames of its own."""

    frame_channels: int | None = None
    """Channels of a frame that it takes, 1 for silhouettes; None where it takes several or does not say."""

    stand_in: str = ""
    """What its weights stand in for, where a small or random network takes the place of the one that is
    meant (``of DINOv2, which is not downloaded``). Such a model, or one with such a part, names nobody."""

    followers: tuple[str, ...] = ()
    """Children that no optimiser trains because the model itself moves their weights, such as a teacher that
    follows its student, or because they bring their own, as a :class:`FeatureExtractor` does: frozen without
    weights from elsewhere, they do not stay random."""
    idle: tuple[str, ...] = ()
    """Weights, or modules of them, that no output depends on: nobody is told that they stay random."""

    @classmethod
    def from_config(cls, **options: Any) -> Self:
        """Build from the keys of ``model_cfg`` (without ``model``)."""
        return cls(**options)

    @classmethod
    def usual_streams(cls, **options: Any) -> Mapping[str, Mapping[str, Any]]:
        """What the files of its data hold where ``data_cfg.streams`` is left out, in the same form.

        Name of a stream -> kind and options (``{"keypoints": {"type": "Keypoints"}}``), in the order of the
        files, before any transform. Empty: silhouettes, or whatever pictures there are.

        Args:
            options: those of ``model_cfg`` that are written, checked.
        """
        return {}

    def __call__(self, batch: Any, *arguments: Any, **options: Any) -> Any:
        """``forward``, for whatever can be taken as a batch.

        Args:
            batch: a :class:`GaitBatch`, OpenGait's plain five, or for a model of one stream its frames alone,
                ``[n, s, ...]`` (see :meth:`GaitBatch.of_frames`).

        Raises:
            ConfigError: it cannot; says what a batch is.
        """
        if isinstance(batch, GaitBatch):
            return super().__call__(batch, *arguments, **options)
        name, shapes = type(self).__name__, self._shapes()
        taken = as_batch(batch, name, shapes)
        try:
            return super().__call__(taken, *arguments, **options)
        except (RuntimeError, IndexError, ValueError) as error:
            if not isinstance(batch, Tensor) or isinstance(error, torch.OutOfMemoryError):
                raise
            raise no_batch(batch, name, shapes, str(error)) from error

    def _shapes(self) -> dict[str, tuple[Any, ...]]:
        """Stream -> the shape of its frames."""
        if self.streams is not None:
            return {each.name: tuple(each.shape) for each in self.streams}
        channels = self.frame_channels
        return {"frames": ("h", "w") if channels in (None, 1) else (channels, "h", "w")}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """Embed a batch. Nothing may leak from one packed sequence into another."""
        raise NotImplementedError(f"{type(self).__name__} must define forward(batch)")

    head_names: tuple[str, ...] = ("BNNecks",)
    """Children, where there, that :meth:`outputs` alone uses: classifiers of the part embeddings."""

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """The first half of ``forward``: ``[n, c, p]`` as the heads take them, for models that build on it.

        By default what ``forward`` embeds by, which is right for a model without :attr:`head_names`. One with
        heads splits its ``forward`` into this and :meth:`outputs`.
        """
        output: ModelOutput = self(batch)
        return output["inference_feat"]["embeddings"]

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The second half of ``forward``, from embeddings like those of :meth:`part_embeddings`."""
        return {
            "training_feat": {"triplet": {"embeddings": embeddings, "labels": batch.labels}},
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }

    def check_input_size(self, height: int, width: int) -> None:
        """Raise ``ConfigError``, naming both sizes, where frames of this size cannot be taken."""

    def check_targets(self, names: Collection[str]) -> None:
        """Raise ``ConfigError`` where training batches with just these ``targets`` are not enough.

        A recipe asks before its first stage is trained, of one sequence of each stage. Of the built-in
        plugins only ResGait uses it: its residual stages may need to know what was hidden of a sequence.
        """

    def check_init(self, part: str, checkpoint: Mapping[str, Any]) -> None:
        """See that a part may start from another training's checkpoint, before any weight is taken.

        Names and shapes are compared elsewhere; this is for what weights do not show. Raise
        ``ConfigError`` or ``CheckpointError`` where the checkpoint was trained for something else.

        Args:
            part: prefix of this model's keys (``occ_detector``), empty for the whole model.
            checkpoint: as written by its training: ``model``, and mostly ``config``, ``input_size``.

        Of the built-in plugins only ResGait uses it: its residual stages check what the occlusion module
        was trained for.
        """

    def init_parameters(self) -> None:
        """OpenGait's initialisation: Xavier-uniform convolutions and linear layers, N(1, 0.02) norms."""
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Conv2d | nn.Conv3d | nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d) and module.affine:
                nn.init.normal_(module.weight, 1.0, 0.02)
                nn.init.zeros_(module.bias)

    def calibrate(self, batches: Iterable[GaitBatch]) -> None:
        """Look at training batches once, before the first step: for what is set from data, not learnt.

        It comes after the weights of earlier trainings are in place, in train mode, and not where a training
        is resumed or the whole model comes from another one (``restore_hint``, ``--init-from``). Take no more
        batches than needed: they are made as they are taken. Several processes see different ones and must
        end with the same weights.

        Args:
            batches: those of the first steps, in their order, on the model's device.

        Of the built-in plugins only ResGait uses it: its residual stages fit the mixer of their corrections.
        """

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """What the optimiser gets: trainable parameters, or groups with settings of their own."""
        return [p for p in self.parameters() if p.requires_grad]

    def schedule(self, optimizer: Optimizer, configured: Callable[[], LRScheduler]) -> LRScheduler:
        """The learning-rate schedule, which steps after every update.

        Args:
            optimizer: over :meth:`parameter_groups`.
            configured: builds the one that ``scheduler_cfg`` names; call it to keep or to wrap it.
        """
        return configured()
