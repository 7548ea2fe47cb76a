"""Identification: the nearest identities of a gallery."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from gait_plugins.core.tools.embeddings import Embeddings, require_same_origin
from gait_plugins.errors import ConfigError, DataError
from gait_plugins.metrics import Metric, distance_chunks

log = logging.getLogger("gait_plugins")


class Match(NamedTuple):
    """An identity of the gallery and how near it is."""

    identity: str
    distance: float
    """To the nearest of the identity's sequences: the mean over the parts."""
    sequence: str
    """That sequence."""


@dataclass(frozen=True)
class Answer:
    """The identities that a sequence may be of."""

    name: str
    """Name or path of the sequence."""
    known: bool
    """False where even the nearest identity is farther away than was allowed."""
    matches: tuple[Match, ...]
    """The nearest identities, the nearest first."""

    @property
    def identity(self) -> str | None:
        """The nearest identity, None where no identity is near enough."""
        return self.matches[0].identity if self.known else None

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        matches = [match._asdict() for match in self.matches]
        return {**asdict(self), "identity": self.identity, "matches": matches}


class Separation(NamedTuple):
    """How far apart a gallery's own sequences are."""

    within: float | None
    """The farthest that a sequence is from the nearest other one of its identity; None: each has one."""
    between: float | None
    """The nearest that sequences of two identities are; None: there is only one identity."""


def enroll(gallery: Embeddings | None, new: Embeddings, where: str = "the gallery") -> Embeddings:
    """A gallery with further sequences; what it holds already is left out.

    Args:
        gallery: to extend; None begins one.
        new: sequences of known identities.
        where: the gallery's file, for messages.

    Raises:
        DataError: a sequence has no identity.
        CheckpointError: the gallery was made with another model or checkpoint, or of other frames.
    """
    nameless = new.names[new.labels == ""]
    if len(nameless):
        raise DataError(
            f"no identity given for {nameless[0]}",
            where="enroll",
            hint="give the identity with --id, or give a folder ID/TYPE/VIEW/FILES",
        )
    if gallery is None:
        return new
    held = set(zip(gallery.labels, gallery.names, strict=True))
    rows = [i for i, key in enumerate(zip(new.labels, new.names, strict=True)) if key not in held]
    if len(rows) < len(new):
        log.warning("%s: %d sequences are already enrolled and are left out", where, len(new) - len(rows))
    return gallery.extended(new.rows(rows), where)


def identify(
    probes: Embeddings,
    gallery: Embeddings,
    *,
    top: int | None = None,
    metric: Metric = "euc",
    unknown_above: float | None = None,
    where: str = "the gallery",
) -> list[Answer]:
    """The nearest identities of each sequence.

    Args:
        probes: sequences of any identities.
        gallery: sequences of known identities.
        top: identities to tell of each; None: five, or as many as there are.
        metric: ``euc`` or ``cos``, as in ``evaluator_cfg``.
        unknown_above: a sequence is unknown where the nearest identity is farther away.
        where: the gallery's file, for messages.

    Raises:
        CheckpointError: the two were made with another model or checkpoint, or of other frames.
        DataError: the gallery is empty.
        ConfigError: ``top`` is more than there are identities.
    """
    count = check_gallery(gallery, where)
    require_same_origin(gallery.origin, probes.origin, where)
    top = checked_top(top, count, where)
    order = np.argsort(gallery.labels, kind="stable")
    identities, starts = np.unique(gallery.labels[order], return_index=True)
    answers = []
    for rows, chunk in distance_chunks(probes.embeddings, gallery.embeddings, metric):
        distances = chunk.cpu().numpy()[:, order]
        nearest = np.minimum.reduceat(distances, starts, axis=1)
        ends = [*starts[1:], len(order)]
        for row, of_identity in enumerate(nearest):
            matches = []
            for i in np.argsort(of_identity, kind="stable")[:top]:
                best = starts[i] + distances[row, starts[i] : ends[i]].argmin()
                sequence = str(gallery.names[order[best]])
                matches.append(Match(str(identities[i]), float(of_identity[i]), sequence))
            known = unknown_above is None or matches[0].distance <= unknown_above
            answers.append(Answer(str(probes.names[rows.start + row]), known, tuple(matches)))
    return answers


def separation(gallery: Embeddings, metric: Metric = "euc") -> Separation:
    """Distances within a gallery, for choosing a threshold: see :class:`Separation`."""
    within: list[float] = []
    between: list[float] = []
    for rows, chunk in distance_chunks(gallery.embeddings, gallery.embeddings, metric):
        distances = chunk.cpu().numpy()
        here = np.arange(rows.start, rows.stop)
        same = gallery.labels[here, None] == gallery.labels[None]
        between.append(float(np.where(same, np.inf, distances).min()))
        same[here - rows.start, here] = False
        own = np.where(same, distances, np.inf).min(1)
        within += own[np.isfinite(own)].tolist()
    nearest = min(between, default=np.inf)
    return Separation(max(within, default=None), None if np.isinf(nearest) else nearest)


def check_threshold(unknown_above: float | None) -> None:
    """Raise ``ConfigError`` where a threshold is not a distance."""
    if unknown_above is not None and not unknown_above >= 0:
        raise ConfigError(f"--unknown-above is {unknown_above}, expected a distance of 0 or more")


def check_gallery(gallery: Embeddings, where: str) -> int:
    """The number of identities of a gallery.

    Raises:
        DataError: it is empty, or a sequence has no identity.
    """
    nameless = int((gallery.labels == "").sum())
    if not len(gallery):
        raise DataError(
            "the gallery is empty: no sequence is enrolled",
            where=where,
            hint="gait-plugins enroll CONFIG DATA --gallery FILE.npz",
        )
    if nameless:
        raise DataError(
            f"{nameless} sequences of the gallery have no identity",
            where=where,
            hint="make the gallery with gait-plugins enroll",
        )
    return len(set(gallery.labels.tolist()))


def checked_top(top: int | None, identities: int, where: str) -> int:
    """How many identities are told of each sequence.

    Raises:
        ConfigError: more than there are, or none.
    """
    if top is None:
        return min(5, identities)
    if not 1 <= top <= identities:
        raise ConfigError(
            f"top is {top}, but the gallery holds {identities} identities",
            where=where,
            hint=f"choose a number from 1 to {identities}",
        )
    return top
