"""Run folders read for a report: records of the training, results, and what is odd about them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gait_plugins.api import ReportRun
from gait_plugins.core.runs.compare import read_record, read_results, run_record_folder
from gait_plugins.errors import ConfigError
from gait_plugins.registry.components import BUILT_IN
from gait_plugins.version import __version__

LOG = "log.jsonl"


def read_run(folder: Path, name: str, step: int | None = None) -> ReportRun:
    """What a run folder tells, without its embeddings.

    Args:
        folder: it.
        name: what the run is called in the report.
        step: whose results; None: the last.

    Raises:
        DataError: it is no run folder, has no results of that step, or a record cannot be read.
    """
    described = run_record_folder(folder)
    tested = step is not None or any(folder.glob("results-*.json"))
    run = ReportRun(
        name=name,
        folder=folder,
        config=read_record(described / "config.yaml"),
        provenance=_optional(described / "plugins.json"),
        environment=_optional(described / "environment.json"),
        records=_records(folder / LOG),
        results=read_results(folder, step) if tested else {},
    )
    run.notes = tuple(_notes(run))
    return run


def names_of(folders: Sequence[Path]) -> list[str]:
    """A name for each run: as many of the last folders as tell them all apart.

    Raises:
        ConfigError: one folder is given twice.
    """
    parts = [folder.resolve().parts[1:] for folder in folders]
    if len(set(parts)) < len(parts):
        twice = next(folder for place, folder in enumerate(folders) if parts[place] in parts[:place])
        raise ConfigError("this run folder is given twice", where=str(twice), hint="name each run once")
    deepest = max(map(len, parts), default=1)
    for count in range(min(2, deepest), deepest):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(names):
            return names
    return ["/".join(part) for part in parts]


def _optional(path: Path) -> Mapping[str, Any]:
    return read_record(path) if path.is_file() else {}


def _records(path: Path) -> list[Mapping[str, Any]]:
    """The lines of the log; of steps that a resumed training did again, the later ones."""
    kept: list[Mapping[str, Any]] = []
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:  # the last line of a training that was killed
            continue
        if not isinstance(record, Mapping):
            continue
        if record.get("type") == "run_begin" and record.get("phase") == "train":
            first = record.get("first_step") or 0
            kept = [each for each in kept if (each.get("step") or 0) <= first]
        kept.append(record)
    return kept


def _notes(run: ReportRun) -> list[str]:
    """What a reader must know of the run."""
    notes = []
    trained = [
        each for each in run.records if each.get("type") == "run_begin" and each.get("phase") == "train"
    ]
    told = [each.get("step") for each in run.records if each.get("type") in ("step", "checkpoint")]
    steps = [step for step in told if isinstance(step, int)]
    total = trained[-1].get("total_steps") if trained else None
    if isinstance(total, int) and max(steps, default=0) < total:
        notes.append(
            f"The training is not finished: its record ends at step {max(steps, default=0)} of {total}. "
            "gait-plugins train CONFIG --resume goes on."
        )
    version = (run.environment.get("packages") or {}).get(BUILT_IN)
    if version is not None and version != __version__:
        notes.append(f"The run was made by version {version}; this page is made by {__version__}.")
    if not run.results:
        notes.append("The run has no results. gait-plugins test CONFIG scores its last checkpoint.")
    return notes
