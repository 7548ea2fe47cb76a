"""The trainer of OpenGait, written plainly: what the same network costs inside such a loop.

Workers unpickle and pick frames, and hand over lists of arrays. The main process transforms sequence after
sequence and frame after frame, in float64 from the division on; the frames go to the device as float64,
ask for a gradient there and become float32. The triplet loss holds all triplets, ``[p, n, positives,
negatives]``. Each step brings every figure of the losses to the host. cuDNN is deterministic and does not
try its algorithms. Processes are left out: there is one device.
"""

from __future__ import annotations

import math
import pickle
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from gpu_parts.workload import Size

Batch = tuple[list[np.ndarray], list[int], np.ndarray | None]
"""Sequences, classes, and of packed ones their lengths ``[1, n]``."""


class Files(Dataset[tuple[list[np.ndarray], int]]):
    """Sequences on disk, with the class of each."""

    def __init__(self, files: Sequence[tuple[str, Path]]) -> None:
        self.files = list(files)
        labels = sorted({label for label, _ in self.files})
        self.classes = [labels.index(label) for label, _ in self.files]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, number: int) -> tuple[list[np.ndarray], int]:
        with self.files[number][1].open("rb") as file:
            return list(pickle.load(file)), self.classes[number]


class Triplets:
    """Endless batches of so many identities and so many sequences of each, in random order."""

    def __init__(self, files: Files, size: Size) -> None:
        self.size = size
        self.of: dict[int, list[int]] = {}
        for number, known in enumerate(files.classes):
            self.of.setdefault(known, []).append(number)

    def __iter__(self) -> Iterator[list[int]]:
        while True:
            chosen: list[int] = []
            for person in random.sample(sorted(self.of), self.size.people):
                own = self.of[person]
                enough = len(own) >= self.size.each
                chosen += (
                    random.sample(own, self.size.each) if enough else random.choices(own, k=self.size.each)
                )
            random.shuffle(chosen)
            yield chosen


class Clips:
    """So many frames of each sequence in their order, from a stretch that is four frames longer."""

    def __init__(self, frames: int, skipped: int = 4) -> None:
        self.frames, self.stretch = frames, frames + skipped

    def __call__(self, items: list[tuple[list[np.ndarray], int]]) -> Batch:
        sequences = []
        for frames, _ in items:
            places = list(range(len(frames))) * math.ceil(self.stretch / len(frames))
            start = random.choice(range(len(places) - self.stretch + 1))
            picked = sorted(np.random.choice(range(start, start + self.stretch), self.frames, replace=False))
            sequences.append(np.asarray([frames[places[number]] for number in picked]))
        return sequences, [known for _, known in items], None


def packed(items: list[tuple[list[np.ndarray], int]]) -> Batch:
    """Whole sequences, one after the other."""
    lengths = np.asarray([[len(frames) for frames, _ in items]])
    return [np.concatenate([np.asarray(frames) for frames, _ in items])], [k for _, k in items], lengths


def transformed(sequence: np.ndarray, chance: float) -> np.ndarray:
    """Perspective, cut to ``[s, 64, 44]``, flip and rotation, frame by frame; float64 of 0 to 1."""
    if random.random() < chance:
        left, right = (random.choice(range(10)), random.choice(range(10))), range(54, 64)
        seen = np.float32(
            [(left[0], 0), (random.choice(right), 0), (random.choice(right), 64), (left[1], 64)]
        )
        whole = np.float32([[0, 0], [64, 0], [64, 64], [0, 64]])
        matrix = cv2.getPerspectiveTransform(seen, whole)
        sequence = np.stack([cv2.warpPerspective(frame, matrix, (64, 64)) for frame in sequence])
    sequence = sequence[..., 10:-10] / 255.0
    if random.random() < chance:
        sequence = sequence[..., ::-1]
    if random.random() < chance:
        matrix = cv2.getRotationMatrix2D((32, 22), random.uniform(-10, 10), 1)
        frames = [cv2.warpAffine(np.ascontiguousarray(frame), matrix, (44, 64)) for frame in sequence]
        sequence = np.stack(frames)
    return sequence


def triplet_loss(embeddings: Tensor, labels: Tensor, margin: float = 0.2) -> tuple[Tensor, dict[str, Tensor]]:
    """Over all triplets of each part; embeddings ``[n, c, p]``."""
    points = embeddings.permute(2, 0, 1).contiguous().float()
    squares = (points**2).sum(-1)
    distance = squares.unsqueeze(2) + squares.unsqueeze(1) - 2 * points.matmul(points.transpose(1, 2))
    distance = torch.sqrt(F.relu(distance))
    same = labels.unsqueeze(1) == labels.unsqueeze(0)
    parts, n, _ = distance.shape
    near = distance[:, same].view(parts, n, -1, 1)
    far = distance[:, torch.logical_not(same)].view(parts, n, 1, -1)
    hinge = F.relu((near - far).view(parts, -1) + margin)
    active = (hinge != 0).sum(-1).float()
    loss = hinge.sum(-1) / (active + 1e-9)
    loss[active == 0] = 0
    told = {
        "loss": loss,
        "hard_loss": hinge.max(-1)[0],
        "loss_num": active,
        "mean_dist": distance.mean((1, 2)),
    }
    return loss.mean(), {name: value.detach().clone() for name, value in told.items()}


def softmax_loss(logits: Tensor, labels: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
    """Cross-entropy of scaled logits ``[n, c, p]`` with smoothed labels."""
    logits, targets = logits.float(), labels.unsqueeze(1)
    loss = F.cross_entropy(logits * 16, targets.repeat(1, logits.shape[2]), label_smoothing=0.1)
    right = (logits.argmax(1) == targets).float().mean()
    return loss, {"loss": loss.detach().clone(), "accuracy": right}


class PlainTrainer:
    """A network, its optimiser and the loop's step.

    Args:
        network: takes ``(inputs, labels, types, views, lengths)``.
        optimizer: of its weights.
        device: where it lies.
        precision: as ``trainer_cfg.precision``.
    """

    def __init__(
        self, network: nn.Module, optimizer: torch.optim.Optimizer, device: torch.device, precision: str
    ) -> None:
        self.network, self.optimizer, self.device = network, optimizer, device
        self.dtype = {"16-mixed": torch.float16, "bf16-mixed": torch.bfloat16}.get(precision)
        self.scaler = torch.amp.GradScaler("cuda") if precision == "16-mixed" else None
        self.schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [10**9])

    def inputs(self, batch: Batch, chance: float, training: bool = True) -> tuple[list[Tensor], Tensor, Any]:
        """A batch transformed, on the device: frames float32, classes, lengths."""
        sequences, classes, lengths = batch
        frames = np.asarray([transformed(each, chance) for each in sequences])
        moved = torch.from_numpy(frames).to(self.device).requires_grad_(training).float()
        labels = torch.from_numpy(np.array(classes)).to(self.device).long()
        lens = None if lengths is None else torch.from_numpy(lengths).to(self.device).int()
        return [moved], labels, lens

    def autocast(self) -> torch.autocast:
        """The precision of the forward pass."""
        return torch.autocast(self.device.type, self.dtype, enabled=self.dtype is not None)

    def step(self, inputs: list[Tensor], labels: Tensor) -> float:
        """Forward, losses, backward, update, and the figures to the host; the loss."""
        with self.autocast():
            features = self.network((inputs, labels, None, None, None))["training_feat"]
        triplet, told = triplet_loss(**features["triplet"])
        softmax, also_told = softmax_loss(**features["softmax"])
        loss = triplet + softmax
        self.optimizer.zero_grad()
        if loss <= 1e-9:
            print("the loss is next to nothing")
        if self.scaler is None:
            loss.backward()
            self.optimizer.step()
        else:
            self.scaler.scale(loss).backward()
            self.scaler.step(self.optimizer)
            self.scaler.get_scale()
            self.scaler.update()
            self.scaler.get_scale()
        self.schedule.step()
        figures = [value.cpu().numpy() for each in (told, also_told) for value in each.values()]
        return float(figures[0].mean() + figures[4].mean())


@contextmanager
def opengait_flags() -> Iterator[None]:
    """cuDNN as OpenGait sets it."""
    flags = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
    try:
        yield
    finally:
        torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = flags


def train_batches(files: Files, size: Size) -> DataLoader[Any]:
    """The loader of the training."""
    return DataLoader(
        files,
        batch_sampler=Triplets(files, size),  # type: ignore[arg-type]
        collate_fn=Clips(size.frames),
        num_workers=size.workers,
        worker_init_fn=_one_thread,
    )


def whole_batches(files: Files, size: Size, at_once: int = 4) -> DataLoader[Any]:
    """The loader of a test, whole sequences."""
    return DataLoader(
        files,
        batch_size=at_once,
        collate_fn=packed,
        num_workers=size.workers,
        worker_init_fn=_one_thread,
    )


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)


def embedded(
    trainer: PlainTrainer, files: Files, size: Size, go_on: Callable[[int], bool] = lambda done: True
) -> tuple[np.ndarray, int]:
    """Embeddings of the sequences, and how many frames they have."""
    found, frames = [], 0
    trainer.network.eval()
    with torch.no_grad():
        for batch in whole_batches(files, size):
            inputs, labels, lengths = trainer.inputs(batch, chance=0, training=False)
            with trainer.autocast():
                made = trainer.network((inputs, labels, None, None, lengths))["inference_feat"]
            found.append(made["embeddings"].float().cpu().numpy())
            frames += int(batch[2].sum())
            if not go_on(frames):
                break
    return np.concatenate(found), frames


def ranked(probes: np.ndarray, gallery: np.ndarray, device: torch.device, best: int = 20) -> np.ndarray:
    """The nearest of the gallery for each probe, ``[n, best]``: distances of all, part after part."""
    x, y = torch.from_numpy(probes).to(device), torch.from_numpy(gallery).to(device)
    distance = torch.zeros(len(x), len(y), device=device)
    for part in range(x.shape[2]):
        a, b = x[:, :, part], y[:, :, part]
        squared = (a**2).sum(1).unsqueeze(1) + (b**2).sum(1).unsqueeze(0) - 2 * a.matmul(b.T)
        distance += torch.sqrt(F.relu(squared))
    return (distance / x.shape[2]).topk(best, largest=False)[1].cpu().numpy()
