"""Distances between embeddings and what retrieval by them is worth, for any package's protocols."""

from gait_plugins.metrics.distances import Metric, as_parts, distance_chunks, part_distances
from gait_plugins.metrics.retrieval import (
    NO_MATCH,
    Exclusion,
    RetrievalScores,
    first_match,
    retrieve,
    same_identity_and_camera,
    score_ranking,
)

__all__ = [
    "NO_MATCH",
    "Exclusion",
    "Metric",
    "RetrievalScores",
    "as_parts",
    "distance_chunks",
    "first_match",
    "part_distances",
    "retrieve",
    "same_identity_and_camera",
    "score_ranking",
]
