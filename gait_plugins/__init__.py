"""Gait recognition as plugins: the whole public API.

``import gait_plugins`` is light: whatever needs torch is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from gait_plugins import api, moved
from gait_plugins.api.progress import Job, report_to, track
from gait_plugins.errors import (
    CheckpointError,
    ComponentConflict,
    ComponentFailure,
    ConfigError,
    DataError,
    GaitPluginsError,
    NonFiniteLoss,
    PluginLoadError,
    ProcessLost,
    RunFolderLost,
    UnknownComponent,
    UpstreamMismatch,
)
from gait_plugins.hookspecs import API_VERSION, Offer, hookimpl
from gait_plugins.version import __version__

if TYPE_CHECKING:
    from gait_plugins.api import (
        SILHOUETTES,
        Backbone,
        BatchSampler,
        ClassCount,
        Compared,
        DataReport,
        Detection,
        EmbeddingSet,
        FeatureExtractor,
        Film,
        FilmFrame,
        Finding,
        FindingLog,
        FrameSampler,
        GaitBatch,
        GaitDataset,
        GaitModel,
        GalleryIndex,
        HubFile,
        JointTransform,
        Loss,
        LossSchedule,
        ModelOutput,
        PackageFile,
        PoseEstimator,
        Protocol,
        PublishedCheckpoint,
        PublishedWork,
        Ragged,
        RaggedTensor,
        Recipe,
        ReportMaterial,
        ReportRun,
        ReportSection,
        Results,
        Run,
        Segmenter,
        SequenceIndex,
        SequenceRef,
        SequenceTable,
        Sighting,
        Silhouettes,
        StoredVectors,
        Stream,
        Subset,
        Table,
        Tracker,
        Transform,
        WebFile,
        WithProbability,
        fits_any,
    )
    from gait_plugins.config import Config, build, load_config
    from gait_plugins.core.functions import Trained, evaluate, report, test, train
    from gait_plugins.core.tools.embedder import Embedder
    from gait_plugins.core.tools.embeddings import Embeddings
    from gait_plugins.registry.components import Component

_LATE = {
    "Config": "config",
    "Embedder": "core.tools.embedder",
    "Embeddings": "core.tools.embeddings",
    "Trained": "core.functions",
    "build": "config",
    "evaluate": "core.functions",
    "load_config": "config",
    "report": "core.functions",
    "test": "core.functions",
    "train": "core.functions",
}
"""Public name -> module, of what lies above the API; imported on first use."""

__all__ = [
    "API_VERSION",
    "SILHOUETTES",
    "Backbone",
    "BatchSampler",
    "CheckpointError",
    "ClassCount",
    "Compared",
    "ComponentConflict",
    "ComponentFailure",
    "Config",
    "ConfigError",
    "DataError",
    "DataReport",
    "Detection",
    "Embedder",
    "EmbeddingSet",
    "Embeddings",
    "FeatureExtractor",
    "Film",
    "FilmFrame",
    "Finding",
    "FindingLog",
    "FrameSampler",
    "GaitBatch",
    "GaitDataset",
    "GaitModel",
    "GaitPluginsError",
    "GalleryIndex",
    "HubFile",
    "Job",
    "JointTransform",
    "Loss",
    "LossSchedule",
    "ModelOutput",
    "NonFiniteLoss",
    "Offer",
    "PackageFile",
    "PluginLoadError",
    "PoseEstimator",
    "ProcessLost",
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
    "RunFolderLost",
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
    "Trained",
    "Transform",
    "UnknownComponent",
    "UpstreamMismatch",
    "WebFile",
    "WithProbability",
    "__version__",
    "build",
    "components",
    "evaluate",
    "fits_any",
    "get",
    "hookimpl",
    "load_config",
    "report",
    "test",
    "track",
    "train",
]


def get(kind: str, name: str) -> type:
    """The class of a component, from whichever installed package offers it.

    Args:
        kind: ``model``, ``backbone``, ``loss``, ``transform``, ``frame_sampler``, ``batch_sampler``,
            ``dataset``, ``protocol``, ``index``, ``segmenter``, ``tracker``, ``pose_estimator`` or
            ``recipe``.
        name: as in YAML, bare or qualified (``dist-name/ComponentName``), or of a class in a file, which is
            then run (``./my_loss.py:MyLoss``).

    Raises:
        UnknownComponent, ComponentConflict, PluginLoadError.
    """
    from gait_plugins.registry.files import file_component, is_file_name
    from gait_plugins.registry.manager import default_manager

    return file_component(kind, name).load() if is_file_name(name) else default_manager().get(kind, name)


def components(kind: str | None = None) -> list[Component]:
    """The components that are installed, by kind and name; nothing of them is imported.

    Args:
        kind: as in :func:`get`; None: all kinds.

    Raises:
        UnknownComponent: there is no such kind.
    """
    from gait_plugins.registry.manager import default_manager

    return default_manager().components(kind)


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"{__name__}.{_LATE[name]}"), name)
    if name in api.EXPORTS:
        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})


def _tell_plugins(job: Job) -> None:
    from gait_plugins.registry.manager import default_manager

    default_manager().lifecycle.progress(job)


report_to(_tell_plugins)
moved.install()
