"""Contract checks of protocols."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from gait_plugins.api import Compared, EmbeddingSet, Protocol, Results
from gait_plugins.errors import DataError
from gait_plugins.testing.expect import expect, made

TYPES = ("nm-01", "nm-02", "nm-03", "nm-04", "nm-05", "nm-06", "bg-01", "bg-02", "cl-01", "cl-02")
VIEWS = ("000", "090", "180")
PROBES = ("nm-05", "nm-06", "bg-01", "bg-02", "cl-01", "cl-02")


def check_protocol(make: Protocol | Callable[[], Protocol], data: EmbeddingSet | None = None) -> None:
    """Purity, figures and the order of the sequences.

    Args:
        make: makes it: the class, or any function without arguments; an instance is taken too.
        data: what it scores, with no two distances alike; left out, its own example, or embeddings in
            CASIA-B's naming with listed probes.

    Raises:
        AssertionError: the contract that is broken, in words.
    """
    protocol = made(make, Protocol)  # type: ignore[type-abstract]
    data = data or protocol.example_data() or _made_up()
    kept = data.embeddings.copy()
    results = protocol.evaluate(data)
    expect(np.array_equal(kept, data.embeddings), "the protocol changes the embeddings")
    _check_results(results)
    _check_compared(protocol.compared(data), results, len(data))
    expect(protocol.evaluate(data).metrics == results.metrics, "scoring twice gives different figures")
    order = np.random.default_rng(1).permutation(len(data))
    mixed = protocol.evaluate(_rows(data, order)).metrics
    near = all(math.isclose(mixed[name], value, abs_tol=1e-3) for name, value in results.metrics.items())
    expect(near, "the order of the sequences changes the figures")
    if not results.gallery:  # it compares nothing: a single sequence will do
        return
    try:
        protocol.evaluate(_rows(data, order[:1]))
    except DataError:
        return
    expect(False, "a single sequence has no gallery, but the protocol raises no DataError")


def _check_results(results: Results) -> None:
    expect(bool(results.metrics or results.files), "the results hold neither metrics nor files")
    for name, value in results.metrics.items():
        expect(math.isfinite(value), f"the figure {name!r} is {value}")
    expect(results.probes > 0 and results.gallery >= 0, "the results count no probes")
    for table in results.tables:
        fits = all(len(row) == len(table.columns) for row in table.rows)
        expect(fits, f"the table {table.title!r} has rows that differ in length from its columns")


def _check_compared(told: Compared | None, results: Results, count: int) -> None:
    if told is None:
        return
    for name, positions in (("probes", told.probes), ("gallery", told.gallery)):
        sound = positions.ndim == 1 and positions.dtype.kind in "iu" and bool((positions < count).all())
        expect(sound, f"compared: the {name} are no positions in the test set")
    expect(len(told.probes) >= results.probes, "compared names fewer probes than the results count")
    expect(len(told.gallery) == results.gallery, "compared names another gallery than the results count")
    for name, chosen in told.conditions.items():
        sound = chosen.shape == told.probes.shape and chosen.dtype == bool
        expect(sound, f"compared: the condition {name!r} is no mask of the probes")
    if told.left_out is not None:
        shape = told.left_out(slice(0, 2)).shape
        expect(shape == (min(2, len(told.probes)), len(told.gallery)), f"compared: left_out gives {shape}")


def _rows(data: EmbeddingSet, rows: np.ndarray) -> EmbeddingSet:
    fields = ("embeddings", "labels", "types", "views")
    tables: dict[str, Any] = {
        name: {key: value[rows] for key, value in getattr(data, name).items()}
        for name in ("outputs", "targets")
    }
    return replace(data, **tables, **{name: getattr(data, name)[rows] for name in fields})


def _made_up(identities: int = 5) -> EmbeddingSet:
    rng = np.random.default_rng(0)
    walks = [(f"{i:03d}", kind, view) for i in range(identities) for kind in TYPES for view in VIEWS]
    labels, types, views = (np.array(column) for column in zip(*walks, strict=True))
    centres = rng.normal(size=(identities, 8, 2))
    noisy = np.repeat(centres, len(TYPES) * len(VIEWS), axis=0) + rng.normal(size=(len(walks), 8, 2))
    probes = frozenset("-".join(walk) for walk in walks if walk[1] in PROBES)
    return EmbeddingSet(noisy.astype(np.float32), labels, types, views, "CASIA-B", probes)
