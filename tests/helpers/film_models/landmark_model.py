"""A small pose-landmark model in a .tflite file: what is dark in green is the person, the joints a line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import flatbuffers
import numpy as np

_CONV, _POOL = 3, 1
"""Operators of TensorFlow Lite: CONV_2D and AVERAGE_POOL_2D, and the numbers of their options' tables."""
_OPTIONS = {_CONV: 1, _POOL: 5}
SIDE = 256


class _Writer:
    """Tables of a flatbuffer: slots to values, as the schema of TensorFlow Lite numbers them."""

    def __init__(self) -> None:
        self.builder = flatbuffers.Builder(1 << 16)

    def table(self, slots: int, **values: tuple[str, int]) -> int:
        """A table; ``s3=("Int32", 7)`` puts 7 in slot 3."""
        self.builder.StartObject(slots)
        for name, (kind, value) in values.items():
            add = getattr(self.builder, f"Prepend{kind}Slot")
            add(int(name[1:]), value, 0)
        return int(self.builder.EndObject())

    def offsets(self, items: Sequence[int]) -> int:
        self.builder.StartVector(4, len(items), 4)
        for item in reversed(items):
            self.builder.PrependUOffsetTRelative(item)
        return int(self.builder.EndVector())

    def whole(self, items: Sequence[int]) -> int:
        return int(self.builder.CreateNumpyVector(np.array(items, np.int32)))

    def tensor(self, name: str, shape: Sequence[int], buffer: int) -> int:
        title, sides = self.builder.CreateString(name), self.whole(shape)
        return self.table(
            4, s0=("UOffsetTRelative", sides), s2=("Uint32", buffer), s3=("UOffsetTRelative", title)
        )

    def operator(self, kind: int, inputs: Sequence[int], output: int) -> int:
        if kind == _POOL:  # padding VALID, strides, size of the filter
            options = self.table(6, s0=("Int8", 1), **{f"s{slot}": ("Int32", SIDE) for slot in range(1, 5)})
        else:
            options = self.table(4, s0=("Int8", 1), s1=("Int32", 1), s2=("Int32", 1))
        taken, given = self.whole(inputs), self.whole([output])
        return self.table(
            5,
            s0=("Uint32", [_CONV, _POOL].index(kind)),
            s1=("UOffsetTRelative", taken),
            s2=("UOffsetTRelative", given),
            s3=("Uint8", _OPTIONS[kind]),
            s4=("UOffsetTRelative", options),
        )

    def code(self, kind: int) -> int:
        return self.table(4, s0=("Int8", kind), s2=("Int32", 1), s3=("Int32", kind))


def landmark_model(
    path: Path, presence: float = 0.9, outputs: Sequence[str] = ("joints", "presence", "mask")
) -> str:
    """A model with the outputs of MediaPipe's, for crops whose person has less green than the ground.

    Args:
        path: of the file.
        presence: what it always says.
        outputs: which of them it has.
    """
    joints = np.zeros((39, 5), np.float32)
    joints[:, 0], joints[:, 1] = SIDE / 2, np.linspace(32, 224, 39)
    joints[:, 3:] = 4  # logits: seen, and there
    # Green of a figure is at most 60 of 255, and of the ground 90 and more.
    green = np.zeros((1, 1, 1, 3), np.float32)
    green[..., 1] = -255
    held = {
        "joints": (np.zeros((195, 1, 1, 3)), joints.ravel()),
        "presence": (np.zeros((1, 1, 1, 3)), [presence]),
        "mask": (green, [75]),
    }
    shapes = {"joints": [1, 1, 1, 195], "presence": [1, 1, 1, 1], "mask": [1, SIDE, SIDE, 1]}
    writer = _Writer()
    arrays, tensors, operators, made = [], [], [], []

    def add(name: str, shape: Sequence[int], values: object = None) -> int:
        if values is not None:
            arrays.append(np.array(values, np.float32).tobytes())
        tensors.append(writer.tensor(name, shape, len(arrays) if values is not None else 0))
        return len(tensors) - 1

    picture = add("picture", [1, SIDE, SIDE, 3])
    mean = add("mean", [1, 1, 1, 3])
    operators.append(writer.operator(_POOL, [picture], mean))
    for name in outputs:
        weights, bias = held[name]
        parts = add(f"{name}_w", np.shape(weights), weights), add(f"{name}_b", np.shape(bias), bias)
        made.append(add(name, shapes[name]))
        source = picture if name == "mask" else mean
        operators.append(writer.operator(_CONV, [source, *parts], made[-1]))
    path.write_bytes(_model(writer, arrays, tensors, operators, [picture], made))
    return str(path)


def _model(
    writer: _Writer,
    arrays: Sequence[bytes],
    tensors: Sequence[int],
    operators: Sequence[int],
    inputs: Sequence[int],
    outputs: Sequence[int],
) -> bytes:
    builder = writer.builder
    parts = writer.offsets(tensors), writer.whole(inputs), writer.whole(outputs), writer.offsets(operators)
    graph = writer.table(5, **{f"s{slot}": ("UOffsetTRelative", part) for slot, part in enumerate(parts)})
    graphs, codes = writer.offsets([graph]), writer.offsets([writer.code(_CONV), writer.code(_POOL)])
    buffers = [writer.table(1)]
    for data in arrays:
        builder.StartVector(1, len(data), 16)
        builder.head -= len(data)
        builder.Bytes[builder.head : builder.head + len(data)] = data
        held = int(builder.EndVector())
        buffers.append(writer.table(1, s0=("UOffsetTRelative", held)))
    all_buffers = writer.offsets(buffers)
    model = writer.table(
        5,
        s0=("Uint32", 3),
        s1=("UOffsetTRelative", codes),
        s2=("UOffsetTRelative", graphs),
        s4=("UOffsetTRelative", all_buffers),
    )
    builder.Finish(model, file_identifier=b"TFL3")
    return bytes(builder.Output())
