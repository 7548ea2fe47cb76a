"""Export of models as ONNX graphs: traced, made smaller, compared with the model, and described."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from gait_plugins.api import GaitDataset, GaitModel
from gait_plugins.core.tools.embedder import Embedder
from gait_plugins.core.tools.onnx_graph import (
    FIXED,
    SIZES,
    TRACED,
    Compared,
    EmbeddingGraph,
    Input,
    Latency,
    compare,
    embedded,
    example,
    latency_of,
    session_of,
    write_graph,
)
from gait_plugins.core.tools.onnx_precision import Accuracy, Precision, lessened, measured, require_accurate
from gait_plugins.core.tools.onnx_sample import Sample, samples
from gait_plugins.errors import ConfigError
from gait_plugins.io.atomic import whole_file
from gait_plugins.version import __version__

SIZE = (64, 44)
"""Height and width of frames that nobody has told."""


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
    latency: Latency
    precision: Precision = "float32"
    accuracy: Accuracy | None = None
    """Of a smaller graph."""
    transforms: tuple[str, ...] = ()
    """Those of the test, which what the graph is fed with must have gone through."""

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**asdict(self), "path": str(self.path)}


def export_onnx(
    embedder: Embedder,
    target: Path,
    *,
    frames: int | None = None,
    size: tuple[int, int] | None = None,
    precision: Precision = "float32",
    data: GaitDataset | None = None,
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
        size: height and width of the frames, where the checkpoint does not say; None: 64x44 there.
        precision: ``float16`` and ``int8`` make a smaller file, whose embeddings are measured on ``data``.
        data: sequences to measure on; those of its training find the ranges of integers.

    Raises:
        ConfigError: onnx or onnxruntime is not installed; the model takes frames of unequal size, such as
            points; it cannot be traced; the checkpoint says another size; or the graph does not do what the
            model does.
        DataError: there are too few sequences in ``data``.
    """
    require_packages()
    inputs = _inputs(embedder, size)
    model = embedder.model
    with TemporaryDirectory() as folder:
        scratch = Path(folder) / "model.onnx"
        copy = _fast_copy(embedder, inputs, frames)
        free, compared = write_graph(model, inputs, scratch, frames, copy)
        accuracy = None
        if precision != "float32":
            if data is None:
                raise ConfigError(f"a graph of {precision} is measured on sequences, and none are given")
            found = samples(embedder.config, model, data)
            compared, accuracy = _lessen(embedder, inputs, scratch, frames, free, precision, found)
        latency = latency_of(EmbeddingGraph(model, inputs).eval(), inputs, scratch, frames)
        _describe(scratch, embedder, inputs, compared, precision, accuracy)
        with whole_file(target) as file:
            file.write(scratch.read_bytes())
    with torch.no_grad():
        channels, parts = EmbeddingGraph(model, inputs)(*example(inputs, 1, frames or TRACED[1])).shape[1:]
    return Exported(
        path=target,
        inputs=inputs,
        sequences=None if free else 1,
        frames=frames,
        output=(channels, parts),
        size=target.stat().st_size,
        compared=compared,
        latency=latency,
        precision=precision,
        accuracy=accuracy,
        transforms=tuple(_transforms(embedder)),
    )


def _fast_copy(embedder: Embedder, inputs: Sequence[Input], frames: int | None) -> GaitModel | None:
    """What is traced in place of the model, with ``evaluator_cfg.fast``."""
    if embedder.fast is None:
        return None
    given = example(inputs, TRACED[0], frames or TRACED[1])
    return embedder.fast.copy(EmbeddingGraph(embedder.model, inputs).batch(*given))


def _transforms(embedder: Embedder) -> Iterator[str]:
    """The transforms of the test, by name; those that others are made of in their place."""
    for spec in embedder.config.evaluator_cfg.transform:
        whole, *inside = spec.walk() if spec is not None else (None,)
        yield from (each.name for each in inside or (whole,) if each is not None)


def _lessen(
    embedder: Embedder,
    inputs: Sequence[Input],
    path: Path,
    frames: int | None,
    free: bool,
    precision: Precision,
    found: tuple[Sample, Sample],
) -> tuple[tuple[Compared, ...], Accuracy]:
    """Make the graph of a file smaller, where it then gives what the model gives."""
    graph, names = EmbeddingGraph(embedder.model, inputs).eval(), [each.name for each in inputs]
    tested, calibrating = (each.of_frames(frames) for each in found)
    wanted = embedded(session_of(path, graph), names, tested)
    lessened(path, path, precision, calibrating, names)
    got = embedded(session_of(path, graph), names, tested)
    accuracy = measured(wanted, got, tested.labels, embedder.metric())
    where = embedder.config.model_cfg.name
    require_accurate(precision, accuracy, where)
    sizes = SIZES if frames is None else [(n, frames) for n in (FIXED if free else (1,))]
    return compare(graph, inputs, path, sizes, precision, tested), accuracy


def require_packages() -> None:
    """See that onnx and onnxruntime are installed.

    Raises:
        ConfigError: one is not.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            f"writing ONNX graphs needs {error.name}, which is not installed",
            hint="pip install 'gait-plugins-trackletgait[export]'",
        ) from error


def _inputs(embedder: Embedder, size: tuple[int, int] | None) -> tuple[Input, ...]:
    """What the graph takes, by the frames that the weights were trained on."""
    record, transforms = embedder.trained_on, embedder.config.evaluator_cfg.transform
    divisors = [1.0 if spec is None else float(spec.build().divisor) for spec in transforms]
    named = dict(zip(transforms.streams or (), divisors, strict=False))
    channels = embedder.model.frame_channels
    if isinstance(record, Mapping):
        shapes = dict(record)
        _check_size(shapes, size, embedder.config.model_cfg.name)
    elif record is None and len(embedder.model.streams or ()) > 1:
        raise ConfigError(
            "the file of weights does not say what the frames of this model's streams are: "
            f"{', '.join(stream.name for stream in embedder.model.streams or ())}",
            where=embedder.config.model_cfg.name,
            hint="give a checkpoint of gait-plugins train, which holds their shapes",
        )
    else:
        height, width = (size or SIZE) if record is None else record
        _check_size({"silhouettes": [height, width]}, size, embedder.config.model_cfg.name)
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


def _check_size(shapes: Mapping[str, Sequence[int | None]], size: tuple[int, int] | None, where: str) -> None:
    """See that a size that was asked for is the one that the weights were trained on."""
    for name, shape in shapes.items():
        if size is not None and tuple(shape[-2:]) != size:
            trained = "x".join("m" if axis is None else str(axis) for axis in shape)
            raise ConfigError(
                f"the weights were trained on {name} of {trained}, and the graph is asked to take "
                f"{size[0]}x{size[1]}",
                where=where,
                hint="leave out --size: the checkpoint says it",
            )


def _describe(
    path: Path,
    embedder: Embedder,
    inputs: Sequence[Input],
    compared: Sequence[Compared],
    precision: Precision,
    accuracy: Accuracy | None,
) -> None:
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
        "precision": precision,
        **({} if accuracy is None else {"shift": f"{accuracy.shift:.2e}"}),
    }
    onnx.helper.set_model_props(model, said)
    onnx.save(model, str(path))
