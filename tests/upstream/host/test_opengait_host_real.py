"""A real checkout on the core: its models train and test here, and agree with the zoo's."""

from __future__ import annotations

import re
import shlex
import subprocess
import time
import warnings
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers.golden_rules import fill_weights_B, packed_sil, sil
from helpers.places import DOCS
from typer.testing import CliRunner

import gait_plugins
from gait_plugins import GaitBatch
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.core.train.loop import train
from gait_plugins.errors import PluginLoadError
from gait_plugins.registry.manager import Manager, default_manager, use_manager
from gait_plugins.testing import check_model, check_transform
from upstream_patches.checkout.tree import Checkout

pytestmark = pytest.mark.opengait

CLASSES = 4
LENGTHS = (5, 8, 3)
MODELS: dict[str, dict[str, Any]] = {
    "GaitSet": {
        "in_channels": [1, 4, 8, 16],
        "SeparateFCs": {"in_channels": 16, "out_channels": 8, "parts_num": 62},
        "bin_num": [16, 8, 4, 2, 1],
    },
    "GaitPart": {
        "backbone_cfg": {
            "type": "Plain",
            "in_channels": 1,
            "layers_cfg": ["BC-4", "BC-4", "M", "FC-8-2", "FC-8-2", "M", "FC-16-3", "FC-16-3"],
        },
        "SeparateFCs": {"in_channels": 16, "out_channels": 16, "parts_num": 16},
        "bin_num": [16],
    },
    "GaitGL": {"channels": [4, 8, 16], "class_num": CLASSES},
    "DeepGaitV2": {
        "Backbone": {"mode": "p3d", "in_channels": 1, "layers": [1, 1, 1, 1], "channels": [4, 4, 8, 8]},
        "SeparateBNNecks": {"class_num": CLASSES},
    },
}
MODELS["Baseline"] = {
    "backbone_cfg": {
        "type": "ResNet9",
        "block": "BasicBlock",
        "channels": [4, 4, 8, 8],
        "layers": [1, 1, 1, 1],
        "strides": [1, 2, 2, 1],
        "maxpool": False,
    },
    "SeparateFCs": {"in_channels": 8, "out_channels": 8, "parts_num": 16},
    "SeparateBNNecks": {"class_num": CLASSES, "in_channels": 8, "parts_num": 16},
    "bin_num": [16],
}
LOSSES = [
    {"type": "TripletLoss", "log_prefix": "triplet", "margin": 0.2},
    {"type": "CrossEntropyLoss", "log_prefix": "softmax", "scale": 16, "log_accuracy": True},
]


@pytest.fixture(autouse=True)
def checkout(real_checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Checkout]:
    """The checkout for this process; it is as clean afterwards as before."""
    found = Checkout.find(real_checkout)
    before = _status(found)
    monkeypatch.setenv("OPENGAIT_HOME", str(real_checkout))
    use_manager(None)
    yield found
    found.detach()
    use_manager(None)
    assert _status(found) == before


def _status(checkout: Checkout) -> list[str]:
    command = ["git", "-C", str(checkout.root), "status", "--short"]
    found = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    # OpenGait's own runs, which write there, may go on meanwhile.
    return [line for line in found.splitlines() if not line.startswith("?? output/")]


def both(name: str) -> tuple[Any, Any]:
    """The zoo's model and the checkout's, with the same weights."""
    if name == "Baseline" and find_spec("torchvision") is None:
        pytest.skip("the checkout's ResNet9 needs torchvision, which is not installed")
    cfgs = {"cfgs": {"data_cfg": {"dataset_name": "CASIA-B"}}} if name == "GaitGL" else {}
    ours = fill_weights_B(gait_plugins.build("model", {"model": name, **MODELS[name]}))
    theirs = gait_plugins.build("model", {"model": f"opengait/{name}", **MODELS[name], **cfgs})
    assert list(theirs.state_dict()) == list(ours.state_dict())
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def embeddings(model: Any, frames: torch.Tensor, labels: torch.Tensor, lengths: Any = None) -> torch.Tensor:
    n = len(labels)
    batch = GaitBatch([frames], labels, ["nm-01"] * n, ["090"] * n, lengths)
    return model(batch)["inference_feat"]["embeddings"]


@pytest.mark.parametrize("name", MODELS)
@torch.no_grad()
def test_same_weights_give_the_same_embeddings(name: str) -> None:
    ours, theirs = both(name)
    frames, lengths = packed_sil(LENGTHS, 64, 44)
    labels = torch.arange(len(LENGTHS))
    expected = embeddings(ours.eval(), frames, labels, lengths)
    found = embeddings(theirs.eval(), frames, labels, lengths)
    alone = [embeddings(theirs, clip, labels[:1]) for clip in frames.split(LENGTHS, 1)]
    scale = float(expected.abs().max())
    assert float((found - expected).abs().max()) <= 1e-5 * scale
    assert float((torch.cat(alone) - expected).abs().max()) <= 1e-5 * scale


@pytest.mark.parametrize("name", MODELS)
def test_same_weights_give_the_same_losses_and_gradients(name: str) -> None:
    frames = sil(4, 6, 64, 44)
    batch = GaitBatch([frames], torch.tensor([0, 0, 1, 1]), ["nm-01"] * 4, ["090"] * 4, None)
    values, slopes = [], []
    for prefix, model in zip(("", "opengait/"), both(name), strict=True):
        features = model.train()(batch)["training_feat"]
        terms = [term for term in LOSSES if term["log_prefix"] in features]
        named = {term["log_prefix"]: {**term, "type": prefix + str(term["type"])} for term in terms}
        total = torch.zeros(())
        for key, cfg in named.items():
            loss = gait_plugins.build("loss", {k: v for k, v in cfg.items() if k != "log_prefix"})
            total = total + loss(**features[key])[0].mean()
        total.backward()
        values.append(float(total.detach()))
        slopes.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]))
    assert values[1] == pytest.approx(values[0], rel=1e-5)
    assert torch.allclose(slopes[1], slopes[0], rtol=1e-3, atol=1e-5 * float(slopes[0].abs().max()))


def walkers(name: str, prefix: str, output: Path) -> dict[str, Any]:
    cut = [{"type": f"{prefix}BaseSilCuttingTransform"}]
    losses = LOSSES if "class_num" in str(MODELS[name]) else LOSSES[:1]
    data = {"type": "walkers", "dataset_name": "walkers", "test_dataset_name": "CASIA-B", "num_workers": 0}
    sampler = {"type": "TripletSampler", "batch_size": [2, 2], "sample_type": "fixed_unordered"}
    return {
        "output_dir": str(output),
        "data_cfg": {**data, "train": CLASSES, "test": 2, "frames": 8, "views": ["000", "090"]},
        "model_cfg": {"model": prefix + name, **MODELS[name]},
        "loss_cfg": [{**term, "type": prefix + str(term["type"])} for term in losses],
        "optimizer_cfg": {"solver": "SGD", "lr": 0.01, "momentum": 0.9, "weight_decay": 0.0005},
        "trainer_cfg": {
            "total_iter": 3,
            "save_iter": 3,
            "log_iter": 1,
            "with_test": True,
            "enable_float16": False,
            "restore_hint": str(output.parent / "start.pt"),
            "sampler": {**sampler, "frames_num_fixed": 6},
            "transform": cut,
        },
        "evaluator_cfg": {
            "restore_hint": 3,
            "eval_func": "evaluate_indoor_dataset",
            "enable_float16": False,
            "sampler": {"type": "InferenceSampler", "batch_size": 3, "sample_type": "all_ordered"},
            "transform": cut,
        },
    }


class Losses:
    """Keeps the loss of every step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    @gait_plugins.hookimpl
    def gait_step_end(self, metrics: dict[str, Any]) -> None:
        self.values.append(metrics["scalar/loss"])


@pytest.mark.parametrize("name", MODELS)
def test_it_trains_and_tests_here_as_the_zoos_does(name: str, tmp_path: Path) -> None:
    steps, tables = [], []
    # Each draws its first weights in an order of its own, so both start from the same file.
    torch.save({"model": both(name)[0].state_dict()}, tmp_path / "start.pt")
    for prefix in ("", "opengait/"):
        losses = Losses()
        use_manager(Manager())
        default_manager().register(losses, distribution="test-losses")
        results = train(load_config(walkers(name, prefix, tmp_path / (prefix.strip("/") or "zoo"))))
        assert results is not None
        steps.append(losses.values)
        tables.append(results.metrics)
    assert len(steps[0]) == 3
    assert steps[1] == pytest.approx(steps[0], rel=1e-4)
    assert tables[1] == pytest.approx(tables[0])


@pytest.mark.parametrize("name", ["GaitGL", "DeepGaitV2"])
def test_models_that_leak_or_refuse_batches_keep_the_contract_here(name: str) -> None:
    cfgs = {"cfgs": {"data_cfg": {"dataset_name": "CASIA-B"}}} if name == "GaitGL" else {}
    check_model(lambda: gait_plugins.build("model", {"model": f"opengait/{name}", **MODELS[name], **cfgs}))


def test_swingait_makes_its_own_parameter_groups() -> None:
    options = {
        "Backbone": {"in_channels": 1, "layers": [1, 1, 1, 1], "channels": [8, 8, 16, 16]},
        "SeparateBNNecks": {"class_num": 3, "in_channels": 256, "parts_num": 16},
        "bin_num": [15],
        "cfgs": {"trainer_cfg": {"T_max_iter": 10}},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the checkout's age
        model = gait_plugins.build("model", {"model": "opengait/SwinGait", **options})
    groups = model.parameter_groups({"lr": 0.01, "weight_decay": 0.02})
    assert sorted({group["lr"] for group in groups}) == pytest.approx([0.001, 0.01])
    assert {group["weight_decay"] for group in groups} == {0.0, 0.02}


@pytest.mark.parametrize(
    "name",
    ["BaseSilCuttingTransform", "RandomHorizontalFlip", "RandomErasing", "RandomRotate", "RandomAffine"],
)
def test_its_transforms_keep_the_contract(name: str) -> None:
    check_transform(gait_plugins.build("transform", {"type": f"opengait/{name}"}))


def test_listing_it_takes_a_moment(checkout: Checkout) -> None:
    from upstream_patches.host.listing import Listing

    begun = time.perf_counter()
    found = Listing(checkout).found
    assert time.perf_counter() - begun < 2  # 0.15 s on an idle core
    assert {("model", "GaitSet"), ("loss", "TripletLoss"), ("transform", "RandomErasing")} <= set(found)


def test_what_an_extra_is_missing_for_says_so() -> None:
    lacking = [c for c in default_manager().components("model") if c.missing.startswith("needs ")]
    for component in lacking:
        with pytest.raises(PluginLoadError, match="is not available here: it needs"):
            component.load()


def test_what_is_listed_as_available_can_be_imported() -> None:
    for component in default_manager().components():
        if component.name.startswith("opengait/") and not component.missing:
            component.load()


def test_the_commands_and_the_configuration_of_the_page_work(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = (DOCS / "opengait.md").read_text(encoding="utf-8")
    section = page.partition("## Models of the checkout on this trainer")[2]
    (tmp_path / "OpenGait").symlink_to(checkout.root)
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```bash\n(.*?)```", section, re.DOTALL)
    commands = [shlex.split(line)[1:] for block in blocks for line in block.splitlines()]
    assert len(commands) == 6
    assert commands.pop(0) == ["OPENGAIT_HOME=OpenGait"]
    for command, *words in commands:
        if command in ("train", "test"):  # minutes, at the size of the page
            load_config(words[0], words[2::2])
            continue
        result = CliRunner().invoke(app, [command, *words])
        assert result.exit_code == 0, result.output
        assert "opengait/GaitSet" in result.output or command == "config"
    (written,) = re.findall(r"```yaml\n(.*?)```", section, re.DOTALL)
    config = load_config({"data_cfg": {"type": "walkers"}, **yaml.safe_load(written)})
    assert config.model_cfg.build().Head.fc_bin.shape == (62, 128, 256)
