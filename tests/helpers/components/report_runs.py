"""Run folders for reports: the log of a training, and embeddings of more sequences."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from gait_plugins.core.tools.embeddings import Embeddings, read_embeddings, write_embeddings


def write_log(folder: Path, steps: int = 6, total: int = 6) -> None:
    """A log as a training writes it that was killed and resumed from step 2, and killed in a line at last."""
    begin = {"type": "run_begin", "time": 1.0, "phase": "train", "first_step": 0, "total_steps": total}
    lines: list[object] = [begin, *(_step(step, 9.0) for step in range(1, 5)), {**begin, "first_step": 2}]
    lines += [_step(step, 3.0 / step) for step in range(3, steps + 1)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "log.jsonl").write_text(text + '{"type": "step", "time": 9', encoding="utf-8")


def _step(step: int, loss: float) -> dict[str, object]:
    figures = {"scalar/loss": loss, "scalar/learning_rate": 0.1, "scalar/odd/<figure>": None}
    return {"type": "step", "time": 1.0 + step, "step": step, "metrics": figures}


def grow(run: Path, count: int, *, odd: bool = False) -> None:
    """Make a run that keeps embeddings keep so many, by taking them again with a little noise.

    Args:
        run: the folder.
        count: of sequences.
        odd: whether they have names that a page must not take for its own marks.
    """
    (path,) = run.glob("embeddings-*.npz")
    found = read_embeddings(path)
    more = found.rows(np.resize(np.arange(len(found)), count))
    noise = np.random.default_rng(0).normal(0, 0.1, more.embeddings.shape)
    values = (more.embeddings + noise).astype(np.float32)
    names = np.array([f"<script>alert({row})</script>" for row in range(count)]) if odd else more.names
    write_embeddings(path, Embeddings(values, more.labels, more.types, more.views, names, found.origin))
