"""Probes that were hardest and easiest to find, as strips of frames with their nearest matches."""

from __future__ import annotations

import numpy as np

from gait_plugins.api import ReportMaterial, ReportRun, ReportSection
from gait_plugins.charts import Figure, Strip, strips
from gait_plugins.errors import GaitPluginsError
from gait_plugins.metrics import NO_MATCH

WORST, BEST = 6, 3
FRAMES = 8
HIGHEST = 56
"""Pixels of a frame's height on the page."""


def probes(material: ReportMaterial) -> ReportSection | None:
    """Strips of the worst and the best probes of each run."""
    figures: list[Figure] = []
    notes: list[str] = []
    for run in material.runs:
        if run.ranking is None or run.frames is None:
            continue
        named = f"{run.name}: " if len(material.runs) > 1 else ""
        number = list(material.runs).index(run) + 1
        try:
            figures += [
                _figure(run, probe, f"{named}{word} {place + 1}", f"{word}-{number}-{place + 1}")
                for word, chosen in _chosen(run)
                for place, probe in enumerate(chosen)
            ]
        except (GaitPluginsError, OSError) as error:
            told = error.message if isinstance(error, GaitPluginsError) else str(error)
            notes.append(
                f"{named}The strips are left out, because the data cannot be read now: {told}. "
                "-o data_cfg.dataset_root=DIR tells where they lie."
            )
    if not figures and not notes:
        return None
    return ReportSection(
        "Worst and best probes",
        "Each picture shows a walk that was looked for, and below it the nearest walks of the gallery. In "
        "the worst ones another person is nearer than the right one by the widest margin. What such walks "
        "have in common (a view, a coat, a broken silhouette) tells what the model lacks.",
        figures=figures,
        notes=notes,
    )


def _chosen(run: ReportRun) -> list[tuple[str, list[int]]]:
    """The worst and the best probes, as positions among the probes; one of each person and condition."""
    assert run.ranking is not None
    assert run.embedded is not None
    assert run.compared is not None
    margin = run.ranking.margin
    known = np.flatnonzero(np.isfinite(margin))
    order = known[np.argsort(-margin[known], kind="stable")]
    places = run.compared.probes
    seen: set[tuple[str, str]] = set()
    varied = []
    for probe in order.tolist():
        who = str(run.embedded.labels[places[probe]]), str(run.embedded.types[places[probe]])
        if who not in seen:
            seen.add(who)
            varied.append(probe)
    worst = varied[:WORST]
    best = [probe for probe in order[::-1].tolist() if probe not in worst][:BEST]
    return [("worst", worst), ("best", best)]


def _figure(run: ReportRun, probe: int, title: str, name: str) -> Figure:
    assert run.ranking is not None
    assert run.embedded is not None
    assert run.compared is not None
    place = int(run.compared.probes[probe])
    person = run.embedded.labels[place]
    first = int(run.ranking.first[probe])
    found = "its person is not in the gallery" if first == NO_MATCH else f"right person at rank {first + 1}"
    rows = [Strip(f"looked for: {run.names[place]}", _pictures(run, place))]
    pairs = zip(run.ranking.nearest[probe].tolist(), run.ranking.distances[probe].tolist(), strict=True)
    for number, (other, far) in enumerate(pairs):
        if other < 0:
            continue
        right = run.embedded.labels[other] == person
        mark, colour = ("right", "good") if right else ("wrong", "bad")
        text = f"{number + 1}. {mark}: {run.names[other]}, {far:.3g}"
        rows.append(Strip(text, _pictures(run, other), colour))
    alt = f"Frames of {run.names[place]} above the {len(rows) - 1} nearest walks of the gallery; {found}."
    return strips(name, f"{title}: {found}", alt, rows, FRAMES)


def _pictures(run: ReportRun, place: int) -> np.ndarray:
    """A few evenly spread frames of a walk, small, uint8 ``[k, h, w]`` or ``[k, h, w, 3]``."""
    assert run.frames is not None
    frames = run.frames(place)
    frames = frames[np.unique(np.linspace(0, max(0, len(frames) - 1), FRAMES).round().astype(int))]
    every = max(1, frames.shape[1] // (2 * HIGHEST))
    return np.ascontiguousarray(frames[:, ::every, ::every])
