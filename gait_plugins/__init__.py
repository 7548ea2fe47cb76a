"""Gait recognition as plugins: the whole public API.

``import gait_plugins`` is light: whatever needs torch is imported on first use.
"""

from __future__ import annotations

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

if TYPE_CHECKING:
    from gait_plugins.api import (
        SILHOUETTES,
        Backbone,
        BatchSampler,
        DataReport,
        Detection,
        EmbeddingSet,
        Film,
        FilmFrame,
        Finding,
        FrameSampler,
        GaitBatch,
        GaitDataset,
        GaitModel,
        GalleryIndex,
        JointTransform,
        Loss,
        ModelOutput,
        PoseEstimator,
        Protocol,
        Ragged,
        RaggedTensor,
        Recipe,
        Results,
        Run,
        Segmenter,
        SequenceIndex,
        SequenceRef,
        Sighting,
        Silhouettes,
        StoredVectors,
        Stream,
        Subset,
        Table,
        Tracker,
        Transform,
        fits_any,
    )
    from gait_plugins.config import build

__version__ = "0.1.0"

__all__ = [
    "API_VERSION",
    "SILHOUETTES",
    "Backbone",
    "BatchSampler",
    "CheckpointError",
    "ComponentConflict",
    "ComponentFailure",
    "ConfigError",
    "DataError",
    "DataReport",
    "Detection",
    "EmbeddingSet",
    "Film",
    "FilmFrame",
    "Finding",
    "FrameSampler",
    "GaitBatch",
    "GaitDataset",
    "GaitModel",
    "GaitPluginsError",
    "GalleryIndex",
    "Job",
    "JointTransform",
    "Loss",
    "ModelOutput",
    "NonFiniteLoss",
    "Offer",
    "PluginLoadError",
    "PoseEstimator",
    "ProcessLost",
    "Protocol",
    "Ragged",
    "RaggedTensor",
    "Recipe",
    "Results",
    "Run",
    "RunFolderLost",
    "Segmenter",
    "SequenceIndex",
    "SequenceRef",
    "Sighting",
    "Silhouettes",
    "StoredVectors",
    "Stream",
    "Subset",
    "Table",
    "Tracker",
    "Transform",
    "UnknownComponent",
    "UpstreamMismatch",
    "build",
    "fits_any",
    "get",
    "hookimpl",
    "track",
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


def __getattr__(name: str) -> Any:
    if name == "build":
        from gait_plugins.config import build

        return build
    if name in api.EXPORTS:
        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def _tell_plugins(job: Job) -> None:
    from gait_plugins.registry.manager import default_manager

    default_manager().lifecycle.progress(job)


report_to(_tell_plugins)
moved.install()
