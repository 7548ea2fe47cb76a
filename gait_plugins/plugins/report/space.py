"""Embeddings in two dimensions, coloured by person, view and condition."""

from __future__ import annotations

import importlib.util
import warnings

import numpy as np

from gait_plugins.api import ReportMaterial, ReportRun, ReportSection
from gait_plugins.charts import Figure, cloud, colours_of
from gait_plugins.errors import ConfigError, DataError

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
        every = _spread(len(run.names))
        places, told = _projected(run, way, every)
        named = f"{run.name}: " if len(material.runs) > 1 else ""
        number = list(material.runs).index(run) + 1
        figures += _clouds(run, every, places, named, number)
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


def _spread(count: int) -> np.ndarray:
    """Positions of up to so many walks as are drawn, evenly spread."""
    return np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(int))


def _projected(run: ReportRun, way: str, every: np.ndarray) -> tuple[np.ndarray, str]:
    """Places of some walks, float64 ``[m, 2]``, and how they were found."""
    assert run.embedded is not None
    values = run.embedded.embeddings[every].astype(np.float64).transpose(0, 2, 1)
    if run.metric == "cos":
        values = values / np.maximum(np.linalg.norm(values, axis=2, keepdims=True), 1e-12)
    flat = values.reshape(len(values), -1)
    if not np.isfinite(flat).all():
        raise DataError(f"some embeddings of {run.name} hold NaN or infinite values")
    if way == "umap":
        return _umap(flat), "The dots are placed by UMAP: only nearness has a meaning, not distances or axes."
    centred = flat - flat.mean(0)
    places = _components(centred)
    places = np.pad(places, ((0, 0), (0, 2 - places.shape[1])))  # embeddings of one number lie on a line
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
    import umap

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        placed = umap.UMAP(random_state=0, n_jobs=1, n_neighbors=min(15, len(flat) - 1)).fit_transform(flat)
    return np.asarray(placed, np.float64)


def _clouds(run: ReportRun, every: np.ndarray, places: np.ndarray, named: str, number: int) -> list[Figure]:
    assert run.embedded is not None
    labels, views, types = (
        getattr(run.embedded, name)[every].astype(str) for name in ("labels", "views", "types")
    )
    people = sorted(set(labels.tolist()))
    shown = people[:: max(1, -(-len(people) // MOST_PEOPLE))]
    whole = np.arange(len(every))
    few = f" ({len(shown)} of {len(people)})" if len(shown) < len(people) else ""
    found = []
    for name, title, groups, chosen in (
        ("person", f"by person{few}", labels, np.flatnonzero(np.isin(labels, shown))),
        ("view", "by view", views, whole),
        ("condition", "by condition", types, whole),
    ):
        own = groups[chosen].tolist()
        names = sorted(set(own))
        if len(names) < 2:
            continue
        texts = [run.names[place] for place in every[chosen].tolist()] if name == "person" else []
        alt = f"{len(chosen)} walks in two dimensions, coloured by {name}: {len(names)} different ones."
        drawn = (places[chosen], own, colours_of(names), texts)
        found.append(cloud(f"{name}-{number}", f"{named}{title}", alt, *drawn))
    return found
