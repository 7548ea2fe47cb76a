"""Components of single files, ``./my_loss.py:MyLoss``: found, hashed, and imported from the hashed bytes.

A file is run only where somebody asks for a component of it by its path. Nothing here looks for files.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import os
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from gait_plugins.errors import PluginLoadError, UnknownComponent
from gait_plugins.io.folders import require_regular
from gait_plugins.registry.components import Component, Owner, import_target, is_missing_module
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.process import process_kept
from gait_plugins.suggest import did_you_mean, nearest

_FORM = re.compile(r"(?P<file>.+\.py):(?P<name>[^\W\d]\w*)", re.DOTALL)
_TABLE = "GAIT_PLUGINS_FILES"
"""The variable that tells this process's children which module is which file."""

__path__: list[str] = []
"""Files are modules below this one, so that what a worker unpickles leads here first."""

_sources: dict[str, tuple[Path, bytes]] = {}
"""Module -> its file, and what was read of it."""


def is_file_name(name: object) -> bool:
    """True for the name of a component in a file: ``./my_loss.py:MyLoss``."""
    return isinstance(name, str) and _FORM.fullmatch(name) is not None


def absolute_name(name: str, folder: Path) -> str:
    """The name of a component in a file with the file's full path; relative ones start from ``folder``."""
    file, _, attribute = name.rpartition(":")
    return f"{os.path.abspath(folder / os.path.expanduser(file))}:{attribute}"


@dataclass(frozen=True)
class FileComponent(Component):
    """A class in a Python file that is no package."""

    file: Path = Path()
    """Its full path."""
    sha256: str = ""
    """Checksum of the bytes that are imported."""

    @property
    def qualified(self) -> str:
        """The file's name and the class: the same wherever the file lies."""
        return self.name

    @property
    def spelling(self) -> str:
        """The file's full path and the class: usable from anywhere."""
        return f"{self.file}:{self.target}"

    def written(self, name: str) -> str:
        """The file's full path and the class, wherever ``name`` started from."""
        return self.spelling

    def called(self, name: str) -> str:
        """The file's name and the class, without the folders."""
        return self.name

    @property
    def source_text(self) -> bytes:
        """What was read of the file, and is run."""
        return _sources[self.owner.module][1]

    @property
    def origin(self) -> str:
        """Path of the file as people find it, and the class."""
        return f"{_shown(self.file)}:{self.target}"

    def provenance(self) -> dict[str, str]:
        """Where the component comes from, with the checksum of its file."""
        return {**super().provenance(), "file": str(self.file), "sha256": self.sha256}

    def _import(self) -> Any:
        with process_kept(str(self.owner), "when it was imported"):
            module = _imported(self.file, self.owner.module, self.kind)
        found = vars(module).get(str(self.target))
        where = _shown(self.file)
        if found is None:
            own = [cls.__name__ for cls in _classes(module)]
            raise PluginLoadError(
                f"the file has no class {self.target!r}; it has {', '.join(own) or 'none'}",
                where=where,
                hint=did_you_mean(str(self.target), own) or "write FILE.py:CLASS with a class of the file",
            )
        if inspect.isclass(found) and found.__module__ != module.__name__:
            raise PluginLoadError(
                f"{self.target!r} is not defined in the file, but imported from {found.__module__}: "
                "the file's checksum in runs and checkpoints would not say what it does",
                where=where,
                hint=f"derive a class in the file, class Mine({self.target}): ..., or name the one that its "
                f"package offers: {KINDS[self.kind].key}: {found.__name__}",
            )
        kinds = kinds_of(found) if inspect.isclass(found) else []
        if self.kind not in kinds and kinds != ["backbone"]:
            what = " or ".join(kinds) if kinds else "no component: it has no base class of gait_plugins"
            article = "a " if kinds else ""
            base = KINDS[self.kind].base.rpartition(":")[2]
            raise PluginLoadError(
                f"{self.target!r} is {article}{what}, expected a {self.kind}",
                where=where,
                hint=f"derive the class from gait_plugins.{base}, or name it where a {kinds[0]} is named"
                if kinds
                else f"derive the class from gait_plugins.{base}",
            )
        return found


def file_component(kind: str, name: str) -> FileComponent:
    """The component that a file's name means; the file is read, and not run before the component is loaded.

    Args:
        kind: what is asked for.
        name: as :func:`is_file_name` knows it; a relative path starts from the working directory.

    Raises:
        UnknownComponent: there is no such kind.
        PluginLoadError: there is no such file, or it cannot be read.
    """
    if kind not in KINDS:
        raise UnknownComponent(
            f"unknown component kind {kind!r}; the kinds are {', '.join(KINDS)}",
            hint=did_you_mean(kind, KINDS) or None,
        )
    path, _, attribute = absolute_name(name, Path()).rpartition(":")
    file = Path(path)
    try:
        require_regular(file)
        source = file.read_bytes()
    except (OSError, ValueError) as error:
        raise _unread(file, error) from error
    sha256 = hashlib.sha256(source).hexdigest()
    stem = re.sub(r"\W", "_", file.stem)
    module = f"{__name__}.{stem}_{hashlib.sha256(os.fsencode(file) + source).hexdigest()[:12]}"
    _sources[module] = (file, source)
    owner = Owner(file.name, f"sha256 {sha256[:12]}", "", module)
    return FileComponent(kind, f"{file.name}:{attribute}", attribute, owner, file=file, sha256=sha256)


def _unread(file: Path, error: OSError | ValueError) -> PluginLoadError:
    """The error of a file that is not there, or cannot be read."""
    where = _shown(file)
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        said = getattr(error, "strerror", None) or error
        return PluginLoadError(
            f"the file cannot be read: {said}", where=where, hint="write FILE.py:CLASS with a Python file"
        )
    if file.parent.is_dir():
        near = nearest(file.stem, (each.stem for each in sorted(file.parent.glob("*.py"))), 1)
        starts = "a path starts from the folder of the YAML that names it, on the command line from this one"
        hint = f"did you mean '{near[0]}.py'?" if near else starts
    else:
        hint = f"the folder {_shown(file.parent)} does not exist"
    return PluginLoadError("there is no such file", where=where, hint=hint)


def components_in(file: Path) -> list[FileComponent]:
    """Every component that a file defines, in the order of the file; the file is run.

    A class that is of several kinds is of the first of them.

    Raises:
        PluginLoadError: the file cannot be read or run.
    """
    first = file_component("loss", f"{file}:_")
    with process_kept(str(first.owner), "when it was imported"):
        module = _imported(first.file, first.owner.module, "component")
    found = [(cls.__name__, kinds_of(cls)) for cls in _classes(module)]
    return [file_component(kinds[0], f"{file}:{name}") for name, kinds in found if kinds]


def of_any_kind(name: str, kind: str | None = None) -> list[FileComponent]:
    """The component that a file's name means, for somebody who does not say of which kind; the file is run.

    Raises:
        PluginLoadError: the file cannot be read or run, or has no such component.
        UnknownComponent: there is no such kind.
    """
    path, _, attribute = name.rpartition(":")
    same = [] if kind else [c for c in components_in(Path(path)) if c.target == attribute]
    return same or [file_component(kind or "backbone", name)]


def kinds_of(cls: type) -> list[str]:
    """The kinds that a class may be a component of; a plain network is a backbone."""
    found = [kind.name for kind in KINDS.values() if issubclass(cls, import_target(kind.base))]
    if not found and issubclass(cls, import_target("torch.nn:Module")):
        return ["backbone"]
    return found


def _classes(module: ModuleType) -> list[type]:
    found = vars(module).items()
    return [
        value
        for name, value in found
        if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_")
    ]


def _imported(file: Path, name: str, kind: str) -> ModuleType:
    """The module of a file.

    Raises:
        PluginLoadError: running it fails; the line of the file is told.
    """
    try:
        return importlib.import_module(name)
    except (Exception, SystemExit) as error:
        line = _line(error, file)
        raise PluginLoadError(
            f"the file of this {kind} cannot be run: {type(error).__name__}: {_said(error)}",
            where=f"{_shown(file)}:{line}" if line else _shown(file),
            hint=_advice(error, file),
        ) from error


def _line(error: BaseException, file: Path) -> int | None:
    """The last line of the file that an error went through."""
    if isinstance(error, SyntaxError) and error.filename == str(file):
        return error.lineno
    found, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(file):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def _said(error: BaseException) -> str:
    return str(error.msg if isinstance(error, SyntaxError) else error)


def _advice(error: BaseException, file: Path) -> str:
    if not is_missing_module(error):
        return "repair the file"
    module = str(error.name).partition(".")[0]
    if any((file.parent / beside).exists() for beside in (f"{module}.py", module)):
        return (
            f"a component's file stands alone and cannot import {module!r} beside it: put both into one "
            "file, or into a package: gait-plugins plugins new NAME --from FILE"
        )
    return f"install the package that contains {module}"


def _shown(file: Path) -> str:
    """A path as people find it: from the working directory on, where it lies inside."""
    try:
        return str(file.relative_to(Path.cwd()))
    except (ValueError, FileNotFoundError):  # elsewhere; or the working directory has been deleted
        return str(file)


class _Finder:
    """Finds the modules of files, in this process and in those that it starts."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The module of a file that this process, or the one that started it, was asked for."""
        if fullname.rpartition(".")[0] != __name__:
            return None
        table = json.loads(os.environ.get(_TABLE, "{}"))
        if fullname not in _sources and fullname in table:
            file = Path(table[fullname])
            source = file.read_bytes()
            if not fullname.endswith(hashlib.sha256(os.fsencode(file) + source).hexdigest()[:12]):
                raise ImportError(f"{file} has been changed since this program was started")
            _sources[fullname] = (file, source)
        if fullname not in _sources:
            return None
        file = _sources[fullname][0]
        os.environ[_TABLE] = json.dumps({**table, fullname: os.fspath(file)})
        loader: Any = _Loader()
        spec = ModuleSpec(fullname, loader, origin=os.fspath(file))
        spec.has_location = True
        return spec


class _Loader:
    """Runs the bytes that were hashed."""

    def create_module(self, spec: ModuleSpec) -> None:
        """None: an ordinary module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the file."""
        file, source = _sources[module.__name__]
        exec(compile(source, os.fspath(file), "exec", dont_inherit=True), vars(module))


if not any(type(finder).__qualname__ == _Finder.__qualname__ for finder in sys.meta_path):
    sys.meta_path.append(_Finder())
