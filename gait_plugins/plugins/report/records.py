"""Records of the runs: what differs between them, configuration, origin of components, environment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from gait_plugins.api import ReportMaterial, ReportSection, Table

_TITLES = {
    "scored": "Scored differently: the figures may not be comparable",
    "seeds": "Seeds",
    "data": "Data",
    "settings": "Settings",
    "changes": "Changed in the middle of a run",
    "versions": "Versions",
    "machine": "Machine",
}
_NONE = "-"


def comparison(material: ReportMaterial) -> ReportSection | None:
    """Tables of what differs, in causes that change figures first."""
    if len(material.runs) < 2:
        return None
    heads = ("", *(run.name for run in material.runs))
    tables = [
        Table(_TITLES.get(kind, kind), heads, tuple((each.name, *map(_shown, each.values)) for each in found))
        for kind, found in material.differences.items()
        if found
    ]
    same = [_TITLES.get(kind, kind).lower() for kind, found in material.differences.items() if not found]
    of_data = any(each.name.endswith("dataset_name") for each in material.differences.get("data", ()))
    notes = [f"No difference: {', '.join(same)}."] if same else []
    if of_data:
        notes.append("The runs are of different data sets: their figures cannot be compared.")
    return ReportSection(
        "What differs",
        "Everything in which the runs differ. A comparison is fair where only what is studied differs: one "
        "setting, or the seed.",
        tables=tables,
        notes=notes,
    )


def configuration(material: ReportMaterial) -> ReportSection:
    """The settings of each run, where its components come from, and the machine."""
    tables = []
    for run in material.runs:
        named = f": {run.name}" if len(material.runs) > 1 else ""
        settings = tuple((key, _shown(value)) for key, value in _flat(run.config))
        origins = tuple(
            (key, str(told.get("distribution")), str(told.get("version")), str(told.get("target")))
            for key, told in run.provenance.items()
            if isinstance(told, Mapping)
        )
        tables.append(Table(f"Settings{named}", ("setting", "value"), settings))
        if origins:
            heads = ("component", "package", "version", "class")
            tables.append(Table(f"Components{named}", heads, origins))
        tables.append(Table(f"Environment{named}", ("", "value"), tuple(_environment(run.environment))))
    return ReportSection(
        "Configuration and provenance",
        "All that decided the numbers: every setting, the package that each component comes from, versions "
        "and machine. With it the run can be repeated.",
        tables=[table for table in tables if table.rows],
    )


def _environment(told: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in told.items():
        if key == "packages" and isinstance(value, Mapping):
            yield from ((str(name), _shown(version)) for name, version in value.items())
        elif key == "command" and isinstance(value, list):
            yield key, " ".join(map(str, value))
        else:
            yield key, _shown(value)


def _flat(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Settings as dotted keys; lists of mappings by their places."""
    inner: list[tuple[str, Any]] = []
    if isinstance(value, Mapping):
        inner = [(str(key), each) for key, each in value.items()]
    elif isinstance(value, list) and any(isinstance(each, Mapping) for each in value):
        inner = [(str(place), each) for place, each in enumerate(value)]
    if not inner:
        yield path, value
    for key, each in inner:
        yield from _flat(each, f"{path}.{key}" if path else key)


def _shown(value: Any) -> str:
    if value is None:
        return _NONE
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "[]"
    return str(value)
