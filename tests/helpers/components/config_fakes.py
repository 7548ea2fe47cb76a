"""A plugin whose components only record their options, and a configuration of OpenGait's shape over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from torch import nn
from typing_extensions import NotRequired, Self, TypedDict

from gait_plugins import (
    Backbone,
    BatchSampler,
    EmbeddingSet,
    FrameSampler,
    GaitDataset,
    GaitModel,
    Loss,
    Protocol,
    Results,
    SequenceIndex,
    SequenceRef,
    Subset,
    Transform,
    hookimpl,
)


class HeadOptions(TypedDict):
    """Options of a head.

    Args:
        parts: horizontal strips.
        classes: identities.
        norm: cosine logits.
    """

    parts: int
    classes: int
    norm: NotRequired[bool]


@dataclass(frozen=True)
class Schedule:
    """When a part of the network starts to learn."""

    start: int = 0
    factor: float = 1.0

    def __post_init__(self) -> None:
        if self.factor < 0:
            raise ValueError(f"factor must not be negative, got {self.factor}")


class Trunk(nn.Module):
    """A backbone.

    Args:
        widths: channels of each stage.
    """

    def __init__(self, widths: Sequence[int] = (8, 16), pool: bool = False) -> None:
        super().__init__()
        self.widths, self.pool = tuple(widths), pool


class Walker(GaitModel):
    """A model with a nested backbone and a head.

    It has a second paragraph.
    """

    def __init__(self, trunk: nn.Module, head: HeadOptions, schedule: Schedule, extras: Any) -> None:
        super().__init__()
        self.trunk, self.head, self.schedule, self.extras = trunk, head, schedule, extras

    @classmethod
    def from_config(  # type: ignore[override]
        cls,
        *,
        backbone_cfg: Backbone,
        Head: HeadOptions,
        schedule: Schedule | None = None,
        second: Backbone | Sequence[Backbone] | None = None,
        extras: Any = None,
    ) -> Self:
        """Build from YAML.

        Args:
            backbone_cfg: the trunk, of any
                package.
            Head: the classifier.
            schedule: when it learns: early or late.
        """
        return cls(backbone_cfg, Head, schedule or Schedule(), second if extras is None else extras)


class Margin(Loss):
    """A loss with a margin.

    Args:
        margin: distance to keep.
        loss_term_weight: factor of this term.
    """

    def __init__(self, margin: float = 0.2, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.margin = margin


class Soft(Loss):
    """A loss with a scale and no margin."""

    def __init__(self, scale: float = 1.0, log_accuracy: bool = False, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.scale, self.log_accuracy = scale, log_accuracy


class Cut(Transform):
    """A cut."""

    def __init__(self, cutting: int | None = None, prob: float = 1.0) -> None:
        if prob > 1:
            raise ValueError("prob is a probability")
        self.cutting, self.prob = cutting, prob

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return sequence


class Chain(Cut):
    """Several transforms."""

    def __init__(self, trf_cfg: list[Transform]) -> None:
        super().__init__()
        self.parts = trf_cfg


class Anything(Cut):
    """A transform that takes any option."""

    def __init__(self, **options: Any) -> None:
        super().__init__()
        self.options = options


class Bare(Cut):
    """A transform without a constructor of its own options."""

    def __init__(self, untyped, mode: Literal["euc", "cos"] = "euc"):  # type: ignore[no-untyped-def]
        super().__init__()
        self.untyped, self.mode = untyped, mode


class PK(BatchSampler):
    """P identities, K sequences of each."""

    def __init__(self, batch_size: tuple[int, int], batch_shuffle: bool = False) -> None:
        self.pk = batch_size
        self.batch_size = batch_size[0] * batch_size[1]

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        return []


class InOrder(PK):
    """One sequence after the other."""

    def __init__(self, batch_size: int, batch_shuffle: bool = False) -> None:
        self.batch_size = batch_size


class Frames(FrameSampler):
    """OpenGait's options."""

    def __init__(
        self,
        sample_type: Literal["fixed_ordered", "fixed_unordered", "all_ordered"],
        frames_num_fixed: int = 30,
        frames_num_min: int = 25,
        frames_num_max: int = 50,
        frames_all_limit: int = -1,
        batch_size: object = None,
    ) -> None:
        self.sample_type, self.frames_num_fixed = sample_type, frames_num_fixed

    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        return np.arange(length)


class Pieces(Frames):
    """Some options of OpenGait's and one more."""

    def __init__(self, lengths: list[int], frames_num_fixed: int = 32) -> None:
        self.lengths = lengths


class Folder(GaitDataset):
    """A folder of sequences.

    Args:
        dataset_root: the folder.
        cache: keep everything in memory.
    """

    def __init__(self, dataset_root: str, dataset_partition: str = "", cache: bool = False) -> None:
        self.dataset_root = dataset_root

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        return []

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        return []


class Made(Folder):
    """Made-up sequences."""

    def __init__(self, people: int = 10) -> None:
        self.people = people


class Indoor(Protocol):
    """A protocol.

    Args:
        metric: distance.
    """

    def __init__(self, metric: Literal["euc", "cos"] = "euc", cross_view_gallery: bool = False) -> None:
        self.metric = metric

    def evaluate(self, data: EmbeddingSet) -> Results:
        raise NotImplementedError


class FakePlugin:
    """Offers them all, by names that nobody else uses."""

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"Walker": Walker}

    @hookimpl
    def gait_backbones(self) -> dict[str, type]:
        return {"Trunk": Trunk}

    @hookimpl
    def gait_losses(self) -> dict[str, type]:
        return {"Margin": Margin, "Soft": Soft}

    @hookimpl
    def gait_transforms(self) -> dict[str, str | type]:
        names = {"Cut": Cut, "Chain": Chain, "Anything": Anything, "Bare": Bare}
        return {**names, "Broken": "a_module_that_is_not_there:Broken"}

    @hookimpl
    def gait_frame_samplers(self) -> dict[str, type]:
        return {"frames": Frames, "pieces": Pieces}

    @hookimpl
    def gait_batch_samplers(self) -> dict[str, type]:
        return {"PK": PK, "InOrder": InOrder}

    @hookimpl
    def gait_datasets(self) -> dict[str, type]:
        return {"folder": Folder, "made": Made}

    @hookimpl
    def gait_protocols(self) -> dict[str, type]:
        return {"indoor": Indoor}


FAKE_YAML = """\
data_cfg:
  type: folder
  dataset_name: Town
  dataset_root: somewhere
  num_workers: 2

model_cfg:
  model: Walker
  backbone_cfg:
    type: Trunk
    widths: [4, 8]
  Head: {parts: 4, classes: 10}

loss_cfg:
  - type: Margin
    log_prefix: triplet
    margin: 0.3
  - type: Soft
    log_prefix: softmax
    scale: 16
    log_accuracy: true

optimizer_cfg:
  solver: SGD
  lr: 0.1

scheduler_cfg:
  scheduler: MultiStepLR
  milestones: [10, 20]

trainer_cfg:
  total_iter: 30
  save_name: first
  sampler:
    type: PK
    method: frames
    batch_size: [2, 4]
    sample_type: fixed_unordered
  transform:
    - type: Chain
      trf_cfg:
        - type: Cut
          prob: 0.5
        - type: Cut

evaluator_cfg:
  eval_func: indoor
  metric: cos
  sampler:
    type: InOrder
    method: frames
    batch_size: 3
    sample_type: all_ordered
    frames_all_limit: 720
  transform:
    - type: Cut
"""
