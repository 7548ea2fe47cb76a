"""Embeddings in two dimensions, coloured by person, view and condition."""

from __future__ import annotations

import importlib.util
import warnings
from collections.abc import Sequence

import numpy as np

from gait_plugins.api import ReportMaterial, ReportRun, ReportSection
from gait_plugins.charts import Figure, cloud, colours_of
from gait_plugins.errors import ConfigError

MOST_POINTS = 1500
"""Points that are drawn; of more sequences, evenly spread ones."""
MOST_PEOPLE = 20
"""People that keep a colour of their own; points of others are left out of that figure."""


def embeddings(material: ReportMaterial) -> ReportSection | None:
    """Three clouds of each run."""
    runs = [run for run in material.runs if run.embedded is not None and len(run.embedded) > 2]
    if not runs:
        return None
    way = _way(material.projection)
    figures, notes = [], []
    for run in runs:
        places, told = _projected(run, way)
        named = f"{run.name}: " if len(material.runs) > 1 else ""
        number = list(material.runs).index(run) + 1
        figures += _clouds(run, places, named, number)
        notes.append(f"{named}{told}")
    return ReportSection(
        "Embeddings in two dimensions",
        "Each dot is a walk; walks that the model finds alike lie close together. Good is one clear group "
        "for each person, and no groups by view or condition: these should be mixed within the person.",
        figures=figures,
        notes=notes,
    )


def _way(asked: str) -> str:
    there = importlib.util.find_spec("umap") is not None
    if asked == "umap" and not there:
        raise ConfigError(
            "the projection umap needs umap-learn, which is not installed: "
            "pip install 'gait-plugins-trackletgait[umap]', or take --projection pca"
        )
    return ("umap" if there else "pca") if asked == "auto" else asked


def _projected(run: ReportRun, way: str) -> tuple[np.ndarray, str]:
    """Places of all walks, float64 ``[n, 2]``, and how they were found."""
    assert run.embedded is not None
    values = run.embedded.embeddings.astype(np.float64).transpose(0, 2, 1)
    if run.metric == "cos":
        values = values / np.maximum(np.linalg.norm(values, axis=2, keepdims=True), 1e-12)
    flat = values.reshape(len(values), -1)
    if way == "umap":
        return _umap(flat), "The dots are placed by UMAP: only nearness has a meaning, not distances or axes."
    centred = flat - flat.mean(0)
    places = _components(centred)
    places = places * np.where(places[np.abs(places).argmax(0), [0, 1]] < 0, -1, 1)
    share = 100 * (places**2).sum() / max(float((centred**2).sum()), 1e-12)
    return places, f"The dots are placed by PCA: the two directions hold {share:.0f} % of the variance."


def _components(centred: np.ndarray) -> np.ndarray:
    """The first two principal components, ``[n, 2]``, by the smaller of the two matrices of products."""
    rows, columns = centred.shape
    if rows < columns:
        values, vectors = np.linalg.eigh(centred @ centred.T)
        found: np.ndarray = vectors[:, :-3:-1] * np.sqrt(np.maximum(values[:-3:-1], 0))
        return found
    found = centred @ np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    return found


def _umap(flat: np.ndarray) -> np.ndarray:
    import umap  # type: ignore[import-not-found,unused-ignore]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        placed = umap.UMAP(random_state=0, n_jobs=1, n_neighbors=min(15, len(flat) - 1)).fit_transform(flat)
    return np.asarray(placed, np.float64)


def _clouds(run: ReportRun, places: np.ndarray, named: str, number: int) -> list[Figure]:
    assert run.embedded is not None
    data = run.embedded
    every = np.unique(np.linspace(0, len(data) - 1, min(len(data), MOST_POINTS)).round().astype(int))
    people = sorted(set(data.labels.tolist()))
    shown = people[:: max(1, -(-len(people) // MOST_PEOPLE))]
    of_people = every[np.isin(data.labels[every], shown)]
    few = f" ({len(shown)} of {len(people)})" if len(shown) < len(people) else ""
    found = []
    for name, title, groups, chosen in (
        ("person", f"by person{few}", data.labels, of_people),
        ("view", "by view", data.views, every),
        ("condition", "by condition", data.types, every),
    ):
        names = sorted({str(groups[place]) for place in chosen.tolist()})
        if len(names) < 2:
            continue
        texts: Sequence[str] = [run.names[place] for place in chosen.tolist()] if name == "person" else ()
        alt = f"{len(chosen)} walks in two dimensions, coloured by {name}: {len(names)} different ones."
        own = [str(groups[place]) for place in chosen.tolist()]
        figure = cloud(
            f"{name}-{number}", f"{named}{title}", alt, places[chosen], own, colours_of(names), texts
        )
        found.append(figure)
    return found
