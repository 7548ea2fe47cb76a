"""Contract checks of components for the tests of any package; each raises ``AssertionError``.

from gait_plugins.testing import check_model

def test_my_model_keeps_the_contract():
    check_model(lambda: MyModel(class_num=5))

``check_KIND(make)`` tries what a component of that kind promises. ``make`` makes it: its class, or any
function without arguments. An instance is taken too.
"""

from gait_plugins.testing.backbones import check_backbone
from gait_plugins.testing.datasets import check_dataset
from gait_plugins.testing.films import (
    check_pose_estimator,
    check_segmenter,
    check_tracker,
    example_film,
)
from gait_plugins.testing.indices import check_index
from gait_plugins.testing.losses import check_loss
from gait_plugins.testing.models import check_fused, check_model
from gait_plugins.testing.protocols import check_protocol
from gait_plugins.testing.recipes import check_recipe
from gait_plugins.testing.samplers import check_batch_sampler, check_frame_sampler
from gait_plugins.testing.stream_kinds import check_stream
from gait_plugins.testing.transforms import check_joint_transform, check_transform

__all__ = [
    "check_backbone",
    "check_batch_sampler",
    "check_dataset",
    "check_frame_sampler",
    "check_fused",
    "check_index",
    "check_joint_transform",
    "check_loss",
    "check_model",
    "check_pose_estimator",
    "check_protocol",
    "check_recipe",
    "check_segmenter",
    "check_stream",
    "check_tracker",
    "check_transform",
    "example_film",
]
