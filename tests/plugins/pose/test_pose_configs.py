"""Configurations of poses and maps: published settings, and each trains and is tested on the walkers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.pose_configs import POSES, STEPS, Shipped, small_form

from gait_plugins.config import Config, load_config, shipped
from gait_plugins.config.plain import flat_settings
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.errors import DataError
from gait_plugins.skeleton import joint_order

FOLDERS = ("gaitgraph1/", "gaitgraph2/", "gaittr/", "msgg/", "multigaitpp/", "sconet/", "skeletongait")
ONE_OF_EACH = list({each.name.split("/")[0]: each for each in POSES}.values())
every = pytest.mark.parametrize("each", POSES, ids=[each.name for each in POSES])


def trained_and_tested(source: str, each: Shipped, folder: Path, *more: str) -> None:
    """Train it, and see that a checkpoint and results are there."""
    config = small_form(source, each, folder, *more)
    train(config, RunOptions(device="cpu"))
    assert list((folder / "output").rglob(f"*-{STEPS:05d}.pt")) or list((folder / "output").rglob("*.pt"))
    assert [path for path in (folder / "output").rglob("*") if path.suffix in (".json", ".csv")]


def test_there_is_a_configuration_for_every_published_file() -> None:
    assert [each.name for each in POSES] == [name for name in shipped() if name.startswith(FOLDERS)]
    assert len(POSES) == 34


PUBLISHED = """
gaitgraph1/casiab Adam .01 6000 128 100 60 evaluate_indoor_dataset
gaitgraph1/gait3d Adam .01 20000 128 130 130 evaluate_Gait3D
gaitgraph1/grew Adam .01 150000 128 501 501 evaluate_real_scene
gaitgraph1/oumvlp Adam .01 150000 128 35 35 evaluate_indoor_dataset
gaitgraph1/oumvlp17 Adam .01 150000 128 25 25 evaluate_indoor_dataset
gaitgraph2/casiab AdamW .005 500 768 60 60 evaluate_indoor_dataset
gaitgraph2/ccpg Adam .005 2000 768 60 30 evaluate_CCPG
gaitgraph2/gait3d AdamW .005 2000 768 60 60 evaluate_Gait3D
gaitgraph2/grew Adam .005 50000 768 60 60 GREW_submission
gaitgraph2/oumvlp Adam .005 80000 768 30 30 evaluate_indoor_dataset
gaitgraph2/oumvlp17 Adam .005 80000 768 30 30 evaluate_indoor_dataset
gaitgraph2/sustech1k AdamW .005 2000 768 60 60 evaluate_indoor_dataset
gaittr/ccpg Adam .001 40000 32x4 60 all evaluate_CCPG
gaittr/gait3d Adam .001 40000 32x4 60 all evaluate_Gait3D
gaittr/grew Adam .001 150000 32x8 60 all GREW_submission
gaittr/oumvlp Adam .001 150000 32x16 60 all evaluate_indoor_dataset
gaittr/oumvlp17 Adam .001 150000 32x16 60 all evaluate_indoor_dataset
gaittr/sustech1k Adam .001 40000 32x4 60 all evaluate_indoor_dataset
msgg/oumvlp SGD .1 300000 32x8 30 all evaluate_indoor_dataset
msgg/sustech1k SGD .1 300000 32x8 30 all evaluate_indoor_dataset
multigaitpp/ccpg SGD .1 60000 8x16 30 all evaluate_CCPG
multigaitpp/gait3d SGD .1 60000 32x4 30 all evaluate_Gait3D
multigaitpp/grew SGD .1 180000 32x4 30 all GREW_submission
multigaitpp/sustech1k SGD .1 50000 8x8 10 all evaluate_indoor_dataset
sconet/scoliosis1k SGD .1 20000 8x8 30 all evaluate_scoliosis
skeletongait/ccpg SGD .1 60000 8x16 30 all evaluate_CCPG
skeletongait/gait3d SGD .1 60000 32x4 30 all evaluate_Gait3D
skeletongait/grew SGD .1 180000 32x4 30 all GREW_submission
skeletongait/oumvlp SGD .1 120000 32x8 30 all evaluate_indoor_dataset
skeletongait/sustech1k SGD .1 50000 8x8 10 all evaluate_indoor_dataset
skeletongaitpp/ccpg SGD .1 60000 8x16 30 all evaluate_CCPG
skeletongaitpp/gait3d SGD .1 60000 32x4 30 all evaluate_Gait3D
skeletongaitpp/grew SGD .1 180000 32x4 30 all GREW_submission
skeletongaitpp/sustech1k SGD .1 50000 8x8 10 all evaluate_indoor_dataset
"""
"""Solver, learning rate, steps, batch, frames of a training and of a test, protocol."""


def numbers(name: str) -> str:
    """A line of ``PUBLISHED``, of the configuration."""
    config = load_config(name)
    trainer, test, schedule = config.trainer_cfg, config.evaluator_cfg, config.scheduler_cfg.options
    assert (test.restore_hint, test.save_name) == (trainer.total_iter, trainer.save_name)
    steps = schedule.get("total_steps") or trainer.total_iter
    assert steps == trainer.total_iter
    assert all(step < steps for step in schedule.get("milestones", []))
    drawn = trainer.sampler.batch.options["batch_size"]
    batch = "x".join(map(str, drawn)) if isinstance(drawn, list) else str(drawn)
    whole = test.sampler.frames.options["sample_type"] == "all_ordered"
    frames = "all" if whole else test.sampler.frames.options["frames_num_fixed"]
    rate = str(schedule.get("max_lr", config.optimizer_cfg.options["lr"])).removeprefix("0")
    clip = trainer.sampler.frames.options["frames_num_fixed"]
    solver = config.optimizer_cfg.solver
    return f"{name} {solver} {rate} {steps} {batch} {clip} {frames} {test.protocol.name}"


@every
def test_settings_are_the_published_numbers(each: Shipped) -> None:
    assert numbers(each.name) in PUBLISHED.splitlines()


@pytest.mark.parametrize("each", ONE_OF_EACH, ids=[each.name for each in ONE_OF_EACH])
def test_a_configuration_of_each_model_trains_and_is_tested(each: Shipped, tmp_path: Path) -> None:
    trained_and_tested(each.name, each, tmp_path)


@pytest.mark.heavy
@every
def test_every_configuration_trains_and_is_tested(each: Shipped, tmp_path: Path) -> None:
    trained_and_tested(each.name, each, tmp_path)


# --- OpenGait's own files ------------------------------------------------------------------------

_FRAMES = "data_cfg.frame_threshold: has no effect"
_WEIGHTS = "loss_cfg.{}.loss_term_weights: has no effect"
NO_EFFECT = {
    "gaitgraph1/": [_FRAMES],
    "gaittr/": [_FRAMES],
    "msgg/": ["trainer_cfg.transform.0.prob: has no effect", "evaluator_cfg.transform.0.prob: has no effect"],
    "sconet/": ["evaluator_cfg.metric: has no effect"],
    "skeletongait": [_WEIGHTS.format(0), _WEIGHTS.format(1)],
}
"""What OpenGait's files write in vain, by the first letters of our names."""
MIRRORED = "trainer_cfg.transform.0.trf_cfg.0.probability: has no effect"


def expected_warnings(name: str) -> list[str]:
    """What is told of a file of OpenGait."""
    if name in ("skeletongait/sustech1k", "skeletongaitpp/sustech1k"):
        return []  # the two that write loss_term_weight
    found = next((lines for start, lines in NO_EFFECT.items() if name.startswith(start)), [])
    mirrored = name.startswith("gaitgraph1/") and name != "gaitgraph1/casiab"
    return found + [MIRRORED] * mirrored


@pytest.mark.opengait
@every
def test_the_file_of_opengait_is_accepted_as_it_is(each: Shipped, real_checkout: Path) -> None:
    config = load_config(real_checkout / "configs" / each.file)
    told = [warning.message.partition(";")[0] for warning in config.warnings]
    assert sorted(told) == sorted(expected_warnings(each.name))


CHOSEN = {
    "data_cfg": {
        "num_workers",
        "frame_threshold",
        "data_in_use",
        "dataset_partition",
        "dataset_root",
        "streams",
    },
    "trainer_cfg": {"save_name", "log_iter", "restore_ckpt_strict"},
    "evaluator_cfg": {"save_name"},
}
"""Settings that change no figure of a run, or where the files lie."""
RIGHTED: dict[str, dict[str, tuple[Any, Any]]] = {
    "msgg/sustech1k": {"model_cfg.num_id": (5153, 250)},  # a classifier for OU-MVLP's people
    "multigaitpp/ccpg": {"trainer_cfg.total_iter": (600000, 60000)},  # tested after 60000
    "skeletongait/grew": {"trainer_cfg.restore_hint": (90000, 0)},
    "skeletongaitpp/ccpg": {"trainer_cfg.restore_hint": (30000, 0)},
    "skeletongaitpp/sustech1k": {"trainer_cfg.restore_hint": (20000, 0)},
}
"""Traps of the published files -> what they write, and what is shipped."""


USUAL = {"loss_term_weight": 1.0, "div_factor": 25.0, "prob": 0.5}
"""Defaults that one of the two files writes out."""
UNUSED = {"frames_num_min", "frames_num_max", "batch_shuffle", "gather_and_scale"}
"""What OpenGait's files write beside a sampler that does not look at it, or that changes only an order."""


def settings(config: Config) -> dict[str, Any]:
    """What decides on the figures: without names, places, defaults, and what a sampler does not use."""
    tree = {name: section for name, section in config.data.items() if name.endswith("_cfg")}
    flat = flat_settings(_without_lone_chains(tree))
    return {key: value for key, value in flat.items() if not _indifferent(key, value, config)}


def _without_lone_chains(value: Any) -> Any:
    """The same with a ``Compose`` of one transform as this transform."""
    if isinstance(value, dict):
        chain = value.get("trf_cfg") if value.get("type") == "Compose" else None
        alone = chain[0] if isinstance(chain, list) and len(chain) == 1 else None
        return alone or {key: _without_lone_chains(item) for key, item in value.items()}
    return [_without_lone_chains(item) for item in value] if isinstance(value, list) else value


def _indifferent(key: str, value: Any, config: Config) -> bool:
    section, _, rest = key.partition(".")
    first, last = rest.partition(".")[0], rest.rpartition(".")[2]
    if first in CHOSEN.get(section, ()) or key == "evaluator_cfg.sampler.batch_size" or last in UNUSED:
        return True
    if last == "joint_format" and section != "model_cfg":
        return _joints(value) == _joints(config.model_cfg.options.get("joint_format", value))
    if last == "frames_skip_num":
        return not str(getattr(config, section).sampler.frames.options["sample_type"]).endswith("d_ordered")
    return last in USUAL and USUAL[last] == value


def _joints(name: Any) -> str:
    return joint_order(name).name


@pytest.mark.opengait
@every
def test_settings_are_the_published_ones_but_for_their_traps(each: Shipped, real_checkout: Path) -> None:
    ours, theirs = (
        settings(load_config(each.name)),
        settings(load_config(real_checkout / "configs" / each.file)),
    )
    different = {
        key: (theirs.get(key), ours.get(key))
        for key in ours.keys() | theirs.keys()
        if ours.get(key) != theirs.get(key)
    }
    assert different == RIGHTED.get(each.name, {})


@pytest.mark.opengait
@pytest.mark.heavy
@every
def test_the_file_of_opengait_trains_and_is_tested(
    each: Shipped, real_checkout: Path, tmp_path: Path
) -> None:
    file = str(real_checkout / "configs" / each.file)
    if each.name == "msgg/sustech1k":  # it does not say which of the 16 files are the poses
        with pytest.raises(DataError, match=r"give 16 input files, expected 1(.|\n)*data_cfg.data_in_use"):
            trained_and_tested(file, each, tmp_path / "all")
        each = each._replace(contents="joints17")
    trained_and_tested(file, each, tmp_path)
