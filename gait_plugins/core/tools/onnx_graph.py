"""ONNX graphs of models: traced in eval mode, and compared with the model on other sizes than traced."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.core.tools.onnx_precision import (
    TOLERANCES,
    Precision,
)
from gait_plugins.core.tools.onnx_sample import Frames, Sample
from gait_plugins.errors import ConfigError, GaitPluginsError

OPSET = 17
"""Operators of ONNX 1.12, which every runtime of the last years has."""
OUTPUT = "embeddings"
TRACED = (2, 12)
SIZES = (TRACED, (1, 7), (3, 29), (1, 64))
"""Sequences and frames that a graph is compared with the model on."""
FIXED = (2, 1, 3)
"""Sequences where the number of frames is fixed."""
_ROUNDS = 5
_TIMED = 30
"""Frames of the sequence that is timed."""


@dataclass(frozen=True)
class Input:
    """One input of a graph: float32 or another dtype ``[n, s, ...]``."""

    name: str
    """Of the stream, or ``silhouettes``."""
    shape: tuple[int, ...]
    """Of one frame, as the model takes it."""
    divisor: float
    """What the graph divides by: pictures are given in 0..255."""


@dataclass(frozen=True)
class Compared:
    """A comparison of the graph with the model."""

    sequences: int
    frames: int
    difference: float
    """Largest difference, as a share of the model's largest value."""


@dataclass(frozen=True)
class Latency:
    """Time of one call, on one thread: the median of five, in milliseconds."""

    sequences: int
    frames: int
    onnx: float
    torch: float


def write_graph(
    model: GaitModel,
    inputs: Sequence[Input],
    path: Path,
    frames: int | None = None,
    copy: GaitModel | None = None,
) -> tuple[bool, tuple[Compared, ...]]:
    """Trace a model in eval mode, or a copy of it, into a file; see :func:`export_onnx`.

    Returns:
        Whether it takes any number of sequences, and how it compares with the model.
    """
    graph = EmbeddingGraph(model, inputs).eval()
    traced = graph if copy is None else EmbeddingGraph(copy, inputs).eval()
    if frames is None:
        _trace(traced, inputs, path, TRACED, {0: "n", 1: "s"})
        return True, compare(graph, inputs, path, SIZES)
    try:
        _trace(traced, inputs, path, (2, frames), {0: "n"})
        return True, compare(graph, inputs, path, [(n, frames) for n in FIXED])
    except _Unfit:
        _trace(traced, inputs, path, (1, frames), {})
        return False, compare(graph, inputs, path, [(1, frames)])


class _Unfit(ConfigError):
    """The graph does not do what the model does."""


class EmbeddingGraph(nn.Module):
    """A model between undivided frames and embeddings."""

    def __init__(self, model: GaitModel, inputs: Sequence[Input]) -> None:
        super().__init__()
        self.model = model
        self._inputs = tuple(inputs)

    def batch(self, *frames: Tensor) -> GaitBatch:
        """The batch of undivided frames that the model gets."""
        divided = [f / i.divisor if i.divisor != 1 else f for f, i in zip(frames, self._inputs, strict=True)]
        names = tuple(i.name for i in self._inputs) if self.model.streams is not None else ()
        labels = torch.zeros(frames[0].shape[0], dtype=torch.int64)
        unknown = _Unknown()
        return GaitBatch(divided, labels, unknown, unknown, None, names=names)

    def forward(self, *frames: Tensor) -> Tensor:
        embeddings: Tensor = self.model(self.batch(*frames))["inference_feat"]["embeddings"]
        return embeddings


class _Unknown(list[str]):
    """Conditions or views of a batch: a graph knows none, and must not be traced as if it did."""

    def _refuse(self, *_: object) -> NoReturn:
        raise ConfigError(
            "the model looks at the conditions or views of the sequences, which are no input of a graph",
            hint="embed with gait-plugins embed",
        )

    __iter__ = __getitem__ = __len__ = __contains__ = __bool__ = _refuse


def example(inputs: Sequence[Input], sequences: int, frames: int) -> tuple[Tensor, ...]:
    """Frames of noise within the range of pictures, else of a normal distribution."""
    draw = torch.Generator().manual_seed(1000 * sequences + frames)
    found = []
    for each in inputs:
        shape = (sequences, frames, *each.shape)
        if each.divisor != 1 or each.name == "silhouettes":
            found.append((torch.rand(shape, generator=draw) > 0.5).float() * each.divisor)
        else:
            found.append(torch.randn(shape, generator=draw))
    return tuple(found)


def _trace(
    graph: EmbeddingGraph, inputs: Sequence[Input], path: Path, size: tuple[int, int], free: dict[int, str]
) -> None:
    names = [each.name for each in inputs]
    axes = {**dict.fromkeys(names, free), OUTPUT: {0: "n"}} if free else None
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # The tracer warns of sizes that it checks: whether they became fixed is tried afterwards.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                example(inputs, *size),
                str(path),
                dynamo=False,  # the other exporter needs a further package, and refuses most of these models
                input_names=names,
                output_names=[OUTPUT],
                dynamic_axes=axes,
                opset_version=OPSET,
            )
    except GaitPluginsError:
        raise
    except Exception as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"the model cannot be traced: {first}",
            where=type(graph.model).__name__,
            hint="embed with gait-plugins embed",
        ) from error


def compare(
    graph: EmbeddingGraph,
    inputs: Sequence[Input],
    path: Path,
    sizes: Sequence[tuple[int, int]],
    precision: Precision = "float32",
    sample: Sample | None = None,
) -> tuple[Compared, ...]:
    """The graph's embeddings and the model's, of noise or of a sample, in several sizes."""
    session, names = session_of(path, graph), [each.name for each in inputs]
    found = []
    for sequences, frames in sizes:
        given = (
            example(inputs, sequences, frames)
            if sample is None
            else _tensors(sample.clips(sequences, frames))
        )
        arrays = {name: value.numpy() for name, value in zip(names, given, strict=True)}
        with torch.no_grad():
            wanted = graph(*given).numpy()
        try:
            (got,) = session.run(None, arrays)
        except Exception as error:
            raise _unfit(graph, sizes[0], (sequences, frames), "it fails") from error
        if got.shape != wanted.shape:
            told = f"it gives {list(got.shape)}, expected {list(wanted.shape)}"
            raise _unfit(graph, sizes[0], (sequences, frames), told)
        difference = float(np.abs(got - wanted).max() / max(np.abs(wanted).max(), 1e-12))
        if not difference <= TOLERANCES[precision]:
            told = f"the embeddings differ by {difference:.1e} of their largest value"
            if precision != "float32":
                raise ConfigError(
                    f"a graph of {precision} does not give what the model gives with {sequences} sequences "
                    f"of {frames} frames: {told}, and {TOLERANCES[precision]:g} is accepted",
                    where=type(graph.model).__name__,
                    hint=f"write it with --precision {'float16 or ' * (precision == 'int8')}float32",
                )
            raise _unfit(graph, sizes[0], (sequences, frames), told)
        found.append(Compared(sequences, frames, difference))
    return tuple(found)


def _tensors(frames: Frames) -> tuple[Tensor, ...]:
    return tuple(map(torch.from_numpy, frames))


def latency_of(
    graph: EmbeddingGraph,
    inputs: Sequence[Input],
    path: Path,
    frames: int | None = None,
    *,
    without_torch: bool = False,
) -> Latency:
    """How long one sequence takes on one thread, of 30 frames where their number is free.

    Args:
        graph: the model.
        inputs: what it takes.
        path: the file of its graph.
        frames: that the file takes; None: any number.
        without_torch: time the file alone.
    """
    asked = frames or _TIMED
    given = example(inputs, 1, asked)
    arrays = {each.name: value.numpy() for each, value in zip(inputs, given, strict=True)}
    session = session_of(path, graph, threads=1)
    fast = _median(lambda: session.run(None, arrays))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            slow = 0.0 if without_torch else _median(lambda: graph(*given))
    finally:
        torch.set_num_threads(threads)
    return Latency(1, asked, 1000 * fast, 1000 * slow)


def session_of(path: Path, graph: EmbeddingGraph, threads: int | None = None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads or torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        said = str(error).splitlines()[0].replace(str(path), path.name)
        raise ConfigError(
            f"onnxruntime does not take the graph: {said}",
            where=type(graph.model).__name__,
            hint="embed with gait-plugins embed",
        ) from error


def embedded(session: Any, names: Sequence[str], sample: Sample) -> np.ndarray:
    """The embeddings of a sample's sequences, one after the other, float32 ``[n, c, p]``."""
    given = ({n: f[None] for n, f in zip(names, each, strict=True)} for each in sample.frames)
    return np.concatenate([session.run(None, each)[0] for each in given])


def _median(work: Callable[[], object]) -> float:
    """The median of its seconds of processor time, which other programs do not lengthen."""
    work()
    seconds = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        work()
        seconds.append(time.process_time() - begin)
    return float(np.median(seconds))


def _unfit(graph: EmbeddingGraph, traced: tuple[int, int], tried: tuple[int, int], told: str) -> _Unfit:
    fixed = "--frames N makes a graph for exactly N frames"
    return _Unfit(
        f"the graph, traced with {traced[0]} sequences of {traced[1]} frames, does not do what the model "
        f"does with {tried[0]} of {tried[1]}: {told}",
        where=type(graph.model).__name__,
        hint=fixed if traced[0] > 1 else "embed with gait-plugins embed",
    )
