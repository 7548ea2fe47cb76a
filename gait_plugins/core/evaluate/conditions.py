"""Test conditions: the test sequences again, each time under one further transform."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from gait_plugins.api import Results, Table, Transform
from gait_plugins.config import Config
from gait_plugins.core.assembly.components import build_conditions
from gait_plugins.core.data.loader import BatchMaker


class Then(Transform):
    """One transform after another.

    Args:
        first, second: of one input source, in this order.
    """

    def __init__(self, first: Transform, second: Transform) -> None:
        self.first, self.second = first, second
        self.divisor = first.divisor * second.divisor

    def __call__(self, sequence: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return self.second(self.first(sequence, rng), rng)

    def with_targets(
        self, sequence: np.ndarray, rng: np.random.Generator
    ) -> tuple[np.ndarray, Mapping[str, Any]]:
        """The targets of both; of one name, the second's."""
        frames, known = self.first.with_targets(sequence, rng)
        frames, more = self.second.with_targets(frames, rng)
        return frames, {**known, **more}


def conditions(config: Config, maker: BatchMaker) -> Iterator[tuple[str, BatchMaker]]:
    """Each condition's name, and the maker of the test batches under it.

    Raises:
        ConfigError: a condition has another number of transforms than there are input sources.
    """
    for name, more in build_conditions(config, len(maker.transforms), maker.taken.names).items():
        pairs = zip(maker.transforms, more, strict=True)
        yield name, replace(maker, transforms=[_both(first, second) for first, second in pairs])


def _both(first: Transform | None, second: Transform | None) -> Transform | None:
    return Then(first, second) if first is not None and second is not None else first or second


def with_conditions(results: Results, found: Mapping[str, Results | None], changed: str) -> Results:
    """The results of the sequences as they are, with the figures of each condition beside theirs."""
    scored = {name: each.metrics for name, each in found.items() if each is not None}
    if not scored:
        return results
    more = {f"{name}: {figure}": value for name, own in scored.items() for figure, value in own.items()}
    heads = tuple(results.metrics)
    rows = {"as they are": results.metrics, **scored}
    table = Table(
        f"By condition of {'the probes' if changed == 'probes' else 'all sequences'} (%)",
        ("", *heads),
        tuple(
            (name, *(f"{own[head]:.2f}" if head in own else "-" for head in heads))
            for name, own in rows.items()
        ),
    )
    return replace(
        results,
        metrics={**results.metrics, **more},
        tables=(*results.tables, table),
        details={**results.details, "conditions": {"changed": changed, "metrics": rows}},
    )
