"""Residual stage: a frozen model and a second one that compensates occlusion (arXiv 2507.10978, 3.3)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from typing_extensions import Self, TypedDict

from gait_plugins.api import GaitBatch, GaitModel, ModelOutput
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.nn import SeparateFCs, frames_of, heads
from gait_plugins.plugins.resgait.occlusion.targets import WHOLE
from gait_plugins.plugins.resgait.oem.detector import WIDTH, Detector, DetectorOptions, Pooling
from gait_plugins.plugins.resgait.residual.mixer import MixerFit
from gait_plugins.plugins.resgait.residual.split_model import Rest, halves, no_parts


class MixerOptions(TypedDict, total=False):
    """Sizes of the mixer; they follow from the wrapped model and need not be given."""

    parts_num: int
    in_channels: int
    out_channels: int


class Seen(NamedTuple):
    """What the parts of a residual model make of a batch."""

    gse: Tensor
    """Part embeddings ``[n, c, p]`` as they are, without gradients."""
    amounts: Tensor
    """Hidden portions, ``[n, 1, 1]`` in [0, 1]."""
    mixed: Tensor
    """What the mixer takes: the FRN's embeddings and those of the occlusion, ``[n, c + 64, p]``."""
    rest: Rest
    """From part embeddings to the wrapped model's outputs."""


class ResidualGait(GaitModel):
    """Adds to a trained model's part embeddings what its occluded input lacks.

    ``embedding = GSE(x) + amount * mixer([FRN(x), occlusion])``. The gait signature extractor (GSE)
    and the occlusion module are frozen; the feature residual network (FRN), a second model of the same
    kind, and the mixer are trained. The GSE's own classifier is trained on.

    Any model will do that offers its part embeddings: see ``GaitModel.part_embeddings``.

    Args:
        gse: the model; its weights come from an earlier stage.
        occ_detector: how the occlusion module is read: ``input_scale`` (255 for the authors' file) and
            ``amount`` (``visible`` for the authors' file).
        OccMixerFCs: sizes of the mixer, checked where given.
        amount_of: a sequence's amount is the mean of its frames' ``amounts`` (the default), or that of
            its mean ``features`` (the published one for sequences of equal length).
        frozen_statistics: keep the frozen parts in eval mode; false lets their batch norms drift, as
            published.
        mixer_batches: training batches to which the mixer is fitted before the first step, so that
            embeddings come as near to those of whole sequences as a linear map can bring them; for that,
            ``Occlusion`` must ``keep_whole``. 0: it starts from small random weights, as published.
    """

    def __init__(
        self,
        gse: GaitModel,
        occ_detector: DetectorOptions | None = None,
        OccMixerFCs: MixerOptions | None = None,
        amount_of: Pooling = "amounts",
        frozen_statistics: bool = True,
        mixer_batches: int = 0,
    ) -> None:
        super().__init__()
        if mixer_batches < 0:
            raise ConfigError(f"mixer_batches is {mixer_batches}, expected 0 or more", where="ResidualGait")
        self.mixer_batches = mixer_batches
        _require_parts(gse)
        self.amount_of: Pooling = amount_of
        self.frozen_statistics = frozen_statistics
        self.num_classes = gse.num_classes
        self.frame_channels = gse.frame_channels
        self.streams = gse.streams
        parts, channels = _sizes(gse)
        moved = {name: gse._modules.pop(name) for name in gse.head_names if gse._modules.get(name)}
        self.full_component = gse
        self.mimic_component = copy.deepcopy(gse)
        for name, head in moved.items():
            self.add_module(name, head)
            # The models go on using their head, which counts as ours: in keys, modes and gradients.
            for model in (self.full_component, self.mimic_component):
                object.__setattr__(model, name, head)
        self.occ_detector = Detector(0, **(occ_detector or {}))
        _check_mixer(OccMixerFCs or {}, parts, channels)
        self.occ_mixer_fc = SeparateFCs(parts, channels + WIDTH, channels)
        self.full_component.requires_grad_(False)
        self.occ_detector.requires_grad_(False)
        self.train(self.training)

    @classmethod
    def example_config(cls) -> dict[str, Any]:
        """Around the small TrackletGait."""
        small = {"stem_channels": 4, "embedding_channels": 6, "widths": [8, 16]}
        return {"gse": {"model": "TrackletGait_s", "SeparateBNNecks": {"class_num": 5}, **small}}

    def forward(self, batch: GaitBatch) -> ModelOutput:
        """The wrapped model's own outputs, from corrected embeddings ``[n, c, p]``."""
        seen = self._seen(GaitBatch.of(batch))
        return seen.rest(self._corrected(seen))

    def part_embeddings(self, batch: GaitBatch) -> Tensor:
        """``[n, c, p]``."""
        return self._corrected(self._seen(batch))

    def _seen(self, batch: GaitBatch) -> Seen:
        with torch.no_grad():
            gse, rest = halves(self.full_component, batch)
            frames = frames_of(batch.inputs[0])
            occlusion = self.occ_detector.of_sequences(frames, batch.seq_lens, self.amount_of)
        found = self.mimic_component.part_embeddings(batch)
        repeated = occlusion.embeddings.unsqueeze(2).expand(-1, -1, found.shape[2])
        return Seen(gse, occlusion.amounts[:, None, None], torch.cat([found, repeated], 1), rest)

    def _corrected(self, seen: Seen) -> Tensor:
        residual: Tensor = self.occ_mixer_fc(seen.mixed)
        return seen.amounts * residual + seen.gse

    @torch.no_grad()
    def _unhidden(self, batch: GaitBatch) -> Tensor:
        """The GSE's embeddings ``[n, c, p]`` of the batch with nothing hidden."""
        self.check_targets(batch.targets)
        frames, seen = batch.targets[WHOLE], batch.inputs[0]
        if batch.seq_lens is not None or frames.shape != seen.shape:
            raise ConfigError(
                f"the frames have shape {list(seen.shape)}, but before occlusion {list(frames.shape)}",
                where="ResidualGait",
                hint="mixer_batches needs sequences of one length (trainer_cfg.sampler) and Occlusion as the "
                "last transform",
            )
        whole = batch._replace(inputs=[frames, *batch.inputs[1:]])
        embeddings: Tensor = self.full_component.part_embeddings(whole)
        return embeddings

    @torch.no_grad()
    def calibrate(self, batches: Iterable[GaitBatch]) -> None:
        """Fit the mixer to the first ``mixer_batches`` batches."""
        if not self.mixer_batches:
            return
        fit = MixerFit(self.occ_mixer_fc)
        for batch in islice(batches, self.mixer_batches):
            seen = self._seen(batch)
            fit.add(seen.amounts * seen.mixed, self._unhidden(batch) - seen.gse)
        fit.finish()

    def outputs(self, embeddings: Tensor, batch: GaitBatch) -> ModelOutput:
        """The wrapped model's."""
        return self.full_component.outputs(embeddings, batch)

    def train(self, mode: bool = True) -> Self:
        """Switch all but the frozen parts, which stay in eval mode."""
        super().train(mode)
        if self.frozen_statistics:
            self.full_component.eval()
            self.occ_detector.eval()
        return self

    def init_parameters(self) -> None:
        """Each part as its model initialises itself."""
        super().init_parameters()
        self.full_component.init_parameters()
        self.mimic_component.init_parameters()

    def parameter_groups(self, optimizer_cfg: Mapping[str, Any]) -> Iterable[Any]:
        """As the wrapped model groups its own; what it does not know of learns at the optimiser's rate."""
        covered: set[int] = set()
        for group in self.mimic_component.parameter_groups(optimizer_cfg):
            if isinstance(group, Mapping):  # a bare parameter has no settings of its own
                params = [p for p in group["params"] if p.requires_grad]
                covered.update(map(id, params))
                yield {**group, "params": params}
        others = [p for p in self.parameters() if p.requires_grad and id(p) not in covered]
        yield {"params": others}

    def schedule(self, optimizer: Optimizer, configured: Callable[[], LRScheduler]) -> LRScheduler:
        """As the wrapped model's."""
        return self.mimic_component.schedule(optimizer, configured)

    def check_targets(self, names: Collection[str]) -> None:
        """Raise ``ConfigError`` where the mixer is to be fitted and nothing says what was hidden."""
        if self.mixer_batches and WHOLE not in names:
            raise ConfigError(
                "the batches lack the frames before occlusion",
                where="ResidualGait",
                hint="mixer_batches needs Occlusion with `keep_whole: true` in trainer_cfg.transform",
            )

    def check_init(self, part: str, checkpoint: Mapping[str, Any]) -> None:
        """Refuse an occlusion module that reads frames or tells amounts by another convention.

        Raises:
            CheckpointError: naming both. Foreign files say nothing of it, and are taken.
        """
        if part != "occ_detector":
            return
        trained = checkpoint.get("config", {}).get("model_cfg", {})
        if str(trained.get("model", "")).rsplit("/", 1)[-1] != "OEM":
            return
        own = {"input_scale": self.occ_detector.input_scale, "amount": self.occ_detector.convention}
        scale, amount = trained.get("input_scale", 1), trained.get("amount", "occluded")
        theirs = {"input_scale": float(scale), "amount": amount}
        for name, value in theirs.items():
            if own[name] != value:
                raise CheckpointError(
                    f"this occlusion module was trained with {name} {value}, "
                    f"but the model reads it with {own[name]}",
                    hint=f"set -o model_cfg.occ_detector.{name}={value}",
                )

    def check_input_size(self, height: int, width: int) -> None:
        """As the wrapped model."""
        self.full_component.check_input_size(height, width)


def _require_parts(gse: GaitModel) -> None:
    _require_silhouettes(gse)
    kind = type(gse)
    name = kind.__name__
    if not any(p.requires_grad for p in gse.parameters()):
        raise ConfigError(f"{name} has no trainable parameters: no residual can be learned", where="gse")
    with_heads = [head for head in gse.head_names if gse._modules.get(head)]
    if with_heads and kind.part_embeddings is GaitModel.part_embeddings:
        raise no_parts(gse, f"it has {', '.join(with_heads)}, but its forward is one piece")


def _sizes(gse: GaitModel) -> tuple[int, int]:
    """Parts and channels of a model's part embeddings: those of its classifier, else found by trying."""
    neck = gse._modules.get("BNNecks")
    if isinstance(neck, heads.SeparateBNNecks):
        parts, channels, _ = neck.fc_bin.shape
        return parts, channels
    modes = {module: module.training for module in gse.modules()}
    device = next(gse.parameters()).device
    blank = torch.zeros(1, 2, 64, 44, device=device)
    batch = GaitBatch([blank], torch.zeros(1, dtype=torch.int64, device=device), ["nm-01"], ["000"], None)
    with torch.no_grad():
        embeddings, _ = halves(gse.eval(), batch)
    for module, training in modes.items():
        module.training = training
    if embeddings.dim() != 3:
        raise ConfigError(
            f"the embeddings of {type(gse).__name__} have shape {list(embeddings.shape)}, expected [n, c, p]",
            where="gse",
        )
    return embeddings.shape[2], embeddings.shape[1]


def _check_mixer(given: MixerOptions, parts: int, channels: int) -> None:
    wanted = {"parts_num": parts, "in_channels": channels + WIDTH, "out_channels": channels}
    for name, value in given.items():
        if value != wanted[name]:
            raise ConfigError(
                f"OccMixerFCs.{name} is {value}, expected {wanted[name]}",
                where="ResidualGait",
                hint="leave it out: the wrapped model determines it",
            )


def _require_silhouettes(gse: GaitModel) -> None:
    taken = [stream.name for stream in gse.streams or ()]
    if taken not in ([], ["silhouettes"]):
        raise ConfigError(
            f"{type(gse).__name__} takes {', '.join(taken)}; what is hidden is found on silhouettes alone",
            where="gse",
            hint="wrap a model of silhouettes, for example DeepGaitV2",
        )
