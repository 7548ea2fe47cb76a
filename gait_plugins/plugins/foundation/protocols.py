"""Protocols of the probes: what each test walk is taken for, against what its type says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics import classification_figures, confusion_matrix
from gait_plugins.plugins.foundation.labels import DEPRESSION, chosen_values, depressed

IGNORED = {"metric": "classes are compared by no distance"}


class DGaitProtocol(Protocol):
    """D-Gait: accuracy, precision, recall and F1 of healthy and depressed, which the type of a walk says.

    A walk of somebody depressed has a ``D`` in its type. The model gives scores ``[n, 2, p]`` in the place of
    embeddings; their mean over the parts counts.
    """

    ignored_options: ClassVar[Mapping[str, str]] = IGNORED

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        """Six walks."""
        return _walks(["D01", "N01", "D02"] * 2, (6, 2, 1))

    def check(self, data: EmbeddingSet) -> None:
        _require_some(data)

    def evaluate(self, data: EmbeddingSet) -> Results:
        self.check(data)
        _require_scores(data, 2)
        truth = np.array(depressed([str(kind) for kind in data.types]))
        table = confusion_matrix(truth, data.embeddings.mean(2).argmax(1), 2)
        figures = {name: 100 * value for name, value in classification_figures(table).items()}
        named = zip(DEPRESSION, table.tolist(), strict=True)
        rows = tuple((name, *map(str, row)) for name, row in named)
        return Results(
            protocol="healthy or depressed, of each sequence",
            dataset=data.dataset_name,
            metrics=figures,
            probes=len(data),
            gallery=0,
            tables=(
                _figures_table("D-Gait (%)", [figures]),
                Table("Sequences by class (rows) and answer (columns)", ("", *DEPRESSION), rows),
            ),
            details={"confusions": table.tolist(), "classes": list(DEPRESSION)},
        )


class RagarProtocol(Protocol):
    """RAGAR: accuracy, precision, recall and F1 of every attribute, and their means over the attributes.

    The model gives scores ``[n, 2, values]`` in the place of embeddings: no and yes of every value. The value
    with the largest difference is the answer. The type of a walk holds the right values.

    Args:
        attributes: number of values of each attribute; in a configuration left out, those of the model.
        names: names of the attributes; left out, their numbers.
    """

    ignored_options: ClassVar[Mapping[str, str]] = IGNORED

    def __init__(self, attributes: list[int], names: list[str] | None = None) -> None:
        if not attributes or min(attributes) < 1 or len(names or attributes) != len(attributes):
            raise ConfigError(
                f"attributes is {attributes} and names {names}, expected numbers of values, as many names",
                where="evaluator_cfg.attributes",
                hint="as Attribute_list of the model: [2, 3]",
            )
        self.attributes = attributes
        self.names = names or [f"{place:02d}" for place in range(len(attributes))]

    @classmethod
    def example_config(cls) -> dict[str, list[int]]:
        return {"attributes": [2, 3]}

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        """Six walks of two attributes."""
        return _walks(["7_0_2", "7_1_0", "9_0_1"] * 2, (6, 2, 5))

    def check(self, data: EmbeddingSet) -> None:
        _require_some(data)
        self._truth(data)

    def evaluate(self, data: EmbeddingSet) -> Results:
        self.check(data)
        truth = self._truth(data)
        _require_scores(data, 2, sum(self.attributes))
        yes = data.embeddings[:, 1] - data.embeddings[:, 0]
        ends = np.cumsum(self.attributes)
        found, confusions = [], []
        for place, scores in enumerate(np.split(yes, ends[:-1], 1)):
            confusions.append(confusion_matrix(truth[:, place], scores.argmax(1), self.attributes[place]))
            found.append({k: 100 * v for k, v in classification_figures(confusions[-1]).items()})
        means = {name: float(np.mean([each[name] for each in found])) for name in found[0]}
        own = {
            f"{name}@{key}": v
            for name, each in zip(self.names, found, strict=True)
            for key, v in each.items()
        }
        return Results(
            protocol="values of the attributes of each sequence",
            dataset=data.dataset_name,
            metrics=means | own,
            probes=len(data),
            gallery=0,
            tables=(_figures_table("RAGAR (%)", [*found, means], [*self.names, "mean"]),),
            details={"confusions": [table.tolist() for table in confusions], "attributes": self.names},
        )

    def _truth(self, data: EmbeddingSet) -> np.ndarray:
        types = [str(kind) for kind in data.types]
        truth = chosen_values(types, self.attributes)
        if truth is None:
            unfit = next(kind for kind in types if chosen_values([kind], self.attributes) is None)
            raise DataError(
                f"the type {unfit!r} does not say the values of {len(self.attributes)} attributes, as 7_0_2 "
                f"does: a number, then one below each of {self.attributes}",
                where="evaluator_cfg.attributes",
                hint="correct attributes, or the folders of the types",
            )
        return truth


def _require_some(data: EmbeddingSet) -> None:
    if not len(data):
        raise DataError("there is no test sequence", hint="gait-plugins data check shows what is missing")


def _require_scores(data: EmbeddingSet, *shape: int) -> None:
    if data.embeddings.shape[1 : 1 + len(shape)] != shape:
        raise ConfigError(
            f"the model gives {list(data.embeddings.shape[1:])} numbers of a sequence, expected scores "
            f"{list(shape)}",
            where="evaluator_cfg.eval_func",
            hint="this protocol is for the probe of the same data set",
        )


def _figures_table(title: str, rows: Sequence[Mapping[str, float]], names: Sequence[str] = ()) -> Table:
    heads = ("", *rows[0]) if names else tuple(rows[0])
    cells = [tuple(f"{value:.2f}" for value in row.values()) for row in rows]
    named = [(name, *row) for name, row in zip(names, cells, strict=True)] if names else cells
    return Table(title, heads, tuple(named))


def _walks(types: list[str], shape: tuple[int, int, int]) -> EmbeddingSet:
    n = len(types)
    return EmbeddingSet(
        embeddings=np.random.default_rng(0).normal(size=shape).astype(np.float32),
        labels=np.array([f"{place:03d}" for place in range(n)]),
        types=np.array(types),
        views=np.array(["000"] * n),
        dataset_name="walks",
    )
