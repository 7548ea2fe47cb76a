"""JSONL log of a run folder: one JSON record per line, complete and on disk as soon as it is written."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gait_plugins.api import Results, Run
from gait_plugins.hookspecs import hookimpl
from gait_plugins.io.printable import json_text

FILE_NAME = "log.jsonl"


class JsonlLog:
    """Writes ``log.jsonl`` into the run folder; a resumed run goes on in the same file.

    Every record has a ``type`` (``run_begin``, ``step``, ``checkpoint``, ``results``, ``run_end``) and
    a ``time`` (seconds since 1970). Numbers that JSON cannot hold (NaN, infinities) become ``null``.

    Args:
        run: the run that has just begun.
    """

    def __init__(self, run: Run) -> None:
        run.folder.mkdir(parents=True, exist_ok=True)
        path = run.folder / FILE_NAME
        _cut_torn_record(path)
        self._file = path.open("a", encoding="utf-8")
        self._write(
            "run_begin",
            phase=run.phase,
            first_step=run.first_step,
            total_steps=run.total_steps,
            world_size=run.world_size,
        )

    @hookimpl
    def gait_step_end(self, step: int, metrics: Mapping[str, Any]) -> None:
        scalars = {key: float(value) for key, value in metrics.items() if key.startswith("scalar/")}
        if scalars:
            self._write("step", step=step, metrics=scalars)

    @hookimpl
    def gait_checkpoint_saved(self, path: Path, step: int) -> None:
        self._write("checkpoint", step=step, path=str(path))

    @hookimpl
    def gait_evaluated(self, step: int, results: Results) -> None:
        self._write(
            "results",
            step=step,
            subset=results.subset,
            protocol=results.protocol,
            dataset=results.dataset,
            scored_as=results.table,
            metrics=results.metrics,
            probes=results.probes,
            gallery=results.gallery,
            probes_without_match=results.probes_without_match,
            details=results.details,
        )

    @hookimpl
    def gait_run_end(self, error: BaseException | None) -> None:
        text = None if error is None else f"{type(error).__name__}: {error}"
        self._write("run_end", error=text)
        self._file.close()

    def _write(self, record_type: str, **fields: Any) -> None:
        record = {"type": record_type, "time": round(time.time(), 3), **fields}
        self._file.write(json_text(_plain(record), allow_nan=False) + "\n")
        self._file.flush()


def _plain(value: Any) -> Any:
    """The value as JSON's own types."""
    if hasattr(value, "tolist"):  # arrays, tensors and their scalars
        value = value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, str | int | bool | None) else str(value)


def _cut_torn_record(path: Path) -> None:
    """Remove the half-written last line that a killed run may have left."""
    if not path.exists():
        return
    with path.open("rb+") as file:
        content = file.read()
        file.truncate(content.rfind(b"\n") + 1)
