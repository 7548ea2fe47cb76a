"""Hooks of the plugin layer. A plugin implements any of them with ``@gait_plugins.hookimpl``.

Contribution hooks return a mapping *name -> "module:attr"*; the string is imported only when a
configuration uses the name. A class object is accepted in its place, and an :class:`Offer` where more
is to be said. A plugin that fronts other code puts that code's name before the component's:
``opengait/GaitSet``; the bare ``GaitSet`` still names the component of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from gait_plugins.api import Job, PublishedCheckpoint, PublishedWork, Results, Run

PROJECT = "gait_plugins"
API_VERSION = 1

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@dataclass(frozen=True)
class Offer:
    """A component with more information than the place of its class."""

    target: str | type
    """``module:attr`` of the class, or the class."""
    source: str = ""
    """The code outside the package that it is made from, with its version; a run keeps it, and resuming
    or testing with another one is reported."""
    missing: str = ""
    """Why it cannot be used here (``needs kornia, which is not installed``): it is listed with this
    reason, and a configuration that names it gets an error with it."""


Contribution = Mapping[str, "str | type | Offer"]


# --- contributions -----------------------------------------------------------------------------


@hookspec
def gait_models() -> Contribution:  # type: ignore[empty-body]
    """Models: silhouette sequences to part embeddings (``GaitModel``)."""


@hookspec
def gait_backbones() -> Contribution:  # type: ignore[empty-body]
    """Frame or sequence feature extractors that a model's ``backbone_cfg`` names (``nn.Module``)."""


@hookspec
def gait_losses() -> Contribution:  # type: ignore[empty-body]
    """Loss terms (``Loss``)."""


@hookspec
def gait_transforms() -> Contribution:  # type: ignore[empty-body]
    """Augmentations and cuts of one sequence, run in the loader's workers (``Transform``)."""


@hookspec
def gait_joint_transforms() -> Contribution:  # type: ignore[empty-body]
    """Augmentations of several streams of a sequence by the same draws (``JointTransform``)."""


@hookspec
def gait_frame_samplers() -> Contribution:  # type: ignore[empty-body]
    """Which frames of a sequence are used (``FrameSampler``)."""


@hookspec
def gait_batch_samplers() -> Contribution:  # type: ignore[empty-body]
    """Which sequences make a batch (``BatchSampler``)."""


@hookspec
def gait_datasets() -> Contribution:  # type: ignore[empty-body]
    """Where sequences come from (``GaitDataset``)."""


@hookspec
def gait_streams() -> Contribution:  # type: ignore[empty-body]
    """Kinds of streams, by which data sets of files are told what they hold (``Stream``)."""


@hookspec
def gait_protocols() -> Contribution:  # type: ignore[empty-body]
    """Evaluation protocols: embeddings to results (``Protocol``)."""


@hookspec
def gait_indices() -> Contribution:  # type: ignore[empty-body]
    """Indices of galleries: which enrolled sequences may be the nearest ones (``GalleryIndex``)."""


@hookspec
def gait_segmenters() -> Contribution:  # type: ignore[empty-body]
    """Segmenters: frames of a film to the masks of its people (``Segmenter``)."""


@hookspec
def gait_trackers() -> Contribution:  # type: ignore[empty-body]
    """Trackers: people in single frames to tracks (``Tracker``)."""


@hookspec
def gait_pose_estimators() -> Contribution:  # type: ignore[empty-body]
    """Pose estimators: people in frames to keypoints (``PoseEstimator``)."""


@hookspec
def gait_recipes() -> Contribution:  # type: ignore[empty-body]
    """Trainings of several stages: classes that name a YAML file of the package (``Recipe``)."""


@hookspec
def gait_checkpoints() -> Mapping[str, PublishedCheckpoint]:  # type: ignore[empty-body]
    """Published checkpoints by name (``PublishedCheckpoint``): ``{"trackletgait/gait3d": ...}``.

    A name has a slash. It is accepted wherever a checkpoint is; ``checkpoint fetch`` gets the file.
    """


@hookspec
def gait_works() -> Mapping[str, PublishedWork]:  # type: ignore[empty-body]
    """Published works that models are made after (``PublishedWork``): ``{"SkeletonGait++": ...}``.

    Weights and their licence, published figures, and what was seen of them. ``plugins show MODEL`` prints it.
    """


@hookspec
def gait_commands() -> Mapping[str, tuple[str, str]]:  # type: ignore[empty-body]
    """Commands of the command line: ``{"runs retention": ("module:function", "one line of help")}``.

    The first word is a group, one of the program's or a new one; a single word is a command of its own. The
    function is imported when the command is called, and its parameters are read as typer reads them.
    """


@hookspec
def gait_report_sections() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Sections of the report of runs: ``{"falls": "module:function"}``, in the order of the page.

    The function takes a ``ReportMaterial`` and returns a ``ReportSection``, or None where it has nothing to
    show. It is imported when a report is made. Figures are made by ``gait_plugins.charts``.
    """


# --- life cycle of a run -----------------------------------------------------------------------


@hookspec
def gait_configure(config: dict[str, Any]) -> None:
    """See or change the raw configuration (plain dicts and lists) before it is validated."""


@hookspec
def gait_run_begin(run: Run) -> None:
    """A training or test begins. ``run.attach(monitor)`` adds an object with hooks for this run only."""


@hookspec
def gait_step_end(run: Run, step: int, metrics: Mapping[str, Any]) -> None:
    """A training step ended. ``metrics`` is empty between logging steps (``trainer_cfg.log_iter``).

    Keys are OpenGait's: ``scalar/<term>/<figure>`` (float), ``image/<name>`` (float array
    ``[k, 1 or 3, h, w]`` in [0, 1]).
    """


@hookspec
def gait_checkpoint_saved(run: Run, path: Path, step: int) -> None:
    """A checkpoint is complete on disk."""


@hookspec
def gait_evaluated(run: Run, step: int, results: Results) -> None:
    """A protocol has scored the model, on the test or (``results.subset``) on held-out identities."""


@hookspec
def gait_run_end(run: Run, error: BaseException | None) -> None:
    """The run is over; ``error`` is what ended it early, or None."""


@hookspec
def gait_progress(job: Job) -> None:
    """A long job (any command's) began, advanced or ended; see ``Job``."""
