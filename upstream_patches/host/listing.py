"""Components of a checkout for the core, and missing packages: found by reading, with nothing imported."""

from __future__ import annotations

import ast
import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path

from gait_plugins.hookspecs import Offer
from upstream_patches.checkout.stand_ins import MATPLOTLIB, SKLEARN, TORCHVISION
from upstream_patches.checkout.tree import MODULES, Checkout
from upstream_patches.checkout.unavailable import DISTRIBUTIONS
from upstream_patches.host.counterparts import STACKED
from upstream_patches.host.source import (
    IN_PIECES,
    Outline,
    Source,
    calls_base,
    path_to,
    settings_read,
    words_of,
)

PREFIX = "opengait"
"""Before the names of all components."""
FAMILIES = {"model": "modeling/models", "loss": "modeling/losses", "transform": "data"}
"""Kind -> the folder whose classes OpenGait looks names up among."""
MADE_IN = {"model": "models", "loss": "losses", "transform": "transforms"}
"""Kind -> the module here whose attributes are the classes for the core."""
ROOTS = {"model": "BaseModel", "loss": "BaseLoss"}
"""Kind -> the base class that tells its classes from others."""
OWN_LOOP = ("inputs_pretreament", "train_step", "run_train", "run_test", "inference", "get_loader")
"""Methods by which a model changes OpenGait's trainer; the core, which trains it here, calls none of them."""
_STOOD_IN_FOR = {TORCHVISION[0], MATPLOTLIB[0]}
"""Packages that silhouette models import and can do without."""
_STOOD_IN_FOR_IN = {(SKLEARN[0], "evaluation")}
"""A package and whose modules can do without it: one evaluator needs it, and no model asks for that."""


@dataclass(frozen=True)
class Found:
    """A class of the checkout that is a component."""

    kind: str
    name: str
    module: str
    """``modeling.models.gaitset``."""
    digest: str
    """Of the module's file."""
    missing: str = ""
    """Why it cannot be used here; empty where it can."""
    lineage: tuple[tuple[Source, str], ...] = field(default=(), repr=False, compare=False)
    """The class and its ancestors in the checkout."""
    helpers: tuple[Source, ...] = field(default=(), repr=False, compare=False)
    """The modules of its folder that it is made with."""

    @property
    def settings(self) -> set[tuple[str, str]]:
        """Section and key of what it reads of the configuration beyond ``model_cfg``."""
        read = {setting for source, name in self.lineage for setting in settings_read(source.tree_of(name))}
        return {(section, key) for section, key in read if section != "model_cfg"}

    @property
    def words(self) -> set[str]:
        """Every text in its classes: the options that it reads by name are among them."""
        return {word for source, name in self.lineage for word in words_of(source.tree_of(name))}

    @property
    def mentioned(self) -> set[str]:
        """Every text in its modules: the options that its helpers read are among them too."""
        found = {word for source in self.helpers for word in source.words}
        classes = [source.tree_of(name) for source, name in self.lineage]
        builds = [node for node in classes if "build_network" in _methods(node)]
        if not builds or any(calls_base(node, "build_network") for node in builds):
            found.add("backbone_cfg")  # read by the base class of all models
        return found

    def key(self, name: str) -> str:
        """``model_cfg.Backbone.in_channels`` of a key that it reads; the key alone where it is not found."""
        paths = (path_to(source.tree_of(each), name) for source, each in self.lineage)
        return next(filter(None, paths), name)


def _methods(node: ast.ClassDef) -> set[str]:
    return {item.name for item in node.body if isinstance(item, ast.FunctionDef)}


class Listing:
    """All components of a checkout.

    Args:
        checkout: where it lies.
    """

    def __init__(self, checkout: Checkout) -> None:
        self.checkout = checkout
        self._sources: dict[str, Source | None] = {}

    @cached_property
    def found(self) -> dict[tuple[str, str], Found]:
        """Kind and name -> component; of two classes of one name the one that OpenGait would find."""
        with _without_collections():
            return {(f.kind, f.name): f for kind in FAMILIES for f in self._components(kind)}

    def _components(self, kind: str) -> Iterator[Found]:
        folder = self.checkout.package / FAMILIES[kind]
        names = ["transform"] if kind == "transform" else sorted(p.stem for p in folder.glob("*.py"))
        package = FAMILIES[kind].replace("/", ".")
        for module in (f"{package}.{name}" for name in names if name != "__init__"):
            source = self._source(module)
            if source is None:
                continue
            for outline in source.classes.values():
                if self._is_one(kind, source, outline):
                    yield self._component(kind, source, outline)

    def _is_one(self, kind: str, source: Source, outline: Outline) -> bool:
        if kind == "transform":
            return "__call__" in outline.methods
        names = {name for _, ancestor in self._lineage(source, outline) for name in ancestor.bases}
        return outline.name != ROOTS[kind] and ROOTS[kind] in names

    def _component(self, kind: str, source: Source, outline: Outline) -> Found:
        needed = self._needed(source)
        lacking, absent = self._lacking(needed), self._absent(needed)
        lineage = list(self._lineage(source, outline))
        missing = ""
        if lacking:
            packages = " ".join(sorted(DISTRIBUTIONS.get(name, name) for name in lacking))
            missing = f"needs {' and '.join(sorted(lacking))}: pip install {packages}"
        elif absent:
            missing = f"imports {' and '.join(sorted(absent))}, which the checkout lacks"
        elif kind == "model":
            own = {method for _, ancestor in lineage for method in ancestor.methods} & set(OWN_LOOP)
            if own and not (outline.name in STACKED and own == {"inputs_pretreament"}):
                missing = (
                    f"changes OpenGait's trainer ({', '.join(sorted(own))}): it can be trained only there"
                )
        found_in = tuple((holder, ancestor.name) for holder, ancestor in lineage)
        folder = FAMILIES[kind].replace("/", ".")
        helpers = tuple(module for module in needed if module.name.startswith(f"{folder}."))
        return Found(kind, outline.name, source.name, source.digest, missing, found_in, helpers)

    def _lineage(self, source: Source, outline: Outline) -> Iterator[tuple[Source, Outline]]:
        """A class and its ancestors in the checkout, up to the base class of all models or losses."""
        yield source, outline
        for base in outline.bases:
            if base in ROOTS.values():
                continue
            for holder in (source, *self._imported(source)):
                ancestor = holder.classes.get(base)
                if ancestor is not None and ancestor is not outline:
                    yield from self._lineage(holder, ancestor)
                    break

    # --- modules -------------------------------------------------------------------------------

    def _needed(self, source: Source) -> list[Source]:
        """A module, and all of the checkout that importing it imports."""
        needed, rest = {source.name: source}, [source]
        while rest:
            for inner in self._imported(rest.pop()):
                if inner.name not in needed:
                    needed[inner.name] = inner
                    rest.append(inner)
        return list(needed.values())

    def _absent(self, needed: list[Source]) -> set[str]:
        """The modules of the checkout that these import, and that it does not have."""
        names = {name for module in needed for name in module.modules if name.partition(".")[0] in MODULES}
        folders = {name: self.checkout.package.joinpath(*name.split(".")) for name in names}
        return {name for name, folder in folders.items() if not self._source(name) and not folder.is_dir()}

    def _lacking(self, needed: list[Source]) -> set[str]:
        """The packages that importing these modules needs and that are not installed."""
        tops = {
            (name.partition(".")[0], module.name.partition(".")[0])
            for module in needed
            for name in module.imports
        }
        needs = {top for top, holder in tops if (top, holder) not in _STOOD_IN_FOR_IN}
        return {top for top in needs if top not in MODULES and not _installed(top)}

    def _imported(self, source: Source) -> list[Source]:
        """The modules of the checkout that a module imports."""
        return [found for name in sorted(source.imports) if (found := self._source(name)) is not None]

    def _source(self, module: str) -> Source | None:
        if module not in self._sources:
            self._sources[module] = None
            if module.partition(".")[0] in MODULES and module not in IN_PIECES:
                path = self.checkout.package.joinpath(*module.split("."))
                for file in (path.with_name(f"{path.name}.py"), path / "__init__.py"):
                    if file.is_file():
                        self._sources[module] = Source(module, file)
                        break
        return self._sources[module]


@contextmanager
def _without_collections() -> Iterator[None]:
    # Syntax trees are many small objects and no garbage: to look for some takes a third of the time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


@lru_cache(maxsize=4)
def _listing(root: Path) -> Listing:
    return Listing(Checkout(root))


def listing() -> Listing:
    """The components of the checkout that ``OPENGAIT_HOME`` names.

    Raises:
        UpstreamMismatch: it names none.
    """
    return _listing(Checkout.find().root)


def offers(kind: str) -> dict[str, Offer]:
    """``opengait/<name>`` -> where its class is made, which file it is made from, and what is missing."""
    return {
        f"{PREFIX}/{found.name}": Offer(
            f"upstream_patches.host.{MADE_IN[kind]}:{found.name}",
            source=f"OpenGait {found.module} {found.digest}",
            missing=found.missing,
        )
        for found in listing().found.values()
        if found.kind == kind
    }


@lru_cache(maxsize=256)
def _installed(package: str) -> bool:
    if package in sys.stdlib_module_names or package in _STOOD_IN_FOR:
        return True
    return find_spec(package) is not None


def found_as(kind: str, name: str) -> Found:
    """A component of the checkout.

    Raises:
        AttributeError: there is no such component, as a module says it.
    """
    found = None if name.startswith("_") else listing().found.get((kind, name))
    if found is None:
        raise AttributeError(f"the checkout has no {kind} {name!r}")
    return found
