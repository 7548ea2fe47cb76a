"""Small models in ONNX files: they see the two coloured figures of the example film."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE = (96, 160)
"""Height and width of the models' input."""
Node = onnx.NodeProto
Shapes = dict[str, Sequence[int | str]]


def constant(name: str, values: object, dtype: type = np.float32) -> onnx.TensorProto:
    return numpy_helper.from_array(np.array(values, dtype), name)


def saved(
    path: Path,
    nodes: Sequence[Node],
    outputs: Shapes,
    held: Sequence[onnx.TensorProto] = (),
    taken: Sequence[int | str] = (1, 3, *SIZE),
    dtype: int = TensorProto.FLOAT,
    types: dict[str, int] | None = None,
    opset: int = 17,
    ir: int = 8,
) -> str:
    """A model that takes one picture called ``picture``."""
    given = [helper.make_tensor_value_info("picture", dtype, taken)]
    made = [
        helper.make_tensor_value_info(name, (types or {}).get(name, TensorProto.FLOAT), shape)
        for name, shape in outputs.items()
    ]
    graph = helper.make_graph(list(nodes), "small", given, made, list(held))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    path.write_bytes(model.SerializeToString())
    return str(path)


def colourful(picture: str = "picture", scale: float = 1.0) -> tuple[list[Node], list[onnx.TensorProto]]:
    """Nodes that make ``logits`` ``[1, 1, h, w]``: above 0 where red or blue is far above green.

    Args:
        picture: name of the RGB picture, ``[1, 3, h, w]``.
        scale: how much of a value from 0 to 255 one is in it.
    """
    weights = np.array([[1, -1, 0], [0, -1, 1]], np.float32).reshape(2, 3, 1, 1) * scale * 0.1
    nodes = [
        helper.make_node("Conv", [picture, "weights", "bias"], ["two"]),
        helper.make_node("ReduceMax", ["two"], ["logits"], axes=[1], keepdims=1),
    ]
    return nodes, [constant("weights", weights), constant("bias", [-10, -10])]


def semantic(path: Path, kind: str = "logits", **more: object) -> str:
    """A model of one map.

    Args:
        path: of the file.
        kind: ``logits`` of two classes, ``last`` (the same, classes last), ``chances`` of one class, or
            ``labels`` (0 and 15, int64).
        more: of ``saved``.
    """
    nodes, held = colourful(scale=255)
    height, width = SIZE
    if kind == "chances":
        nodes.append(helper.make_node("Sigmoid", ["logits"], ["seen"]))
        return saved(path, nodes, {"seen": [1, 1, height, width]}, held, **more)  # type: ignore[arg-type]
    nodes.append(helper.make_node("Neg", ["logits"], ["ground"]))
    nodes.append(helper.make_node("Concat", ["ground", "logits"], ["both"], axis=1))
    if kind == "last":
        nodes.append(helper.make_node("Transpose", ["both"], ["turned"], perm=[0, 2, 3, 1]))
        return saved(path, nodes, {"turned": [1, height, width, 2]}, held, **more)  # type: ignore[arg-type]
    if kind == "labels":
        nodes.append(helper.make_node("ArgMax", ["both"], ["which"], axis=1, keepdims=0))
        nodes.append(helper.make_node("Mul", ["which", "fifteen"], ["labels"]))
        held.append(constant("fifteen", 15, np.int64))
        types = {"labels": TensorProto.INT64}
        return saved(path, nodes, {"labels": [1, height, width]}, held, types=types, **more)  # type: ignore[arg-type]
    return saved(path, nodes, {"both": [1, 2, height, width]}, held, **more)  # type: ignore[arg-type]


def halves() -> np.ndarray:
    """Two maps, ``[2, h, w]``: 1 in the upper half, where the first figure walks, and 1 in the lower one."""
    found = np.zeros((2, *SIZE), np.float32)
    # The first figure's feet are at row 55 of 120, which letterboxing puts at 44 of 96.
    found[0, :46], found[1, 46:] = 1, 1
    return found


def instances(path: Path, in_boxes: bool = False) -> str:
    """Three instances as torchvision's Mask R-CNN gives them: two people and one that is none."""
    height, width = SIZE
    shapes: Shapes = {"boxes": [3, 4], "labels": [3], "scores": [3], "masks": [3, 1, height, width]}
    parts = np.concatenate([halves(), np.ones((1, *SIZE), np.float32)])[:, None]
    held = [
        constant("held_boxes", [[32, 8, 64, 40], [80, 48, 112, 88], [0, 0, 160, 96]]),
        constant("held_labels", [1, 1, 18], np.int64),
        constant("held_scores", [0.95, 0.9, 0.99]),
    ]
    nodes = [helper.make_node("Identity", [f"held_{name}"], [name]) for name in ("boxes", "labels", "scores")]
    if in_boxes:
        disc = np.hypot(*(np.mgrid[:28, :28] - 13.5)) <= 12
        held.append(constant("held_masks", np.repeat(disc[None, None], 3, 0)))
        nodes.append(helper.make_node("Identity", ["held_masks"], ["masks"]))
        shapes["masks"] = [3, 1, 28, 28]
    else:
        more, weights = colourful(scale=255)
        held += [*weights, constant("parts", parts)]
        nodes += [*more, helper.make_node("Sigmoid", ["logits"], ["chance"])]
        nodes.append(helper.make_node("Mul", ["chance", "parts"], ["masks"]))
    types = {"labels": TensorProto.INT64}
    return saved(path, nodes, shapes, held, types=types)


def prototypes(path: Path, kind: str = "v8") -> str:
    """Predictions and prototypes as YOLO's segmenters give them: both figures, one of them twice.

    Args:
        path: of the file.
        kind: ``v8``, ``v5``, or ``rows``: a row for each person, exported with the end of the way.
    """
    height, width = SIZE
    logits, held = colourful(scale=255)
    held.append(constant("parts", halves()[None]))
    nodes = [*logits, helper.make_node("Mul", ["logits", "parts"], ["prototypes"])]
    boxes = np.array([[0, 0, 160, 46], [0, 46, 160, 96], [1, 1, 160, 46], [0, 0, 160, 96]], np.float32)
    scores, classes = np.array([0.9, 0.8, 0.7, 0.95], np.float32), np.array([0, 0, 0, 1])
    weights = np.array([[1, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    if kind == "rows":
        found = np.column_stack([boxes, scores, classes, weights])[None]
    else:
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        two = np.zeros((4, 2), np.float32)
        two[np.arange(4), classes] = scores
        # Many places of a grid in which nothing is found.
        sides = [middles, boxes[:, 2:] - boxes[:, :2]]
        anything = [] if kind == "v8" else [np.full(4, 0.5)]
        full = np.column_stack([*sides, *anything, two if kind == "v8" else 2 * two, weights])
        found = np.concatenate([full, np.zeros((200, full.shape[1]))])[None]
        found = found.transpose(0, 2, 1) if kind == "v8" else found
    held.append(constant("held", found))
    nodes.append(helper.make_node("Identity", ["held"], ["predictions"]))
    return saved(path, nodes, {"predictions": found.shape, "prototypes": [1, 2, height, width]}, held)
