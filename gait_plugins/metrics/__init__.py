"""Metrics for the protocols of any package: distances, retrieval scores and classification figures."""

from gait_plugins.metrics.classification import classification_figures, confusion_matrix
from gait_plugins.metrics.distances import (
    Metric,
    Rows,
    as_parts,
    distance_chunks,
    paired_distances,
    part_distances,
)
from gait_plugins.metrics.reranking import rerank, rerank_distances
from gait_plugins.metrics.retrieval import (
    NO_MATCH,
    Exclusion,
    RetrievalScores,
    first_match,
    nearest_of,
    retrieve,
    same_identity_and_camera,
    score_ranking,
)

__all__ = [
    "NO_MATCH",
    "Exclusion",
    "Metric",
    "RetrievalScores",
    "Rows",
    "as_parts",
    "classification_figures",
    "confusion_matrix",
    "distance_chunks",
    "first_match",
    "nearest_of",
    "paired_distances",
    "part_distances",
    "rerank",
    "rerank_distances",
    "retrieve",
    "same_identity_and_camera",
    "score_ranking",
]
