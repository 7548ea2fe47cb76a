"""Every component of every installed package keeps the contract of its kind."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.files.cross_spectral_files import llcm_files, regdb_files, sysu_files
from helpers.files.layout_files import image_folders, packed, small_set
from helpers.files.layout_files import partition as partition_file
from helpers.film_models.landmark_model import landmark_model
from helpers.film_models.onnx_files import semantic

import gait_plugins
from gait_plugins.registry.components import Component
from gait_plugins.registry.kinds import KINDS
from gait_plugins.registry.manager import default_manager
from gait_plugins.testing import (
    check_batch_sampler,
    check_dataset,
    check_frame_sampler,
    check_index,
    check_joint_transform,
    check_loss,
    check_model,
    check_pose_estimator,
    check_protocol,
    check_segmenter,
    check_stream,
    check_tracker,
    check_transform,
    example_film,
)

FRAME_SHAPES = [(64, 44), (64, 64), (3, 64, 44)]


def components(kind: str) -> list[Any]:
    return [pytest.param(c, id=c.name) for c in default_manager().components(kind)]


def maker(component: Component, **more: Any) -> Callable[[], Any]:
    """Builds the component from its example, as YAML would."""
    cls: Any = component.load()
    # A backbone may be any network, of which nobody has asked for an example.
    options = cls.example_config() if hasattr(cls, "example_config") else {}
    cfg = {KINDS[component.kind].key: component.qualified, **options, **more}
    return lambda: gait_plugins.build(component.kind, cfg)


@pytest.mark.parametrize("component", components("model"))
def test_models_keep_their_contract(component: Component) -> None:
    check_model(maker(component))


@pytest.mark.parametrize("component", components("loss"))
def test_losses_keep_their_contract(component: Component) -> None:
    check_loss(maker(component)())


@pytest.mark.parametrize("frame_shape", FRAME_SHAPES, ids=str)
@pytest.mark.parametrize("component", components("transform"))
def test_transforms_keep_their_contract(component: Component, frame_shape: tuple[int, ...]) -> None:
    check_transform(maker(component)(), frame_shape)


@pytest.mark.parametrize("component", components("joint_transform"))
def test_joint_transforms_keep_their_contract(component: Component) -> None:
    check_joint_transform(maker(component)())


@pytest.mark.parametrize("component", components("stream"))
def test_streams_keep_their_contract(component: Component) -> None:
    if component.name != "Stream":  # whatever is described
        check_stream(maker(component)())


@pytest.mark.parametrize("component", components("frame_sampler"))
def test_frame_samplers_keep_their_contract(component: Component) -> None:
    check_frame_sampler(maker(component)())


@pytest.mark.parametrize("component", components("batch_sampler"))
def test_batch_samplers_keep_their_contract(component: Component) -> None:
    check_batch_sampler(maker(component)())


@pytest.mark.parametrize("component", components("backbone"))
def test_backbones_hand_their_state_to_another_instance(component: Component) -> None:
    make = maker(component)
    state = make().state_dict()
    other = make()
    other.load_state_dict(state)
    assert all(torch.equal(value, state[key]) for key, value in other.state_dict().items())


@pytest.mark.parametrize("component", components("dataset"))
def test_data_sets_keep_their_contract(
    component: Component, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GAIT_PLUGINS_CACHE", str(tmp_path / "cache"))
    root, partition = small_set(tmp_path, PROBE_SET=["003-nm-01-000"])
    raw = str(partition_file(tmp_path / "raw.json", ["001", "002"], ["003", "004"]))
    small: dict[str, dict[str, Any]] = {
        "ImageFolders": {"dataset_root": image_folders(tmp_path), "dataset_partition": raw},
        "OpenGaitLayout": {"dataset_root": root, "dataset_partition": partition},
        "PackedSilhouettes": {"dataset_root": packed(root), "dataset_partition": partition},
        "SYSU-MM01": {"dataset_root": sysu_files(tmp_path / "sysu")},
        "RegDB": {"dataset_root": regdb_files(tmp_path / "regdb")},
        "LLCM": {"dataset_root": llcm_files(tmp_path / "llcm")},
        "walkers": {"train": 2, "test": 1, "frames": 4, "views": ["000", "090"]},
    }
    check_dataset(maker(component, **small.get(component.name, {}))())


def test_walkers_of_all_streams_keep_the_contract(tmp_path: Path) -> None:
    few = {"train": 1, "test": 1, "frames": 6, "views": ["054"], "nm": 1, "bg": 0, "cl": 0}
    names = ["silhouettes", "keypoints", "skeleton_maps", "parsing", "depth", "points", "smpl", "flow"]
    walkers = {"type": "walkers", **few, "streams": names, "cache_dir": str(tmp_path)}
    check_dataset(gait_plugins.build("dataset", walkers), loaded=1)


@pytest.mark.parametrize("component", components("index"))
def test_indices_keep_their_contract(component: Component) -> None:
    if component.missing:
        pytest.skip(component.missing)
    check_index(maker(component))


@pytest.mark.parametrize("component", components("segmenter"))
def test_segmenters_keep_their_contract(component: Component, tmp_path: Path) -> None:
    if component.missing:
        pytest.skip(component.missing)
    made = maker(component, **in_a_file(component, tmp_path))()
    check_segmenter(made, example_film("masks" if component.name == "masks" else "street"))


def in_a_file(component: Component, folder: Path) -> dict[str, Any]:
    """Options of a component that runs a model in a file, with a small one."""
    if component.name == "onnx":
        return {"path": semantic(folder / "people.onnx"), "person": 1}
    return {"path": landmark_model(folder / "pose.tflite")} if component.name == "pose_mask" else {}


@pytest.mark.parametrize("component", components("tracker"))
def test_trackers_keep_their_contract(component: Component) -> None:
    check_tracker(maker(component))


@pytest.mark.parametrize("component", components("pose_estimator"))
def test_pose_estimators_keep_their_contract(component: Component, tmp_path: Path) -> None:
    check_pose_estimator(maker(component, **in_a_file(component, tmp_path))())


@pytest.mark.parametrize("component", components("protocol"))
def test_protocols_keep_their_contract(component: Component) -> None:
    check_protocol(maker(component)())
