"""A real checkout of OpenGait, named by ``OPENGAIT_HOME``: a copy of it trains and tests on the CPU."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from helpers.hosts.upstream_host import content, write_data

from gait_plugins.errors import GaitPluginsError
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches import load
from upstream_patches.patches.patch import Host, applied
from upstream_patches.run import pins
from upstream_patches.run.program import RunOptions, run

pytestmark = [pytest.mark.opengait, pytest.mark.heavy]


@pytest.fixture
def checkout(real_checkout: Path, tmp_path: Path) -> Checkout:
    """A copy, so that the output of the tests lies in their own folder."""
    root = Checkout.find(real_checkout).root
    shutil.copytree(
        root, tmp_path / "OpenGait", ignore=shutil.ignore_patterns(".git", "output", "__pycache__")
    )
    return Checkout.find(tmp_path / "OpenGait")


def test_it_is_pinned_and_every_patch_fits(checkout: Checkout):
    pins.verify(checkout, load())
    for patch in load():
        patch.probe(checkout)


def test_its_models_are_there_but_for_those_whose_packages_are_missing(checkout: Checkout):
    host = Host(checkout, device="cpu")
    with checkout.attached(), applied(load(), host):
        models = host.module("modeling.models")
        for name in (
            "GaitSet",
            "GaitPart",
            "GaitGL",
            "DeepGaitV2",
            "Baseline",
            "GLN",
            "SwinGait",
            "GaitGraph1",
        ):
            assert checkout.owns(host.module(getattr(models, name).__module__)), name
        assert all(re.match(r"needs \w+: pip install ", reason) for reason in host.unavailable.values())


def test_none_of_its_own_configurations_is_refused(checkout: Checkout, monkeypatch: pytest.MonkeyPatch):
    """But where its evaluator has indeed no rule for the data set that is named."""
    from upstream_patches.patches import settings
    from upstream_patches.patches.config_checks import Checks
    from upstream_patches.patches.configuration import _own
    from upstream_patches.patches.scorable import check_scorable

    host = Host(checkout, device="cpu")
    monkeypatch.chdir(checkout.root)
    files = sorted((checkout.root / "configs").rglob("*/*.yaml"))
    refused = []
    with checkout.attached(), applied(load(), host):
        read = host.module("utils.common").config_loader
        defaults = yaml.safe_load((checkout.root / "configs/default.yaml").read_text())
        for file in files:
            cfgs = read(str(file))
            if "model_cfg" not in yaml.safe_load(file.read_text()):
                continue  # of another program
            data = cfgs["data_cfg"]
            first = data[0] if isinstance(data, list) else data
            names = {key: value for key, value in first.items() if key.endswith("name")}
            try:
                for phase in ("train", "test"):
                    settings.refuse(cfgs, phase)
                Checks(defaults, lambda kind, name: _own(host, kind, name)).all(cfgs)
                check_scorable(checkout, cfgs["evaluator_cfg"], names)
            except GaitPluginsError as error:
                refused.append(f"{file.relative_to(checkout.root)}: {error}")
    assert refused == [], "\n".join(refused)


SHORT = (
    "trainer_cfg.total_iter=2",
    "trainer_cfg.save_iter=2",
    "trainer_cfg.log_iter=1",
    "trainer_cfg.sampler.batch_size=[2,2]",
    "trainer_cfg.sampler.frames_num_fixed=4",
)


@pytest.mark.parametrize(
    ("config", "more"),
    [
        ("gaitset/gaitset.yaml", ()),
        (
            "gaitpart/gaitpart.yaml",
            ("trainer_cfg.sampler.frames_num_min=4", "trainer_cfg.sampler.frames_num_max=6"),
        ),
        ("deepgaitv2/DeepGaitV2_casiab.yaml", ("model_cfg.Backbone.channels=[8,8,8,8]",)),
    ],
)
def test_its_own_configurations_train_and_test(
    checkout: Checkout, tmp_path: Path, capfd, config: str, more: tuple[str, ...]
):
    """Two steps and a test of 32 sequences; whatever the test batch, the figures are the same."""
    if not (checkout.root / "configs" / config).is_file():
        pytest.skip(f"the checkout has no configs/{config}")
    data = write_data(tmp_path / "data", kinds=("nm-01", "nm-05", "bg-01", "cl-01"), views=("000", "090"))
    settings = (*SHORT, *more, *(f"data_cfg.{name}={path}" for name, path in data.items()))
    before = content(checkout)
    named = ["--cfgs", f"configs/{config}", "--phase"]
    run(checkout, [*named, "train"], RunOptions("cpu", overrides=settings))
    (saved,) = (checkout.root / "output").rglob("*-00002.pt")
    assert torch.load(saved, weights_only=True)["iteration"] == 2
    assert "Iteration 00002" in capfd.readouterr().err
    found = set()
    for size in (1, 3):
        test = (*settings, f"evaluator_cfg.sampler.batch_size={size}", f"evaluator_cfg.restore_hint={saved}")
        run(checkout, [*named, "test"], RunOptions("cpu", overrides=test))
        found.add(re.findall(r"NM@R1: [\d.]+%", capfd.readouterr().err)[-1])
    assert len(found) == 1
    assert content(checkout) == before
