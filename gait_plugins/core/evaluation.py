"""Embedding the test sequences and scoring them by a protocol."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from gait_plugins.api import GaitModel, Results, track
from gait_plugins.config import Config
from gait_plugins.core.blame import blamed
from gait_plugins.core.collectives import sum_over_ranks
from gait_plugins.core.devices import on_first_rank
from gait_plugins.core.loader import BatchMaker, Divider, batches, frame_size
from gait_plugins.core.setup import build_protocol, embedding_set
from gait_plugins.errors import CheckpointError, ConfigError


def evaluate(
    fabric: Fabric,
    model: GaitModel,
    config: Config,
    maker: BatchMaker,
    trained_on: tuple[int, int] | None = None,
) -> Results | None:
    """Score a model on the test sequences; None on every rank but the first.

    Args:
        trained_on: height and width of the frames that the weights were trained on, where known.

    Raises:
        CheckpointError: the test frames have another size.
    """
    embeddings = embed(fabric, model, maker, workers=config.data_cfg.num_workers, trained_on=trained_on)

    def results() -> Results:
        protocol = build_protocol(config)
        with blamed(protocol):
            return protocol.evaluate(embedding_set(config, maker.dataset, maker.index, embeddings))

    return on_first_rank(fabric, results)


def embed(
    fabric: Fabric,
    model: GaitModel,
    maker: BatchMaker,
    *,
    workers: int = 0,
    trained_on: tuple[int, int] | None = None,
) -> np.ndarray:
    """Embeddings of all sequences of ``maker.index``, float32 ``[n, c, p]``, on every rank.

    The batches are dealt out to the ranks whole, so neither the batch size nor the number of
    processes changes what a sequence is embedded with.
    """
    total = maker.batch_sampler.num_batches(maker.index)
    if total is None:
        raise ConfigError(
            f"{type(maker.batch_sampler).__name__} draws batches without end, "
            "a test needs each sequence once",
            where="evaluator_cfg.sampler.type",
            hint="use InferenceSampler",
        )
    divide = Divider(maker.transforms)
    numbers = range(fabric.global_rank, total, fabric.world_size)
    stream = batches(maker, numbers, workers=workers, pin=fabric.device.type == "cuda")
    found: list[tuple[list[int], np.ndarray]] = []
    # Not inference_mode: what a model caches here could never be used in training again.
    with eval_mode(model), torch.no_grad(), fabric.autocast(), closing(stream):
        for batch in track(stream, "embed", total=len(numbers), unit="batch"):
            if not found:
                _check_size(model, frame_size(batch), trained_on)
            with blamed(model):
                output = model(divide(batch, fabric.device))["inference_feat"]
            if "embeddings" not in output:
                raise ConfigError(
                    f"{type(model).__name__} gives {sorted(output)} in inference_feat, 'embeddings' is needed"
                )
            found.append((batch.positions, output["embeddings"].float().cpu().numpy()))
    return _assembled(fabric, found, len(maker.index))


@contextmanager
def eval_mode(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode; every part of it returns to the mode it was in."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training


def _check_size(model: GaitModel, size: tuple[int, int], trained_on: tuple[int, int] | None) -> None:
    model.check_input_size(*size)
    if trained_on is not None and tuple(trained_on) != size:
        raise CheckpointError(
            f"the weights were trained on frames of {trained_on[0]}x{trained_on[1]}, "
            f"the test frames are {size[0]}x{size[1]}",
            hint="test on data of the trained size, or change the transforms so that they reach it",
        )


def _assembled(fabric: Fabric, found: list[tuple[list[int], np.ndarray]], count: int) -> np.ndarray:
    # The first rank always has a batch; others may have none and learn the shape from it.
    shape: tuple[int, ...] = fabric.broadcast(found[0][1].shape[1:] if found else ())
    embeddings = np.zeros((count, *shape), dtype=np.float32)
    for positions, values in found:
        embeddings[positions] = values
    if fabric.world_size == 1:
        return embeddings
    # Each row is zero on all ranks but one: the sum is exact.
    return sum_over_ranks(torch.from_numpy(embeddings).to(fabric.device)).cpu().numpy()
