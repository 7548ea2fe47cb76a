"""Stand-ins for foreign classes: files of ``torch.save`` that name some are read, and nothing is run.

No name of the file is ever looked up. Every class and function that it names becomes a record of its
name and of what it was given. The tensors are made from those records afterwards, so that not even
torch's own functions see what the file says.
"""

from __future__ import annotations

import io
import pickle
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NamedTuple

import torch

from gait_plugins.io.archive import Archive, is_archive

_MAGIC = 0x1950A86A20F9469CFC6C
"""What files of before PyTorch 1.6 begin with, as a pickled number."""
_PROTOCOL = 1001

_DTYPES = {
    "FloatStorage": torch.float32,
    "DoubleStorage": torch.float64,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
    "ComplexFloatStorage": torch.complex64,
    "ComplexDoubleStorage": torch.complex128,
    "UntypedStorage": torch.uint8,
}

# What data of honest trainings is made of. The rest of Python's own library runs code or reaches the
# system; a file that names it is an attack, or may as well be one.
_HARMLESS = frozenset(
    (
        *("_codecs", "abc", "argparse", "array", "collections", "copyreg", "copy_reg", "dataclasses"),
        *("datetime", "decimal", "enum", "fractions", "functools", "itertools", "logging", "numbers"),
        *("pathlib", "random", "re", "string", "time", "types", "typing", "uuid", "zoneinfo"),
    )
)
_RUNNING = frozenset(
    ("eval", "exec", "compile", "open", "input", "breakpoint", "__import__", "setattr", "delattr", "globals")
)
_NUMBERS = {f"torch.{name}": value for name, value in vars(torch).items() if isinstance(value, torch.dtype)}


class Unsafe(Exception):
    """The file names what runs code; the text is that name."""


class Unreadable(Exception):
    """The file is no file of ``torch.save``, or contradicts itself."""


@dataclass(frozen=True)
class Unread:
    """An object whose class is not known here; only its name is."""

    title: str


class OtherPickle(Exception):
    """The file is a pickle, but none of ``torch.save``."""


class WithStandIns(NamedTuple):
    """What a file holds where it names foreign classes."""

    content: Any
    """Plain data and tensors; objects of foreign classes are :class:`Unread`, but for mappings and
    modules: these are mappings."""
    classes: tuple[str, ...]
    """The foreign names, sorted."""


def read_with_stand_ins(path: Path) -> WithStandIns:
    """Read a file of ``torch.save`` that names classes of other packages; none of them is imported.

    Raises:
        Unsafe: it names functions of Python's own that run code.
        OtherPickle: it is another pickle.
        Unreadable: it is no such file, or damaged.
    """
    try:
        with path.open("rb") as file:
            read = _of_archive if is_archive(path) else _of_old_file
            loaded, storages, named = read(file)
            content = _Builder(storages).plain(loaded)
    except (Unsafe, OtherPickle):
        raise
    except Exception as error:  # a damaged file may raise anything
        raise Unreadable(f"{type(error).__name__}: {error}") from error
    return WithStandIns(content, tuple(sorted(name for name in named if not _is_made(name))))


_Storages = Callable[[Any], bytes]


def _of_archive(file: Any) -> tuple[Any, _Storages, set[str]]:
    archive = Archive(file)
    pickled = next(name for name in archive.members if name.rpartition("/")[2] == "data.pkl")
    folder = pickled.removesuffix("data.pkl")
    order = f"{folder}byteorder"
    if order in archive.members and archive.read(order) != b"little":
        raise Unreadable("its numbers are big-endian")
    reader = _Unpickler(io.BytesIO(archive.read(pickled)))
    return reader.load(), lambda key: archive.read(f"{folder}data/{key}"), reader.named


def _of_old_file(file: IO[bytes]) -> tuple[Any, _Storages, set[str]]:
    if _Unpickler(file).load() != _MAGIC or _Unpickler(file).load() != _PROTOCOL:
        raise OtherPickle
    if not _Unpickler(file).load().get("little_endian", True):
        raise Unreadable("its numbers are big-endian")
    reader = _Unpickler(file)
    loaded = reader.load()
    found: dict[Any, bytes] = {}
    for key in _Unpickler(file).load():
        (count,) = struct.unpack("<q", file.read(8))
        found[key] = file.read(max(0, count) * reader.stored[key].itemsize)
    return loaded, found.__getitem__, reader.named


class _StandIn:
    """An object of a foreign class, or the result of a foreign function: what it was given."""

    title = ""
    args: tuple[Any, ...]
    entries: dict[Any, Any]
    appended: list[Any]
    state: Any

    def __new__(cls, *args: Any, **options: Any) -> Any:
        made = object.__new__(cls)
        made.args, made.entries, made.appended, made.state = args, {}, [], None
        return made

    def __init__(self, *args: Any, **options: Any) -> None:
        pass

    def __call__(self, *args: Any, **options: Any) -> Any:
        return type(self)(*args)

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        self.entries[key] = value

    def append(self, value: Any) -> None:
        self.appended.append(value)

    add = append

    def extend(self, values: Any) -> None:
        self.appended.extend(values)


class _Storage(NamedTuple):
    """The bytes of tensors, by their key in the file."""

    key: Any
    dtype: torch.dtype
    length: int
    """Elements."""
    first: int = 0
    """Element that a view of it begins with."""


class _Unpickler(pickle.Unpickler):
    """Makes records of everything that is no plain data."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, encoding="utf-8", errors="surrogateescape")
        self.named: set[str] = set()
        self.stored: dict[Any, torch.dtype] = {}

    def find_class(self, module: str, name: str) -> Any:
        title = f"{module}.{name}"
        if _runs_code(module, name):
            raise Unsafe(title)
        self.named.add(title)
        # A class, for pickles make objects of one; a fresh one each time, for they may try to change it.
        return type("StandIn", (_StandIn,), {"title": title})

    def persistent_load(self, pid: Any) -> Any:
        kind, *told = pid
        if kind == "module":  # a class with its source, as old files have it
            return told[0]
        if kind != "storage":
            raise Unreadable(f"a reference of kind {kind!r}")
        made_of, key, _, count, *view = told
        dtype = _DTYPES[made_of.title.rpartition(".")[2]]
        self.stored[key] = dtype
        if view and view[0] is not None:
            _, first, count = view[0]
            return _Storage(key, dtype, count, first)
        return _Storage(key, dtype, count)


def _runs_code(module: str, name: str) -> bool:
    top = module.partition(".")[0]
    if top in ("builtins", "__builtin__"):
        return name.partition(".")[0] in _RUNNING
    return top in sys.stdlib_module_names and top not in _HARMLESS


class _Builder:
    """Makes plain data and tensors of records."""

    def __init__(self, storages: _Storages) -> None:
        self._storages = storages
        self._bytes: dict[Any, torch.Tensor] = {}
        self._made: dict[int, tuple[Any, Any]] = {}
        """Place in memory -> what lies there, kept so that nothing else will, and what it has become."""

    def plain(self, value: Any) -> Any:
        if id(value) in self._made:
            return self._made[id(value)][1]
        if isinstance(value, _StandIn):
            return self._stand_in(value)
        if isinstance(value, dict):
            return self._mapping(value, value)
        if isinstance(value, _Storage):
            return Unread("torch.storage")
        if isinstance(value, tuple):
            return tuple(map(self.plain, value))
        if isinstance(value, list | set | frozenset):
            made = self._kept(value, [])  # before its content, which may lead back to it
            made.extend(map(self.plain, value))
            return made
        return Unread(getattr(value, "title", value.__name__)) if isinstance(value, type) else value

    def _kept(self, value: Any, made: Any) -> Any:
        self._made[id(value)] = value, made
        return made

    def _mapping(self, value: Any, entries: Mapping[Any, Any]) -> dict[Any, Any]:
        made: dict[Any, Any] = self._kept(value, {})
        made.update((self.plain(name), self.plain(item)) for name, item in entries.items())
        return made

    def _stand_in(self, value: _StandIn) -> Any:
        make = _MAKERS.get(value.title)
        if make is not None:
            return self._kept(value, make(self, *value.args))
        if value.entries:
            return self._mapping(value, value.entries)
        if value.title in _MAPPINGS:
            given = value.args[-1] if value.args else {}
            return self._mapping(value, dict(given) if isinstance(given, list | dict) else {})
        self._kept(value, Unread(value.title))
        state = self.plain(value.state)
        return self._kept(value, _weights_of(state)) if _is_module(state) else self.plain(value)

    def tensor(self, storage: Any, first: int, size: Any, stride: Any, dtype: Any = None) -> torch.Tensor:
        if not isinstance(storage, _Storage):
            raise Unreadable("a tensor without a storage")
        values = self._elements(storage)
        if isinstance(dtype, type):  # an untyped storage: the tensor says what it is of
            values = values.view(_NUMBERS[getattr(dtype, "title", "")])
        size, stride = (
            tuple(part.args[0]) if isinstance(part, _StandIn) else part for part in (size, stride)
        )
        return values.as_strided(size, stride, first)

    def _elements(self, storage: _Storage) -> torch.Tensor:
        if storage.key not in self._bytes:
            content = bytearray(self._storages(storage.key))
            empty = torch.empty(0, dtype=torch.uint8)
            self._bytes[storage.key] = torch.frombuffer(content, dtype=torch.uint8) if content else empty
        elements = self._bytes[storage.key].view(storage.dtype)
        if storage.first < 0 or storage.first + storage.length > len(elements):
            raise Unreadable(f"the storage {storage.key} holds {len(elements)} elements")
        return elements[storage.first :]

    def of_type(self, make: Any, _: Any, args: Any, *__: Any) -> Any:
        """A tensor of a subclass: as the function makes it that it names."""
        return self.plain(make(*args)) if isinstance(make, type) and issubclass(make, _StandIn) else make

    def parameter(self, data: Any, *_: Any) -> Any:
        return self.plain(data)


def _tensor(builder: _Builder, storage: Any, first: int, size: Any, stride: Any, *_: Any) -> torch.Tensor:
    return builder.tensor(storage, first, size, stride)


def _typed(builder: _Builder, storage: Any, first: int, size: Any, stride: Any, *told: Any) -> torch.Tensor:
    _, _, dtype, *_ = told  # after what gradients need
    return builder.tensor(storage, first, size, stride, dtype)


_MAKERS: dict[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _typed,
    "torch._utils._rebuild_parameter": _Builder.parameter,
    "torch._utils._rebuild_parameter_with_state": _Builder.parameter,
    "torch._tensor._rebuild_from_type_v2": _Builder.of_type,
    "torch.Size": lambda _, size=(): tuple(size),
}
for _kind in ("set", "frozenset", "list", "tuple"):
    for _home in ("builtins", "__builtin__"):
        _MAKERS[f"{_home}.{_kind}"] = lambda builder, items=(): list(builder.plain(items))
_MAPPINGS = ("collections.OrderedDict", "collections.defaultdict", "builtins.dict", "__builtin__.dict")


def _is_made(title: str) -> bool:
    """Whether a name is of what tensors and plain data are made of, not of a foreign class."""
    own = (
        title in _MAKERS or title in _MAPPINGS or title.startswith(("builtins.", "__builtin__.", "_codecs."))
    )
    return own or title.rpartition(".")[2] in _DTYPES or title.removeprefix("torch.") in vars(torch)


def _is_module(state: Any) -> bool:
    return isinstance(state, dict) and {"_parameters", "_buffers", "_modules"} <= set(state)


def _weights_of(state: Mapping[str, Any]) -> dict[str, Any]:
    """The state dict of a module, by what it was pickled as."""
    passing = state.get("_non_persistent_buffers_set") or ()
    own = {**_dict(state["_parameters"]), **_dict(state["_buffers"])}
    found = {key: value for key, value in own.items() if value is not None and key not in passing}
    for name, child in _dict(state["_modules"]).items():
        found.update((f"{name}.{key}", value) for key, value in _dict(child).items())
    return found


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
