"""Classes of walks: accuracy, precision, recall and F1 of what a model takes each sequence for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.api.protocol import CLASS
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics import classification_figures, confusion_matrix


class ClassProtocol(Protocol):
    """What a model takes each test sequence for, against the class that ``data_cfg.classes`` gives it.

    The model gives scores ``[n, classes]``, or ``[n, classes, parts]``, whose mean over the parts counts.
    The class with the largest score is its answer. Precision, recall and F1 are means over the classes that
    occur.

    Args:
        output: the entry of ``inference_feat`` that holds the scores.
        classes: names of the classes, for the tables; left out, those of ``data_cfg.classes``.
    """

    def __init__(self, output: str = "logits", classes: list[str] | None = None) -> None:
        self.output = output
        self.outputs = () if output == "embeddings" else (output,)
        self.classes = classes

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        """Nine walks of three classes."""
        rng = np.random.default_rng(0)
        names = np.array([f"{number:03d}" for number in range(9)])
        return EmbeddingSet(
            embeddings=rng.normal(size=(9, 4, 2)).astype(np.float32),
            labels=names,
            types=np.array(["negative", "neutral", "positive"] * 3),
            views=np.array(["000"] * 9),
            dataset_name="walks",
            outputs={"logits": rng.normal(size=(9, 3, 2)).astype(np.float32)},
            targets={CLASS: np.arange(9) % 3},
        )

    def check(self, data: EmbeddingSet) -> None:
        if not len(data):
            raise DataError("there is no test sequence", hint="gait-plugins data check shows what is missing")
        if self.classes is not None and data.class_names and tuple(self.classes) != data.class_names:
            raise ConfigError(
                f"the classes are {', '.join(self.classes)} here, and {', '.join(data.class_names)} in "
                "data_cfg.classes",
                where="evaluator_cfg.classes",
                hint="leave them out: they are named as in data_cfg.classes",
            )

    def evaluate(self, data: EmbeddingSet) -> Results:
        self.check(data)
        if CLASS not in data.targets:
            raise ConfigError(
                "no class is known of the sequences",
                where="data_cfg",
                hint="data_cfg.classes names them by the type level, for example "
                "classes: {negative: [negative], positive: [positive]}",
            )
        truth = np.asarray(data.targets[CLASS]).astype(np.int64)
        scores = np.asarray(data.embeddings if self.output == "embeddings" else data.outputs[self.output])
        scores = scores.reshape(len(scores), scores.shape[1], -1).mean(2)
        if scores.shape[1] <= truth.max():
            raise ConfigError(
                f"the model tells {scores.shape[1]} classes apart, the data have {truth.max() + 1}",
                where="model_cfg",
                hint="set the model's number of classes to that of data_cfg.classes",
            )
        table = confusion_matrix(truth, scores.argmax(1), scores.shape[1])
        figures = {name: 100 * value for name, value in classification_figures(table).items()}
        names = self.classes or [*data.class_names] or [str(number) for number in range(len(table))]
        if len(names) < len(table) and self.classes is None:
            raise ConfigError(
                f"the model tells {len(table)} classes apart, data_cfg.classes names {len(names)}",
                where="model_cfg",
                hint="set the model's number of classes to that of data_cfg.classes",
            )
        if len(names) < len(table):
            raise ConfigError(
                f"classes names {len(names)} classes, the model tells {len(table)} apart",
                where="evaluator_cfg.classes",
                hint="name each class once, in the order of data_cfg.classes",
            )
        return Results(
            protocol="class of each sequence",
            dataset=data.dataset_name,
            metrics=figures,
            probes=len(data),
            gallery=0,
            tables=(_figures_table(figures), _confusions_table(table, names)),
            details={"confusions": table.tolist(), "classes": names},
        )


class ScoliosisProtocol(ClassProtocol):
    """Scoliosis1K: what a model takes each test sequence for, negative, neutral or positive.

    As ``evaluate_classes``, with the scores where ScoNet has them: in place of an embedding. The classes are
    found by the type level; ``data_cfg.classes`` may name others.

    Args:
        output: the entry of ``inference_feat`` that holds the scores.
        classes: names of the classes, for the tables; left out, those of ``data_cfg.classes``.
    """

    ignored_options: ClassVar[Mapping[str, str]] = {"metric": "classes are compared by no distance"}

    def __init__(self, output: str = "embeddings", classes: list[str] | None = None) -> None:
        super().__init__(output, classes)

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        """As of any classes, with the scores as embeddings."""
        data = super().example_data()
        return replace(data, embeddings=data.outputs["logits"], dataset_name="Scoliosis1K")


def _figures_table(figures: dict[str, float]) -> Table:
    return Table("Classes (%)", tuple(figures), (tuple(f"{value:.2f}" for value in figures.values()),))


def _confusions_table(table: np.ndarray, names: list[str]) -> Table:
    rows = tuple((name, *map(str, row)) for name, row in zip(names, table.tolist(), strict=False))
    return Table("Sequences by class (rows) and answer (columns)", ("", *names[: len(table)]), rows)
