"""ONNX graphs of models: traced in eval mode, and compared with the model on other sizes than traced."""

from __future__ import annotations

import json
import logging
import time
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

from gait_plugins.api import GaitBatch, GaitModel
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.errors import ConfigError, GaitPluginsError
from gait_plugins.io.atomic import whole_file
from gait_plugins.version import __version__

log = logging.getLogger("gait_plugins")

OPSET = 17
"""Operators of ONNX 1.12, which every runtime of the last years has."""
TOLERANCE = 1e-4
"""Largest difference to the model that is accepted, as a share of its largest value."""
OUTPUT = "embeddings"
_TRACED = (2, 12)
_SIZES = (_TRACED, (1, 7), (3, 29), (1, 64))
"""Sequences and frames that a graph is compared with the model on."""
_ROUNDS = 5


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
    milliseconds: float
    """Of the graph, median of five."""
    torch_milliseconds: float
    """Of the model."""


@dataclass(frozen=True)
class Exported:
    """A graph that was written."""

    path: Path
    inputs: tuple[Input, ...]
    sequences: int | None
    """How many it takes; None: any number."""
    frames: int | None
    """How many of each sequence; None: any number."""
    output: tuple[int, int]
    """Channels and parts of an embedding."""
    size: int
    """Bytes of the file."""
    compared: tuple[Compared, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "path": str(self.path)}


def export_onnx(
    embedder: Embedder, target: Path, *, frames: int | None = None, size: tuple[int, int] = (64, 44)
) -> Exported:
    """Write the embedding part of a model as an ONNX graph.

    The graph takes what the transforms of the test give, undivided: silhouettes as float32 in 0..255. It
    gives ``embeddings``, float32 ``[n, c, p]``. onnxruntime runs it on other numbers of sequences and frames
    than it was traced with, and it is written only if it gives what the model gives.

    Args:
        embedder: the model with its weights and transforms.
        target: the file.
        frames: make a graph for exactly so many frames, of any number of sequences, or of one where the
            model's graph depends on their number; None: for any number of both.
        size: height and width of the frames, where the checkpoint does not say.

    Raises:
        ConfigError: onnx or onnxruntime is not installed; the model takes frames of unequal size, such as
            points; it cannot be traced; or the graph does not do what the model does.
    """
    _require_packages()
    inputs = _inputs(embedder, size)
    with TemporaryDirectory() as folder:
        scratch = Path(folder) / "model.onnx"
        free, compared = write_graph(embedder.model, inputs, scratch, frames)
        _describe(scratch, embedder, inputs, compared)
        with whole_file(target) as file:
            file.write(scratch.read_bytes())
    with torch.no_grad():
        graph = _Graph(embedder.model, inputs)
        channels, parts = graph(*_example(inputs, 1, frames or _TRACED[1])).shape[1:]
    sequences = None if free else 1
    return Exported(target, inputs, sequences, frames, (channels, parts), target.stat().st_size, compared)


def write_graph(
    model: GaitModel, inputs: Sequence[Input], path: Path, frames: int | None = None
) -> tuple[bool, tuple[Compared, ...]]:
    """Trace a model in eval mode into a file; see :func:`export_onnx`.

    Returns:
        Whether it takes any number of sequences, and how it compares with the model.
    """
    graph = _Graph(model, inputs).eval()
    if frames is None:
        _trace(graph, inputs, path, _TRACED, {0: "n", 1: "s"})
        return True, _compare(graph, inputs, path, _SIZES)
    try:
        _trace(graph, inputs, path, (2, frames), {0: "n"})
        return True, _compare(graph, inputs, path, [(n, frames) for n in (2, 1, 3)])
    except _Unfit:
        _trace(graph, inputs, path, (1, frames), {})
        return False, _compare(graph, inputs, path, [(1, frames)])


class _Unfit(ConfigError):
    """The graph does not do what the model does."""


class _Graph(nn.Module):
    """A model between undivided frames and embeddings."""

    def __init__(self, model: GaitModel, inputs: Sequence[Input]) -> None:
        super().__init__()
        self.model = model
        self._inputs = tuple(inputs)

    def forward(self, *frames: Tensor) -> Tensor:
        divided = [f / i.divisor if i.divisor != 1 else f for f, i in zip(frames, self._inputs, strict=True)]
        names = tuple(i.name for i in self._inputs) if self.model.streams is not None else ()
        labels = torch.zeros(frames[0].shape[0], dtype=torch.int64)
        unknown = _Unknown()
        embeddings: Tensor = self.model(GaitBatch(divided, labels, unknown, unknown, None, names=names))[
            "inference_feat"
        ]["embeddings"]
        return embeddings


class _Unknown(list[str]):
    """Conditions or views of a batch: a graph knows none, and must not be traced as if it did."""

    def _refuse(self, *_: object) -> NoReturn:
        raise ConfigError(
            "the model looks at the conditions or views of the sequences, which are no input of a graph",
            hint="embed with gait-plugins embed",
        )

    __iter__ = __getitem__ = __len__ = __contains__ = __bool__ = _refuse


def _require_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"writing ONNX graphs needs {error.name}, which is not installed",
            hint="pip install 'gait-plugins-trackletgait[export]'",
        ) from error


def _inputs(embedder: Embedder, size: tuple[int, int]) -> tuple[Input, ...]:
    """What the graph takes, by the frames that the weights were trained on."""
    record, transforms = embedder.trained_on, embedder.config.evaluator_cfg.transform
    divisors = [1.0 if spec is None else float(spec.build().divisor) for spec in transforms]
    named = dict(zip(transforms.streams or (), divisors, strict=False))
    channels = embedder.model.frame_channels
    if isinstance(record, Mapping):
        shapes = dict(record)
    elif record is None and len(embedder.model.streams or ()) > 1:
        raise ConfigError(
            "the file of weights does not say what the frames of this model's streams are: "
            f"{', '.join(stream.name for stream in embedder.model.streams or ())}",
            where=embedder.config.model_cfg.name,
            hint="give a checkpoint of gait-plugins train, which holds their shapes",
        )
    else:
        height, width = size if record is None else record
        shapes = {"silhouettes": [height, width] if channels in (None, 1) else [channels, height, width]}
    found = []
    for place, (name, shape) in enumerate(shapes.items()):
        in_order = divisors[place] if place < len(divisors) and not named else 1.0
        sizes = [axis for axis in shape if axis is not None]
        if len(sizes) < len(shape):
            raise ConfigError(
                f"the frames of the stream {name!r} are of unequal size, which a graph cannot take",
                where=embedder.config.model_cfg.name,
                hint="embed with gait-plugins embed",
            )
        found.append(Input(name, tuple(sizes), named.get(name, in_order)))
    return tuple(found)


def _example(inputs: Sequence[Input], sequences: int, frames: int) -> tuple[Tensor, ...]:
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
    graph: _Graph, inputs: Sequence[Input], path: Path, size: tuple[int, int], free: dict[int, str]
) -> None:
    names = [each.name for each in inputs]
    axes = {**dict.fromkeys(names, free), OUTPUT: {0: "n"}} if free else None
    try:
        with torch.no_grad(), warnings.catch_warnings():
            # The tracer warns of sizes that it checks: whether they became fixed is tried afterwards.
            warnings.simplefilter("ignore")
            torch.onnx.export(
                graph,
                _example(inputs, *size),
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


def _compare(
    graph: _Graph, inputs: Sequence[Input], path: Path, sizes: Sequence[tuple[int, int]]
) -> tuple[Compared, ...]:
    session = _session(path, graph)
    found = []
    for sequences, frames in sizes:
        given = _example(inputs, sequences, frames)
        arrays = {each.name: value.numpy() for each, value in zip(inputs, given, strict=True)}
        with torch.no_grad():
            wanted, slow = _timed(lambda given=given: graph(*given).numpy())
        try:
            (got,), fast = _timed(lambda arrays=arrays: session.run(None, arrays))
        except Exception as error:
            raise _unfit(graph, sizes[0], (sequences, frames), "it fails") from error
        if got.shape != wanted.shape:
            told = f"it gives {list(got.shape)}, expected {list(wanted.shape)}"
            raise _unfit(graph, sizes[0], (sequences, frames), told)
        difference = float(np.abs(got - wanted).max() / max(np.abs(wanted).max(), 1e-12))
        if not difference <= TOLERANCE:
            told = f"the embeddings differ by {difference:.1e} of their largest value"
            raise _unfit(graph, sizes[0], (sequences, frames), told)
        found.append(Compared(sequences, frames, difference, 1000 * fast, 1000 * slow))
    return tuple(found)


def _session(path: Path, graph: _Graph) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ConfigError(
            f"onnxruntime does not take the graph: {str(error).splitlines()[0]}",
            where=type(graph.model).__name__,
            hint="embed with gait-plugins embed",
        ) from error


def _timed(work: Any) -> tuple[Any, float]:
    """What it gives, and the median of its seconds."""
    found, seconds = work(), []
    for _ in range(_ROUNDS):
        begin = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - begin)
    return found, float(np.median(seconds))


def _unfit(graph: _Graph, traced: tuple[int, int], tried: tuple[int, int], told: str) -> _Unfit:
    fixed = "--frames N makes a graph for exactly N frames"
    return _Unfit(
        f"the graph, traced with {traced[0]} sequences of {traced[1]} frames, does not do what the model "
        f"does with {tried[0]} of {tried[1]}: {told}",
        where=type(graph.model).__name__,
        hint=fixed if traced[0] > 1 else "embed with gait-plugins embed",
    )


def _describe(path: Path, embedder: Embedder, inputs: Sequence[Input], compared: Sequence[Compared]) -> None:
    """Write into the file what made it, and what it takes."""
    import onnx

    model = onnx.load(str(path))
    model.producer_name, model.producer_version = "gait-plugins-trackletgait", __version__
    model.doc_string = f"{embedder.config.model_cfg.name}: embeddings [n, c, p] of sequences"
    said = {
        "config": embedder.origin.config,
        "model": embedder.origin.model,
        "checkpoint": embedder.origin.checkpoint,
        "inputs": json.dumps([asdict(each) for each in inputs]),
        "metric": str(embedder.config.evaluator_cfg.protocol.options.get("metric", "")),
        "difference": f"{max(each.difference for each in compared):.2e}",
    }
    onnx.helper.set_model_props(model, said)
    onnx.save(model, str(path))
