"""The contract checks notice what breaks a contract, and say which."""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from helpers.components.tiny import Nearest, TinyWalks
from helpers.places import EXAMPLE
from torch import Tensor, nn

from gait_plugins.api import (
    BatchSampler,
    EmbeddingSet,
    FrameSampler,
    GaitBatch,
    GaitModel,
    Loss,
    ModelOutput,
    Results,
    SequenceRef,
    Subset,
    Transform,
)
from gait_plugins.errors import DataError
from gait_plugins.testing import (
    check_batch_sampler,
    check_dataset,
    check_frame_sampler,
    check_loss,
    check_model,
    check_protocol,
    check_transform,
)


class Model(GaitModel):
    """Per-sequence mean of the frames, scaled; ``fault`` breaks one contract."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.scale = nn.Parameter(torch.full((1, 64, 1), 2.0))
        self.register_buffer("seen", torch.zeros(()))
        if fault == "unused":
            self.more = nn.Linear(1, 1)

    def forward(self, batch: GaitBatch) -> ModelOutput:
        frames, lengths = batch.inputs[0], batch.seq_lens
        parts = [frames] if lengths is None else frames.split(lengths[0].tolist(), 1)
        if self.fault.startswith("needs 3 frames") and min(part.shape[1] for part in parts) < 3:
            raise DataError("too short") if self.fault.endswith("and says so") else RuntimeError("too short")
        if self.fault == "leaks into short ones" and lengths is not None:
            parts = [part if part.shape[1] > 2 else frames for part in parts]
        if self.fault == "leaks":
            parts = (
                [frames.roll(1, 1)] if lengths is None else frames.roll(1, 1).split(lengths[0].tolist(), 1)
            )
            parts = [part[:, :2] for part in parts]
        means = torch.cat([part.mean((1, 3)) for part in parts])
        if self.fault == "mixes":
            means = means - means.mean(0)
        embeddings = means.unsqueeze(2) * self.scale
        if self.fault == "counts":
            self.seen += 1
        if self.fault == "overwrites":
            frames.zero_()
        if self.fault == "flat":
            embeddings = embeddings[..., 0]
        features = {} if self.fault == "trains nothing" else {"triplet": {"embeddings": embeddings}}
        return {
            "training_feat": features,
            "visual_summary": {},
            "inference_feat": {"embeddings": embeddings},
        }


class MeanLoss(Loss):
    """Mean square; ``fault`` breaks one contract."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault

    def forward(self, embeddings: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:  # type: ignore[override]
        x = embeddings if self.fault == "half" else embeddings.float()
        if self.fault == "ordered":
            x = x * torch.arange(len(x)).view(-1, 1, 1)
        loss = x.square().mean()
        if self.fault == "steep":
            loss = x.square().sum(1).sqrt().mean()
        return loss, {"loss": loss if self.fault == "attached" else loss.detach()}


class Shift(Transform):
    """Adds a random grey; ``fault`` breaks one contract."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        grey = np.uint8(rng.integers(0, 9))
        if self.fault == "overwrites":
            sequence += np.uint8(1)
        if self.fault == "global":
            random.random()
        if self.fault == "wide":
            return sequence + np.float64(grey)
        return sequence[1:] if self.fault == "drops" else sequence + grey


class Frames(FrameSampler):
    """Ten random frames; ``fault`` breaks one contract."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def indices(self, length: int, rng: np.random.Generator) -> np.ndarray:
        if self.fault == "global":
            np.random.random()
        if self.fault == "beyond":
            return rng.integers(0, length + 1, 10)
        if self.fault == "wavers":
            return rng.integers(0, length, 1 + length % 5)
        return rng.integers(0, length, 10).astype(np.int32 if self.fault == "narrow" else np.int64)


class Batches(BatchSampler):
    """Four random sequences; ``fault`` breaks one contract."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault
        self.batch_size = 4

    def batch(self, index: Any, number: int, rng: np.random.Generator) -> list[int]:
        size = 3 if self.fault == "short" else 4
        stop = len(index) * (9 if self.fault == "beyond" else 1)
        return [int(i) for i in rng.integers(0, stop, size)]


class Walks(TinyWalks):
    """The tiny walks; ``fault`` breaks one contract."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault

    def sequences(self, subset: Subset) -> list[SequenceRef]:
        refs = super().sequences(subset)
        if self.fault == "wavers":
            np.random.default_rng().shuffle(refs)
        return [*refs, refs[0]] if self.fault == "twice" else refs

    def load(self, ref: SequenceRef) -> list[np.ndarray]:
        frames = super().load(ref)[0]
        if self.fault == "global":
            np.random.random()
        if self.fault == "random":
            frames = np.random.default_rng().permutation(frames.ravel()).reshape(frames.shape)
        return [frames, frames[1:]] if self.fault == "unequal" else [frames]

    def probe_set(self) -> frozenset[str] | None:
        return frozenset({"nobody-nm-01-090"}) if self.fault == "absent" else None


class Scores(Nearest):
    """Share of nearest sequences of one identity; ``fault`` breaks one contract."""

    def __init__(self, fault: str = "") -> None:
        self.fault = fault

    def evaluate(self, data: EmbeddingSet) -> Results:
        if self.fault != "alone" and len(data) < 2:
            raise DataError("a single sequence is no gallery")
        results = super().evaluate(data)
        if self.fault == "overwrites":
            data.embeddings[0] = 0
        if self.fault == "ordered":
            return replace(results, metrics={"first": float(data.embeddings[0, 0, 0])})
        if self.fault == "empty":
            return replace(results, metrics={"R1": float("nan")})
        return results


CHECKS: dict[type, Callable[[Any], None]] = {
    Model: lambda model: check_model(lambda: model.__class__(model.fault)),
    MeanLoss: check_loss,
    Shift: check_transform,
    Frames: check_frame_sampler,
    Batches: check_batch_sampler,
    Walks: check_dataset,
    Scores: check_protocol,
}


@pytest.mark.parametrize("kind", CHECKS)
def test_what_keeps_its_contract_passes(kind: Any) -> None:
    CHECKS[kind](kind())


def test_a_model_may_refuse_short_sequences_in_words() -> None:
    check_model(lambda: Model("needs 3 frames and says so"))


@pytest.mark.parametrize(
    ("kind", "fault", "words"),
    [
        (Model, "leaks", "a packed batch of .* is not embedded as its sequences one by one"),
        (
            Model,
            "leaks into short ones",
            r"a packed batch of \(1, 4, 2\) frames is not embedded as its sequences",
        ),
        (Model, "needs 3 frames", "a sequence of 1 frames is neither embedded nor refused"),
        (Model, "mixes", "a (stacked batch|packed batch of .*) is not embedded as its sequences"),
        (Model, "unused", "no training feature depends on .*more.weight"),
        (Model, "trains nothing", "training_feat is empty"),
        (Model, "counts", "forward in eval mode changes the state"),
        (Model, "overwrites", "forward changes its input"),
        (Model, "flat", r"expected \[n, c, p\]"),
        (MeanLoss, "ordered", "order of the batch changes the loss"),
        (MeanLoss, "steep", "gradient of the loss is not finite"),
        (MeanLoss, "attached", "figure 'loss' is not a detached tensor"),
        (MeanLoss, "half", "give a loss in torch.bfloat16"),
        (Shift, "overwrites", "the transform changes its input|equal rng gives unequal frames"),
        (Shift, "global", "Python's global random state"),
        (Shift, "wide", "expected uint8 or float32"),
        (Shift, "drops", "expected as many frames"),
        (Frames, "global", "numpy's global random state"),
        (Frames, "beyond", "indices are outside a sequence"),
        (Frames, "wavers", "fixed_length is true"),
        (Frames, "narrow", "expected int64"),
        (Batches, "short", "batch 0 holds 3 sequences"),
        (Batches, "beyond", "not in the index"),
        (Walks, "wavers", "listed differently each time"),
        (Walks, "twice", "several train sequences have the same identity, type and view"),
        (Walks, "global", "numpy's global random state"),
        (Walks, "random", "loads differently in a worker process"),
        (Walks, "unequal", "have unequal lengths"),
        (Walks, "absent", "are not test sequences"),
        (Scores, "overwrites", "the protocol changes the embeddings"),
        (Scores, "ordered", "order of the sequences changes the figures"),
        (Scores, "empty", "the figure 'R1' is nan"),
        (Scores, "alone", "the protocol raises no DataError"),
    ],
)
def test_what_breaks_its_contract_is_told(kind: Any, fault: str, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        CHECKS[kind](kind(fault))


def test_a_loss_with_features_of_its_own_is_given_them() -> None:
    class Distance(Loss):
        def forward(self, teacher: Tensor) -> tuple[Tensor, Mapping[str, Tensor]]:  # type: ignore[override]
            return teacher.float().square().mean(), {}

    with pytest.raises(
        AssertionError,
        match=r"forward takes \['teacher'\], which cannot be made up: give features to check_loss",
    ):
        check_loss(Distance())
    check_loss(Distance(), {"teacher": torch.rand(4, 2)})


def test_the_example_package_keeps_every_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    components = importlib.import_module("strip_gait.components")
    check_model(lambda: components.StripNet(channels=8))
    check_loss(components.CompactLoss())
    check_frame_sampler(components.EveryOther())
    check_transform(components.Dilate())
