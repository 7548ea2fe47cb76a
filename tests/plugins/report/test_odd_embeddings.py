"""Embeddings that hardly can be drawn: of one number, and such that are not finite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gait_plugins import DataError, EmbeddingSet
from gait_plugins.api import ReportMaterial, ReportRun
from gait_plugins.plugins.report.space import embeddings


def material(values: np.ndarray) -> ReportMaterial:
    """A run with a walk for each value, of three people."""
    people = np.array(list("abc"))[np.arange(len(values)) % 3]
    same = np.array(["0"] * len(values))
    walks = EmbeddingSet(values.astype(np.float32), people, same, same, "CASIA-B")
    names = [str(place) for place in range(len(values))]
    run = ReportRun("demo", Path(), {}, embedded=walks, names=names)
    return ReportMaterial([run], projection="pca")


def test_embeddings_of_one_number_lie_on_a_line() -> None:
    section = embeddings(material(np.arange(6.0).reshape(6, 1, 1)))
    assert section is not None
    assert [figure.name for figure in section.figures] == ["person-1"]
    assert "100 % of the variance" in section.notes[0]


def test_embeddings_that_are_not_finite_are_told() -> None:
    with pytest.raises(DataError, match="demo hold NaN or infinite values"):
        embeddings(material(np.full((6, 4, 2), np.nan)))
