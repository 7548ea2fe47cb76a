"""Evaluation of a gallery over labelled sequences: false matches, false non-matches, and the DET curve."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.core.galleries.calibration import FEWEST
from gait_plugins.core.tools.embeddings import Embeddings, require_same_origin
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.io.atomic import whole_file, write_text
from gait_plugins.io.tables import csv_text
from gait_plugins.metrics import Metric, distance_chunks

SAMPLE = 6000
"""Sequences of either side that are compared at most: 36 million comparisons."""
POINTS = 500
"""Points of the curve by either rate, at most."""
_RATES = (0.1, 0.01, 0.001, 0.0001)


class Point(NamedTuple):
    """A point of the DET curve."""

    threshold: float
    fmr: float
    """Share of the comparisons of two people that match."""
    fnmr: float
    """Share of the comparisons of one person that do not."""


@dataclass(frozen=True)
class Searches:
    """What becomes of each probe when it is looked for in a gallery."""

    threshold: float
    enrolled: int
    """Probes of people who are enrolled."""
    named: int
    """Those of them that are named rightly."""
    misnamed: int
    """Those of them that are named as somebody else; the others are unknown."""
    strangers: int
    """Probes of people who are not enrolled."""
    strangers_named: int
    """Those of them that are named as somebody."""


@dataclass(frozen=True)
class Evaluation:
    """The error rates of a labelled set."""

    metric: str
    genuine: int
    """Comparisons of two sequences of one person."""
    impostor: int
    """Comparisons of sequences of two people."""
    eer: float
    """The rate at which both errors are equally frequent."""
    eer_threshold: float
    fnmr_at: dict[float, float]
    """FMR -> FNMR at that FMR, for those that there are comparisons enough for."""
    points: tuple[Point, ...]
    at: Point | None
    """The rates at the threshold that is used; None where there is none."""
    searches: Searches | None
    """Searches with that threshold; None without a threshold, or without probes beside the gallery."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        found = {**asdict(self), "fnmr_at": {f"{rate:g}": value for rate, value in self.fnmr_at.items()}}
        return {
            **found,
            "points": [point._asdict() for point in self.points],
            "at": self.at and self.at._asdict(),
        }


def evaluate(
    gallery: Embeddings,
    probes: Embeddings | None = None,
    *,
    metric: Metric = "euc",
    threshold: float | None = None,
    where: str = "the gallery",
    probes_file: str = "",
) -> Evaluation:
    """Compare labelled sequences with a gallery, or the sequences of a gallery with each other.

    A sequence is not compared with itself: with none of the same person and name.

    Args:
        gallery: labelled.
        probes: labelled; None: the gallery's own.
        metric: ``euc`` or ``cos``.
        threshold: the largest distance of a match that is used, where there is one.
        where: the gallery's file, for messages.
        probes_file: that of the probes.

    Raises:
        CheckpointError: the two were made with another model or checkpoint, or of other frames.
        DataError: no two sequences of one person, or none of two people, can be compared; or a sequence has
            no label.
    """
    sought = gallery if probes is None else probes
    require_same_origin(gallery.origin, sought.origin, where)
    for data, title, file in ((gallery, "gallery", where), (sought, "labelled set", probes_file or where)):
        nameless = data.names[data.labels == ""]
        if len(nameless):
            raise DataError(
                f"a sequence of the {title} has no identity: {nameless[0]}",
                where=file,
                hint="embed folders ID/TYPE/VIEW/FILES, which name their identities",
            )
    genuine, impostor, nearest = _compared(gallery, sought, metric, probes is None)
    if not len(genuine) or not len(impostor):
        lacking = "two sequences of one person" if not len(genuine) else "sequences of two people"
        raise DataError(
            f"there is no comparison of {lacking}",
            where=where,
            hint="give a labelled set with several people, and of each several sequences",
        )
    curve = list(_curve(genuine, impostor))
    eer = min(curve, key=lambda point: (abs(point.fmr - point.fnmr), point.threshold))
    at = None if threshold is None else _point(genuine, impostor, threshold)
    return Evaluation(
        metric=metric,
        genuine=len(genuine),
        impostor=len(impostor),
        eer=(eer.fmr + eer.fnmr) / 2,
        eer_threshold=eer.threshold,
        fnmr_at={
            rate: _point(genuine, impostor, _highest(impostor, rate)).fnmr
            for rate in _RATES
            if len(impostor) * rate >= FEWEST
        },
        points=tuple(curve),
        at=at,
        searches=None
        if threshold is None or probes is None
        else _searches(gallery, probes, nearest, threshold),
    )


def check_report(path: Path) -> None:
    """See before any work that a report can be written under that name.

    Raises:
        ConfigError: it ends in none of .csv, .json and .png.
    """
    if path.suffix.lower() not in (".csv", ".json", ".png"):
        raise ConfigError(
            f"a report is written as .csv, .json or .png, got {path.suffix or 'a name without an ending'}",
            where=str(path),
            hint=f"--out {path.with_suffix('.csv')}",
        )


def write_report(path: Path, found: Evaluation) -> None:
    """Write the curve as a table or a picture, or everything as JSON.

    Raises:
        ConfigError: the name has another ending, or matplotlib is needed and not installed.
    """
    check_report(path)
    if path.suffix.lower() == ".json":
        write_text(path, json.dumps(found.as_dict(), indent=2))
    elif path.suffix.lower() == ".csv":
        write_text(path, csv_text([Point._fields, *found.points]))
    else:
        _draw(path, found)


def _compared(
    gallery: Embeddings, probes: Embeddings, metric: Metric, is_same: bool
) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Distances of one person, of two people, both ascending, and of each probe the nearest and its place."""
    genuine, impostor = [], []
    nearest, places = np.empty(len(probes), np.float32), np.empty(len(probes), np.int64)
    columns = np.arange(len(gallery))
    for rows, chunk in distance_chunks(probes.embeddings, gallery.embeddings, metric):
        distances = chunk.cpu().numpy()
        same = probes.labels[rows, None] == gallery.labels[None]
        itself = same & (probes.names[rows, None] == gallery.names[None])
        once = columns[None] > np.arange(rows.start, rows.stop)[:, None] if is_same else ~itself
        genuine.append(distances[same & once])
        impostor.append(distances[~same & once])
        others = np.where(itself, np.inf, distances)
        places[rows] = others.argmin(1)
        nearest[rows] = others.min(1)
    empty = [np.zeros(0, np.float32)]
    return (
        np.sort(np.concatenate(genuine or empty)),
        np.sort(np.concatenate(impostor or empty)),
        (
            nearest,
            places,
        ),
    )


def _point(genuine: np.ndarray, impostor: np.ndarray, threshold: float) -> Point:
    matches = np.searchsorted(impostor, np.float32(threshold), "right")
    missed = len(genuine) - np.searchsorted(genuine, np.float32(threshold), "right")
    return Point(float(threshold), float(matches / len(impostor)), float(missed / len(genuine)))


def _highest(impostor: np.ndarray, rate: float) -> float:
    """The highest threshold with at most that share of false matches."""
    return float(np.nextafter(impostor[int(rate * len(impostor))], np.float32(-np.inf)))


def _curve(genuine: np.ndarray, impostor: np.ndarray) -> Iterator[Point]:
    """Points at the thresholds where either rate changes, thinned out evenly."""
    own = genuine[np.unique(np.linspace(0, len(genuine) - 1, POINTS).astype(np.int64))]
    ranks = np.geomspace(1, len(impostor), POINTS).astype(np.int64) - 1
    others = np.nextafter(impostor[np.unique(ranks)], np.float32(-np.inf))
    for threshold in np.unique(np.concatenate([own, others, impostor[-1:]])).tolist():
        yield _point(genuine, impostor, threshold)


def _searches(
    gallery: Embeddings, probes: Embeddings, nearest: tuple[np.ndarray, np.ndarray], threshold: float
) -> Searches:
    distances, places = nearest
    is_enrolled = np.isin(probes.labels, gallery.labels)
    is_named = distances <= threshold
    is_right = is_named & (gallery.labels[places] == probes.labels)
    return Searches(
        threshold=threshold,
        enrolled=int(is_enrolled.sum()),
        named=int(is_right.sum()),
        misnamed=int((is_enrolled & is_named & ~is_right).sum()),
        strangers=int((~is_enrolled).sum()),
        strangers_named=int((~is_enrolled & is_named).sum()),
    )


def _draw(path: Path, found: Evaluation) -> None:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ConfigError(
            "the picture of a DET curve needs matplotlib, which is not installed",
            hint="pip install 'gait-plugins-trackletgait[viz]', or write a .csv",
        ) from error
    figure = Figure(figsize=(5, 5), dpi=120, layout="constrained")
    panel = figure.subplots()
    lowest = 0.5 / max(found.genuine, found.impostor)
    fmr = [max(point.fmr, lowest) for point in found.points]
    fnmr = [max(point.fnmr, lowest) for point in found.points]
    panel.plot(fmr, fnmr, label=f"{found.impostor} and {found.genuine} comparisons")
    panel.plot([lowest, 1], [lowest, 1], ":", color="grey", linewidth=0.8)
    panel.plot([found.eer], [found.eer], "o", label=f"equal error rate {found.eer:.2%}")
    if found.at is not None:
        used = f"threshold {found.at.threshold:.4g}"
        panel.plot([max(found.at.fmr, lowest)], [max(found.at.fnmr, lowest)], "s", label=used)
    panel.set(xscale="log", yscale="log", xlabel="false-match rate", ylabel="false-non-match rate")
    panel.grid(alpha=0.3)
    panel.legend(fontsize=8)
    with whole_file(path) as file:
        figure.savefig(file, format="png")
