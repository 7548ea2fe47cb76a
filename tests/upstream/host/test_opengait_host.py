"""Components of a checkout on the core: listed unread, made when asked for, and true to their contracts."""

from __future__ import annotations

import pickle
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.hosts.upstream_host import content, mini
from typer.testing import CliRunner

import gait_plugins
from gait_plugins import GaitBatch
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.errors import (
    ComponentFailure,
    ConfigError,
    PluginLoadError,
    UnknownComponent,
    UpstreamMismatch,
)
from gait_plugins.registry.manager import default_manager, use_manager
from gait_plugins.testing import check_loss, check_model, check_transform
from upstream_patches.checkout.tree import MODULES, Checkout
from upstream_patches.host import importing

MODELS = '''
"""Models that ask more of their host."""

import random

import numpy as np
import torch
import torch.optim as optim
from torch import nn
from utils import get_attr_from, get_valid_args

from ..base_model import BaseModel
from .miniset import MiniSet


class Settings(MiniSet):
    """Reads other sections, in its constructor and later."""

    def __init__(self, cfgs, training):
        self.steps = cfgs["trainer_cfg"]["T_max_iter"]
        super().__init__(cfgs, training)

    def build_network(self, model_cfg):
        self.dataset = self.cfgs["data_cfg"]["dataset_name"]
        self.class_num = model_cfg["SeparateBNNecks"]["class_num"]
        super().build_network(model_cfg)

    def get_optimizer(self, optimizer_cfg):
        optimizer = get_attr_from([optim], optimizer_cfg["solver"])
        valid = get_valid_args(optimizer, optimizer_cfg, ["solver"])
        groups = [
            {"params": self.Backbone.parameters(), "lr": valid["lr"] * 0.1},
            {"params": self.head.parameters(), "lr": optimizer_cfg["lr"]},
        ]
        return optimizer(groups, **valid)


class Faulty(MiniSet):
    def forward(self, inputs):
        return 1 / 0


class OwnLoop(MiniSet):
    def inputs_pretreament(self, inputs):
        return inputs
'''
TRANSFORMS = '''

import random


class Speckle:
    """Sets some pixels, in place."""

    def __init__(self, number=3, per_frame=False):
        self.number = number
        self.per_frame = per_frame

    def __call__(self, seq):
        for _ in range(self.number):
            seq[..., random.randrange(seq.shape[-2]), np.random.randint(seq.shape[-1])] = 255
        return seq[..., ::-1]
'''
LOSS = '''
"""A loss that looks at no other sample."""

from .base import BaseLoss


class Small(BaseLoss):
    def forward(self, embeddings):
        loss = embeddings.float().square().mean()
        self.info.update({"loss": loss.detach().clone()})
        return loss, self.info
'''


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    """The miniature with a few more classes, as the checkout of this process."""
    made = mini(tmp_path / "OpenGait")
    package = made.package
    (package / "modeling/models/more.py").write_text(MODELS)
    (package / "modeling/losses/small.py").write_text(LOSS)
    with (package / "data/transform.py").open("a") as file:
        file.write(TRANSFORMS)
    monkeypatch.setenv("OPENGAIT_HOME", str(made.root))
    use_manager(None)
    yield made
    made.detach()
    use_manager(None)


def mini_set(name: str = "MiniSet", **options: Any) -> Any:
    return gait_plugins.build("model", {"model": f"opengait/{name}", **options})


def packed(*lengths: int) -> GaitBatch:
    frames = torch.rand(1, sum(lengths), 64, 44, generator=torch.Generator().manual_seed(0)).round()
    n = len(lengths)
    return GaitBatch([frames], torch.arange(n) % 3, ["nm-01"] * n, ["090"] * n, torch.tensor([lengths]))


@pytest.mark.usefixtures("checkout")
def test_identities_are_not_counted_for_a_model_of_opengait() -> None:
    with pytest.raises(ConfigError, match=r"takes a number for \S+class_num, not 'auto'") as told:
        mini_set("Settings", SeparateBNNecks={"class_num": "auto"})
    assert "class_num=NUMBER" in str(told.value.hint)


# --- listing -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("checkout")
def test_the_checkout_is_listed_with_what_it_lacks() -> None:
    listed = {
        c.name: c for kind in ("model", "loss", "transform") for c in default_manager().components(kind)
    }
    usable = {name for name, c in listed.items() if name.startswith("opengait/") and not c.missing}
    assert usable >= {
        "opengait/MiniSet",
        "opengait/Leaky",
        "opengait/OnlyOne",
        "opengait/Settings",
        "opengait/TripletLoss",
        "opengait/BaseSilCuttingTransform",
    }
    assert not usable & {"opengait/BaseModel", "opengait/BaseLoss", "opengait/MetaModel"}
    needed = "needs kornia_that_nobody_has: pip install kornia_that_nobody_has"
    assert listed["opengait/Needy"].missing == listed["opengait/Needier"].missing == needed
    assert listed["opengait/OwnLoop"].missing.startswith("changes OpenGait's trainer (inputs_pretreament)")
    assert listed["opengait/MiniSet"].source.startswith("OpenGait modeling.models.miniset ")
    assert default_manager().find("loss", "TripletLoss").name == "TripletLoss"


@pytest.mark.usefixtures("checkout")
def test_a_model_that_lacks_something_says_what() -> None:
    with pytest.raises(
        PluginLoadError, match="'opengait/Needier' is not available here: it needs kornia_that"
    ):
        mini_set("Needier")
    listed = CliRunner().invoke(app, ["plugins", "list", "--kind", "model"])
    assert "not available here:" in listed.stdout
    assert "opengait/Needy" in listed.stdout.partition("not available here:")[2]


def test_listing_imports_neither_torch_nor_the_checkout(checkout: Checkout) -> None:
    code = (
        "import sys; from gait_plugins.registry.manager import default_manager\n"
        "names = {c.name for c in default_manager().components()}\n"
        "assert 'opengait/MiniSet' in names, names\n"
        "heavy = {'torch', 'numpy', 'modeling', 'data', 'utils'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_a_checkout_there_is_nothing() -> None:
    assert not [c.name for c in default_manager().components() if c.name.startswith("opengait/")]


def test_a_wrong_checkout_is_a_failure_in_words_and_hurts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENGAIT_HOME", str(tmp_path))
    use_manager(None)
    try:
        (failure,) = default_manager().failures
        assert failure.owner.entry_point == "opengait-host"
        assert "is not an OpenGait checkout" in failure.reason
        assert default_manager().find("model", "GaitSet").name == "GaitSet"
        with pytest.raises(UnknownComponent, match="is not an OpenGait checkout"):
            default_manager().find("model", "opengait/GaitSet")
    finally:
        use_manager(None)


# --- models ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("name", ["MiniSet", "Leaky", "OnlyOne"])
def test_models_of_the_checkout_keep_the_contract(name: str) -> None:
    check_model(lambda: mini_set(name, channels=2))


@pytest.mark.usefixtures("checkout")
def test_keys_are_the_checkouts_own_and_training_is_too() -> None:
    model = mini_set(channels=2).train()
    assert next(iter(model.state_dict())) == "Backbone.conv.weight"
    features = model(packed(3, 5))["training_feat"]["triplet"]
    assert features["embeddings"].shape == (2, 3, 1)


@pytest.mark.usefixtures("checkout")
def test_a_missing_key_of_model_cfg_is_named() -> None:
    with pytest.raises(ConfigError, match="opengait/Settings needs the key 'T_max_iter' in its config"):
        mini_set("Settings")


@pytest.mark.usefixtures("checkout")
def test_an_option_that_nobody_reads_is_told(caplog: pytest.LogCaptureFixture) -> None:
    mini_set(chanels=2)
    (said,) = caplog.messages
    assert said == "model_cfg.chanels: opengait/MiniSet does not read this key; did you mean 'channels'?"


@pytest.mark.usefixtures("checkout")
def test_a_backbone_that_lacks_something_is_named_when_it_is_asked_for() -> None:
    backbones = importing.imported(Checkout.find(), "modeling.base_model").backbones
    assert backbones.Plain.__name__ == "Plain"
    with pytest.raises(UpstreamMismatch, match="needs an_extra_that_nobody_has"):
        _ = backbones.Broken
    with pytest.raises(AttributeError, match="has no 'Nowhere'"):
        _ = backbones.Nowhere


WALKERS = {
    "data_cfg": {
        "type": "walkers", "dataset_name": "walkers", "test_dataset_name": "CASIA-B", "num_workers": 0,
        "train": 4, "test": 2, "frames": 8, "views": ["000", "090"],
    },
    "optimizer_cfg": {"solver": "SGD", "lr": 0.01},
    "trainer_cfg": {
        "total_iter": 3, "save_iter": 3, "log_iter": 1, "with_test": True, "enable_float16": False,
        "T_max_iter": 7,
        "sampler": {"type": "TripletSampler", "batch_size": [2, 2], "sample_type": "fixed_unordered",
                    "frames_num_fixed": 4},
        "transform": [{"type": "opengait/BaseSilCuttingTransform"}],
    },
    "evaluator_cfg": {
        "restore_hint": 3, "eval_func": "evaluate_indoor_dataset", "enable_float16": False,
        "sampler": {"type": "InferenceSampler", "batch_size": 4, "sample_type": "all_ordered"},
        "transform": [{"type": "opengait/BaseSilCuttingTransform"}],
    },
    "loss_cfg": [{"type": "opengait/TripletLoss", "log_prefix": "triplet", "margin": 0.2}],
}  # fmt: skip


@pytest.mark.usefixtures("checkout")
def test_a_model_of_the_checkout_trains_and_tests_on_the_core(tmp_path: Path) -> None:
    from gait_plugins.core.train.loop import train

    model = {"model": "opengait/Settings", "channels": 2, "SeparateBNNecks": {"class_num": 9}}
    config = load_config({**WALKERS, "model_cfg": model, "output_dir": str(tmp_path / "output")})
    # What the model reads elsewhere has been handed over, and what only it knows has left its section.
    handed = {"data_cfg": {"dataset_name": "walkers"}, "trainer_cfg": {"T_max_iter": 7}}
    assert config.model_cfg.options["cfgs"] == handed
    results = train(config)
    assert results is not None
    assert results.metrics
    (file,) = (tmp_path / "output/walkers/opengait-Settings").rglob("*-00003.pt")
    saved = torch.load(file, weights_only=True)
    assert saved["plugins"]["model/opengait/Settings"]["source"].startswith("OpenGait modeling.models.more ")
    rates = [group["lr"] for group in saved["optimizer"]["param_groups"]]
    assert rates == pytest.approx([0.001, 0.01])
    assert set(saved["model"]) == set(mini_set(channels=2).state_dict())


def test_what_fails_in_the_checkout_is_told_with_its_line(checkout: Checkout) -> None:
    from gait_plugins.core.runtime.component_errors import errors_of

    model = mini_set("Faulty")
    with (
        pytest.raises(ComponentFailure, match="raised ZeroDivisionError: division by zero") as caught,
        errors_of(model),
    ):
        model(packed(3, 5))
    file = checkout.file("modeling.models.more")
    line = 1 + file.read_text().splitlines().index("        return 1 / 0")
    assert caught.value.where == f"{file}:{line}"


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("front", ["opengait/", "OpenGait/", "gait-plugins-trackletgait/opengait/"])
def test_what_a_model_reads_elsewhere_may_stand_in_model_cfg(front: str) -> None:
    model = {"model": f"{front}Settings", "channels": 2, "T_max_iter": 9, "SeparateBNNecks": {"class_num": 9}}
    config = load_config({**WALKERS, "trainer_cfg": {}, "evaluator_cfg": {}, "model_cfg": model})
    assert config.model_cfg.build().steps == 9


@pytest.mark.usefixtures("checkout")
def test_training_goes_on_exactly_where_it_was_left(tmp_path: Path) -> None:
    from gait_plugins.core.runtime.options import RunOptions
    from gait_plugins.core.train.loop import train

    speckled = ["opengait/Speckle", "opengait/BaseSilCuttingTransform"]
    pipeline = {"type": "Compose", "trf_cfg": [{"type": name} for name in speckled]}
    base: dict[str, Any] = WALKERS
    saved = []
    for folder, steps in (("whole", [4]), ("parts", [2, 4])):
        for total in steps:
            trainer = {**base["trainer_cfg"], "transform": [pipeline], "with_test": False}
            trainer |= {"save_iter": 2, "total_iter": total}
            sections = {**base, "trainer_cfg": trainer, "output_dir": str(tmp_path / folder)}
            model = {"model": "opengait/Settings", "channels": 2, "SeparateBNNecks": {"class_num": 9}}
            train(load_config({**sections, "model_cfg": model}), RunOptions(resume=total > steps[0]))
        (file,) = (tmp_path / folder).rglob("*-00004.pt")
        saved.append(torch.load(file, weights_only=True)["model"])
    assert all(torch.equal(value, saved[1][key]) for key, value in saved[0].items())


@pytest.mark.usefixtures("checkout")
def test_a_model_counts_the_steps_of_its_schedule() -> None:
    model = mini_set(channels=2)
    assert model.iteration == 0
    optimizer = torch.optim.SGD(model.parameter_groups({"lr": 0.1}), lr=0.1)
    schedule = model.schedule(optimizer, lambda: torch.optim.lr_scheduler.StepLR(optimizer, 10))
    for _ in range(3):
        optimizer.step()
        schedule.step()
    assert model.iteration == 3
    assert model.optimizer is optimizer


@pytest.mark.usefixtures("checkout")
def test_identities_are_those_that_the_configuration_names() -> None:
    cfgs = {"data_cfg": {"dataset_name": "mine"}, "trainer_cfg": {"T_max_iter": 7}}
    assert mini_set("Settings", cfgs=cfgs, SeparateBNNecks={"class_num": 9}).num_classes == 9
    assert mini_set().num_classes is None


# --- losses and transforms ---------------------------------------------------------------------


@pytest.mark.usefixtures("checkout")
def test_losses_gather_by_the_core_where_the_checkouts_wrapper_would() -> None:
    triplet = gait_plugins.build(
        "loss", {"type": "opengait/TripletLoss", "margin": 0.3, "loss_term_weight": 2.0}
    )
    assert triplet.gathers
    assert (triplet.margin, triplet.loss_term_weight) == (0.3, 2.0)
    check_loss(triplet)
    small = gait_plugins.build("loss", {"type": "opengait/Small"})
    assert not small.gathers
    check_loss(small)
    with pytest.raises(ConfigError, match="has no option 'margn'"):
        gait_plugins.build("loss", {"type": "opengait/TripletLoss", "margn": 0.3})


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize("name", ["BaseSilCuttingTransform", "OldFloat", "Speckle"])
def test_transforms_draw_from_the_generator_that_they_are_given(name: str) -> None:
    check_transform(gait_plugins.build("transform", {"type": f"opengait/{name}"}))


@pytest.mark.usefixtures("checkout")
def test_transforms_draw_anew_each_time_and_travel_to_workers() -> None:
    speckle = gait_plugins.build("transform", {"type": "opengait/Speckle", "number": 2})
    frames = np.zeros((3, 64, 44), np.uint8)
    drawn = {speckle(frames, np.random.default_rng(seed)).tobytes() for seed in range(4)}
    assert len(drawn) == 4
    again = pickle.loads(pickle.dumps(speckle))
    assert again.options == {"number": 2}
    found = again(frames, np.random.default_rng(3))
    assert found.dtype == np.uint8
    assert found.tobytes() in drawn


# --- traces ------------------------------------------------------------------------------------


def test_nothing_is_left_behind_but_the_modules_themselves(checkout: Checkout) -> None:
    before = content(checkout), list(sys.path), np.get_printoptions(), random.getstate()
    mini_set()
    assert (content(checkout), list(sys.path), np.get_printoptions(), random.getstate()) == before
    loaded = {name for name in sys.modules if name.partition(".")[0] in MODULES}
    assert "modeling.models.miniset" in loaded
    assert "modeling.models.more" not in loaded
    checkout.detach()
    assert not {name for name in sys.modules if name.partition(".")[0] in MODULES}


@pytest.mark.usefixtures("checkout")
def test_a_module_of_the_same_name_is_not_taken_for_the_checkouts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "utils", sys)
    before = sys.dont_write_bytecode, list(sys.path)
    with pytest.raises(PluginLoadError, match="another module 'utils' is loaded already"):
        mini_set()
    assert (sys.dont_write_bytecode, list(sys.path)) == before
