"""Protocol of segmentation: how far the masks that were found and those that are given overlap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import numpy as np

from gait_plugins.api import EmbeddingSet, Protocol, Results, Table
from gait_plugins.errors import DataError


class SegmentationProtocol(Protocol):
    """Mean over all frames of intersection over union of the masks, in percent: ``mIOU``.

    The model gives ``overlap`` ``[n, 2]`` of each sequence: the sum over its frames, and their number.
    """

    outputs = ("overlap",)
    ignored_options: ClassVar[Mapping[str, str]] = {"metric": "masks are compared by no distance"}

    @classmethod
    def example_data(cls) -> EmbeddingSet:
        """Six sequences of unequal length."""
        rng = np.random.default_rng(0)
        names = np.array([f"{number:03d}" for number in range(6)])
        frames = np.arange(3, 9, dtype=np.float64)
        return EmbeddingSet(
            rng.normal(size=(6, 4, 2)).astype(np.float32),
            labels=names,
            types=names,
            views=names,
            dataset_name="CASIA-B",
            outputs={"overlap": np.stack([frames * rng.uniform(0.5, 1, 6), frames], 1)},
        )

    def evaluate(self, data: EmbeddingSet) -> Results:
        """The mean over all frames, and over those of each condition.

        Raises:
            DataError: there is no sequence, or no overlap of any.
        """
        if not len(data):
            raise DataError("there is no test sequence", hint="gait-plugins data check shows what is missing")
        overlap = np.asarray(data.outputs["overlap"], np.float64)
        if overlap.shape != (len(data), 2):
            raise DataError(
                f"the overlap of masks has shape {list(overlap.shape)}, expected [{len(data)}, 2]: sum and "
                "number of frames of each sequence",
                where="evaluate_segmentation",
                hint="test a segmentation on this package's trainer: others keep embeddings alone",
            )
        kinds = np.asarray(data.types)
        rows = [_row("all", overlap)]
        rows += [_row(str(kind), overlap[kinds == kind]) for kind in sorted(set(kinds.tolist()))]
        return Results(
            protocol="overlap of masks",
            dataset=data.dataset_name,
            metrics={"mIOU": _mean(overlap)},
            probes=len(data),
            gallery=0,
            tables=(Table("Overlap of masks (percent)", ("condition", "frames", "mIOU"), tuple(rows)),),
        )


def _mean(overlap: np.ndarray) -> float:
    total, frames = overlap.sum(0)
    return float(100 * total / frames)


def _row(name: str, overlap: np.ndarray) -> tuple[str, ...]:
    return name, str(int(overlap[:, 1].sum())), f"{_mean(overlap):.2f}"
