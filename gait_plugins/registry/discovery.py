"""Discovery of the installed packages that offer plugins, from their metadata; nothing is imported."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import Distribution, EntryPoint, distributions
from pathlib import Path

from gait_plugins.hookspecs import PROJECT
from gait_plugins.registry.components import BUILT_IN, Failure, Owner, import_target, normalised
from gait_plugins.registry.versions import age

ALLOW_VARIABLE = "GAIT_PLUGINS_LOAD"
_UNKNOWN = "(unknown version)"
_ABOUT = ("METADATA", "PKG-INFO", "")
"""Files of a package's metadata that name it; the last is for a metadata folder that is a file itself."""
_SET_ASIDE = "~"
"""First letter of the names that pip gives to what it is about to remove."""


@dataclass(frozen=True)
class Leftover:
    """Package metadata that counts for nothing: of an earlier version, or of no package."""

    folder: str
    reason: str

    def __str__(self) -> str:
        return f"{self.folder}: {self.reason}\n  -> delete this folder"


@dataclass(frozen=True)
class Discovered:
    """The plugins that are installed, and what of their metadata cannot be used."""

    plugins: Sequence[tuple[Owner, EntryPoint]]
    """By package and name."""
    failures: Sequence[Failure]
    leftovers: Sequence[Leftover]


class _Metadata:
    """The metadata folder of one package, read as far as it is needed."""

    def __init__(self, distribution: Distribution) -> None:
        # Where it lies is not public, but the same in every version of Python; a finder of another kind
        # may have no such place.
        path = getattr(distribution, "_path", None)
        self.distribution = distribution
        self.path = str(path or "")
        stem = os.path.basename(self.path).rpartition(".")[0]
        self.stem, _, rest = stem.partition("-")
        self._version = rest.partition("-py")[0]
        self.entry_points: tuple[EntryPoint, ...] = ()
        self.damage = ""
        try:
            self.entry_points = tuple(e for e in distribution.entry_points if e.group == PROJECT)
        except Exception as error:  # a half-written or foreign table must not stop the others
            self.damage = f"its entry_points.txt cannot be read: {type(error).__name__}: {error}"

    @cached_property
    def place(self) -> str:
        """The folder of packages that it lies in."""
        return os.path.realpath(os.path.dirname(self.path)) if self.path else ""

    @property
    def name(self) -> str:
        """As its METADATA says; empty where that is missing or damaged."""
        return self._said("Name")

    @property
    def version(self) -> str:
        return self._said("Version") or self._version or _UNKNOWN

    @property
    def is_set_aside(self) -> bool:
        return self.stem.startswith(_SET_ASIDE)

    @property
    def project(self) -> str:
        return normalised(self.name or self.stem)

    def age(self) -> tuple[object, ...]:
        # Of two of one version the record of an installation counts before that of a source folder.
        return (age(self.version), self.path.endswith(".dist-info"), self.path)

    def means_us(self) -> bool:
        """True where a damaged table of entry points mentions plugins of this program."""
        try:
            return PROJECT.encode() in Path(self.path, "entry_points.txt").read_bytes()
        except OSError:
            return False

    def _said(self, key: str) -> str:
        return self._fields.get(key.lower(), "")

    @cached_property
    def _fields(self) -> dict[str, str]:
        """Name and version; the long description below them is not looked at."""
        try:
            text = next(filter(None, map(self.distribution.read_text, _ABOUT)), "")
        except Exception:  # not UTF-8
            return {}
        found: dict[str, str] = {}
        for line in text.splitlines():
            key, colon, value = line.partition(":")
            if line[:1] in " \t" and line.strip():
                continue  # it goes on with the one before
            if not colon:
                break
            found.setdefault(key.lower(), value.strip())
        return found


def discover() -> Discovered:
    """The plugins of the built-ins and of every installed package.

    Of several metadata of one project in one folder, which a half-failed upgrade leaves, the newest that
    names its project counts. Of several folders on the path, the first counts: Python imports from there.
    The built-ins are those of the very package that runs, whatever its metadata says.
    """
    plugins = dict(_built_ins())
    failures: list[Failure] = []
    leftovers: list[Leftover] = []
    for project, places in _projects().items():
        chosen: _Metadata | None = None
        for metadata in places.values():
            newest = _newest(metadata)
            leftovers += _left_over(metadata, newest)
            chosen = chosen or newest
        if project == BUILT_IN:
            continue
        if chosen is None or chosen.damage:
            failures += _unusable(next(iter(places.values())) if chosen is None else [chosen])
        else:
            plugins.update((_owner(chosen, point), point) for point in chosen.entry_points)
    return Discovered(sorted(plugins.items(), key=lambda pair: pair[0]), failures, leftovers)


def _built_ins() -> Iterator[tuple[Owner, EntryPoint]]:
    version = import_target("gait_plugins:__version__")
    for name, module in import_target("gait_plugins.plugins:MANIFESTS").items():
        yield Owner(BUILT_IN, version, name, module), EntryPoint(name, module, PROJECT)


def _projects() -> dict[str, dict[str, list[_Metadata]]]:
    """Project -> folder on the path -> its metadata there, for every project that has to do with us."""
    read = {m.path or str(i): m for i, m in enumerate(map(_Metadata, distributions()))}
    # Most packages offer nothing here; their metadata need not be read.
    concerned = {BUILT_IN} | {m.project for m in read.values() if m.entry_points}
    concerned |= {m.project for m in read.values() if m.damage and m.means_us()}
    found: dict[str, dict[str, list[_Metadata]]] = defaultdict(lambda: defaultdict(list))
    for metadata in read.values():
        if metadata.entry_points or metadata.damage or normalised(metadata.stem) in concerned:
            project = metadata.project
            if project in concerned:
                found[project][metadata.place].append(metadata)
    return found


def _newest(metadata: list[_Metadata]) -> _Metadata | None:
    named = [m for m in metadata if m.name and not m.is_set_aside]
    return max(named, key=_Metadata.age) if len(named) > 1 else next(iter(named), None)


def _left_over(metadata: list[_Metadata], newest: _Metadata | None) -> Iterator[Leftover]:
    for other in metadata:
        if other is newest or not other.path:
            continue
        if other.is_set_aside:
            yield Leftover(other.path, "pip set this metadata aside, and did not remove it")
        elif newest is not None and not other.name:
            yield Leftover(other.path, f"metadata without a name, beside {newest.name} {newest.version}")
        elif newest is not None:
            said = f"metadata of {other.name} {other.version}, beside that of {newest.version}"
            yield Leftover(other.path, said)


def _unusable(metadata: list[_Metadata]) -> Iterator[Failure]:
    for one in metadata:
        if one.is_set_aside:
            continue
        lacks = one.damage or "its METADATA is missing or names no project"
        reason = f"{lacks}\nthe folder is {one.path}; reinstall {one.project}, or delete this folder"
        points = one.entry_points or [EntryPoint("?", "entry_points.txt", PROJECT)]
        yield from (Failure(_owner(one, point), reason) for point in points)


def _owner(metadata: _Metadata, point: EntryPoint) -> Owner:
    module = point.value.partition(":")[0].strip()
    return Owner(metadata.name or metadata.project, metadata.version, point.name, module)


def allow_list(names: Iterable[str] | None) -> frozenset[str] | None:
    """What may load beside the built-ins: ``names``, the environment's list, or what both hold.

    None means that all may.
    """
    chosen = None if names is None else frozenset(normalised(name) for name in names)
    if ALLOW_VARIABLE not in os.environ:
        return chosen
    environment = os.environ[ALLOW_VARIABLE].split(",")
    permitted = frozenset(normalised(name.strip()) for name in environment if name.strip())
    return permitted if chosen is None else permitted & chosen


def is_allowed(owner: Owner, allow: frozenset[str] | None) -> bool:
    """True for built-ins and for plugins that are allowed by their package's or their own name."""
    package = normalised(owner.distribution)
    return allow is None or package == BUILT_IN or bool({package, normalised(owner.entry_point)} & allow)
