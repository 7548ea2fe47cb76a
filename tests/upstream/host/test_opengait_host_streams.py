"""Models of clouds, labels, body models and pictures of a real checkout on the core, and what each needs."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers.hosts.experiments import small_form

from gait_plugins.config import load_config
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import ComponentFailure, ConfigError, GaitPluginsError
from gait_plugins.registry.manager import default_manager, use_manager

pytestmark = [pytest.mark.opengait, pytest.mark.heavy]
WIDE = (
    "model_cfg.backbone_cfg.channels=[64, 128, 256, 512]",
    "model_cfg.SeparateFCs={in_channels: 512, out_channels: 256, parts_num: 24}",
    "model_cfg.SeparateBNNecks.in_channels=256",
)
"""OpenGait's DenoisingGait has other widths in its code."""
RESNET9 = "model_cfg.backbone_cfg.type=gait-plugins-trackletgait/ResNet9"
CPU = RunOptions(device="cpu")


class Tried(NamedTuple):
    file: str
    """OpenGait's, in its folder ``configs``."""
    more: tuple[str, ...] = ()
    """What is said beside the name of the model."""
    packages: tuple[str, ...] = ()
    """Without one of them it is refused, by the name of the package."""


TRIED = [
    Tried("lidargait/lidargait_sustech1k", (RESNET9,)),
    Tried("lidargaitv2/lidargaitv2_sustech1k"),
    Tried("smplgait/smplgait"),
    Tried("smplgait/smplgait_gait3d_parsing"),
    Tried("gaitbase/gaitbase_gait3d_parsing_btz32x2_fixed", (RESNET9,)),
    Tried("foundationgait/finetune_ccpg_0.03B", (), ("lightly",)),
    Tried("foundationgait/linear_probing_Scoliosis1K_0.13B", (), ("lightly",)),
    Tried("gaitedge/phase1_seg", ("trainer_cfg.with_test=false",), ("kornia",)),
    Tried("gaitedge/phase2_gaitedge", (), ("kornia", "torchvision")),
    Tried("gaitedge/phase2_e2e", ("model_cfg.kernel_size=3",), ("kornia", "torchvision")),
    Tried("denoisinggait/denoisinggait_ccpg", WIDE, ("kornia", "torchvision")),
]


@pytest.fixture(autouse=True)
def _checkout(real_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("OPENGAIT_HOME", str(real_checkout))
    use_manager(None)
    yield
    use_manager(None)


def theirs(each: Tried, checkout: Path, folder: Path) -> None:
    """Train the checkout's model for a step, and test it."""
    file = str(checkout / "configs" / f"{each.file}.yaml")
    name = f"model_cfg.model=opengait/{load_config(file).model_cfg.name}"
    train(small_form(file, folder, name, *each.more), CPU)
    assert list((folder / "output").rglob("checkpoints/*.pt"))


@pytest.mark.parametrize("each", TRIED, ids=[each.file for each in TRIED])
def test_the_checkouts_model_trains_here_or_names_the_package_that_it_lacks(
    each: Tried, real_checkout: Path, tmp_path: Path
) -> None:
    lacking = [name for name in each.packages if find_spec(name) is None]
    if not lacking:
        theirs(each, real_checkout, tmp_path)
        return
    with pytest.raises(GaitPluginsError, match=rf"pip install .*\b{lacking[0]}\b"):
        theirs(each, real_checkout, tmp_path)


def test_a_segmentation_of_the_checkout_is_not_tested_by_embeddings(
    real_checkout: Path, tmp_path: Path
) -> None:
    if find_spec("kornia") is None:
        pytest.skip("the checkout's Segmentation needs kornia")
    with pytest.raises(
        ConfigError, match=r"\['mask', 'pred'\] in inference_feat, but 'embeddings' is needed"
    ):
        theirs(Tried("gaitedge/phase1_seg"), real_checkout, tmp_path)


def test_parsinggait_of_the_checkout_stops_on_a_cpu(real_checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ComponentFailure, match=r"parsinggait\.py:\d+: ParsingGait .* raised UnboundLocalError"
    ):
        theirs(Tried("parsinggait/parsinggait_gait3d_parsing", (RESNET9,)), real_checkout, tmp_path)


@pytest.mark.parametrize("name", ["FoundationGait_Scaling", "GaitSSB_Pretrain"])
def test_models_that_change_opengaits_trainer_train_there_alone(name: str) -> None:
    missing = default_manager().find("model", f"opengait/{name}").missing
    assert "it can be trained only there" in missing or "needs " in missing


@pytest.mark.parametrize("name", ["BigGait__Dinov2_Gaitbase", "BiggerGait__DINOv2"])
def test_models_of_large_vision_models_say_what_they_need(name: str) -> None:
    missing = default_manager().find("model", f"opengait/{name}").missing
    wanted = ("einops", "imageio", "kornia", "sklearn", "tqdm")
    assert all(package in missing for package in wanted if find_spec(package) is None)
