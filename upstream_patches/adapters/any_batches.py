"""Test batches of any size: how they are made, and how a model takes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sized
from typing import TYPE_CHECKING, Any

from gait_plugins.errors import DataError
from upstream_patches.processes import rank, world_size

if TYPE_CHECKING:
    from torch import Tensor

Inputs = tuple[list["Tensor"], "Tensor", list[str], list[str], "Tensor | None"]


class InferenceBatches:
    """Every sequence in its order, in batches of one size for every process.

    The last batch is a shorter one. Where it cannot be divided among the processes it goes on with the
    first sequences, fewer of them than there are processes: the host cuts them off the end.

    Args:
        dataset: what is tested.
        batch_size: sequences of all processes together; brought to the next multiple of their number.
    """

    def __init__(self, dataset: Sized, batch_size: int) -> None:
        if not len(dataset):
            raise DataError(
                "no sequences to test",
                where="data_cfg",
                hint="check TEST_SET in the partition, and dataset_root, with gait-plugins data check",
            )
        self.dataset = dataset
        self.share = max(1, math.ceil(batch_size / world_size()))
        self.batch_size = self.share * world_size()

    def __iter__(self) -> Iterator[list[int]]:
        size = len(self.dataset)
        for start in range(0, size, self.batch_size):
            share = min(self.share, math.ceil((size - start) / world_size()))
            first = start + share * rank()
            yield [index % size for index in range(first, first + share)]

    def __len__(self) -> int:
        """Number of sequences: the host keeps so many results."""
        return len(self.dataset)


def one_by_one(forward: Callable[[Inputs], dict[str, Any]]) -> Callable[[Inputs], dict[str, Any]]:
    """A model's forward that is given the sequences of a packed batch each by itself.

    Several of OpenGait's networks look across the boundaries of a packed batch, and some demand a single
    sequence; so every batch size gives what a batch of one gives.
    """

    def run(inputs: Inputs) -> dict[str, Any]:
        import torch

        frames, labels, types, views, lengths = inputs
        if lengths is None or lengths.numel() == 1:
            return forward(inputs)
        sizes = lengths[0].tolist()
        clips = [torch.split(clip, sizes, 1) for clip in frames]
        features = [
            forward(
                (
                    [clip[i] for clip in clips],
                    labels[i : i + 1],
                    types[i : i + 1],
                    views[i : i + 1],
                    lengths[:, i : i + 1],
                )
            )["inference_feat"]
            for i in range(len(sizes))
        ]
        joined = {name: torch.cat([feature[name] for feature in features]) for name in features[0]}
        return {"inference_feat": joined}

    return run
