"""A plugin of tiny components: enough to run the whole core in milliseconds, with no other plugin."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from gait_plugins import (
    BatchSampler,
    ClassCount,
    EmbeddingSet,
    FrameSampler,
    GaitBatch,
    GaitDataset,
    GaitModel,
    Loss,
    ModelOutput,
    Protocol,
    Results,
    SequenceIndex,
    SequenceRef,
    Subset,
    Transform,
    hookimpl,
)


class TinyModel(GaitModel):
    """One convolution, batch norm, dropout, mean over frames."""

    def __init__(self, classes: ClassCount = 4, channels: int = 4, dropout: float = 0.1) -> None:
        super().__init__()
        self.num_classes = classes
        self.conv = nn.Conv2d(1, channels, 3, padding=1)
        self.norm = nn.BatchNorm2d(channels)
        self.drop = nn.Dropout(dropout)
        self.head = nn.Linear(channels, classes)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        frames = batch.inputs[0]
        lengths = [frames.shape[1]] * len(frames) if batch.seq_lens is None else batch.seq_lens[0].tolist()
        maps = torch.relu(self.norm(self.conv(frames.flatten(0, 1).unsqueeze(1))))
        clips = torch.split(self.drop(maps).mean((2, 3)), lengths)
        embeddings = torch.stack([clip.mean(0) for clip in clips])
        return {
            "training_feat": {
                "contrast": {"embeddings": embeddings.unsqueeze(2), "labels": batch.labels},
                "softmax": {"logits": self.head(embeddings), "labels": batch.labels},
            },
            "visual_summary": {"image/frames": frames.flatten(0, 1).unsqueeze(1)},
            "inference_feat": {"embeddings": embeddings.unsqueeze(2)},
        }


def seen_weights(classes: int = 4) -> dict[str, Tensor]:
    """Weights of a model whose norm has seen a batch: fresh ones may name nobody."""
    model = TinyModel(classes)
    model.norm.running_mean += 0.01
    return model.state_dict()


class Softmax(Loss):
    """Cross-entropy; ``poison`` makes it NaN at that call."""

    def __init__(self, poison: int = 0, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.poison, self.calls = poison, 0

    def forward(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        self.calls += 1
        loss = nn.functional.cross_entropy(logits, labels)
        if self.calls == self.poison:
            loss = loss * float("nan")
        return loss, {"loss": loss.detach()}


class Contrast(Loss):
    """Mean distance between samples of one identity less that between identities, with a learnt scale."""

    gathers = True

    def __init__(self, loss_term_weight: float = 1.0) -> None:
        super().__init__(loss_term_weight)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, embeddings: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        flat = embeddings.flatten(1)
        distance = (flat[:, None] - flat[None]).square().sum(-1)
        same = labels[:, None] == labels[None]
        loss = torch.relu(1 + self.scale * (distance[same].mean() - distance[~same].mean()))
        return loss, {"loss": loss.detach(), "pairs": same.sum().float()}


class Shift(Transform):
    """Rolls the frames sideways by a random amount."""

    divisor = 255.0

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return np.roll(sequence, int(rng.integers(-1, 2)), axis=-1)


class FirstFrames(FrameSampler):
    """So many frames from a random start, or all of them."""

    def __init__(self, frames: int | None = None) -> None:
        self.frames = frames
        self.fixed_length = frames is not None

    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        if self.frames is None:
            return np.arange(length)
        return (int(rng.integers(0, length)) + np.arange(self.frames)) % length


class Draw(BatchSampler):
    """Any sequences."""

    def __init__(self, batch_size: int = 8) -> None:
        self.batch_size = batch_size

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        return rng.permutation(len(index))[: self.batch_size].tolist()


class InOrder(BatchSampler):
    """Every sequence once."""

    def __init__(self, batch_size: int = 3) -> None:
        self.batch_size = batch_size

    def num_batches(self, index: SequenceIndex) -> int:
        return -(-len(index) // self.batch_size)

    def batch(self, index: SequenceIndex, number: int, rng: np.random.Generator) -> Sequence[int]:
        return range(len(index))[number * self.batch_size : (number + 1) * self.batch_size]


class TinyWalks(GaitDataset):
    """Noise of a different brightness for every identity, of unequal lengths."""

    def __init__(self, identities: int = 4, walks: int = 5, size: int = 8) -> None:
        self.identities, self.walks, self.size = identities, walks, size

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        offset = 0 if subset == "train" else self.identities
        return [
            SequenceRef(f"{offset + person:03d}", f"nm-{walk:02d}", "090", (offset + person, walk))
            for person in range(self.identities)
            for walk in range(self.walks)
        ]

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        person, walk = ref.source
        rng = np.random.default_rng((person, walk))
        frames = rng.integers(0, 40 + 50 * (person % 4), (3 + walk, self.size, self.size))
        return [frames.astype(np.uint8)]


class Nearest(Protocol):
    """Share of sequences whose nearest other sequence is of the same identity."""

    def evaluate(self, data: EmbeddingSet) -> Results:
        flat = data.embeddings.reshape(len(data), -1)
        distance = ((flat[:, None] - flat[None]) ** 2).sum(-1)
        np.fill_diagonal(distance, np.inf)
        hits = data.labels[distance.argmin(1)] == data.labels
        return Results(
            "nearest other sequence", data.dataset_name, {"R1": 100 * hits.mean()}, len(data), len(data)
        )


class TinyPlugin:
    """The manifest."""

    @hookimpl
    def gait_models(self) -> dict[str, type]:
        return {"TinyModel": TinyModel}

    @hookimpl
    def gait_losses(self) -> dict[str, type]:
        return {"Softmax": Softmax, "Contrast": Contrast}

    @hookimpl
    def gait_transforms(self) -> dict[str, type]:
        return {"Shift": Shift}

    @hookimpl
    def gait_frame_samplers(self) -> dict[str, type]:
        return {"FirstFrames": FirstFrames}

    @hookimpl
    def gait_batch_samplers(self) -> dict[str, type]:
        return {"Draw": Draw, "InOrder": InOrder}

    @hookimpl
    def gait_datasets(self) -> dict[str, type]:
        return {"TinyWalks": TinyWalks}

    @hookimpl
    def gait_protocols(self) -> dict[str, type]:
        return {"Nearest": Nearest}


TINY_YAML = """
data_cfg: {type: TinyWalks, dataset_name: Tiny, num_workers: 0}
model_cfg: {model: TinyModel}
loss_cfg:
  - {type: Contrast, log_prefix: contrast}
  - {type: Softmax, log_prefix: softmax, loss_term_weight: 0.5}
optimizer_cfg: {solver: Adam, lr: 0.01}
scheduler_cfg: {scheduler: MultiStepLR, milestones: [4], gamma: 0.5}
trainer_cfg:
  save_name: tiny
  total_iter: 6
  save_iter: 2
  log_iter: 1
  enable_float16: false
  sampler: {type: Draw, batch_size: 8, method: FirstFrames, frames: 4}
  transform: [{type: Shift}]
evaluator_cfg:
  save_name: tiny
  restore_hint: 6
  eval_func: Nearest
  sampler: {type: InOrder, batch_size: 3, method: FirstFrames}
  transform: [{type: Shift}]
"""
