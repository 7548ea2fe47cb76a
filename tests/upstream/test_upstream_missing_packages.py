"""Packages that OpenGait imports and that are not here, or only half: what is lost, and what is not."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.hosts.upstream_host import mini

from gait_plugins.errors import UpstreamMismatch
from upstream_patches.checkout import stand_ins
from upstream_patches.patches.imports import Imports
from upstream_patches.patches.patch import Host, applied

REASON = "torchvision is not installed: pip install torchvision"


@pytest.fixture
def modules() -> Iterator[dict[str, Any]]:
    """Stand-ins of torchvision, for the time of a test."""
    before = stand_ins.forget("torchvision")
    made = stand_ins.make(stand_ins.TORCHVISION, REASON)
    sys.modules.update(made)
    yield made
    stand_ins.forget("torchvision")
    sys.modules.update(before)


def test_a_stand_in_gives_names_to_import_and_to_subclass_but_not_to_use(modules: dict[str, Any]):
    resnet = importlib.import_module("torchvision.models.resnet")
    assert sys.modules["torchvision"].models.resnet is resnet

    class ResNet9(resnet.ResNet):
        def __init__(self, depth: int) -> None:
            super().__init__(depth)

    with pytest.raises(
        UpstreamMismatch, match=r"torchvision\.models\.resnet\.ResNet is needed here, but "
    ) as told:
        ResNet9(3)
    assert "backbone_cfg.type: gait-plugins-trackletgait/ResNet9" in str(told.value.hint)
    ResNet9.__module__ = "modeling.models.BigGait_utils.BigGait_GaitBase"
    with pytest.raises(UpstreamMismatch, match="ResNet is needed here") as told:
        ResNet9(3)  # of a model, which has no other
    assert told.value.hint is None
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("torchvision.datasets")
    assert not hasattr(resnet, "__wrapped__")


@pytest.mark.parametrize(("images", "channels"), [(8, 3), (11, 1), (11, 2), (3, 4)])
def test_its_grid_holds_every_image_as_torchvision_lays_them_out(
    modules: dict[str, Any], images: int, channels: int
):
    """Shapes and places are those of torchvision 0.28; images of two channels make a grid of two."""
    given = torch.rand(images, channels, 4, 5) * 9
    grid = modules["torchvision.utils"].make_grid(given, normalize=True, pad_value=0.5)
    rows, columns = -(-images // 8), min(images, 8)
    assert grid.shape == (3 if channels == 1 else channels, rows * 6 + 2, columns * 7 + 2)
    assert (float(grid.min()), float(grid.max())) == (0, 1)
    for number, image in enumerate(given):
        top, left = number // 8 * 6 + 2, number % 8 * 7 + 2
        expected = (image - given.min()) / (given.max() - given.min())
        torch.testing.assert_close(
            grid[:, top : top + 4, left : left + 5], expected.expand(grid.shape[0], 4, 5)
        )
    edges = torch.cat([grid[:, :2].flatten(), grid[:, :, :2].flatten(), grid[:, -2:].flatten()])
    assert edges.unique().tolist() == [0.5]


def test_one_image_is_its_own_grid_and_each_may_be_stretched_by_itself(modules: dict[str, Any]):
    make_grid = modules["torchvision.utils"].make_grid
    alone = torch.rand(1, 2, 4, 5)
    torch.testing.assert_close(make_grid(alone), alone[0])
    assert make_grid(torch.rand(4, 5)).shape == (3, 4, 5)
    dim = torch.stack([torch.linspace(0, high, 20).view(1, 4, 5) for high in (1.0, 9.0)])
    each = make_grid(dim, normalize=True, scale_each=True)
    torch.testing.assert_close(each[0, 2:6, 2:7], each[0, 2:6, 9:14])
    torch.testing.assert_close(make_grid(list(dim), value_range=(0, 9), normalize=True), make_grid(dim / 9))


def test_its_compose_runs_one_after_the_other(modules: dict[str, Any]):
    compose = modules["torchvision.transforms"].Compose
    assert compose([lambda x: x + 1, lambda x: x * 10])(1) == 20


HALF = """
import torch

@torch.library.register_fake("torchvision::nms")
def fake(dets, scores, iou_threshold):
    return dets
"""


def fake_torchvision(folder: Path, source: str) -> None:
    for name in stand_ins.TORCHVISION:
        file = folder.joinpath(*name.split(".")) / "__init__.py"
        file.parent.mkdir(parents=True)
        file.write_text(source if name == "torchvision" else "Compose = make_grid = RoIAlign = int\n")


def test_a_torchvision_without_its_operators_is_brought_to_life(tmp_path: Path, monkeypatch):
    """As a CPU torch beside a torchvision built for another torch."""
    fake_torchvision(tmp_path / "site", HALF)
    monkeypatch.syspath_prepend(tmp_path / "site")
    before = stand_ins.forget("torchvision")
    checkout = mini(tmp_path / "host")
    try:
        with pytest.raises(RuntimeError, match="torchvision::nms"):
            importlib.import_module("torchvision")
        with checkout.attached(), applied([Imports()], Host(checkout)):
            assert sys.modules["utils.msg_manager"].vutils.make_grid is int
    finally:
        stand_ins.forget("torchvision")
        sys.modules.update(before)


def test_a_torchvision_that_is_broken_otherwise_counts_as_missing(tmp_path: Path, monkeypatch):
    fake_torchvision(tmp_path / "site", "raise RuntimeError('built for another world')\n")
    monkeypatch.syspath_prepend(tmp_path / "site")
    before = stand_ins.forget("torchvision")
    checkout = mini(tmp_path / "host")
    try:
        with checkout.attached(), applied([Imports()], Host(checkout)):
            assert "torchvision" not in sys.modules
            transforms = sys.modules["data.transform"].T
            with pytest.raises(UpstreamMismatch, match="cannot be imported: RuntimeError: built for another"):
                transforms.Resize(3)
    finally:
        stand_ins.forget("torchvision")
        sys.modules.update(before)


def test_what_cannot_be_imported_is_left_out_with_the_reason_and_the_rest_goes_on(tmp_path: Path):
    checkout = mini(tmp_path / "host")
    (checkout.package / "modeling" / "models" / "slip.py").write_text("class Slip(:\n")
    (checkout.package / "modeling" / "models" / "crash.py").write_text("class Crash:\n    x = 1 / 0\n")
    host = Host(checkout)
    with checkout.attached(), applied([Imports()], host):
        models = host.module("modeling.models")
        assert models.MiniSet.__name__ == "MiniSet"
        assert host.unavailable["Needier"] == host.unavailable["Needy"]
        assert host.unavailable["Broken"].startswith("needs an_extra_that_nobody_has: pip install ")
        assert "ZeroDivisionError" in host.unavailable["Crash"]
        assert set(host.unavailable) == {"Needy", "Needier", "Broken", "Crash"}
        with pytest.raises(UpstreamMismatch, match="Needy of the checkout needs kornia_that_nobody_has"):
            _ = models.Needy
        assert not hasattr(models, "Slip")
    assert host.unavailable == {}


def test_what_all_of_the_host_needs_is_told(tmp_path: Path):
    checkout = mini(tmp_path / "host")
    file = checkout.file("data.collate_fn")
    file.write_text(f"import einops_that_nobody_has\n{file.read_text()}")
    with (
        checkout.attached(),
        pytest.raises(UpstreamMismatch, match="OpenGait itself needs einops_that_nobody_has") as caught,
        applied([Imports()], Host(checkout)),
    ):
        pytest.fail("nothing must run")
    assert "[opengait]" not in str(caught.value)  # which would not bring it


def test_what_the_extra_brings_is_told(tmp_path: Path, monkeypatch):
    checkout = mini(tmp_path / "host")
    file = checkout.file("data.collate_fn")
    file.write_text(f"import einops\n{file.read_text()}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "einops"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "meta_path", [Without("einops"), *sys.meta_path])
    with (
        checkout.attached(),
        pytest.raises(UpstreamMismatch, match="OpenGait itself needs einops") as caught,
        applied([Imports()], Host(checkout)),
    ):
        pytest.fail("nothing must run")
    assert "[opengait]" in str(caught.value.hint)


class Without:
    """A finder that hides packages."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.partition(".")[0] in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def test_an_evaluators_package_may_be_missing_but_a_models_may_not(tmp_path: Path, monkeypatch):
    """Some versions import scikit-learn with their evaluators; only one of these calls it."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "sklearn"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(stand_ins, "find_spec", lambda name: None)
    monkeypatch.setattr(sys, "meta_path", [Without("sklearn"), *sys.meta_path])
    checkout, host = mini(tmp_path / "host"), None
    file = checkout.file("evaluation.evaluator")
    file.write_text(f"from sklearn.metrics import confusion_matrix\n{file.read_text()}")
    package = checkout.package / "modeling/models"
    (package / "wants.py").write_text("import sklearn\n\n\nclass Wants:\n    pass\n")
    host = Host(checkout)
    with checkout.attached(), applied([Imports()], host):
        assert host.module("modeling.models").MiniSet.__name__ == "MiniSet"
        assert host.unavailable["Wants"] == "needs sklearn: pip install scikit-learn"
        with pytest.raises(UpstreamMismatch, match="sklearn is not installed: pip install scikit-learn"):
            host.module("evaluation.evaluator").confusion_matrix([1], [1])
        assert "sklearn" not in sys.modules


def test_a_module_that_the_checkout_lacks_is_no_package_to_install(tmp_path: Path):
    checkout = mini(tmp_path / "host")
    half = checkout.package / "modeling/models/half.py"
    half.write_text("import utils.gone\n\n\nclass Half:\n    pass\n")
    host = Host(checkout)
    with checkout.attached(), applied([Imports()], host):
        assert host.unavailable["Half"] == "imports utils.gone, which the checkout lacks"
