"""Safe pickles: a restricted unpickler that admits numpy arrays and nothing else.

No foreign name is ever looked up. The handful of names that a pickled array is made of stand for
records of our own, and the arrays are made from those records afterwards, so that not even numpy's
own state setters see what the file says.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable, Sequence
from typing import IO, Any

import numpy as np

_MOST = 1000
"""Objects in lists of dicts that are looked at."""
UNSAFE_HINT = "do not open the file with pickle.load; make it again from its source, as numpy arrays"


class RefusedPickle(Exception):
    """The file is complete, but holds something other than numeric arrays."""

    def __init__(self, message: str, *, hint: str = UNSAFE_HINT) -> None:
        super().__init__(message)
        self.hint = hint


def load_arrays(file: IO[bytes]) -> np.ndarray:
    """The array in a pickle of protocol 0 to 5; a list or tuple of equal arrays is stacked.

    Raises:
        RefusedPickle: it holds anything but numeric numpy arrays; the message names what.
        Exception: whatever ``pickle`` raises for a truncated or damaged stream.
    """
    loaded = _loaded(file)
    return loaded if isinstance(loaded, np.ndarray) else _stacked(loaded)


def load_frames(file: IO[bytes]) -> np.ndarray | list[np.ndarray]:
    """As ``load_arrays``, but frames of different shapes (point clouds) stay a list."""
    loaded = _loaded(file)
    if isinstance(loaded, np.ndarray) or len({frame.shape for frame in loaded}) > 1:
        return loaded
    return _stacked(loaded)


def load_counts(file: IO[bytes]) -> dict[str, int]:
    """The whole numbers by name in a pickled dict; numpy's own whole numbers are among them.

    Raises:
        RefusedPickle: it holds anything else; the message names what.
        Exception: whatever ``pickle`` raises for a truncated or damaged stream.
    """
    value = _CountUnpickler(file, encoding="latin1").load()
    if not isinstance(value, dict):
        raise RefusedPickle(f"a pickled {_kind(value)}, expected a dict of whole numbers by name")
    counts: dict[str, int] = {}
    for name, given in value.items():
        count = given.build() if isinstance(given, _Scalar) else given
        if not isinstance(name, str) or not isinstance(count, int) or isinstance(count, bool):
            raise RefusedPickle(f"a pickled dict of {_kind(name)} to {_kind(count)}, expected whole numbers")
        counts[name] = count
    return counts


def load_dicts(file: IO[bytes], names: Sequence[str]) -> list[dict[str, np.ndarray]]:
    """Arrays by name of each dict in a pickle: one dict, several in a list, or an array of such objects.

    Args:
        file: of protocol 0 to 5.
        names: of the arrays that are wanted; others are not made.

    Raises:
        RefusedPickle: it holds anything but dicts of arrays and numbers; the message names what.
        Exception: whatever ``pickle`` raises for a truncated or damaged stream.
    """
    return [_named(each, names) for each in _dicts(_CountUnpickler(file, encoding="latin1").load())]


def _dicts(value: Any) -> list[dict[Any, Any]]:
    """The dicts in a list, in a dict of numbers, or in an array of objects, in their order."""
    found: list[dict[Any, Any]] = []
    waiting: list[Any] = [value]
    # A list may hold itself, and be short in the file: what is looked at is counted.
    for _ in range(_MOST):
        if not waiting:
            return found
        inner: Any = waiting.pop(0)
        if isinstance(inner, dict) and all(isinstance(key, str) for key in inner):
            found.append(inner)
            continue
        if isinstance(inner, dict):
            inner = [inner[key] for key in sorted(key for key in inner if isinstance(key, int))]
        elif isinstance(inner, _Array):
            inner = inner.data
        if not isinstance(inner, (list, tuple)):
            raise RefusedPickle(f"a pickled {_kind(value)}, expected dicts of numpy arrays by name")
        waiting = [*inner[:_MOST], *waiting[:_MOST]]
    raise RefusedPickle(f"a pickle of more than {_MOST} objects, expected dicts of numpy arrays by name")


def _named(found: dict[str, Any], names: Sequence[str]) -> dict[str, np.ndarray]:
    arrays = {}
    for name in names:
        given = found.get(name)
        if isinstance(given, _Array):
            arrays[name] = given.build()
        elif given is not None:
            raise RefusedPickle(f"a pickled {_kind(given)} under {name!r}, expected a numpy array")
    return arrays


def _loaded(file: IO[bytes]) -> np.ndarray | list[np.ndarray]:
    # Python 2 wrote array bytes as str; latin1 is the encoding that numpy restores them by.
    value = _Unpickler(file, encoding="latin1").load()
    if isinstance(value, _Array):
        return value.build()
    if isinstance(value, (list, tuple)) and all(isinstance(item, _Array) for item in value):
        return [item.build() for item in value]
    raise RefusedPickle(f"a pickled {_kind(value)}, expected a numpy array or a list of numpy arrays")


def _stacked(frames: list[np.ndarray]) -> np.ndarray:
    shapes = sorted({frame.shape for frame in frames})
    if len(shapes) > 1:
        sizes = " and ".join(str(list(shape)) for shape in shapes[:3])
        raise RefusedPickle(
            f"a list of frames of different shapes: {sizes}",
            hint="resize all frames of a sequence to one size before saving them",
        )
    return np.stack(frames) if frames else np.empty((0, 0, 0), np.uint8)


def _kind(value: object) -> str:
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} of {' and '.join(sorted({_kind(item) for item in value})[:4])}"
    return {"_Array": "array", "_Dtype": "dtype", "_Name": "numpy name", "_Scalar": "number"}.get(
        type(value).__name__, type(value).__name__
    )


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        admitted = self.admitted(module, name)
        if admitted is None:
            raise RefusedPickle(
                f"a pickle that would run code: it imports {module}.{name}, only numpy arrays are admitted"
            )
        # Fresh for each look-up: a pickle may try to set attributes on what it is given.
        return _Name(admitted)

    def admitted(self, module: str, name: str) -> Callable[..., Any] | None:
        return _ADMITTED.get((module, name))

    def persistent_load(self, pid: Any) -> Any:
        raise RefusedPickle("a pickle with persistent references, only numpy arrays are admitted")


class _CountUnpickler(_Unpickler):
    def admitted(self, module: str, name: str) -> Callable[..., Any] | None:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "scalar":
            return _Scalar
        return super().admitted(module, name)


class _Record:
    """What the pickle machine may hold but never change, save through ``__setstate__``."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        raise RefusedPickle("a pickle that sets attributes of the objects it calls")


class _Name(_Record):
    """An admitted global. It is no class, so that only a plain call can use it."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self.make = make

    def __call__(self, *arguments: Any) -> Any:
        return self.make(*arguments)


class _Dtype(_Record):
    """A dtype as pickled: its code, then its byte order."""

    __slots__ = ("code", "order")

    def __init__(self, code: str, align: object = False, copy: object = False) -> None:
        self.code = str(code)
        self.order = "="

    def __setstate__(self, state: Any) -> None:
        self.order = str(state[1])
        if any(part is not None for part in state[2:5]):
            self.code = "structured"

    def build(self) -> np.dtype[Any]:
        if self.code.startswith("O"):
            raise RefusedPickle("an array of Python objects, which may run code")
        if not re.fullmatch(r"b1|[ui][1248]|f[248]", self.code) or self.order not in "<>=|":
            raise RefusedPickle(
                f"an array of dtype {self.code!r}, expected uint8",
                hint="save the frames as numpy uint8",
            )
        return np.dtype(self.order + self.code)


class _Array(_Record):
    """An array as pickled: shape, dtype, order of its axes and its bytes."""

    __slots__ = ("axes", "data", "dtype", "order", "shape")

    def __init__(self, *_: Any) -> None:
        self.data: Any = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        self.fill(data, dtype, shape, "F" if fortran else "C")

    def fill(self, data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
        if not isinstance(dtype, _Dtype):
            raise ValueError("an array without a dtype")
        self.data = data.encode("latin1") if isinstance(data, str) else data
        self.dtype, self.shape, self.order, self.axes = dtype, shape, order, axes
        return self

    def build(self) -> np.ndarray:
        if self.data is None:
            raise ValueError("an array without content")
        dtype = self.dtype.build()
        if not isinstance(self.data, (bytes, bytearray)):
            raise ValueError(f"the array content has type {type(self.data).__name__}")
        flat = np.frombuffer(self.data, dtype)
        if self.order == "K":
            return flat.reshape(self.shape).transpose(self.axes)
        return flat.reshape(self.shape, order="F" if self.order == "F" else "C")


class _Scalar(_Record):
    """A number as numpy pickles it: its dtype and its bytes."""

    __slots__ = ("data", "dtype")

    def __init__(self, dtype: Any, data: Any = None) -> None:
        self.dtype, self.data = dtype, data.encode("latin1") if isinstance(data, str) else data

    def build(self) -> int | float:
        if not isinstance(self.dtype, _Dtype) or not isinstance(self.data, bytes):
            raise ValueError("a number without content")
        (number,) = np.frombuffer(self.data, self.dtype.build()).tolist()
        return number  # type: ignore[no-any-return]


def _frombuffer(data: Any, dtype: Any, shape: Any, order: Any, axes: Any = None) -> _Array:
    return _Array().fill(data, dtype, shape, order, axes)


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise ValueError(f"bytes written in the encoding {encoding!r}")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


def _uncallable(*_: Any) -> Any:
    raise ValueError("a call of numpy.ndarray")


_ADMITTED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _Dtype,
    ("numpy", "ndarray"): _uncallable,
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty_bytes,
    ("builtins", "bytes"): _empty_bytes,
}
for _core in ("numpy.core", "numpy._core"):
    _ADMITTED[f"{_core}.multiarray", "_reconstruct"] = _Array
    _ADMITTED[f"{_core}.numeric", "_frombuffer"] = _frombuffer
