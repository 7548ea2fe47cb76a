"""The contract checks catch what goes wrong with several streams."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers.components.walk_streams import CLOUD, JOINTS, PICTURES, MirrorWalk, StickWalks, ThreeStreams

from gait_plugins import Ragged, Stream, Transform
from gait_plugins.testing import check_dataset, check_joint_transform, check_model, check_transform

GIVEN = (PICTURES, JOINTS, CLOUD)


def test_the_example_keeps_the_contracts():
    check_model(ThreeStreams)
    check_dataset(StickWalks())
    check_joint_transform(MirrorWalk(), GIVEN)


class Leaky(ThreeStreams):
    """Centres the joints on the mean of the whole batch."""

    def forward(self, batch: Any) -> Any:
        joints = batch.stream("keypoints")
        inputs = list(batch.inputs)
        inputs[1] = joints - joints.mean((0, 1))
        return super().forward(batch._replace(inputs=inputs))


def test_a_model_that_leaks_in_its_second_stream_is_caught():
    with pytest.raises(AssertionError, match="not embedded as its sequences one by one"):
        check_model(Leaky)


class LeakyCloud(ThreeStreams):
    """Takes the clouds for as many frames as the silhouettes have."""

    def forward(self, batch: Any) -> Any:
        return super().forward(batch._replace(lens={}))


def test_a_model_that_forgets_the_clock_of_a_stream_is_caught():
    with pytest.raises((AssertionError, RuntimeError)):
        check_model(LeakyCloud)


class Twice(MirrorWalk):
    """Draws for each stream."""

    def __call__(self, clips: Any, rng: np.random.Generator) -> Any:
        return {name: super(Twice, self).__call__(clips, rng).get(name, clips[name]) for name in clips}


def test_a_joint_transform_that_draws_twice_is_caught():
    with pytest.raises(AssertionError, match="by different draws"):
        check_joint_transform(Twice(), GIVEN)


class Careless(MirrorWalk):
    """Writes into the joints that it is given."""

    def __call__(self, clips: Any, rng: np.random.Generator) -> Any:
        clips["keypoints"][..., 0] *= -1
        return {}


def test_a_joint_transform_that_changes_its_input_is_caught():
    with pytest.raises(AssertionError, match="changes its input"):
        check_joint_transform(Careless(), GIVEN)


class Liar(StickWalks):
    """Declares something else than it gives."""

    def __init__(self, declared: tuple[Stream, ...]) -> None:
        super().__init__()
        self.declared = declared

    def streams(self) -> tuple[Stream, ...]:
        return self.declared


@pytest.mark.parametrize(
    ("declared", "words"),
    [
        ((PICTURES, JOINTS), "3 arrays, but 2 streams are declared"),
        ((PICTURES, JOINTS.changed(shape=(17, 3)), CLOUD), r"frames of shape \[4, 3\], expected \[17, 3\]"),
        ((PICTURES, JOINTS.changed(dtype="float64"), CLOUD), "dtype float32, declared is float64"),
        ((PICTURES, JOINTS, CLOUD.changed(clock="silhouettes")), "has 10 frames beside 30"),
        ((PICTURES, JOINTS.changed(clock="film"), CLOUD), "in step with 'film', which is no stream"),
        ((PICTURES, JOINTS.changed(name="silhouettes"), CLOUD), "several streams have one name"),
        ((PICTURES, JOINTS.changed(high=1.0), CLOUD), "values from"),
    ],
)
def test_a_data_set_whose_streams_disagree_with_what_it_declares_is_caught(declared: Any, words: str):
    with pytest.raises(AssertionError, match=words):
        check_dataset(Liar(declared))


class Sampled(Transform):
    """So many points of each cloud."""

    def __init__(self, said: int) -> None:
        self.said = said

    def __call__(self, sequence: Any, rng: np.random.Generator) -> np.ndarray:
        return np.stack([frame[rng.integers(0, len(frame), 4)] for frame in sequence])

    def becomes(self, stream: Stream) -> Stream:
        return stream.changed(shape=(self.said, 3))


def test_a_transform_of_clouds_is_tried_on_clouds():
    check_transform(Sampled(4), stream=CLOUD)
    with pytest.raises(AssertionError, match="does not give what becomes"):
        check_transform(Sampled(5), stream=CLOUD)
    assert isinstance(StickWalks().load(StickWalks().sequences("train")[0])[2], Ragged)
