"""The kinds of component: hook, base class and the YAML key that holds a component's name."""

from __future__ import annotations

from typing import NamedTuple


class Kind(NamedTuple):
    """One family of components."""

    name: str
    """As in ``gait_plugins.get(kind, name)``."""
    hook: str
    """The contribution hook that offers them."""
    base: str
    """``module:attr`` of the class that they subclass."""
    key: str
    """The key of a YAML mapping that names the component; every other key is an option."""
    default: str | None = None
    """The component that a mapping without the key means."""


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("model", "gait_models", "gait_plugins.api.model:GaitModel", "model"),
        Kind("backbone", "gait_backbones", "gait_plugins.api.model:Backbone", "type"),
        Kind("loss", "gait_losses", "gait_plugins.api.loss:Loss", "type"),
        Kind("transform", "gait_transforms", "gait_plugins.api.transform:Transform", "type"),
        Kind(
            "joint_transform",
            "gait_joint_transforms",
            "gait_plugins.api.transform:JointTransform",
            "type",
        ),
        Kind(
            "frame_sampler",
            "gait_frame_samplers",
            "gait_plugins.api.sampling:FrameSampler",
            "method",
            default="random",
        ),
        Kind("batch_sampler", "gait_batch_samplers", "gait_plugins.api.sampling:BatchSampler", "type"),
        Kind(
            "dataset",
            "gait_datasets",
            "gait_plugins.api.dataset:GaitDataset",
            "type",
            default="OpenGaitLayout",
        ),
        Kind("stream", "gait_streams", "gait_plugins.api.stream:Stream", "type"),
        Kind("protocol", "gait_protocols", "gait_plugins.api.protocol:Protocol", "eval_func"),
        Kind(
            "index",
            "gait_indices",
            "gait_plugins.api.galleries.index:GalleryIndex",
            "type",
            default="exact",
        ),
        Kind(
            "segmenter",
            "gait_segmenters",
            "gait_plugins.api.video.components:Segmenter",
            "type",
            default="background",
        ),
        Kind(
            "tracker",
            "gait_trackers",
            "gait_plugins.api.video.components:Tracker",
            "type",
            default="bodies",
        ),
        Kind(
            "pose_estimator",
            "gait_pose_estimators",
            "gait_plugins.api.video.components:PoseEstimator",
            "type",
        ),
        Kind("recipe", "gait_recipes", "gait_plugins.api.recipe:Recipe", "recipe"),
    )
}
