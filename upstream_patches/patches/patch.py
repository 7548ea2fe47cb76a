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
    unavailable: dict[str, str] = field(default_factory=dict)
    """Class of the checkout that could not be imported -> why."""
    session: Session = field(default_factory=Session)
    """What the patches tell each other while the host runs."""

    def module(self, name: str) -> ModuleType:
        """A module of the checkout: ``modeling.base_model``, ``data.sampler``, ..."""
        return importlib.import_module(name)


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
    expects: ClassVar[Mapping[str, Mapping[str, list[str] | None]]] = {}
    """Module -> name or ``Class.method`` in it -> its parameters; None: it only has to be there."""

    def __init__(self) -> None:
        self.replace = Replacements()

    def probe(self, checkout: Checkout) -> None:
        """See, by reading alone, whether everything that the patch relies on is there.

        Raises:
            UpstreamMismatch: something is missing or takes other arguments.
        """
        for module, names in self.expects.items():
            outline = checkout.outline(module)
            for name, parameters in names.items():
                if name not in outline:
                    raise UpstreamMismatch(
                        f"{module} has no {name}", where=f"patch {self.name}", hint=_ANOTHER
                    )
                if parameters is not None and outline[name] != parameters:
                    found = outline[name]
                    taken = "not a function" if found is None else f"({', '.join(found)})"
                    raise UpstreamMismatch(
                        f"{module}.{name} is {taken}, expected ({', '.join(parameters)})",
                        where=f"patch {self.name}",
                        hint=_ANOTHER,
                    )

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


@contextmanager
def applied(patches: list[Patch], host: Host) -> Iterator[None]:
    """All patches in their order, for a while; where one cannot be applied, none is.

    Raises:
        UpstreamMismatch: a probe failed or a patch could not be applied; which, and why.
    """
    for patch in patches:
        patch.probe(host.checkout)
    done: list[Patch] = []
    try:
        for patch in patches:
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
