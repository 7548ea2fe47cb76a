"""Models in ONNX files: opened with ONNX Runtime, their input understood, faults told in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gait_plugins.errors import ConfigError, DataError, PluginLoadError

INSTALL = "pip install 'gait-plugins-trackletgait[video]'"
_FLOATS = {"tensor(float)": np.float32, "tensor(float16)": np.float16, "tensor(double)": np.float64}
_TYPES = {**_FLOATS, "tensor(uint8)": np.uint8}


@dataclass(frozen=True)
class Input:
    """How a model takes a picture."""

    name: str
    dtype: type
    batched: bool
    """There is a batch axis, of one picture."""
    channels_last: bool
    height: int
    width: int


class OnnxModel:
    """A model that takes one picture.

    Args:
        path: the file.
        size: height and width of its input, where the file leaves them open.

    Raises:
        PluginLoadError: ONNX Runtime is not installed.
        DataError: the file is missing, no ONNX model, of an unknown version, or takes something else.
        ConfigError: ``size`` is needed, or is another than the file's.
    """

    def __init__(self, path: str, size: Sequence[int] | None = None) -> None:
        self.path = path
        self._session = _opened(path)
        self.input = _input(self._session.get_inputs(), path, size)
        self.outputs: dict[str, list[int | None]] = {
            output.name: [side if isinstance(side, int) else None for side in output.shape or []]
            for output in self._session.get_outputs()
        }
        """Name of an output -> its sides; None where one is open."""
        self._types = {output.name: output.type for output in self._session.get_outputs()}

    def is_whole(self, output: str) -> bool:
        """True where an output holds whole numbers."""
        return str(self._types[output]).startswith(("tensor(int", "tensor(uint"))

    def run(self, picture: np.ndarray, names: Sequence[str]) -> list[np.ndarray]:
        """Outputs of the model.

        Args:
            picture: ``[h, w, 3]`` as the model wants its values; whole numbers for a model of uint8.
            names: of the outputs.

        Raises:
            DataError: the model fails.
        """
        ready = picture if self.input.channels_last else picture.transpose(2, 0, 1)
        ready = np.ascontiguousarray(ready[None] if self.input.batched else ready, self.input.dtype)
        try:
            found = self._session.run(list(names), {self.input.name: ready})
        except Exception as error:  # ONNX Runtime's own exceptions have no common base
            raise DataError(
                f"the model fails on a picture of {self.input.height}x{self.input.width}: {_reason(error)}",
                where=self.path,
                hint="size is [height, width] of the input that the model was made for",
            ) from error
        return [np.asarray(output) for output in found]


def _opened(path: str) -> Any:
    file = Path(path).expanduser()
    if not file.is_file():
        what = "a folder" if file.is_dir() else "no such file"
        raise DataError(f"there is {what}", where=path, hint="path of onnx names a model: an .onnx file")
    try:
        import onnxruntime
    except ImportError as error:
        raise PluginLoadError(
            "the segmenter 'onnx' needs ONNX Runtime, which cannot be imported", where=path, hint=INSTALL
        ) from error
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    # Threads that wait in a loop would take the processor from the rest of the way.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime's own exceptions have no common base
        raise _unreadable(error, path, onnxruntime.__version__) from error


def _unreadable(error: Exception, path: str, version: str) -> DataError:
    reason = _reason(error)
    kind = type(error).__name__
    if kind == "InvalidProtobuf" or "protobuf" in reason.lower():
        return DataError(
            "the file is no ONNX model, or is damaged", where=path, hint="export or download the model anew"
        )
    if "IR version" in reason or "under development" in reason:
        return DataError(
            f"the model is of a version that ONNX Runtime {version} does not know: {reason}",
            where=path,
            hint="pip install -U onnxruntime, or export the model with a lower opset",
        )
    return DataError(
        f"ONNX Runtime {version} cannot load the model: {reason}",
        where=path,
        hint="models have standard operators alone; weights in files of their own lie beside the model",
    )


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()).removeprefix("[ONNXRuntimeError] : ")
    # Ahead of what happened come the file, twice, and a function of the runtime with its signature.
    return text.rpartition(" failed:")[2][-300:]


def _input(inputs: Sequence[Any], path: str, size: Sequence[int] | None) -> Input:
    described = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs) or "nothing"
    shape = list(inputs[0].shape or []) if len(inputs) == 1 else []
    dtype = _TYPES.get(inputs[0].type) if len(inputs) == 1 else None
    batched = len(shape) == 4
    sides = shape[1:] if batched else shape
    last = sides[-1:] == [3] and sides[:1] != [3]
    given = _numbers(sides[:2] if last else sides[1:])
    channels = sides[-1] if last else sides[0] if sides else None
    open_channels = not isinstance(channels, int)
    if len(sides) != 3 or dtype is None or not (channels == 3 or open_channels):
        raise DataError(
            f"the model takes {described}; expected one picture: float or uint8 [1, 3, h, w], [1, h, w, 3] "
            "or [3, h, w]",
            where=path,
            hint="export the model with the picture as its only input, one at a time",
        )
    if batched and isinstance(shape[0], int) and shape[0] != 1:
        raise DataError(
            f"the model takes {shape[0]} pictures at once, expected 1",
            where=path,
            hint="export the model for one picture, or for any number of them",
        )
    height, width = _size(given, size, path)
    return Input(inputs[0].name, dtype, batched, last, height, width)


def _numbers(sides: Sequence[Any]) -> list[int | None]:
    return [side if isinstance(side, int) and side > 0 else None for side in sides]


def _size(given: Sequence[int | None], size: Sequence[int] | None, path: str) -> tuple[int, int]:
    if size is None:
        if None in given:
            raise ConfigError(
                "the model leaves the size of its input open",
                where=path,
                hint="write size: [height, width] of the segmenter, such as [384, 640]",
            )
        wanted = [side for side in given if side is not None]
    else:
        wanted = list(size)
        if any(side not in (None, other) for side, other in zip(given, wanted, strict=True)):
            raise ConfigError(
                f"size of onnx is {wanted}, but the model takes {list(given)}",
                where=path,
                hint="leave size out: the file has it",
            )
    return wanted[0], wanted[1]
