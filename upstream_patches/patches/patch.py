"""A patch of the second host: its probe, its change in memory, and its exact revert."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, ClassVar

from gait_plugins.errors import GaitPluginsError, UpstreamMismatch
from upstream_patches.checkout.tree import Checkout
from upstream_patches.session import Session

_MISSING: Any = object()
LEFT_OUT = "--without leaves it out"
SEVERAL = "several-data-sets"
"""The part of the patches that a training on several data sets at once needs."""

Expected = Mapping[str, Mapping[str, list[str] | None]]
"""Module -> name or ``Class.method`` in it -> its parameters; None: it only has to be there."""


@dataclass
class Host:
    """The running OpenGait that patches are applied to."""

    checkout: Checkout
    device: str = "auto"
    """``auto``, ``cpu`` or ``cuda``."""
    phase: str = "train"
    """``train`` or ``test``, as asked for on OpenGait's command line."""
    output: str | None = None
    """The folder in place of the checkout's ``output/``, absolute."""
    patches: tuple[str, ...] = ()
    """Names of all patches that are applied in this run."""
    off: dict[str, str] = field(default_factory=dict)
    """Patch, or part of one, that is not applied in this run -> why."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Class of the checkout that could not be imported -> why."""
    session: Session = field(default_factory=Session)
    """What the patches tell each other while the host runs."""

    def module(self, name: str) -> ModuleType:
        """A module of the checkout: ``modeling.base_model``, ``data.sampler``, ..."""
        return importlib.import_module(name)

    def trainers(self) -> list[ModuleType]:
        """The module of the trainer, and that of the trainer for several data sets where it fits."""
        names = ["modeling.base_model"]
        if SEVERAL not in self.off:
            names.append("modeling.multidataset_model")
        return [self.module(name) for name in names]


class Replacements:
    """A journal of what was set, so that it can be set back exactly, last first."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], object]] = []

    def set(self, owner: Any, name: str, value: Any) -> None:
        """``owner.name = value``; what the owner only inherited is inherited again afterwards."""
        before = vars(owner).get(name, _MISSING)
        setattr(owner, name, value)
        self.undo(lambda: delattr(owner, name) if before is _MISSING else setattr(owner, name, before))

    def set_item(self, mapping: Any, key: Any, value: Any) -> None:
        """``mapping[key] = value``."""
        before = mapping.get(key, _MISSING)
        mapping[key] = value

        def back() -> None:
            if before is _MISSING:
                mapping.pop(key, None)
            else:
                mapping[key] = before

        self.undo(back)

    def look_up(self, module: ModuleType, find: Callable[[str], Any]) -> None:
        """Names that ``module`` does not have are asked of ``find``, then of what was asked before.

        Args:
            module: a module that the host looks names up in by ``getattr``.
            find: name to value; raises AttributeError for a name that it does not know.
        """
        before = vars(module).get("__getattr__")

        def missing(name: str) -> Any:
            try:
                return find(name)
            except AttributeError as error:
                if before is not None:
                    with suppress(AttributeError):
                        return before(name)
                if isinstance(error, GaitPluginsError):  # it says more
                    raise
                raise AttributeError(f"module {module.__name__!r} has no attribute {name!r}") from None

        self.set(module, "__getattr__", missing)

    def undo(self, action: Callable[[], object]) -> None:
        """Anything else that reverting must do."""
        self._undo.append(action)

    def revert(self) -> None:
        """Set everything back."""
        while self._undo:
            self._undo.pop()()


class Patch(ABC):
    """One change of the host, in memory only.

    A subclass says what it is in the class variables, what it relies on in ``expects``, and makes its
    changes in ``change`` through ``self.replace``. Importing its module imports no torch.
    """

    name: ClassVar[str]
    """As in ``--without NAME``."""
    touches: ClassVar[str]
    """What in the host, in the host's words."""
    why: ClassVar[str]
    """What does not work without it."""
    files: ClassVar[tuple[str, ...]] = ()
    """Files of the checkout whose behaviour it relies on, from the root on: ``opengait/main.py``."""
    expects: ClassVar[Expected] = {}
    """What must be there for the patch to fit. Further parameters that have a default do no harm."""
    parts: ClassVar[Mapping[str, Expected]] = {}
    """What only a part of the patch expects: a checkout without it goes on without this part."""
    needed: ClassVar[bool] = False
    """Whether nothing is run where it does not fit; any other patch is off then, by its name."""

    def __init__(self) -> None:
        self.replace = Replacements()

    def probe(self, checkout: Checkout) -> None:
        """See, by reading alone, whether everything that the patch relies on is there.

        Raises:
            UpstreamMismatch: something is missing or takes other arguments.
        """
        _check(self.expects, checkout, f"patch {self.name}")

    def unfit(self, checkout: Checkout) -> dict[str, str]:
        """The parts that do not fit, and why; found by reading, as in ``probe``."""
        found = {}
        for part, expected in self.parts.items():
            try:
                _check(expected, checkout, f"patch {self.name}")
            except UpstreamMismatch as error:
                found[part] = error.message
        return found

    def files_of_parts(self) -> set[str]:
        """Those of ``files`` that only a part relies on: a checkout may lack them."""
        return {f"opengait/{module.replace('.', '/')}.py" for part in self.parts.values() for module in part}

    def apply(self, host: Host) -> None:
        """Make the changes; where one fails, those made before are set back."""
        try:
            self.change(host)
        except BaseException:
            self.revert()
            raise

    @abstractmethod
    def change(self, host: Host) -> None:
        """The changes, each by ``self.replace``; modules of the host are had by ``host.module``."""

    def revert(self) -> None:
        """Set back every change."""
        self.replace.revert()


_ANOTHER = "the checkout has another version: use the pinned commit, or leave the patch out with --without"


def _check(expected: Expected, checkout: Checkout, where: str) -> None:
    for module, names in expected.items():
        outline = checkout.outline(module)
        for name, parameters in names.items():
            if name not in outline:
                raise UpstreamMismatch(f"{module} has no {name}", where=where, hint=_ANOTHER)
            found = outline[name]
            if parameters is None or (found is not None and _takes(found, parameters)):
                continue
            taken = "not a function" if found is None else f"({', '.join(found)})".replace("=", "=...")
            raise UpstreamMismatch(
                f"{module}.{name} is {taken}, expected ({', '.join(parameters)})", where=where, hint=_ANOTHER
            )


def _takes(found: list[str], expected: list[str]) -> bool:
    """Whether a function can be called as is expected: what came later has a default and follows."""
    names = [name.removesuffix("=") for name in found]
    plain = [name for name in expected if not name.startswith("*")]
    starred = {name for name in expected if name.startswith("*")}
    further = found[len(plain) :]
    optional = all(name.endswith("=") or name.startswith("*") for name in further)
    return names[: len(plain)] == plain and optional and starred <= set(further)


def fitting(patches: list[Patch], checkout: Checkout) -> tuple[list[Patch], dict[str, str]]:
    """The patches that fit a checkout, and what is off: name of a patch or of a part -> why.

    Raises:
        UpstreamMismatch: a patch that is needed does not fit.
    """
    fit, off = [], {}
    for patch in patches:
        try:
            patch.probe(checkout)
        except UpstreamMismatch as error:
            if patch.needed:
                raise
            off[patch.name] = error.message
        else:
            fit.append(patch)
            off |= patch.unfit(checkout)
    return fit, off


@contextmanager
def applied(patches: list[Patch], host: Host) -> Iterator[None]:
    """All patches that fit, in their order, for a while; where one cannot be applied, none is.

    ``host.off`` then names what does not fit.

    Raises:
        UpstreamMismatch: a needed patch does not fit, or one could not be applied; which, and why.
    """
    fit, off = fitting(patches, host.checkout)
    host.off.update(off)
    done: list[Patch] = []
    try:
        for patch in fit:
            try:
                patch.apply(host)
            except GaitPluginsError as error:
                error.where = error.where or f"patch {patch.name}"
                raise
            except Exception as error:
                raise UpstreamMismatch(
                    f"the patch could not be applied: {type(error).__name__}: {error}",
                    where=f"patch {patch.name}",
                    hint=f"nothing was changed; use --without {patch.name} to continue without the patch",
                ) from error
            done.append(patch)
        yield
    finally:
        for patch in reversed(done):
            patch.revert()
