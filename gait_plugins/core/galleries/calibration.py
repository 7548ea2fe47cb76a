"""Calibration: the distance up to which a gallery may name people, for a wanted rate of false matches."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from gait_plugins.core.galleries.address import Place
from gait_plugins.core.galleries.contract import GalleryStore
from gait_plugins.core.galleries.conversion import read_any
from gait_plugins.core.galleries.stores import open_gallery
from gait_plugins.core.tools.embeddings import Embeddings
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics import Metric, distance_chunks

log = logging.getLogger("gait_plugins")

SAMPLE = 20_000
"""Sequences that are compared with each other at most: 200 million comparisons."""
FEWEST, ENOUGH = 3, 30
"""Comparisons needed, times 1 / rate: no false match among 3 / rate says "below the rate" with 95 %
confidence (rule of three), and 30 of them put the rate within 30 % with 90 % (rule of 30, Doddington)."""


@dataclass(frozen=True)
class Calibration:
    """A threshold and what it rests on."""

    metric: str
    threshold: float
    """The largest distance of a match."""
    fmr: float
    """The wanted share of false matches in comparisons of two people."""
    false_matches: int
    """Comparisons of two people at or below the threshold."""
    comparisons: int
    """Comparisons of sequences of two people."""
    pairs: int
    """Pairs of people that these are of: comparisons of one pair are alike."""
    people: int
    sequences: int
    """How many of each were compared."""
    named_wrongly: float
    """Share of the sequences that have a sequence of somebody else within the threshold: what a search for
    somebody who is not enrolled would give in this gallery."""
    own_missed: float | None
    """Share of the sequences whose nearest other one of the same person is beyond the threshold; None where
    nobody has two."""

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    @property
    def remarks(self) -> list[str]:
        """What whoever uses the threshold must know."""
        enough = math.ceil(ENOUGH / self.fmr)
        found = []
        if self.comparisons < enough:
            found.append(
                f"the rate rests on {self.comparisons} comparisons, too few to be sure of it: {enough} "
                "or more are needed to have it within 30 %"
            )
        if self.pairs < FEWEST / self.fmr:
            found.append(
                f"the comparisons are of only {self.pairs} pairs of people: for other people the rate "
                "may be several times as high"
            )
        return found


def calibrate(
    data: Embeddings, fmr: float, metric: Metric = "euc", where: str = "the gallery"
) -> Calibration:
    """The threshold for a rate of false matches, from the distances between the people of a gallery.

    Args:
        data: the gallery, or a sample of it.
        fmr: wanted share of false matches in comparisons of two people, above 0 and below 1.
        metric: ``euc`` or ``cos``.
        where: the gallery's file, for messages.

    Raises:
        ConfigError: the rate is none.
        DataError: there are too few comparisons for it, or two people have the same embedding.
    """
    if not 0 < fmr < 1:
        raise ConfigError(f"--fmr is {fmr}, expected a rate above 0 and below 1")
    _, people, counts = np.unique(data.labels, return_inverse=True, return_counts=True)
    comparisons = (len(data) ** 2 - int((counts**2).sum())) // 2
    needed = math.ceil(FEWEST / fmr)
    if comparisons < needed:
        raise DataError(
            f"a rate of {fmr:g} cannot be told from {comparisons} comparisons of {len(counts)} people: "
            f"{needed} or more are needed",
            where=where,
            hint=_instead(comparisons),
        )
    allowed = math.floor(fmr * comparisons)
    lowest, others, own = _distances(data, people, metric, allowed + 1)
    # The one that is too many must lie beyond the threshold, and all that are as near as it.
    threshold = float(np.nextafter(lowest[allowed], np.float32(-np.inf)))
    if threshold < 0:
        raise DataError(
            "people of the gallery have the same embeddings: no distance tells them apart",
            where=where,
            hint="enroll them anew, from good sequences; gait-plugins gallery list GALLERY --sequences",
        )
    known = own[np.isfinite(own)]
    return Calibration(
        metric=metric,
        threshold=threshold,
        fmr=fmr,
        false_matches=int((lowest <= threshold).sum()),
        comparisons=comparisons,
        pairs=len(counts) * (len(counts) - 1) // 2,
        people=len(counts),
        sequences=len(data),
        named_wrongly=float((others <= threshold).mean()),
        own_missed=float((known > threshold).mean()) if len(known) else None,
    )


def calibrate_gallery(gallery: Place, fmr: float, metric: Metric = "euc") -> Calibration:
    """Find the threshold of a gallery, and keep it there; see :func:`calibrate`.

    Raises:
        ConfigError: the rate is none.
        DataError: the gallery cannot be read, or holds too few sequences for the rate.
    """
    found = calibrate(read_any(gallery, SAMPLE), fmr, metric, str(gallery))
    with open_gallery(gallery) as store:
        # What it is compared with, when it is used, is the whole gallery.
        held = {"people": store.people, "sequences": len(store), "removals": store.removals()}
        store.keep_threshold(metric, {**found.as_dict(), **held})
    return found


def kept_threshold(gallery: GalleryStore, metric: Metric) -> float | None:
    """The threshold that a gallery was calibrated to, None where it was not.

    A warning tells where the gallery holds others now than it did then.
    """
    record = gallery.thresholds().get(metric)
    if record is None:
        return None
    then = record["people"], record["sequences"], record.get("removals", gallery.removals())
    if then != (gallery.people, len(gallery), gallery.removals()):
        log.warning(
            "%s: its threshold was found among %d sequences of %d people, and it holds %d of %d now, or "
            "others: gait-plugins gallery calibrate finds it anew",
            gallery.where,
            record["sequences"],
            record["people"],
            len(gallery),
            gallery.people,
        )
    return float(record["threshold"])


def _instead(comparisons: int) -> str:
    if comparisons < FEWEST:
        return "enroll more people"
    # The smallest power of ten that the comparisons can tell.
    possible = 10.0 ** -math.floor(math.log10(comparisons / FEWEST))
    return f"enroll more people, or ask for a higher rate: --fmr {min(possible, 0.5):g}"


def _distances(
    data: Embeddings, people: np.ndarray, metric: Metric, count: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The lowest distances between people, ascending, and of each sequence that to the nearest sequence of
    somebody else, and to the nearest other one of the same person."""
    lowest = np.zeros(0, np.float32)
    others = np.empty(len(data), np.float32)
    own = np.empty(len(data), np.float32)
    places = np.arange(len(data))
    for rows, chunk in distance_chunks(data.embeddings, data.embeddings, metric):
        distances = chunk.cpu().numpy()
        here = places[rows]
        same = people[here, None] == people[None]
        others[rows] = np.where(same, np.inf, distances).min(1)
        itself = places[None] == here[:, None]
        own[rows] = np.where(same & ~itself, distances, np.inf).min(1)
        once = ~same & (places[None] > here[:, None])
        lowest = np.concatenate([lowest, distances[once]])
        if len(lowest) > count:
            lowest = np.partition(lowest, count - 1)[:count]
    return np.sort(lowest), others, own
