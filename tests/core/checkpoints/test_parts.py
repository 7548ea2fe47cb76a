"""``trainer_cfg.init`` and ``freeze``: what parts of a model start from, and which stay as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from helpers.components.tiny import TinyModel
from helpers.components.tiny_training import equal, final, run, trained

from gait_plugins import ConfigError
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint
from gait_plugins.core.checkpoints.partial import Part, fit_part, load_part, parts_of
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train
from gait_plugins.core.train.state import Training
from gait_plugins.errors import CheckpointError

pytestmark = pytest.mark.usefixtures("tiny")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    model = TinyModel()
    path = tmp_path / "source.pt"
    torch.save({"model": {f"net.{key}": value for key, value in model.state_dict().items()}}, path)
    return path


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(path)["model"]


def test_parts_start_from_files_and_the_rest_as_ever(tiny_yaml: Path, folder: Path, source: Path):
    init = f"trainer_cfg.init={{conv: {{from: {source}, prefix: net.conv}}}}"
    run(tiny_yaml, init, "optimizer_cfg.lr=0")
    state = final(folder)
    assert torch.equal(state["model"]["conv.weight"], weights(source)["net.conv.weight"])
    assert not torch.equal(state["model"]["head.weight"], weights(source)["net.head.weight"])
    record = state["init"][0]
    assert record["part"] == "conv"
    assert record["prefix"] == "net.conv"
    assert record["taken"] == 2
    assert len(record["sha256"]) == 64
    assert json.loads((folder / "init.json").read_text()) == state["init"]
    again = yaml.safe_load((folder / "config.yaml").read_text())
    assert again["trainer_cfg"]["init"] == {"conv": {"from": str(source), "prefix": "net.conv"}}


def test_the_part_of_the_same_name_is_taken_where_the_file_has_one(tiny_yaml: Path, folder: Path):
    run(tiny_yaml)
    start = checkpoint_path(folder, "tiny", 6)
    run(tiny_yaml, f"trainer_cfg.init={{head: {start}}}", "trainer_cfg.save_name=b", "optimizer_cfg.lr=0")
    other = load_checkpoint(checkpoint_path(folder.parent / "b", "b", 6))
    assert torch.equal(other["model"]["head.weight"], weights(start)["head.weight"])
    assert not torch.equal(other["model"]["conv.weight"], weights(start)["conv.weight"])


def test_a_resumed_training_does_not_start_from_the_files_again(tiny_yaml: Path, folder: Path, source: Path):
    init = f"trainer_cfg.init={{from: {source}, prefix: net}}"
    run(tiny_yaml, init)
    whole = final(folder)
    for step in (4, 6):
        checkpoint_path(folder, "tiny", step).unlink()
    source.unlink()
    run(tiny_yaml, init, resume=True)
    assert equal(trained(final(folder)), trained(whole))
    assert final(folder)["init"] == whole["init"]


def test_to_resume_what_has_not_begun_starts_from_the_files(tiny_yaml: Path, folder: Path, source: Path):
    run(tiny_yaml, f"trainer_cfg.init={{from: {source}, prefix: net}}", "optimizer_cfg.lr=0", resume=True)
    assert torch.equal(final(folder)["model"]["head.bias"], weights(source)["net.head.bias"])


@pytest.mark.parametrize("solver", ["SGD", "Adam"])
def test_frozen_parts_stay_bit_for_bit(tiny_yaml: Path, folder: Path, solver: str):
    config = load_config(str(tiny_yaml), overrides=["trainer_cfg.freeze=[conv, norm]"])
    start = {
        k: v.clone() for k, v in Training(config, RunOptions(device="cpu")).raw.model.state_dict().items()
    }
    optimizer = "{solver: SGD, lr: 0.1, weight_decay: 0.1}" if solver == "SGD" else "{solver: Adam, lr: 0.1}"
    run(tiny_yaml, "trainer_cfg.freeze=[conv, norm]", f"optimizer_cfg={optimizer}")
    end = final(folder)
    for key, value in start.items():
        assert torch.equal(value, end["model"][key]) == key.startswith(("conv.", "norm.")), key
    assert len(end["optimizer"]["param_groups"][0]["params"]) == 3  # the head's two and the loss's scale


def test_statistics_of_frozen_norms_move_in_train_mode_only(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, "trainer_cfg.freeze=[norm]", "trainer_cfg.frozen_mode=train")
    state = final(folder)["model"]
    assert state["norm.num_batches_tracked"] == 6
    fresh = Training(load_config(str(tiny_yaml)), RunOptions(device="cpu", overwrite=True)).raw.model
    assert torch.equal(state["norm.weight"], fresh.state_dict()["norm.weight"])


def test_a_frozen_part_may_be_a_single_weight_or_lie_deeper(tiny_yaml: Path, folder: Path):
    run(tiny_yaml, "trainer_cfg.freeze=[head.bias]")
    assert torch.equal(final(folder)["model"]["head.bias"], torch.zeros(4))


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ("freeze=[covn]", r"TinyModel has no part 'covn'\n  -> did you mean 'conv'\?"),
        ("init={covn: FILE}", r"no part 'covn'"),
        (
            "init={conv: {from: FILE, prefix: nat}}",
            r"begin with 'nat', which conv is to be taken from\n.*available: net",
        ),
        (
            "init={conv: {from: FILE, prefix: net.head}}",
            r"conv of TinyModel: 1 of 2 match\n  1 of another shape",
        ),
        ("init={from: FILE, prefix: net.conv}", r"0 of 9 match"),
        ("init=gone.pt", r"no such checkpoint"),
        ("freeze=[conv, norm, head]", r"no trainable parameter"),
        ("init={conv: {from: FILE, prefx: net}}", r"no option 'prefx'"),
        ("init={from: FILE, strict: 3}", r"strict"),
        ("freeze=conv", r"expected list"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_written(
    tiny_yaml: Path, folder: Path, source: Path, setting: str, words: str
):
    with pytest.raises((ConfigError, CheckpointError), match=words):
        run(tiny_yaml, "trainer_cfg." + setting.replace("FILE", str(source)))
    assert not folder.exists()


def test_weights_come_from_one_place(tiny_yaml: Path, source: Path):
    with pytest.raises(ConfigError, match=r"given twice[^$]*-o trainer_cfg.init=\{\} starts from the file"):
        run(tiny_yaml, f"trainer_cfg.init={{conv: {source}}}", init_from=source)


def state(**shapes: Any) -> dict[str, Any]:
    return {"model": {name.replace("_", "."): torch.zeros(shape) for name, shape in shapes.items()}}


def test_a_classifier_of_other_identities_is_dropped_on_request():
    model, other = TinyModel(classes=4), {"model": TinyModel(classes=7).state_dict()}
    with pytest.raises(CheckpointError, match=r"is for 7 identities, the model's for 4.*drop_head"):
        fit_part(model, Part("", "x.pt"), other, "x.pt")
    report, _ = fit_part(model, Part("", "x.pt", drop_head=True), other, "x.pt")
    assert len(report.fitting) == report.own == 7


def test_the_log_says_what_of_a_checkpoint_is_left(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    torch.save({"model": TinyModel(classes=7).state_dict()}, tmp_path / "seven.pt")
    with caplog.at_level("INFO", "gait_plugins"):
        load_part(TinyModel(classes=4), Part("", str(tmp_path / "seven.pt"), drop_head=True))
    assert "7 of its 9 weights taken\n  2 of the head dropped, which starts anew: head.weight" in caplog.text
    caplog.clear()
    with caplog.at_level("INFO", "gait_plugins"):
        load_part(TinyModel(classes=7), Part("", str(tmp_path / "seven.pt"), drop_head=True))
    assert "9 of its 9 weights taken" in caplog.text
    assert "head" not in caplog.text


def test_without_strictness_what_fits_is_taken():
    found = state(head_weight=(4, 4), head_bias=(9,))
    report, prefix = fit_part(TinyModel(), Part("head", "x.pt", strict=False), found, "x.pt")
    assert (report.fitting, prefix) == (("weight",), "head")
    with pytest.raises(CheckpointError, match=r"1 of 2 match"):
        fit_part(TinyModel(), Part("head", "x.pt"), found, "x.pt")


def test_the_ways_to_write_it():
    assert parts_of(None) == []
    assert parts_of("a.pt") == [Part("", "a.pt")]
    assert parts_of({"from": "a.pt", "strict": False}) == [Part("", "a.pt", strict=False)]
    assert parts_of({"x": "a.pt", "y": {"from": "b.pt", "prefix": "z"}}) == [
        Part("x", "a.pt"),
        Part("y", "b.pt", "z"),
    ]


def test_a_run_may_have_a_folder_of_its_own(tiny_yaml: Path, tmp_path: Path):
    config = load_config(str(tiny_yaml), overrides=[f"run_dir={tmp_path / 'here'}"])
    train(config, RunOptions(device="cpu"))
    assert (tmp_path / "here" / "checkpoints" / "tiny-00006.pt").is_file()
