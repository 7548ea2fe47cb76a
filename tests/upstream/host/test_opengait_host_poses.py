"""Models of poses and maps of a real checkout on the core: OpenGait's files train and are tested."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.golden_poses import keypoints
from helpers.pose_configs import POSES, Shipped, small_form

import gait_plugins
from gait_plugins.config import load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.registry.manager import use_manager

pytestmark = pytest.mark.opengait
NAMES = (
    "gaitgraph1/casiab",
    "gaitgraph1/oumvlp",
    "gaitgraph2/ccpg",
    "gaittr/gait3d",
    "msgg/oumvlp",
    "multigaitpp/gait3d",
    "sconet/scoliosis1k",
    "skeletongait/gait3d",
    "skeletongaitpp/ccpg",
)
TRIED = [each for each in POSES if each.name in NAMES]
NEEDED = {
    "multigaitpp/gait3d": ["model_cfg.Backbone.in_channels=2", "model_cfg.Backbone.C=2"],
    "sconet/scoliosis1k": ["model_cfg.backbone_cfg.type=gait-plugins-trackletgait/ResNet9"],
    "skeletongaitpp/ccpg": ["model_cfg.Backbone.C=1"],
}
"""What OpenGait's file leaves out, or is too wide for a test."""


@pytest.fixture(autouse=True)
def _checkout(real_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPENGAIT_HOME", str(real_checkout))
    use_manager(None)
    yield
    use_manager(None)


@pytest.mark.heavy
@pytest.mark.parametrize("each", TRIED, ids=[each.name for each in TRIED])
def test_the_checkouts_model_trains_and_is_tested_here(
    each: Shipped, real_checkout: Path, tmp_path: Path
) -> None:
    if each.name.startswith("multigaitpp") and find_spec("kornia") is None:
        pytest.skip("the checkout's MultiGait++ needs kornia")
    file = str(real_checkout / "configs" / each.file)
    name = f"opengait/{load_config(file).model_cfg.name}"
    config = small_form(file, each, tmp_path, f"model_cfg.model={name}", *NEEDED.get(each.name, ()))
    train(config, RunOptions(device="cpu"))
    assert list((tmp_path / "output").rglob("checkpoints/*.pt"))


def test_frames_lead_after_every_transform_of_joints() -> None:
    joints = keypoints(1, 9, 17)[0].astype(np.float32)
    rng = np.random.default_rng(0)
    one = {"type": "opengait/GaitGraph1Input"}
    two = {"type": "opengait/TwoView", "trf_cfg": [{"type": "GaitGraph1Input"}]}
    for written, frames in ((one, 9), (two, 18)):
        found = gait_plugins.build("transform", written)(joints, rng)
        assert found.shape == (frames, 3, 17, 1)
        ours = {**written, "type": written["type"].removeprefix("opengait/")}
        np.testing.assert_array_equal(found, gait_plugins.build("transform", ours)(joints, rng))


def test_tensors_move_to_a_gpu_again_after_the_checkouts_forward() -> None:
    from upstream_patches.host.models import where_it_lies

    moved = torch.Tensor.cuda
    tensor = torch.zeros(2)
    with where_it_lies(torch.device("cpu")):
        assert tensor.cuda(-1) is tensor
    assert torch.Tensor.cuda is moved


def test_skeletongaitpp_is_offered_although_it_joins_its_inputs_itself() -> None:
    from upstream_patches.host.listing import offers

    assert not offers("model")["opengait/SkeletonGaitPP"].missing
