"""Run comparison: differences in settings, data, versions and seeds, beside the figures."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from gait_plugins.config.options import signature
from gait_plugins.config.plain import flat_settings, to_plain
from gait_plugins.config.yaml.defaults import SECTIONS
from gait_plugins.core.runs.changes import data_changes, read_changes, read_data_record
from gait_plugins.errors import ConfigError, DataError

ABSENT = None
"""Where a run has no such setting, package or figure."""

_NAMES = ("output_dir", "run_dir", "trainer_cfg.save_name", "evaluator_cfg.save_name")
"""Settings that name a run and change nothing in it."""
_MACHINE = ("platform", "cuda", "gpus", "threads", "processes", "precision")
_RESULTS = re.compile(r"results-(\d+)(?:-(.+))?\.json")
_UNNAMED = "an unnamed protocol"
"""For files that were written before their names held the protocol."""
_SCORED = ("protocol", "dataset", "scored_as", "step", "probes", "gallery", "probes_without_match")


class Difference(NamedTuple):
    """Something that two runs do not share."""

    name: str
    a: Any
    b: Any


@dataclass(frozen=True)
class RunComparison:
    """Two run folders side by side."""

    a: str
    b: str
    seeds: tuple[Difference, ...]
    data: tuple[Difference, ...]
    """Settings of ``data_cfg``, and the training sequences."""
    settings: tuple[Difference, ...]
    """All other settings, but for those that only name a run."""
    changes: tuple[Difference, ...]
    """What changed in the middle of either run, ``then -> now``."""
    versions: tuple[Difference, ...]
    """Python, packages, and origin of each component."""
    machine: tuple[Difference, ...]
    scored: tuple[Difference, ...]
    """Protocol, data set, step of the weights, and how many sequences: where these differ, so do figures."""
    figures: tuple[Difference, ...]
    """Every figure of either, in percent, equal ones too."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        groups = ("seeds", "data", "settings", "changes", "versions", "machine", "scored", "figures")
        return {
            "a": self.a,
            "b": self.b,
            **{name: [difference._asdict() for difference in getattr(self, name)] for name in groups},
        }


class _Run(NamedTuple):
    """The records of a run folder."""

    config: Mapping[str, Any]
    plugins: Mapping[str, Any]
    environment: Mapping[str, Any]
    results: Mapping[str, Any]
    data: Mapping[str, Any]
    changes: Mapping[str, str]


def compare_runs(
    a: Path,
    b: Path,
    step: int | None = None,
    protocol: str | None = None,
    *,
    needs_results: bool = True,
) -> RunComparison:
    """Compare two run folders by what a training and a test write there.

    Args:
        a: a run folder, ``output/<data set>/<model>/<save_name>``.
        b: another.
        step: compare the results of this step; None: the last of each.
        protocol: compare the results by this protocol; None: by one that both have, if there is one.
        needs_results: False where runs that were never tested are compared too, by their settings.

    Raises:
        ConfigError: both are the same folder.
        DataError: one is not a run folder, or has no results of that step and protocol.
    """
    if a.exists() and b.exists() and a.samefile(b):
        raise ConfigError("the two run folders are the same", where=str(a), hint="give two different runs")
    if needs_results or all(any(folder.glob("results-*.json")) for folder in (a, b)):
        scored: tuple[Path | None, ...] = _by_one_protocol(
            *(_results(each, step, protocol) for each in (a, b))
        )
    else:
        scored = (None, None)
    ours, theirs = (_read(*pair) for pair in zip((a, b), scored, strict=True))
    settings = _settings(ours, theirs)
    seeds = tuple(d for d in settings if d.name.rpartition(".")[2] == "seed")
    data = tuple(d for d in settings if d.name.startswith("data_cfg.") and d not in seeds)
    return RunComparison(
        a=str(a),
        b=str(b),
        seeds=seeds,
        data=(*data, *_other_sequences(ours, theirs)),
        settings=tuple(d for d in settings if d not in (*seeds, *data) and d.name not in _NAMES),
        changes=_side_by_side(ours.changes, theirs.changes),
        versions=_differences(ours, theirs, _versions),
        machine=_differences(ours, theirs, _machine),
        scored=_differences(ours, theirs, _scored),
        figures=_side_by_side(ours.results["metrics"], theirs.results["metrics"]),
    )


def _settings(ours: _Run, theirs: _Run) -> tuple[Difference, ...]:
    """Settings that differ, where one that is not written is its default."""
    defaults = _defaults()
    found = [
        Difference(name, *(defaults.get(name) if value is ABSENT else value for value in (a, b)))
        for name, a, b in _differences(ours, theirs, lambda run: flat_settings(run.config))
    ]
    return tuple(pair for pair in found if pair.a != pair.b)


def _defaults() -> dict[str, Any]:
    """Settings of the sections themselves -> what a run has that does not write them: an older one."""
    return {
        f"{name}.{param.name}": to_plain(param.default)
        for name, section in SECTIONS.items()
        for param in signature.of_model(section).params.values()
        if not (param.required or param.default_note or param.default is signature.OMITTED)
    }


def _scored(run: _Run) -> dict[str, Any]:
    found = {key: run.results.get(key) for key in _SCORED}
    # Results that were written before the two were told apart hold the name of the table alone.
    return found | {"scored_as": found["scored_as"] or found["dataset"]}


def run_record_folder(folder: Path) -> Path:
    """Where a run tells of itself: its folder, or one in it where it was only tested.

    Raises:
        DataError: it is no run folder.
    """
    _require_folder(folder)
    described = next((path for path in (folder, folder / "test") if (path / "config.yaml").is_file()), None)
    if described is None:
        raise _no_run(folder)
    return described


def read_record(path: Path) -> Mapping[str, Any]:
    """A file of a run folder, YAML or JSON, that holds a mapping.

    Raises:
        DataError: it is missing or damaged.
    """
    return _mapping(path, yaml.safe_load if path.suffix == ".yaml" else json.loads)


def _read(folder: Path, scored: Path | None) -> _Run:
    results = {"metrics": {}} if scored is None else _metrics_of(scored)
    described = run_record_folder(folder)
    return _Run(
        read_record(described / "config.yaml"),
        read_record(described / "plugins.json"),
        read_record(described / "environment.json"),
        results,
        read_data_record(folder) or {},
        {
            f"after step {record['after_step']}: {change['name']}": f"{change['then']} -> {change['now']}"
            for record in read_changes(folder)
            for change in record["changes"]
        },
    )


def read_results(folder: Path, step: int | None = None, protocol: str | None = None) -> Mapping[str, Any]:
    """What a test of a run found, as its file says; see :func:`compare_runs` for ``step`` and ``protocol``.

    Raises:
        DataError: the folder is no run, has no such results, or they cannot be read.
    """
    return _metrics_of(list(_results(folder, step, protocol).values())[-1])


def _metrics_of(path: Path) -> Mapping[str, Any]:
    results = _mapping(path, json.loads)
    metrics = results.get("metrics")
    if not isinstance(metrics, Mapping):
        raise _damaged(path, "the mapping 'metrics' is missing")
    strange = [name for name, value in metrics.items() if not isinstance(value, int | float | None)]
    if strange:
        raise _damaged(path, f"the figure {strange[0]} is not a number")
    return results


def _results(folder: Path, step: int | None, protocol: str | None) -> dict[str, Path]:
    """The files with the results of one step, by protocol; the newest comes last."""
    _require_folder(folder)
    found: dict[int, dict[str, Path]] = {}
    for path in sorted(folder.glob("results-*.json"), key=lambda path: path.stat().st_mtime_ns):
        if match := _RESULTS.fullmatch(path.name):
            found.setdefault(int(match[1]), {})[match[2] or _UNNAMED] = path
    if not found and not (folder / "config.yaml").is_file():
        raise _no_run(folder)
    if not found:
        raise DataError(
            "the run has no results to compare",
            where=str(folder),
            hint="gait-plugins test CONFIG scores its last checkpoint",
        )
    if step is not None and step not in found:
        raise DataError(
            f"the run has no results of step {step}; it has those of {', '.join(map(str, sorted(found)))}",
            where=str(folder),
            hint=f"gait-plugins test CONFIG --iter {step} scores that step",
        )
    of_step = found[max(found) if step is None else step]
    if protocol is not None and protocol not in of_step:
        raise DataError(
            f"the run has no results by the protocol {protocol}; it has those by {', '.join(of_step)}",
            where=str(folder),
            hint=f"gait-plugins test CONFIG -o evaluator_cfg.eval_func={protocol}",
        )
    return of_step if protocol is None else {protocol: of_step[protocol]}


def _by_one_protocol(a: Mapping[str, Path], b: Mapping[str, Path]) -> tuple[Path, Path]:
    """A file of each, by the newest of the protocols that they share; else the newest of each."""
    shared = [name for name in a if name in b]
    return (a[shared[-1]], b[shared[-1]]) if shared else (list(a.values())[-1], list(b.values())[-1])


def _mapping(path: Path, parse: Callable[[str], Any]) -> Mapping[str, Any]:
    try:
        content = parse(path.read_text(encoding="utf-8"))
    except (ValueError, yaml.YAMLError) as error:
        raise _damaged(path, str(error).splitlines()[0]) from error
    except FileNotFoundError as error:
        raise _damaged(path, "the file is missing") from error
    if not isinstance(content, Mapping):
        raise _damaged(path, f"expected a mapping, found {type(content).__name__}")
    return content


def _versions(run: _Run) -> dict[str, Any]:
    packages = run.environment.get("packages") or {}
    # The class without its module: to lie elsewhere in the same version is no difference.
    components = {
        key: f"{origin.get('distribution')} {origin.get('version')} "
        f"({str(origin.get('target')).rpartition(':')[2]})"
        for key, origin in run.plugins.items()
        if isinstance(origin, Mapping)
    }
    return {"python": run.environment.get("python"), **packages, **components}


def _machine(run: _Run) -> dict[str, Any]:
    return {"processes": 1, **{k: run.environment[k] for k in _MACHINE if k in run.environment}}


def _other_sequences(a: _Run, b: _Run) -> list[Difference]:
    """The training sequences, where both runs say which they were."""
    if not a.data or not b.data:
        return []
    return [Difference(*change) for change in data_changes(a.data, b.data)]


def _differences(a: _Run, b: _Run, told: Callable[[_Run], Mapping[str, Any]]) -> tuple[Difference, ...]:
    return tuple(pair for pair in _side_by_side(told(a), told(b)) if pair.a != pair.b)


def _side_by_side(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Difference, ...]:
    return tuple(Difference(name, a.get(name, ABSENT), b.get(name, ABSENT)) for name in {**a, **b})


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise DataError(
            "this is a file, expected a run folder" if folder.exists() else "there is no such folder",
            where=str(folder),
            hint="a run folder is output/<data set>/<model>/<save_name>",
        )


def _no_run(folder: Path) -> DataError:
    return DataError(
        "this is not a run folder: it holds neither config.yaml nor results",
        where=str(folder),
        hint="a run folder is output/<data set>/<model>/<save_name>",
    )


def _damaged(path: Path, reason: str) -> DataError:
    return DataError(
        f"the record of the run cannot be read: {reason}", where=str(path), hint="train or test the run again"
    )
