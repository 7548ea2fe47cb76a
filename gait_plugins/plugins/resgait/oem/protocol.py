"""Protocol of the occlusion evaluation module: accuracy of the kind, error of the amount."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import DataError
from gait_plugins.plugins.resgait.occlusion.hiding import OEM_KINDS, Kind
from gait_plugins.plugins.resgait.occlusion.targets import KIND, PORTION


class OcclusionProtocol(Protocol):
    """Accuracy of the occlusion's kind, and mean absolute error of its amount in percentage points.

    The test frames come through ``LabelledOcclusion``, which hides the same parts each time.

    Args:
        kinds: names of the kinds, in the order of their numbers.
    """

    outputs = ("occlusion",)

    def __init__(self, kinds: Sequence[Kind] = OEM_KINDS) -> None:
        self.kinds = tuple(kinds)

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        """Twelve verdicts on frames of three kinds."""
        rng = np.random.default_rng(0)
        names = np.array([f"{number:03d}" for number in range(12)])
        return EmbeddingSet(
            rng.normal(size=(12, 64, 1)).astype(np.float32),
            labels=names,
            types=names,
            views=names,
            dataset_name="CASIA-B",
            outputs={"occlusion": rng.random((12, 4))},
            targets={KIND: np.arange(12) % 3, PORTION: rng.random(12)},
        )

    def evaluate(self, data: EmbeddingSet) -> Results:
        """Figures over all sequences, and of each kind."""
        if KIND not in data.targets or PORTION not in data.targets:
            raise DataError(
                "the test sequences have no occlusion targets",
                where="evaluator_cfg.transform",
                hint="add LabelledOcclusion to evaluator_cfg.transform",
            )
        verdicts, kinds = data.outputs["occlusion"], data.targets[KIND]
        if verdicts.shape[1] != len(self.kinds) + 1 or kinds.max() >= len(self.kinds):
            raise DataError(
                f"the module distinguishes {verdicts.shape[1] - 1} kinds and the frames show "
                f"{kinds.max() + 1}, expected {len(self.kinds)}: {', '.join(self.kinds)}",
                where="evaluator_cfg.kinds",
                hint="give the same kinds to the model, to LabelledOcclusion and to the protocol",
            )
        right = verdicts[:, :-1].argmax(1) == kinds
        error = np.abs(verdicts[:, -1] - data.targets[PORTION])
        metrics = {"accuracy": _percent(right), "amount_error": _percent(error)}
        rows = [_row("all", right, error)]
        for number, kind in enumerate(self.kinds):
            shown = kinds == number
            if shown.any():
                metrics[f"accuracy@{kind}"] = _percent(right[shown])
                metrics[f"amount_error@{kind}"] = _percent(error[shown])
                rows.append(_row(kind, right[shown], error[shown]))
        heads = ("hidden", "sequences", "accuracy", "error of the amount")
        return Results(
            protocol="occlusion kind and amount",
            dataset=data.dataset_name,
            metrics=metrics,
            probes=len(kinds),
            gallery=0,
            tables=(Table("Occlusions (percent)", heads, tuple(rows)),),
        )


def _percent(values: np.ndarray) -> float:
    return float(values.mean() * 100)


def _row(name: str, right: np.ndarray, error: np.ndarray) -> tuple[str, ...]:
    return (name, str(len(right)), f"{_percent(right):.2f}", f"{_percent(error):.2f}")
