"""The API for plugins: base classes, and the data that passes between components.

Names are imported on first use, so that a light manifest may import from here without torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gait_plugins.api.batch import GaitBatch, RaggedTensor
    from gait_plugins.api.census.silhouettes import SILHOUETTES, Silhouettes
    from gait_plugins.api.dataset import GaitDataset
    from gait_plugins.api.galleries.index import GalleryIndex, StoredVectors
    from gait_plugins.api.loss import Loss, LossSchedule
    from gait_plugins.api.model import Backbone, FeatureExtractor, GaitModel, ModelOutput
    from gait_plugins.api.options import ClassCount
    from gait_plugins.api.progress import Job, track
    from gait_plugins.api.protocol import Compared, EmbeddingSet, Protocol, Results, Table
    from gait_plugins.api.recipe import Recipe
    from gait_plugins.api.report import DataReport, Finding, FindingLog
    from gait_plugins.api.run import Run
    from gait_plugins.api.run_report.material import ReportMaterial, ReportRun, ReportSection
    from gait_plugins.api.sampling import BatchSampler, FrameSampler
    from gait_plugins.api.sequence import SequenceIndex, SequenceRef, SequenceTable, Subset, fits_any
    from gait_plugins.api.stream import Stream
    from gait_plugins.api.transform import JointTransform, Transform, WithProbability
    from gait_plugins.api.video.components import PoseEstimator, Segmenter, Tracker
    from gait_plugins.api.video.frames import Film, FilmFrame
    from gait_plugins.api.video.people import Detection, Sighting
    from gait_plugins.api.weights.published import HubFile, PackageFile, PublishedCheckpoint, WebFile
    from gait_plugins.api.weights.works import PublishedWork
    from gait_plugins.io.ragged import Ragged

EXPORTS = {
    "SILHOUETTES": "gait_plugins.api.census.silhouettes",
    "Backbone": "model",
    "BatchSampler": "sampling",
    "ClassCount": "options",
    "Compared": "protocol",
    "DataReport": "report",
    "Detection": "gait_plugins.api.video.people",
    "EmbeddingSet": "protocol",
    "FeatureExtractor": "model",
    "Film": "gait_plugins.api.video.frames",
    "FilmFrame": "gait_plugins.api.video.frames",
    "Finding": "report",
    "FindingLog": "report",
    "FrameSampler": "sampling",
    "GaitBatch": "batch",
    "GaitDataset": "dataset",
    "GaitModel": "model",
    "GalleryIndex": "gait_plugins.api.galleries.index",
    "HubFile": "gait_plugins.api.weights.published",
    "Job": "progress",
    "JointTransform": "transform",
    "Loss": "loss",
    "LossSchedule": "loss",
    "ModelOutput": "model",
    "PackageFile": "gait_plugins.api.weights.published",
    "PoseEstimator": "gait_plugins.api.video.components",
    "Protocol": "protocol",
    "PublishedCheckpoint": "gait_plugins.api.weights.published",
    "PublishedWork": "gait_plugins.api.weights.works",
    "Ragged": "gait_plugins.io.ragged",
    "RaggedTensor": "batch",
    "Recipe": "recipe",
    "ReportMaterial": "gait_plugins.api.run_report.material",
    "ReportRun": "gait_plugins.api.run_report.material",
    "ReportSection": "gait_plugins.api.run_report.material",
    "Results": "protocol",
    "Run": "run",
    "Segmenter": "gait_plugins.api.video.components",
    "SequenceIndex": "sequence",
    "SequenceRef": "sequence",
    "SequenceTable": "sequence",
    "Sighting": "gait_plugins.api.video.people",
    "Silhouettes": "gait_plugins.api.census.silhouettes",
    "StoredVectors": "gait_plugins.api.galleries.index",
    "Stream": "stream",
    "Subset": "sequence",
    "Table": "protocol",
    "Tracker": "gait_plugins.api.video.components",
    "Transform": "transform",
    "WebFile": "gait_plugins.api.weights.published",
    "WithProbability": "transform",
    "fits_any": "sequence",
    "track": "progress",
}

__all__ = [
    "SILHOUETTES",
    "Backbone",
    "BatchSampler",
    "ClassCount",
    "Compared",
    "DataReport",
    "Detection",
    "EmbeddingSet",
    "FeatureExtractor",
    "Film",
    "FilmFrame",
    "Finding",
    "FindingLog",
    "FrameSampler",
    "GaitBatch",
    "GaitDataset",
    "GaitModel",
    "GalleryIndex",
    "HubFile",
    "Job",
    "JointTransform",
    "Loss",
    "LossSchedule",
    "ModelOutput",
    "PackageFile",
    "PoseEstimator",
    "Protocol",
    "PublishedCheckpoint",
    "PublishedWork",
    "Ragged",
    "RaggedTensor",
    "Recipe",
    "ReportMaterial",
    "ReportRun",
    "ReportSection",
    "Results",
    "Run",
    "Segmenter",
    "SequenceIndex",
    "SequenceRef",
    "SequenceTable",
    "Sighting",
    "Silhouettes",
    "StoredVectors",
    "Stream",
    "Subset",
    "Table",
    "Tracker",
    "Transform",
    "WebFile",
    "WithProbability",
    "fits_any",
    "track",
]


def __getattr__(name: str) -> Any:
    if name not in EXPORTS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = EXPORTS[name]
    return getattr(importlib.import_module(place if "." in place else f"{__name__}.{place}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
