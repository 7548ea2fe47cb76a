"""A protocol component as an evaluator of OpenGait's shape: a function of embeddings and a name."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import gait_plugins
from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import DataError
from upstream_patches.adapters.signatures import accepting
from upstream_patches.classes import class_names, class_targets
from upstream_patches.session import Session

Evaluate = Callable[..., dict[str, float]]
Tell = Callable[[str], None]


def adapt_protocol(component: type[Protocol], name: str, session: Session, tell: Tell) -> Evaluate:
    """What the host calls with ``(data, dataset, **options)``; it gets the figures for its TensorBoard.

    Args:
        component: the protocol.
        name: as our YAML names it, best with its package.
        session: gets the results, for the life-cycle hooks.
        tell: writes a line of the host's log.
    """

    def evaluate(data: Mapping[str, Any], dataset: str, **options: Any) -> dict[str, float]:
        protocol: Protocol = gait_plugins.build("protocol", {"eval_func": name, **options})
        results = protocol.evaluate(embedding_set(data, dataset, session, protocol.outputs))
        session.results = results
        for line in in_lines(results):
            tell(line)
        return results.scalars()

    return accepting(evaluate, component.__name__, ("data", "dataset"), component)


_NAME = ("labels", "types", "views")
"""What the name of a sequence is made of."""


def embedding_set(
    data: Mapping[str, Any], dataset: str, session: Session, outputs: Sequence[str] = ()
) -> EmbeddingSet:
    """The host's ``embeddings``, ``labels``, ``types`` and ``views`` as a protocol takes them.

    The host keeps embeddings alone: they stand for other ``outputs`` too, such as scores of classes.
    """
    embeddings = np.asarray(data["embeddings"], dtype=np.float32)
    return EmbeddingSet(
        embeddings=embeddings,
        outputs=dict.fromkeys(outputs, embeddings),
        targets=class_targets(session.cfgs, [str(kind) for kind in data["types"]]),
        class_names=class_names(session.cfgs),
        labels=np.array(data["labels"]),
        types=np.array(data["types"]),
        views=np.array(data["views"]),
        dataset_name=dataset,
        probe_set=_listed_probes(session, data),
    )


def _listed_probes(session: Session, data: Mapping[str, Any]) -> frozenset[str] | None:
    """Probes of the partition; where it lists the gallery alone, all other sequences."""
    section = session.cfgs.get("data_cfg")
    if isinstance(section, list) and section:
        section = section[0]  # of several data sets OpenGait tests on the first
    if not isinstance(section, Mapping) or "dataset_partition" not in section:
        return None
    path = Path(section["dataset_partition"])
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"the partition cannot be read: {error}", where=str(path)) from error
    listed, gallery = content.get("PROBE_SET"), content.get("GALLERY_SET")
    if listed is None and gallery is not None:
        named = ("-".join(map(str, walk)) for walk in zip(*(data[key] for key in _NAME), strict=True))
        return frozenset(named) - frozenset(gallery)
    return None if listed is None else frozenset(listed)


def in_lines(results: Results) -> list[str]:
    """The results as lines of a log: what was compared, the tables, the notes, the files."""
    lines = [f"{results.dataset}: {results.protocol}"]
    if results.probes:
        lines.append(f"{results.probes} probes, {results.gallery} in the gallery")
    figures = tuple((name, f"{value:.2f}") for name, value in results.metrics.items())
    for table in results.tables or (Table("", ("figure", "value"), figures),):
        lines += _table(table)
    return lines + [f"note: {note}" for note in results.notes]


def _table(table: Table) -> list[str]:
    rows = [table.columns, *table.rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return [table.title, *lines] if table.title else lines
