"""A checkout of OpenGait: its folder, its contents, and its place on Python's path."""

from __future__ import annotations

import ast
import contextlib
import os
import sys
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from types import ModuleType

from gait_plugins.errors import UpstreamMismatch

HOME = "OPENGAIT_HOME"
"""The environment variable that names the checkout."""
MODULES = ("modeling", "data", "utils", "evaluation")
"""OpenGait's top-level modules; its ``main.py`` expects them on Python's path by these names."""
_GET_ONE = "gait-plugins upstream clone OpenGait, then --opengait OpenGait or OPENGAIT_HOME=OpenGait"


class Checkout:
    """One checkout.

    Args:
        root: its folder, the one that holds ``opengait/`` and ``configs/``.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @classmethod
    def find(cls, named: str | os.PathLike[str] | None = None) -> Checkout:
        """The checkout at ``named``, or else at ``OPENGAIT_HOME``; its inner ``opengait/`` is taken too.

        Raises:
            UpstreamMismatch: none is named, the folder is missing, or it is no OpenGait.
        """
        said = named if named is not None else os.environ.get(HOME)
        if not said:
            raise UpstreamMismatch("no OpenGait checkout given", hint=_GET_ONE)
        source = "--opengait" if named is not None else HOME
        folder = Path(said).expanduser()
        if not folder.is_dir():
            found = "is a file, expected a folder" if folder.is_file() else "no such folder"
            raise UpstreamMismatch(f"{folder}: {found}", where=source, hint=_GET_ONE)
        folder = folder.resolve()
        # The folder of main.py is what OpenGait's own users have at hand.
        root = folder.parent if folder.name == "opengait" and (folder / "main.py").is_file() else folder
        missing = [name for name in _LANDMARKS if not (root / name).exists()]
        if missing:
            raise UpstreamMismatch(
                f"{folder} is not an OpenGait checkout: missing {', '.join(missing)}",
                where=source,
                hint="give the folder that holds opengait/ and configs/; " + _GET_ONE,
            )
        return cls(root)

    @property
    def package(self) -> Path:
        """The folder of ``main.py``, which OpenGait has on its path."""
        return self.root / "opengait"

    def file(self, module: str) -> Path:
        """The file of ``modeling.base_model`` or of a package such as ``utils``.

        Raises:
            UpstreamMismatch: the checkout has no such module.
        """
        file = self._file(module)
        if file is None:
            raise UpstreamMismatch(f"the checkout has no module {module}", where=str(self.root))
        return file

    def has(self, module: str) -> bool:
        """Whether there is a module ``modeling.base_model``, or a package of that name."""
        return self._file(module) is not None

    def _file(self, module: str) -> Path | None:
        path = self.package.joinpath(*module.split("."))
        files = (path.with_name(path.name + ".py"), path / "__init__.py")
        return next((file for file in files if file.is_file()), None)

    def outline(self, module: str) -> dict[str, list[str] | None]:
        """What a module defines, without importing it.

        Returns:
            ``name`` or ``Class.method`` -> its parameters (``*args`` and ``**options`` with their stars,
            those with a default as ``name=``), or None for what takes none that could be read: a class, an
            imported or an assigned name.
        """
        if module not in self._outlines:
            file = self.file(module)
            try:
                tree = ast.parse(file.read_text(encoding="utf-8"), str(file))
            except (SyntaxError, ValueError) as error:
                raise UpstreamMismatch(f"the file cannot be read: {error}", where=str(file)) from error
            self._outlines[module] = dict(_outline(tree.body, ""))
        return self._outlines[module]

    @cached_property
    def _outlines(self) -> dict[str, dict[str, list[str] | None]]:
        return {}

    # --- Python's path -------------------------------------------------------------------------

    def attach(self) -> None:
        """Put ``opengait/`` first on Python's path.

        Raises:
            UpstreamMismatch: a module of one of its names is loaded already, from somewhere else.
        """
        for name in MODULES:
            module = sys.modules.get(name)
            if module is not None and not self.owns(module):
                place = next(iter(_places(module)), "an unknown place")
                raise UpstreamMismatch(
                    f"another module {name!r} is loaded already, from {place}",
                    where=str(self.root),
                    hint=f"OpenGait has a module of that name: rename yours, or do not import it before "
                    f"(OpenGait's modules: {', '.join(MODULES)})",
                )
        sys.path.insert(0, str(self.package))

    def detach(self) -> None:
        """Take it off the path, and its modules out of ``sys.modules``."""
        with contextlib.suppress(ValueError):
            sys.path.remove(str(self.package))
        # One by one: a package whose import failed is gone already, its modules are not.
        ours = [name for name in sys.modules if name.split(".")[0] in MODULES]
        for name in [name for name in ours if self.owns(sys.modules[name])]:
            del sys.modules[name]
        sys.path_importer_cache.pop(str(self.package), None)

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """The checkout on Python's path for a while; nothing is written into it."""
        bytecode = sys.dont_write_bytecode
        sys.dont_write_bytecode = True
        try:
            self.attach()
            try:
                yield
            finally:
                self.detach()
        finally:
            sys.dont_write_bytecode = bytecode

    def owns(self, module: ModuleType) -> bool:
        """Whether a loaded module comes from this checkout."""
        return any(Path(place).resolve().is_relative_to(self.root) for place in _places(module))


_LANDMARKS = (
    "opengait/main.py",
    "opengait/modeling",
    "opengait/data",
    "opengait/utils",
    "opengait/evaluation",
    "configs/default.yaml",
)


def _places(module: ModuleType) -> list[str]:
    file = getattr(module, "__file__", None)
    return [file] if file else list(getattr(module, "__path__", ()))  # a package without __init__.py has none


def _outline(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, list[str] | None]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, _parameters(node.args)
        elif isinstance(node, ast.ClassDef):
            yield prefix + node.name, None
            yield from _outline(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield prefix + (alias.asname or alias.name.split(".")[0]), None
        elif isinstance(node, ast.Assign):
            yield from ((prefix + target.id, None) for target in node.targets if isinstance(target, ast.Name))


def _parameters(arguments: ast.arguments) -> list[str]:
    positional = [argument.arg for argument in (*arguments.posonlyargs, *arguments.args)]
    required = len(positional) - len(arguments.defaults)
    names = [name if i < required else f"{name}=" for i, name in enumerate(positional)]
    if arguments.vararg:
        names.append("*" + arguments.vararg.arg)
    pairs = zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True)
    names += [argument.arg if default is None else f"{argument.arg}=" for argument, default in pairs]
    if arguments.kwarg:
        names.append("**" + arguments.kwarg.arg)
    return names
