"""Thresholds rest on the distances between people, and say on how many; error rates are what they count."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.files.gallery_files import embeddings
from PIL import Image

from gait_plugins import CheckpointError, ConfigError, DataError
from gait_plugins.core.galleries.calibration import calibrate
from gait_plugins.core.galleries.evaluation import evaluate, write_report
from gait_plugins.core.tools.embeddings import Embeddings
from gait_plugins.metrics import Metric, part_distances


def between(data: Embeddings, metric: Metric = "euc") -> np.ndarray:
    """Distances of the sequences of two people, each pair once."""
    distances = part_distances(data.embeddings, data.embeddings, metric)
    once = np.triu(np.ones_like(distances, bool), 1)
    return distances[once & (data.labels[:, None] != data.labels[None])]


def distances_of_others(data: Embeddings, metric: Metric, row: int) -> np.ndarray:
    """Distances of a sequence to those of other people."""
    return part_distances(data.embeddings, data.embeddings, metric)[row][data.labels != data.labels[row]]


def line(labels: list[str], values: list[float]) -> Embeddings:
    """Embeddings on a line."""
    names = np.array([f"walk-{i}" for i in range(len(labels))])
    data = embeddings(1, 1)
    column = np.array(values, np.float32).reshape(-1, 1, 1)
    return replace(data, embeddings=column, labels=np.array(labels), types=names, views=names, names=names)


@pytest.mark.parametrize("metric", ["euc", "cos"])
@pytest.mark.parametrize("fmr", [0.1, 0.01, 0.001])
def test_no_more_than_the_wanted_share_of_two_people_match(metric: Metric, fmr: float) -> None:
    data = embeddings(60, 3, noise=1.0)
    found, distances = calibrate(data, fmr, metric), between(data, metric)
    assert found.comparisons == len(distances) == 60 * 59 * 9 // 2
    assert found.pairs == 60 * 59 // 2
    matching = int((distances <= found.threshold).sum())
    assert matching == found.false_matches == int(fmr * len(distances))
    # A higher threshold would let in one more.
    assert (distances <= np.nextafter(np.float32(found.threshold), np.float32(np.inf))).sum() > matching
    assert found.own_missed is not None
    nearest = [distances_of_others(data, metric, row).min() for row in range(len(data))]
    assert found.named_wrongly == (np.array(nearest) <= found.threshold).mean()


def test_equal_distances_are_all_in_or_all_out() -> None:
    # Whole numbers: many distances are equal.
    data = line([f"p{i}" for i in range(100)], [float(i) for i in range(100)])
    found = calibrate(data, 0.03)
    assert 1.999 < found.threshold < 2
    assert found.false_matches == 99


def test_too_few_comparisons_are_refused_and_few_are_told() -> None:
    data = embeddings(4, 2)
    with pytest.raises(DataError, match=r"0\.01 cannot be told from 24 comparisons of 4 people: 300"):
        calibrate(data, 0.01)
    with pytest.raises(DataError, match=r"--fmr 0\.5"):
        calibrate(data, 0.1)
    with pytest.raises(DataError, match="enroll more people"):
        calibrate(embeddings(1, 5), 0.1)
    few = calibrate(embeddings(10, 3), 0.1)
    assert "rests on 405 comparisons" not in " ".join(few.remarks)
    few = calibrate(embeddings(10, 3), 0.01)
    first, second = few.remarks
    assert first.startswith("the rate rests on 405 comparisons, too few")
    assert second.startswith("the comparisons are of only 45 pairs of people")
    assert calibrate(embeddings(90, 2), 0.1).remarks == []


@pytest.mark.parametrize("fmr", [0.0, 1.0, -0.1, float("nan")])
def test_a_rate_lies_between_none_and_all(fmr: float) -> None:
    with pytest.raises(ConfigError, match="above 0 and below 1"):
        calibrate(embeddings(5, 2), fmr)


def test_people_with_the_same_embeddings_are_told() -> None:
    data = line([f"p{i}" for i in range(12)], [0.0] * 4 + [float(i) for i in range(1, 9)])
    with pytest.raises(DataError, match="have the same embeddings"):
        calibrate(data, 0.06)


def test_error_rates_are_counted() -> None:
    data = line(["a", "a", "b", "b", "c"], [0.0, 1.0, 1.5, 2.0, 9.0])
    found = evaluate(data, threshold=1.0)
    assert (found.genuine, found.impostor) == (2, 8)
    assert found.at is not None
    # a-a (1.0) and b-b (0.5) match; of two people 1.0-1.5 and 1.0-2.0.
    assert (found.at.fmr, found.at.fnmr) == (2 / 8, 0)
    assert found.searches is None
    assert found.fnmr_at == {}
    fmr, fnmr = ([point[i] for point in found.points] for i in (1, 2))
    assert fmr == sorted(fmr)
    assert fnmr == sorted(fnmr, reverse=True)
    assert (fmr[0], fnmr[-1]) == (0, 0)


def test_the_curve_meets_the_threshold_of_a_calibration() -> None:
    data = embeddings(60, 3, noise=1.0)
    threshold = calibrate(data, 0.01).threshold
    found = evaluate(data, threshold=threshold)
    assert found.at is not None
    assert found.at.fmr <= 0.01 < found.at.fmr + 2 / found.impostor
    assert found.fnmr_at[0.01] == pytest.approx(found.at.fnmr)
    assert set(found.fnmr_at) == {0.1, 0.01, 0.001}
    assert 0 < found.eer < 0.5


def test_searches_of_a_labelled_set_are_counted() -> None:
    gallery = line(["a", "b"], [0.0, 5.0])
    probes = replace(line(["a", "a", "a", "b", "z", "z"], [0.5, 4.5, 2.5, 5.0, 0.1, 99.0]))
    probes = replace(probes, names=np.array([f"probe-{i}" for i in range(6)]))
    found = evaluate(gallery, probes, threshold=1.0)
    searches = found.searches
    assert searches is not None
    assert (searches.enrolled, searches.named, searches.misnamed) == (4, 2, 1)
    assert (searches.strangers, searches.strangers_named) == (2, 1)


def test_a_sequence_is_not_compared_with_itself() -> None:
    data = embeddings(5, 2)
    found = evaluate(data, data, threshold=0.0)
    assert found.genuine == 10
    assert found.at is not None
    assert found.at.fnmr == 1


def test_what_cannot_be_evaluated_is_told() -> None:
    data = embeddings(3, 2)
    with pytest.raises(DataError, match="no comparison of two sequences of one person"):
        evaluate(embeddings(3, 1))
    with pytest.raises(DataError, match="no comparison of sequences of two people"):
        evaluate(embeddings(1, 3))
    with pytest.raises(DataError, match="of the labelled set has no identity: person-000-s0-0"):
        evaluate(data, replace(data, labels=np.array(["", *data.labels[1:]])))
    with pytest.raises(CheckpointError, match="another origin"):
        evaluate(data, replace(data, origin=replace(data.origin, model="other/M")))


def test_reports_are_tables_data_and_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    found = evaluate(embeddings(30, 3, noise=1.0), threshold=2.0)
    for name in ("det.csv", "det.json", "det.png"):
        write_report(tmp_path / name, found)
    rows = list(csv.DictReader((tmp_path / "det.csv").read_text().splitlines()))
    assert list(rows[0]) == ["threshold", "fmr", "fnmr"]
    assert len(rows) == len(found.points)
    told = json.loads((tmp_path / "det.json").read_text())
    assert told["eer"] == found.eer
    assert told["points"][0].keys() == {"threshold", "fmr", "fnmr"}
    with Image.open(tmp_path / "det.png") as picture:
        assert picture.size == (600, 600)
    with pytest.raises(ConfigError, match=r"written as \.csv, \.json or \.png"):
        write_report(tmp_path / "det.txt", found)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigError, match="needs matplotlib"):
        write_report(tmp_path / "other.png", found)
    assert not (tmp_path / "other.png").exists()
