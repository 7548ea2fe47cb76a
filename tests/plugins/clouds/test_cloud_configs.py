"""Configurations of clouds and depth images: published settings, OpenGait's files; each trains, is tested."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest
from helpers.files.walking_sets import walking_copy
from helpers.golden_rules import golden_json

from gait_plugins.config import Config, load_config
from gait_plugins.core.assembly.components import build_dataset, model_outline
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import DataError
from gait_plugins.io.ragged import Ragged

STEPS = 2
SUSTECH = "the 16 files of SUSTech1K"
_NARROW_PLUS = {
    "channel": 2,
    "npoints": "[24, 16, 8]",
    "nsample": 6,
    "SeparateFCs.in_channels": 16,
    "SeparateFCs.out_channels": 8,
    "SeparateBNNecks.in_channels": 8,
}
_NARROW = {
    "backbone_cfg.channels": "[4, 4, 8, 8]",
    "SeparateFCs.in_channels": 8,
    "SeparateFCs.out_channels": 8,
    "SeparateBNNecks.in_channels": 8,
}


class Shipped(NamedTuple):
    name: str
    file: str
    """OpenGait's, in its folder ``configs``."""
    data_set: str
    contents: str
    settings: str
    """Learning rate, steps, milestones or least rate, batch, frames, parameters, weight of the classifier."""
    in_vain: tuple[str, ...] = ()


LAZY = ("loss_cfg.0.lazy: has no effect",)
CLOUDS = [
    Shipped(
        "lidargait/sustech1k",
        "lidargait/lidargait_sustech1k.yaml",
        *("SUSTech1K", SUSTECH, "0.1 40000 [20000, 30000] [8, 8] 10 8027456 1.0 16"),
    ),
    Shipped(
        "lidargaitpp/sustech1k",
        "lidargaitv2/lidargaitv2_sustech1k.yaml",
        *("SUSTech1K", SUSTECH, "0.1 40000 0.0001 [32, 4] 10 4320000 0.1 31", LAZY),
    ),
    Shipped(
        "lidargaitpp/freegait",
        "lidargaitv2/lidargaitv2_freegait.yaml",
        *("FreeGait", "the 5 files of FreeGait", "0.1 80000 0.0001 [32, 4] 10 7023872 0.1 31", LAZY),
    ),
]
every = pytest.mark.parametrize("each", CLOUDS, ids=[each.name for each in CLOUDS])


def settings(config: Config) -> str:
    trainer, schedule = config.trainer_cfg, config.scheduler_cfg.options
    steps = trainer.total_iter
    assert config.evaluator_cfg.restore_hint == steps == schedule.get("T_max", steps)
    parameters = sum(p.numel() for p in model_outline(config).parameters())
    softmax = config.loss_cfg[1].component.options
    values = [
        config.optimizer_cfg.options["lr"],
        steps,
        schedule.get("milestones") or schedule["eta_min"],
        trainer.sampler.batch.options["batch_size"],
        trainer.sampler.frames.options["frames_num_fixed"],
        parameters,
        softmax.get("loss_term_weight", 1.0),
        int(softmax["scale"]),
    ]
    return " ".join(map(str, values))


def small_form(source: str, each: Shipped, folder: Path, *more: str) -> Config:
    """The configuration on a small copy of its data, for two steps of small batches, and the test."""
    root, partition = walking_copy(each.data_set, each.contents, folder)
    narrow: dict[str, Any] = _NARROW if each.name.startswith("lidargait/") else _NARROW_PLUS
    overrides: dict[str, Any] = {
        "data_cfg.dataset_root": root,
        "data_cfg.dataset_partition": partition,
        "data_cfg.num_workers": 0,
        "output_dir": folder / "output",
        "trainer_cfg.sampler.batch_size": [2, 2],
        "trainer_cfg.sampler.frames_num_fixed": 3,
        "trainer_cfg.total_iter": STEPS,
        "trainer_cfg.save_iter": STEPS,
        "trainer_cfg.log_iter": 1,
        "evaluator_cfg.restore_hint": STEPS,
        "model_cfg.SeparateBNNecks.class_num": 3,
        **{f"model_cfg.{key}": value for key, value in narrow.items()},
    }
    return load_config(source, [*(f"{key}={value}" for key, value in overrides.items()), *more])


def trained_and_tested(source: str, each: Shipped, folder: Path) -> None:
    train(small_form(source, each, folder), RunOptions(device="cpu"))
    assert list((folder / "output").rglob(f"*-{STEPS:05d}.pt"))
    assert [path for path in (folder / "output").rglob("*") if path.suffix in (".json", ".csv")]


@every
def test_settings_and_parameters_are_the_published_ones(each: Shipped) -> None:
    assert settings(load_config(each.name)) == each.settings


@every
def test_a_configuration_trains_and_is_tested(each: Shipped, tmp_path: Path) -> None:
    trained_and_tested(each.name, each, tmp_path)


@pytest.mark.opengait
@every
def test_the_file_of_opengait_is_accepted_as_it_is(each: Shipped, real_checkout: Path) -> None:
    config = load_config(real_checkout / "configs" / each.file)
    told = [warning.message.partition(";")[0] for warning in config.warnings]
    assert tuple(told) == each.in_vain
    assert settings(config) == each.settings


@pytest.mark.opengait
@every
def test_the_file_of_opengait_trains_and_is_tested(
    each: Shipped, real_checkout: Path, tmp_path: Path
) -> None:
    trained_and_tested(str(real_checkout / "configs" / each.file), each, tmp_path)


def test_widths_are_those_of_the_published_weights() -> None:
    """Keys and shapes are compared for narrow forms; of the published ones the recording has the numbers."""
    recorded = golden_json("clouds/model_LidarGait")
    model = model_outline(load_config("lidargait/sustech1k"))
    found = {key: list(value.shape) for key, value in model.state_dict().items()}
    listed = {key: shape for key, shape, _ in recorded["state_dict"]}
    assert found.keys() == listed.keys()
    classes = {key for key in found if found[key] != listed[key]}
    assert classes == {"BNNecks.fc_bin"}


# --- files of the data sets ------------------------------------------------------------------------

CLOUD = {"points": {"type": "Points", "clock": 10}}


def loaded(folder: Path, *more: str) -> list[Any]:
    config = small_form("lidargaitpp/sustech1k", CLOUDS[1], folder, *more)
    dataset = build_dataset(config)
    return dataset.load(dataset.sequences("train")[0])


def test_clouds_are_chosen_by_place_by_mask_and_by_name_synchronised_or_not(tmp_path: Path) -> None:
    (first,) = loaded(tmp_path / "a")
    assert isinstance(first, Ragged)
    assert (first.dtype, len(first)) == ("float32", 8)
    mask = [True] + [False] * 16  # OpenGait's file has 17 places for 16 files
    ways = [f"data_cfg.data_in_use={str(mask).lower()}", "data_cfg.data_in_use=[8]"]
    ways += ["data_cfg.files={points: '08-sync-*'}"]
    for number, way in enumerate(ways):
        other = (way,) if "files" not in way else (way, "data_cfg.data_in_use=null")
        (found,) = loaded(tmp_path / str(number), *other)
        assert (found.values == first.values).all()
        assert (found.offsets == first.offsets).all()


def test_pictures_of_another_clock_come_with_the_clouds(tmp_path: Path) -> None:
    from gait_plugins.core.assembly.batches import build_batches

    streams = "{points: {type: Points, clock: 10}, silhouettes: {type: Silhouettes, clock: 30}}"
    more = [f"data_cfg.streams={streams}", "data_cfg.data_in_use=[0, 6]"]
    both = "{points: {type: PointCloudsTransform}, silhouettes: {type: BaseSilTransform}}"
    more += [f"trainer_cfg.transform={both}", "trainer_cfg.sampler.frames_num_fixed=8"]
    more += ["trainer_cfg.sampler.sample_type=fixed_allordered"]
    config = small_form("lidargaitpp/sustech1k", CLOUDS[1], tmp_path, *more)
    dataset = build_dataset(config)
    batch = build_batches(config, dataset, "train").make(0)
    clouds, pictures = batch.frames
    assert len(clouds.offsets) - 1 == 4 * 8
    kept = dataset.load(next(ref for ref in dataset.sequences("train") if ref.name == batch.names[0]))
    assert (pictures[0].numpy() == kept[1][::3][:8]).all()


def test_a_file_that_holds_no_clouds_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"01-090-LiDAR-PCDs_depths|points.* holds shape"):
        loaded(tmp_path, "data_cfg.data_in_use=[1]")
