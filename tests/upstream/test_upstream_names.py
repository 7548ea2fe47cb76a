"""What names and options mean inside the second host, and what is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers.components.fake_site import FakeSite, manifest
from helpers.hosts.two_hosts import OURS, Listener, in_core, in_host, settings, write
from helpers.hosts.upstream_host import mini, pin, write_data

import gait_plugins
from gait_plugins import hookimpl
from gait_plugins.core.checkpoints.files import load_checkpoint
from gait_plugins.core.runtime.options import RunOptions as CoreOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import CheckpointError, ComponentConflict, ConfigError, UnknownComponent
from gait_plugins.registry.manager import Manager, use_manager
from upstream_patches.checkout.tree import Checkout
from upstream_patches.run.program import RunOptions, run


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch) -> Checkout:
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    return checkout


@pytest.fixture
def listener(tiny: Manager) -> Listener:
    listener = Listener()
    tiny.register(listener, distribution="listening", version="1")
    return listener


@pytest.fixture
def stranger(tmp_path: Path, monkeypatch) -> Iterator[FakeSite]:
    site = FakeSite(tmp_path, monkeypatch)
    site.module("strange_parts", "from torch import nn\nclass Wide(nn.Identity):\n    pass\n")
    site.package("strange-gait", manifest(gait_backbones={"Wide": "strange_parts:Wide"}))
    use_manager(None)
    yield site
    use_manager(None)


def test_a_name_that_the_host_has_means_the_hosts_own(checkout: Checkout, tmp_path: Path, tiny: Manager):
    config = write(tmp_path, {"data_cfg": write_data(tmp_path / "data")})
    assert in_host(checkout, config).session.used == {}
    terms = f"loss_cfg={{type: {OURS}/TripletLoss, log_prefix: triplet}}"
    host = in_host(checkout, config, "train", terms)
    assert list(host.session.used) == ["loss/TripletLoss"]


def test_an_unknown_name_gets_the_nearest_of_all_packages(checkout: Checkout, tmp_path: Path, tiny: Manager):
    config = write(tmp_path, settings(tmp_path))
    for override, near in (
        ("model_cfg.model=TinyModle", "TinyModel"),
        ("trainer_cfg.sampler.method=FirstFrame", "FirstFrames"),
        ("trainer_cfg.sampler.type=Drew", "Draw"),
        ("trainer_cfg.transform=[{type: Shft}]", "Shift"),
        ("loss_cfg=[{type: Contrasts, log_prefix: contrast}]", "Contrast"),
    ):
        with pytest.raises(UnknownComponent, match=f"did you mean '{near}'"):
            in_host(checkout, config, "train", override)


def test_two_packages_with_one_name_conflict(checkout: Checkout, tmp_path: Path, tiny: Manager):
    class Rival:
        @hookimpl
        def gait_models(self) -> dict[str, type]:
            return {"TinyModel": gait_plugins.get("model", "tiny-gait/TinyModel")}

    config = write(tmp_path, settings(tmp_path))
    tiny.register(Rival(), distribution="rival-gait", version="3")
    with pytest.raises(ComponentConflict, match="rival-gait 3"):
        in_host(checkout, config)
    host = in_host(checkout, config, "train", "model_cfg.model=tiny-gait/TinyModel")
    assert host.session.used["model/TinyModel"]["distribution"] == "tiny-gait"


def test_nothing_is_imported_before_a_yaml_names_it(
    checkout: Checkout, tmp_path: Path, stranger: FakeSite, monkeypatch
):
    config = write(tmp_path, {"data_cfg": write_data(tmp_path / "data")})
    in_host(checkout, config)
    assert "strange_parts" not in sys.modules
    model = checkout.root / "opengait/modeling/models/miniset.py"
    model.write_text(model.read_text().replace('"type": "Plain"', '"type": "Wide"'))
    with pytest.raises(RuntimeError):  # an identity has no channels for the head
        in_host(checkout, config)
    assert "strange_parts" in sys.modules


def test_options_that_a_component_refuses_are_told(checkout: Checkout, tmp_path: Path, tiny: Manager):
    config = write(tmp_path, settings(tmp_path))
    with pytest.raises(ConfigError, match="frames"):
        in_host(checkout, config, "train", "trainer_cfg.sampler.frames=many")


def test_options_that_nobody_reads_are_errors_before_any_work(
    checkout: Checkout, tmp_path: Path, tiny: Manager
):
    """The host itself only logs them; what its default.yaml alone says is no mistake."""
    config = write(tmp_path, settings(tmp_path))
    for override, words in (
        ("model_cfg.clases=3", "'clases'"),
        ("loss_cfg=[{type: Softmax, log_prefix: softmax, poisson: 1}]", "'poisson'"),
        ("loss_cfg={type: Softmax, log_prefix: softmax, poisson: 1}", "'poisson'"),
        ("trainer_cfg.sampler.frame=3", "'frame'"),
        ("evaluator_cfg.metrics=cos", "'metrics'"),
        ("trainer_cfg.transform=[{type: Shift, by: 3}]", "'by'"),
        ("evaluator_cfg.transform=[{type: Shift, by: 3}]", "'by'"),
        ("trainer_cfg.sampler.batch_size=[2, 2]", "batch_size"),
    ):
        with pytest.raises(ConfigError, match=words):
            in_host(checkout, config, "train", override)
    options = RunOptions(device="cpu", without=("frame-samplers",))
    with pytest.raises(ConfigError, match="FirstFrames needs the patch frame-samplers"):
        run(checkout, ["--cfgs", str(config)], options)
    assert not (checkout.root / "output").exists()


def test_hooks_see_the_configuration_of_plugins_models_alone(
    checkout: Checkout, tmp_path: Path, tiny: Manager
):
    class Dialect:
        @hookimpl
        def gait_configure(self, config: dict[str, Any]) -> None:
            config["model_cfg"]["channels"] = config["trainer_cfg"].pop("width", 4)

    tiny.register(Dialect(), distribution="dialect", version="1")
    config = settings(tmp_path)
    config["trainer_cfg"] |= {"width": 6, "restore_hint": 0}
    in_host(checkout, write(tmp_path, config))
    file = checkout.root / "output/CASIA-B/TinyModel/both/checkpoints/both-00006.pt"
    assert load_checkpoint(file)["model"]["conv.weight"].shape[0] == 6
    host = in_host(
        checkout, write(tmp_path, {"data_cfg": config["data_cfg"], "trainer_cfg": {"width": 6}}), "train"
    )
    assert host.session.cfgs["trainer_cfg"]["width"] == 6


def test_a_loss_is_added_to_a_model_that_does_not_know_it(
    checkout: Checkout, tmp_path: Path, listener: Listener
):
    config = settings(tmp_path)
    config["loss_cfg"].append({"type": "Contrast", "log_prefix": "again", "features": "contrast"})
    path = write(tmp_path, config)
    in_host(checkout, path)
    theirs = listener.of("step")[0][2]
    listener.heard.clear()
    train(in_core(tmp_path, path), CoreOptions(device="cpu"))
    ours = listener.of("step")[0][2]
    assert ours["scalar/again/loss"] == ours["scalar/contrast/loss"]
    assert ours["scalar/loss"] == pytest.approx(theirs["scalar/loss"], abs=1e-4)
    config["loss_cfg"][-1]["features"] = "contrasts"
    path = write(tmp_path, config)
    for start in (
        lambda: in_host(checkout, path),
        lambda: train(in_core(tmp_path, path, f"output_dir={tmp_path / 'x'}"), CoreOptions("cpu")),
    ):
        with pytest.raises(ConfigError, match="no features called 'contrasts'; it gives contrast, softmax"):
            start()


def test_what_is_tested_follows_what_is_trained_where_nobody_says_otherwise(
    checkout: Checkout, tmp_path: Path, tiny: Manager
):
    config = settings(tmp_path)
    for key in ("save_name", "restore_hint"):
        del config["evaluator_cfg"][key]
    path = write(tmp_path, config)
    in_host(checkout, path, "train", "trainer_cfg.total_iter=3")
    in_host(checkout, path, "test", "trainer_cfg.total_iter=3")
    with pytest.raises(CheckpointError, match="both-00002"):
        in_host(checkout, path, "test", "evaluator_cfg.restore_hint=2")


def test_the_name_that_a_model_of_the_checkout_has_on_our_trainer_is_known(
    checkout: Checkout, tmp_path: Path, tiny: Manager
):
    config = write(tmp_path, {"data_cfg": write_data(tmp_path / "data")})
    assert in_host(checkout, config, "train", "model_cfg.model=opengait/MiniSet").session.used == {}
