"""Settings of our own trainer in the second host: each acts, or is refused by its name; none is dropped."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from helpers.hosts.two_hosts import in_host, settings, write
from helpers.hosts.upstream_host import mini, pin, write_config, write_data

from gait_plugins.config.options import signature
from gait_plugins.config.options.annotations import is_class
from gait_plugins.config.sections import Config, LossSection, Section
from gait_plugins.errors import CheckpointError, ConfigError
from gait_plugins.registry.manager import Manager, default_manager
from upstream_patches.checkout.tree import Checkout
from upstream_patches.patches.settings import HOST, INERT, PATCHED, REFUSED

PART = {"part": True}
"""Marks the fields that hold components: these are checked one by one."""
SECTIONS: dict[str, type[Section]] = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if is_class(field.annotation) and issubclass(field.annotation, Section)
} | {"loss_cfg": LossSection}


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    checkout = mini(tmp_path / "host")
    pin(checkout, tmp_path / "pins", monkeypatch)
    return checkout


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path / "mine.yaml", write_data(tmp_path / "data"))


def told_of(section: str) -> list[str]:
    return [
        *HOST.get(section, ()),
        *PATCHED.get(section, ()),
        *INERT.get(section, ()),
        *REFUSED.get(section, ()),
    ]


# --- the list is complete ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", *SECTIONS])
def test_every_key_of_the_schema_acts_or_is_refused(name: str):
    """A key that is added to our trainer must be decided on here too."""
    fields = (SECTIONS[name] if name else Config).model_fields
    parts = {key for key, field in fields.items() if field.json_schema_extra == PART}
    keys = set(fields) - parts - set(SECTIONS) - {"model_cfg"}
    listed = told_of(name)
    assert len(listed) == len(set(listed)), "a key is listed twice"
    decided = {"conditions", "joint_transform"} & parts
    keys |= decided
    options = {"dataset_root", "dataset_partition", "data_in_use", "cache", "self_supervised"}
    options |= {"streams", "files", "saved_index"}
    assert set(listed) - (options if name == "data_cfg" else set()) == keys


def test_the_options_of_our_data_set_of_opengaits_layout_are_those_that_opengait_reads():
    layout = default_manager().find("dataset", "OpenGaitLayout").load()
    told = {*HOST["data_cfg"], *REFUSED["data_cfg"]}
    assert set(signature.of_component(layout).params) <= told


@pytest.mark.opengait
def test_the_real_one_reads_each_key(real_checkout: Path):
    files = list((Checkout.find(real_checkout).root / "opengait").rglob("*.py"))
    read = "".join(file.read_text(encoding="utf-8") for file in files)
    for key in sorted({key for keys in HOST.values() for key in keys}):
        assert f"'{key}'" in read or f'"{key}"' in read, key


# --- refused by name -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("override", "where"),
    [
        ("output_dir=runs", "output_dir"),
        ("run_dir=runs/one", "run_dir"),
        ("data_cfg.validation=0.5", "data_cfg.validation"),
        ("trainer_cfg.keep_best={metric: NM@R1}", "trainer_cfg.keep_best"),
        ("trainer_cfg.early_stopping={patience: 2}", "trainer_cfg.early_stopping"),
        ("trainer_cfg.accumulate=2", "trainer_cfg.accumulate"),
        ("trainer_cfg.recompute=[Backbone]", "trainer_cfg.recompute"),
        ("trainer_cfg.clip_grad_norm=1.0", "trainer_cfg.clip_grad_norm"),
        ("trainer_cfg.clip_grad_value=1.0", "trainer_cfg.clip_grad_value"),
        ("trainer_cfg.ema={decay: 0.9}", "trainer_cfg.ema"),
        ("scheduler_cfg.warmup={steps: 3}", "scheduler_cfg.warmup"),
        ("trainer_cfg.precision=bf16-mixed", "trainer_cfg.precision"),
        ("data_cfg.type=walkers", "data_cfg.type"),
        ("data_cfg.streams={points: {type: Points}}", "data_cfg.streams"),
        ("data_cfg.files={points: 0*}", "data_cfg.files"),
        ("data_cfg.clocks={points: 10}", "data_cfg.clocks"),
        ("trainer_cfg.joint_transform=[{type: Mirror}]", "trainer_cfg.joint_transform"),
        (
            "trainer_cfg.transform={points: {type: BaseSilTransform}}",
            "trainer_cfg.transform by the names of streams",
        ),
        ("data_cfg.cache_dir=there", "data_cfg.cache_dir"),
        ("model_cfg.SeparateBNNecks.class_num=auto", "model_cfg.SeparateBNNecks.class_num"),
    ],
)
def test_what_only_our_trainer_acts_on_is_refused(
    checkout: Checkout, config: Path, override: str, where: str
):
    with pytest.raises(ConfigError) as told:
        in_host(checkout, config, "train", override)
    assert told.value.where == where
    assert told.value.hint
    assert not (checkout.root / "output").exists()


def test_a_recipe_and_a_misspelt_section_are_refused(checkout: Checkout, config: Path, tmp_path: Path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("stages:\n  - {name: one, cfgs: mine.yaml}\n")
    with pytest.raises(ConfigError, match="a recipe of several stages is no configuration of OpenGait"):
        in_host(checkout, recipe)
    config.write_text(config.read_text() + "trainer_cgf: {total_iter: 3}\n")
    with pytest.raises(ConfigError, match="unknown section 'trainer_cgf'") as told:
        in_host(checkout, config)
    assert "did you mean 'trainer_cfg'" in str(told.value)


def test_a_checkpoint_that_is_not_there_is_told(checkout: Checkout, config: Path):
    for hint in ("gone.pt", "best", "77"):
        with pytest.raises(CheckpointError, match="there is no such checkpoint"):
            in_host(checkout, config, "test", f"evaluator_cfg.restore_hint={hint}")


@pytest.mark.parametrize(
    "key", ["conditions={dark: [{type: FixedOcclusion}]}", "conditions_on=all", "fast=true"]
)
def test_what_only_our_test_does_is_refused_where_something_is_tested(
    checkout: Checkout, config: Path, key: str
):
    in_host(checkout, config, "train", f"evaluator_cfg.{key}")
    for phase, more in (("test", ()), ("train", ("trainer_cfg.with_test=true",))):
        with pytest.raises(
            ConfigError, match=r"(conditions\w*|fast) has no effect in OpenGait's own trainer"
        ):
            in_host(checkout, config, phase, f"evaluator_cfg.{key}", *more)


def test_a_test_does_not_mind_how_it_was_trained_nor_anything_the_defaults(checkout: Checkout, config: Path):
    defaults = (
        "trainer_cfg.init=null",
        "trainer_cfg.freeze=[]",
        "trainer_cfg.keep_best=null",
        "trainer_cfg.precision=null",
        "trainer_cfg.accumulate=1",
        "trainer_cfg.recompute=[]",
        "trainer_cfg.ema=null",
        "scheduler_cfg.warmup=null",
        "data_cfg.type=OpenGaitLayout",
        "evaluator_cfg.conditions_on=probes",
        "evaluator_cfg.fast=false",
    )
    in_host(checkout, config, "train", *defaults)
    trained = ("trainer_cfg.keep_best={metric: NM@R1}", "data_cfg.validation=0.5", "trainer_cfg.init=gone.pt")
    in_host(checkout, config, "test", *defaults[3:], *trained)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "evaluator_cfg.probe_types={NM: [nm-05]}",
            "'probe_types' is an option of gait-plugins-trackletgait/evaluate_indoor_dataset",
        ),
        (
            "trainer_cfg.sampler.sample_tracklet_length=[4]",
            "'sample_tracklet_length' is an option of gait-plugins-trackletgait/tracklet",
        ),
    ],
)
def test_an_option_of_ours_is_not_dropped_by_opengaits_component_of_that_name(
    checkout: Checkout, config: Path, override: str, words: str
):
    with pytest.raises(ConfigError, match=words) as told:
        in_host(checkout, config, "train", override)
    assert "gait-plugins-trackletgait/" in str(told.value.hint)


# --- applied -------------------------------------------------------------------------------------


def start(tmp_path: Path, checkout: Checkout, config: Path, *overrides: str) -> dict[str, Any]:
    """The weights after one step that changes nothing but what batch norms see."""
    still = ("trainer_cfg.total_iter=1", "trainer_cfg.save_iter=1", "optimizer_cfg.lr=0.0")
    in_host(checkout, config, "train", *still, *overrides)
    (file,) = (checkout.root / "output").rglob("*-00001.pt")
    saved: dict[str, Any] = torch.load(file, weights_only=True)
    file.unlink()
    return saved


def test_the_seed_makes_other_weights_and_0_is_what_opengait_does(
    checkout: Checkout, config: Path, tmp_path: Path
):
    key = "Backbone.conv.weight"
    plain, zero, one, again = (
        start(tmp_path, checkout, config, *more)["model"][key]
        for more in ((), ("trainer_cfg.seed=0",), ("trainer_cfg.seed=1",), ("trainer_cfg.seed=1",))
    )
    assert torch.equal(plain, zero)
    assert torch.equal(one, again)
    assert not torch.equal(zero, one)


@pytest.mark.parametrize("own", [True, False], ids=["opengaits", "plugins"])
def test_init_gives_a_training_its_weights(
    checkout: Checkout, config: Path, tmp_path: Path, tiny: Manager, own: bool
):
    if not own:
        config = write(tmp_path, settings(tmp_path))
        plugins = ("trainer_cfg.restore_hint=0", "trainer_cfg.save_name=mini")
    more = () if own else plugins
    other = start(tmp_path, checkout, config, "trainer_cfg.seed=5", *more)["model"]
    other = {key: value + 1 if value.dtype.is_floating_point else value for key, value in other.items()}
    torch.save({"model": other, "iteration": 9}, tmp_path / "other.pt")
    given = start(tmp_path, checkout, config, f"trainer_cfg.init={tmp_path / 'other.pt'}", *more)["model"]
    weights = [key for key in given if key.endswith("weight")]
    assert weights
    assert all(torch.equal(given[key], other[key]) for key in weights)
    part = weights[0].partition(".")[0]
    init = f"trainer_cfg.init={{{part}: {{from: {tmp_path / 'other.pt'}}}}}"
    partly = start(tmp_path, checkout, config, init, *more)["model"]
    assert torch.equal(partly[weights[0]], other[weights[0]])


def test_what_is_wrong_with_init_is_told_as_by_our_trainer(checkout: Checkout, config: Path, tmp_path: Path):
    with pytest.raises(CheckpointError, match=r"gone\.pt"):
        in_host(checkout, config, "train", f"trainer_cfg.init={tmp_path / 'gone.pt'}")
    torch.save({"model": {"Backbone.conv.weight": torch.ones(1)}, "iteration": 1}, tmp_path / "bad.pt")
    with pytest.raises(CheckpointError, match="the weights do not fit MiniSet"):
        in_host(checkout, config, "train", f"trainer_cfg.init={tmp_path / 'bad.pt'}")
    with pytest.raises(ConfigError, match="MiniSet has no part 'Backbon'") as told:
        in_host(checkout, config, "train", f"trainer_cfg.init={{Backbon: {tmp_path / 'bad.pt'}}}")
    assert "did you mean 'Backbone'" in str(told.value)
    for setting in ("init=3", "freeze=Backbone", "frozen_mode=sleep"):
        with pytest.raises(ConfigError, match=r"is not valid|unknown mode"):
            in_host(checkout, config, "train", f"trainer_cfg.{setting}")
    with pytest.raises(ConfigError, match="weights are given twice"):
        in_host(checkout, config, "train", "trainer_cfg.init=a.pt", "trainer_cfg.restore_hint=b.pt")


@pytest.mark.parametrize("own", [True, False], ids=["opengaits", "plugins"])
def test_frozen_parts_are_not_trained(
    checkout: Checkout, config: Path, tmp_path: Path, tiny: Manager, own: bool
):
    if not own:
        config = write(tmp_path, settings(tmp_path))
    lively = ("optimizer_cfg.lr=0.5", "trainer_cfg.restore_hint=0", "trainer_cfg.save_name=mini")
    before = start(tmp_path, checkout, config, *lively[1:])
    weights = [key for key in before["model"] if key.endswith("weight")]
    part = weights[0].partition(".")[0]
    frozen = start(tmp_path, checkout, config, *lively, f"trainer_cfg.freeze=[{part}]")
    assert torch.equal(frozen["model"][weights[0]], before["model"][weights[0]])
    others = [key for key in weights if not key.startswith(f"{part}.")]
    changed = [key for key in others if not torch.equal(frozen["model"][key], before["model"][key])]
    assert changed or own  # the miniature's own model is all backbone, but for its losses
    if own:
        assert int(frozen["model"][f"{part}.norm.num_batches_tracked"]) == 0
    groups = [saved["optimizer"]["param_groups"] for saved in (before, frozen)]
    sizes = [sum(len(group["params"]) for group in each) for each in groups]
    assert sizes[1] < sizes[0]


def test_precision_is_said_in_opengaits_words(checkout: Checkout, config: Path):
    host = in_host(checkout, config, "train", "trainer_cfg.precision=32-true")
    assert host.session.cfgs["trainer_cfg"]["enable_float16"] is False
    for float16 in (True, False):  # auto is what OpenGait does by itself
        settings = "trainer_cfg.precision=auto", f"trainer_cfg.enable_float16={float16}"
        host = in_host(checkout, config, "train", *settings)
        assert host.session.cfgs["trainer_cfg"]["enable_float16"] is float16
    with pytest.raises(ConfigError, match="precision 16-mixed needs a GPU"):
        in_host(checkout, config, "train", "trainer_cfg.precision=16-mixed")


def test_points_of_clouds_are_drawn_by_the_checkouts_loader() -> None:
    """Our own trainer makes them a transform, which comes after frames have been stacked here."""
    from upstream_patches.patches.configuration import _configure

    sampler = {"points_in_use": {"pointcloud_index": 0, "points_num": 50}, "type": "TripletSampler"}
    section = {"sampler": sampler, "transform": [{"type": "PointCloudsTransform"}]}
    cfgs: dict[str, Any] = {"model_cfg": {"model": "LidarGaitPlusPlus"}, "trainer_cfg": section}
    _configure(cfgs)
    assert cfgs["trainer_cfg"]["sampler"]["points_in_use"] == {"pointcloud_index": 0, "points_num": 50}
    assert cfgs["trainer_cfg"]["transform"] == [{"type": "PointCloudsTransform"}]


def test_a_key_that_a_part_of_a_model_reads_is_not_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenGait's DenoisingGait hands its settings to a network of another module."""
    from upstream_patches.patches.config_checks import _mentions

    texts = {
        "network": "class Network:\n    def __init__(self, cfg):\n        self.size = cfg['SeparateFCs']\n",
        "model": "from modeling.models.network import Network\n\n\nclass Model:\n    made_of = Network\n",
    }
    for package in ("modeling", "modeling.models"):
        monkeypatch.setitem(sys.modules, package, ModuleType(package))
    for name, text in texts.items():
        (tmp_path / f"{name}.py").write_text(text)
        spec = spec_from_file_location(f"modeling.models.{name}", tmp_path / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, spec.name, module)
        spec.loader.exec_module(module)
    model = sys.modules["modeling.models.model"].Model
    assert _mentions(model, "SeparateFCs")
    assert not _mentions(model, "SeparateBNNecks")
