"""Embedding the test sequences and scoring them by a protocol."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn

from gait_plugins.api import EmbeddingSet, GaitModel, Results, track
from gait_plugins.config import Config
from gait_plugins.core.assembly.checks import check_frames
from gait_plugins.core.assembly.components import build_protocol, embedding_set
from gait_plugins.core.checkpoints.trust import stand_ins
from gait_plugins.core.data.host_batch import (
    Divider,
    FrameRecord,
    HostBatch,
    frame_record,
    frame_shapes,
    frames_in_words,
)
from gait_plugins.core.data.loader import BatchMaker, batches
from gait_plugins.core.data.validation_split import HeldOutDataset
from gait_plugins.core.evaluate.conditions import conditions, with_conditions
from gait_plugins.core.evaluate.fast import FastCopy
from gait_plugins.core.runtime.component_errors import errors_of
from gait_plugins.core.runtime.devices import on_first_rank
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.nn.collectives import sum_over_ranks

log = logging.getLogger("gait_plugins")


def evaluate(
    fabric: Fabric,
    model: GaitModel,
    config: Config,
    maker: BatchMaker,
    trained_on: FrameRecord | None = None,
) -> Results | None:
    """Score a model on the test sequences, or on held-out ones; None on every rank but the first.

    Args:
        trained_on: the frames that the weights were trained on, where known.

    Raises:
        CheckpointError: the test frames have another size.
    """
    protocol, workers = build_protocol(config), config.data_cfg.num_workers
    fast = FastCopy(model) if config.evaluator_cfg.fast else None
    embedded = partial(infer, workers=workers, trained_on=trained_on, fast=fast)
    found = embedded(fabric, model, maker, protocol.outputs)
    whole = embedding_set(config, maker.dataset, maker.index, *found)

    def score(data: EmbeddingSet) -> Results | None:
        def results() -> Results:
            with errors_of(protocol):
                return protocol.evaluate(data)

        return on_first_rank(fabric, results)

    results, by_condition = score(whole), {}
    for name, changed in conditions(config, maker):
        log.info("condition: %s", name)
        seen = embedded(fabric, model, changed, protocol.outputs)
        gallery = whole.embeddings if config.evaluator_cfg.conditions_on == "probes" else None
        by_condition[name] = score(replace(whole, **seen._asdict(), gallery_embeddings=gallery))
    results = results and with_conditions(results, by_condition, config.evaluator_cfg.conditions_on)
    if results is None:
        return None
    told = tuple(f"these figures prove nothing: {reason}" for reason in stand_ins(model))
    results = replace(results, notes=(*results.notes, *told))
    if not isinstance(maker.dataset, HeldOutDataset):
        return _named_by_its_data(results, whole.dataset_name, maker.dataset.called)
    name = f"{config.data_cfg.dataset_name}, held out of training"
    return replace(results, dataset=name, subset="validation", files={})


def _named_by_its_data(results: Results, rule: str, name: str) -> Results:
    """The results under the data set's own name, where it has one and the protocol has not named them."""
    if name in ("", rule) or results.dataset != rule:
        return results
    return replace(results, dataset=name, scored_as=rule)


class Inferred(NamedTuple):
    """The outputs of a model for all sequences, on every rank."""

    embeddings: np.ndarray
    """float32 ``[n, c, p]``."""
    outputs: Mapping[str, np.ndarray]
    """Other entries of ``inference_feat``, ``[n, ...]``."""
    targets: Mapping[str, np.ndarray]
    """What transforms and data set know of the sequences, ``[n, ...]``."""


def embed(
    fabric: Fabric,
    model: GaitModel,
    maker: BatchMaker,
    *,
    workers: int = 0,
    trained_on: FrameRecord | None = None,
    fast: FastCopy | None = None,
) -> np.ndarray:
    """Embeddings of all sequences of ``maker.index``, float32 ``[n, c, p]``; see :func:`infer`."""
    return infer(fabric, model, maker, (), workers=workers, trained_on=trained_on, fast=fast).embeddings


def infer(
    fabric: Fabric,
    model: GaitModel,
    maker: BatchMaker,
    outputs: Sequence[str],
    *,
    workers: int = 0,
    trained_on: FrameRecord | None = None,
    fast: FastCopy | None = None,
) -> Inferred:
    """Embeddings of all sequences of ``maker.index``, and those of ``outputs`` that are asked for.

    The batches are dealt out to the ranks whole, so neither the batch size nor the number of
    processes changes what a sequence is embedded with.

    Args:
        fast: computes in place of the model.
    """
    total = maker.batch_sampler.num_batches(maker.index)
    if total is None:
        raise ConfigError(
            f"{type(maker.batch_sampler).__name__} draws an endless number of batches, "
            "but a test needs each sequence once",
            where="evaluator_cfg.sampler.type",
            hint="use InferenceSampler",
        )
    divide = Divider(maker.transforms, maker.taken.streams, maker.joint)
    numbers = range(fabric.global_rank, total, fabric.world_size)
    stream = batches(maker, numbers, workers=workers, pin=fabric.device.type == "cuda")
    found: list[tuple[list[int], dict[str, np.ndarray]]] = []
    checked: tuple[object, ...] = ()
    compute = model if fast is None else fast
    told_short = False
    # Not inference_mode: what a model caches here could never be used in training again.
    with eval_mode(model), torch.no_grad(), fabric.autocast(), closing(stream):
        for batch in track(stream, "embed", total=len(numbers), unit="batch"):
            if batch.short and not told_short:
                log.info("test: %s", batch.short)
                told_short = True
            like = frame_shapes(batch)
            if like != checked:
                _check_frames(model, batch, trained_on)
                checked = like
            with errors_of(model):
                output = compute(divide(batch, fabric.device))["inference_feat"]
            wanted = ("embeddings", *outputs)
            _check_output(model, output, wanted, len(batch.positions))
            rows = {f"out/{name}": output[name].float().cpu().numpy() for name in wanted}
            rows |= {f"target/{name}": value.numpy() for name, value in batch.targets.items()}
            found.append((batch.positions, rows))
    whole = _assembled(fabric, found, len(maker.index))
    embeddings = whole.pop("out/embeddings", np.zeros((len(maker.index), 0, 0), np.float32))
    return Inferred(embeddings, _under("out/", whole), _under("target/", whole))


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


def _check_frames(model: GaitModel, batch: HostBatch, trained_on: FrameRecord | None) -> None:
    check_frames(model, batch)
    now = frame_record(batch)
    if trained_on is not None and _differ(trained_on, now):
        raise CheckpointError(
            f"the weights were trained on frames of {frames_in_words(trained_on)}, "
            f"the test frames are {frames_in_words(now)} ({batch.names[0]})",
            hint="test on frames of the trained size, or change the transforms to give that size",
        )


def _differ(then: FrameRecord, now: FrameRecord) -> bool:
    if isinstance(then, Mapping) and isinstance(now, Mapping):
        return list(then.items()) != list(now.items())  # a model without names takes them in their order
    # Of data that name their streams and data that do not, height and width can be compared.
    return _size(then) != _size(now)


def _size(record: FrameRecord) -> tuple[int | None, ...]:
    if not isinstance(record, Mapping):
        return tuple(record)
    first = next(iter(record.values()), [])
    return tuple(first[-2:]) if len(first) >= 2 else (0, 0)


def _check_output(model: GaitModel, output: Mapping[str, Any], wanted: Sequence[str], rows: int) -> None:
    name = type(model).__name__
    absent = [key for key in wanted if key not in output]
    if absent:
        raise ConfigError(f"{name} returns {sorted(output)} in inference_feat, but {absent[0]!r} is needed")
    for key in wanted:
        if output[key].dim() == 0 or len(output[key]) != rows:
            raise ConfigError(
                f"{name} returns {key!r} with shape {list(output[key].shape)} for {rows} sequences, "
                "expected one row for each sequence"
            )


def _under(prefix: str, arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _assembled(
    fabric: Fabric, found: list[tuple[list[int], dict[str, np.ndarray]]], count: int
) -> dict[str, np.ndarray]:
    # The first rank always has a batch; others may have none and learn the shapes from it.
    shapes = {name: (rows.shape[1:], rows.dtype) for name, rows in found[0][1].items()} if found else {}
    whole = {}
    for name, (shape, dtype) in fabric.broadcast(shapes).items():
        values = np.zeros((count, *shape), dtype=dtype)
        for positions, rows in found:
            values[positions] = rows[name]
        if fabric.world_size > 1:
            # Each byte is zero on all ranks but one: the sum is exact. That of numbers loses minus zeros.
            raw = torch.from_numpy(values.reshape(-1).view(np.uint8)).to(fabric.device)
            values = sum_over_ranks(raw).cpu().numpy().view(dtype).reshape(values.shape)
        whole[name] = values
    return whole
