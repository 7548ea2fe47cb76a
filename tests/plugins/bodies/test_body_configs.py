"""Configurations of labels and body models: published settings; each trains and is tested on the walkers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from helpers.bodies.configs import BODIES, STEPS, Shipped, small_form

from gait_plugins.config import Config, load_config, shipped
from gait_plugins.config.plain import flat_settings
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

every = pytest.mark.parametrize("each", BODIES, ids=[each.name for each in BODIES])


def trained_and_tested(source: str, each: Shipped, folder: Path, *more: str) -> None:
    """Train it, and see that a checkpoint and results are there."""
    config = small_form(source, each, folder, *more)
    results = train(config, RunOptions(device="cpu"))
    assert results is None or results.dataset == each.data_set
    assert list((folder / "output").rglob(f"*-{STEPS:05d}.pt"))
    (log,) = (folder / "output").rglob("log.jsonl")
    assert '"Rank-1"' in log.read_text(), "the protocol of Gait3D"


def test_there_is_a_configuration_for_every_published_file() -> None:
    mine = [name for name in shipped() if "parsing" in name.split("/")[1] or name.startswith("smplgait/")]
    assert [each.name for each in BODIES] == [name for name in mine if not name.startswith("walkers/")]
    assert len(BODIES) == 9


PUBLISHED = """
gaitbase/gait3d_parsing SGD .1 120000 32x2 30 euc
gaitgl/gait3d_parsing Adam .001 180000 32x4 30 cos
gaitpart/gait3d_parsing Adam .001 180000 32x4 30 cos
gaitset/gait3d_parsing Adam .001 180000 32x4 30 cos
gln/gait3d_parsing_phase1 Adam .001 180000 32x4 30 cos
gln/gait3d_parsing_phase2 Adam .001 180000 32x4 30 cos
parsinggait/gait3d_parsing SGD .1 120000 32x2 30 euc
smplgait/gait3d SGD .1 60000 32x4 30 euc
smplgait/gait3d_parsing Adam .001 180000 32x4 30 cos
"""
"""Solver, learning rate, steps, batch, frames of a training, distance of the test."""


def numbers(name: str) -> str:
    """A line of ``PUBLISHED``, of the configuration."""
    config = load_config(name)
    trainer, test = config.trainer_cfg, config.evaluator_cfg
    assert (test.restore_hint, test.save_name) == (trainer.total_iter, trainer.save_name)
    assert test.protocol.name == "evaluate_Gait3D"
    assert config.data_cfg.dataset.options["dataset_partition"] == "./datasets/Gait3D/Gait3D.json"
    people, walks = trainer.sampler.batch.options["batch_size"]
    rate = str(config.optimizer_cfg.options["lr"]).removeprefix("0")
    clip, metric = (
        trainer.sampler.frames.options["frames_num_fixed"],
        test.protocol.options.get("metric", "euc"),
    )
    return (
        f"{name} {config.optimizer_cfg.solver} {rate} {trainer.total_iter} {people}x{walks} {clip} {metric}"
    )


def test_the_main_figures_are_the_published_ones() -> None:
    assert [numbers(each.name) for each in BODIES] == PUBLISHED.split("\n")[1:-1]


def test_the_second_phase_of_gln_starts_from_the_first() -> None:
    first = load_config("gln/gait3d_parsing_phase1")
    name, steps = first.trainer_cfg.save_name, first.trainer_cfg.total_iter
    folder = f"{first.output_dir}/{first.data_cfg.dataset_name}/GLN/{name}/checkpoints"
    assert load_config("gln/gait3d_parsing_phase2").trainer_cfg.restore_hint == f"{folder}/{name}-{steps}.pt"


@every
def test_it_trains_and_is_tested(each: Shipped, tmp_path: Path) -> None:
    trained_and_tested(each.name, each, tmp_path)


def test_files_of_another_form_are_told(tmp_path: Path) -> None:
    from gait_plugins.errors import DataError

    each = next(each for each in BODIES if each.name == "gaitset/gait3d_parsing")._replace(
        contents="silhouettes"
    )
    with pytest.raises(
        DataError, match=r"'parsing' holds uint8 values from 0 to 255, expected \[h, w\] uint8, 0"
    ):
        trained_and_tested(each.name, each, tmp_path)


WRITTEN_IN_VAIN = {
    "fix_layers": "trainer_cfg.fix_layers",
    "enable_distributed": "evaluator_cfg.enable_distributed",
    "momentum": "optimizer_cfg.momentum",
    "img_w": "img_w",
}


@pytest.mark.opengait
@every
def test_the_file_of_opengait_is_taken_as_it_is(each: Shipped, real_checkout: Path) -> None:
    config = load_config(real_checkout / "configs" / each.file)
    told = {warning.message.partition(":")[0].rpartition(".")[2] for warning in config.warnings}
    assert told <= set(WRITTEN_IN_VAIN)
    assert ("momentum" in told) == (config.optimizer_cfg.solver == "Adam")


CHOSEN = {
    "data_cfg": {"num_workers", "cache", "dataset_partition", "data_in_use", "remove_no_gallery"},
    "trainer_cfg": {"save_name", "log_iter", "restore_ckpt_strict"},
    "evaluator_cfg": {"save_name"},
}
"""Settings that change no figure of a run, or where the files lie."""
UNUSED = {"frames_num_min", "frames_num_max", "batch_shuffle", "frames_skip_num", "img_w"}
"""What OpenGait's files write beside a sampler that does not look at it, or that changes only an order."""
USUAL = {"loss_term_weight": 1.0, "metric": "euc", "momentum": 0.9, "label_smooth": True}
"""Defaults that one of the two files writes out."""


def settings(config: Config) -> dict[str, Any]:
    """What decides on the figures: without names, places, defaults, and what a sampler does not use."""
    tree = {name: section for name, section in config.data.items() if name.endswith("_cfg")}
    for name in ("trainer_cfg", "evaluator_cfg"):
        chosen = tree[name]["transform"]
        listed = list(chosen.values()) if isinstance(chosen, dict) and "type" not in chosen else chosen
        types = [each["type"] for each in (listed if isinstance(listed, list) else [listed]) if each]
        tree[name]["transform"] = [each for each in types if each != "NoOperation"]
    return {k: v for k, v in flat_settings(tree).items() if not _indifferent(k, v)}


def _indifferent(key: str, value: Any) -> bool:
    section, _, rest = key.partition(".")
    first, last = rest.partition(".")[0], rest.rpartition(".")[2]
    if first in CHOSEN.get(section, ()) or key == "evaluator_cfg.sampler.batch_size" or last in UNUSED:
        return True
    return last in USUAL and USUAL[last] == value


@pytest.mark.opengait
@every
def test_settings_are_the_published_ones(each: Shipped, real_checkout: Path) -> None:
    ours, theirs = (
        settings(load_config(each.name)),
        settings(load_config(real_checkout / "configs" / each.file)),
    )
    keys = ours.keys() | theirs.keys()
    assert {k: (theirs.get(k), ours.get(k)) for k in keys if ours.get(k) != theirs.get(k)} == {}


@pytest.mark.opengait
@pytest.mark.heavy
@every
def test_the_file_of_opengait_trains_and_is_tested(
    each: Shipped, real_checkout: Path, tmp_path: Path
) -> None:
    trained_and_tested(str(real_checkout / "configs" / each.file), each, tmp_path)
