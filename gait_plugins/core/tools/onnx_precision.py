"""Smaller ONNX graphs: weights of 16 or 8 bits, accepted only where the embeddings stay what they are."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gait_plugins.core.tools.onnx_sample import Sample
from gait_plugins.errors import ConfigError
from gait_plugins.metrics import Metric, paired_distances, part_distances

Precision = Literal["float32", "float16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("float32", "float16", "int8")
TOLERANCES: dict[Precision, float] = {"float32": 1e-4, "float16": 1e-2, "int8": 0.15}
"""Largest difference to the model that is accepted, as a share of its largest value."""
SHIFTS: dict[Precision, float] = {"float16": 0.01, "int8": 0.15}
"""How far embeddings may move on the mean, as a share of the mean distance between two sequences."""
FEWER_FOUND = 1
"""By how many sequences Rank-1 may be lower."""
_SMALL = 256
"""Numbers of a tensor that is left as it is."""


@dataclass(frozen=True)
class Accuracy:
    """How the embeddings of a smaller graph compare with those of float32."""

    sequences: int
    shift: float
    """Mean distance between both embeddings of a sequence, as a share of that between two sequences."""
    rank_1: tuple[int, int] | None
    """Sequences whose nearest other one is of the same person, by float32 and by the smaller graph; None
    where nobody has two."""


def lessened(path: Path, target: Path, precision: Precision, sample: Sample, names: Sequence[str]) -> None:
    """Write a graph with smaller weights.

    float16: they are stored so, and the graph computes in float32. int8: convolutions compute with integers,
    in ranges that the sample shows, and other weights are stored as float16.

    Raises:
        ConfigError: there is no weight to be made smaller, or onnxruntime's tools do not take the graph.
    """
    import onnx

    if precision == "int8":
        _quantise(path, target, sample, names)
    model = onnx.load(str(target if precision == "int8" else path))
    changed = _store_halves(model)
    if not (changed or any(node.op_type == "DequantizeLinear" for node in model.graph.node)):
        raise ConfigError(
            "the graph has no weights that could be smaller", hint="write it with --precision float32"
        )
    onnx.save(model, str(target))


def measured(wanted: np.ndarray, got: np.ndarray, labels: Sequence[str], metric: Metric) -> Accuracy:
    """The accuracy of embeddings ``[n, c, p]``, by those of float32."""
    count = len(wanted)
    between = part_distances(wanted, wanted, metric)
    apart = float(between[np.triu_indices(count, 1)].mean())
    both = np.concatenate([wanted, got])
    moved = float(paired_distances(both, np.arange(count), np.arange(count) + count, metric).mean())
    people = np.array(labels)
    several = np.array([name != "" and (people == name).sum() > 1 for name in people])
    found = None
    if several.any():
        found = _found(between, people, several), _found(part_distances(got, got, metric), people, several)
    return Accuracy(count, moved / max(apart, 1e-12), found)


def require_accurate(precision: Precision, found: Accuracy, where: str) -> None:
    """See that a smaller graph recognises as the one of float32 does.

    Raises:
        ConfigError: it does not.
    """
    told = ""
    if not found.shift <= SHIFTS[precision]:
        told = (
            f"it moves the embeddings by {found.shift:.1%} of the distance between two sequences, and "
            f"{SHIFTS[precision]:.0%} are accepted"
        )
    elif found.rank_1 is not None and found.rank_1[1] < found.rank_1[0] - FEWER_FOUND:
        told = (
            f"it finds the person of {found.rank_1[1]} of {found.sequences} sequences, and the graph of "
            f"float32 that of {found.rank_1[0]}"
        )
    if told:
        finer = "float16 or float32" if precision == "int8" else "float32"
        raise ConfigError(
            f"a graph of {precision} does not give what the model gives: {told}",
            where=where,
            hint=f"write it with --precision {finer}, or calibrate it by sequences of your own: --data PATH"
            if precision == "int8"
            else f"write it with --precision {finer}",
        )


def _found(between: np.ndarray, people: np.ndarray, asked: np.ndarray) -> int:
    others = between.copy()
    np.fill_diagonal(others, np.inf)
    return int((people[others.argmin(1)] == people)[asked].sum())


def _store_halves(model: Any) -> int:
    """Store the large tensors of float32 as float16, each with a cast back; returns how many."""
    import onnx

    casts = []
    for tensor in list(model.graph.initializer):
        if tensor.data_type != onnx.TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        values = onnx.numpy_helper.to_array(tensor)
        if values.size < _SMALL or not np.abs(values).max() < np.finfo(np.float16).max:
            continue
        stored = f"{tensor.name}_float16"
        casts.append(
            onnx.helper.make_node("Cast", [stored], [tensor.name], stored, to=onnx.TensorProto.FLOAT)
        )
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(onnx.numpy_helper.from_array(values.astype(np.float16), stored))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return len(casts)


def _quantise(path: Path, target: Path, sample: Sample, names: Sequence[str]) -> None:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
    from onnxruntime.quantization.shape_inference import quant_pre_process

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """The sequences of the sample, one after the other."""

        def __init__(self) -> None:
            self._left = iter(sample.frames)

        def get_next(self) -> dict[str, np.ndarray] | None:
            frames = next(self._left, None)
            if frames is None:
                return None
            return {name: each[None] for name, each in zip(names, frames, strict=True)}

    ready = path.with_name("ready.onnx")
    try:
        with _quiet():
            quant_pre_process(str(path), str(ready), skip_symbolic_shape=True)
            quantize_static(
                str(ready),
                str(target),
                Reader(),
                quant_format=QuantFormat.QDQ,
                # Those of several parts at once are refused by onnxruntime with scales of each channel.
                op_types_to_quantize=["Conv"],
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
            )
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"onnxruntime's tools do not make integers of the graph: {first}",
            hint="write it with --precision float16",
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the remarks of onnxruntime's tools, which go to the root logger."""
    root = logging.getLogger()
    before = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(before)
