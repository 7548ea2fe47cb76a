"""Graphs of joints equal the published ones."""

from __future__ import annotations

import numpy as np
import pytest
from helpers.golden_rules import golden

from gait_plugins.errors import ConfigError
from gait_plugins.plugins.pose.models.graphs import Strategy, body_adjacency, hop_adjacency
from gait_plugins.skeleton.bones import SKELETONS, skeleton


@pytest.mark.parametrize("joint_format", ["coco", "alphapose", "coco-no-head"])
def test_joints_are_linked_as_published(joint_format: str) -> None:
    graphs, found = golden("pose/graphs"), skeleton(joint_format)
    adjacency = hop_adjacency(len(found.order), found.links)
    assert np.array_equal(adjacency.numpy(), graphs[f"graph_{joint_format}_A"])
    assert list(found.parents) == graphs[f"graph_{joint_format}_parent"].tolist()
    assert found.center == graphs[f"graph_{joint_format}_center"]


@pytest.mark.parametrize("level", [0, 1, 2])
@pytest.mark.parametrize("strategy", ["uniform", "distance", "spatial", "gait_temporal"])
def test_body_parts_are_linked_as_published(strategy: Strategy, level: int) -> None:
    expected = golden("pose/graphs")[f"msgg_graph_{strategy}_{level}"]
    assert np.array_equal(body_adjacency(strategy, level).numpy(), expected)


@pytest.mark.parametrize("name", sorted(SKELETONS))
def test_left_and_right_are_linked_alike(name: str) -> None:
    found = SKELETONS[name]
    mirrored = found.order.mirrored
    links = {frozenset(link) for link in found.links}
    assert {frozenset(mirrored[joint] for joint in link) for link in links} == links


def test_the_openpose_order_is_alphaposes() -> None:
    assert skeleton("openpose") is skeleton("alphapose") is skeleton("18")


def test_another_order_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="joint_format is 'limbs12', expected one of coco, alphapose"):
        skeleton("limbs12")
