"""What a checkpoint is can be seen without a configuration, and how it fits one before a training."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny import TinyModel
from helpers.golden_rules import golden_json
from torch import Tensor
from typer.testing import CliRunner

import gait_plugins
from gait_plugins.cli import app
from gait_plugins.config import load_config
from gait_plugins.core.checkpoints.compare import compare_weights
from gait_plugins.core.checkpoints.files import checkpoint_path, load_checkpoint, restore_model
from gait_plugins.core.checkpoints.inspect import checkpoint_info
from gait_plugins.core.runtime.options import RunOptions
from gait_plugins.core.train.loop import train

PUBLISHED = {
    "Baseline": "Baseline",
    "GaitSet": "GaitSet",
    "GaitPart": "GaitPart",
    "GaitGL_GREW_BNNeck": "GaitGL",
    "DeepGaitV2_p3d_gait3d": "DeepGaitV2",
    "SwinGait_1122": "SwinGait",
    "TrackletGait": "TrackletGait",
}
"""Recorded description -> model of the published code whose names and shapes it lists."""


def gait(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(words))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


def published_weights(name: str, prefix: str = "") -> dict[str, Tensor]:
    listed = golden_json(f"model_{name}")["state_dict"]
    return {prefix + key: torch.full(shape, 0.5).to(getattr(torch, dtype)) for key, shape, dtype in listed}


def published_file(path: Path, name: str, prefix: str = "") -> Path:
    """A file as the published code writes it: weights, optimiser, schedule and iteration."""
    parameter = torch.nn.Parameter(torch.ones(2))
    optimizer = torch.optim.SGD([parameter], 0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [20, 40])
    parameter.sum().backward()
    optimizer.step()
    parts: dict[str, Any] = {"optimizer": optimizer.state_dict(), "scheduler": schedule.state_dict()}
    torch.save({"model": published_weights(name, prefix), **parts, "iteration": 60000}, path)
    return path


@pytest.mark.parametrize("prefix", ["", "module."])
@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_file_fills_our_model(tmp_path: Path, name: str, prefix: str) -> None:
    checkpoint = load_checkpoint(published_file(tmp_path / "a.pt", name, prefix))
    options = golden_json(f"model_{name}")["model_cfg"]
    with torch.device("meta"):  # the recorded widths are the published ones
        model = gait_plugins.build("model", {**options, "model": PUBLISHED[name]})
    model.to_empty(device="cpu")
    report = restore_model(model, checkpoint["model"], strict=True, where="a.pt")
    assert report.complete
    assert checkpoint["iteration"] == 60000
    assert all((p == 0.5).all() for p in model.parameters())


@pytest.mark.parametrize("wrapper", [None, "model", "state_dict", "model_state_dict"])
def test_weights_are_found_under_whatever_name(tmp_path: Path, wrapper: str | None) -> None:
    weights = {"module._orig_mod.conv.weight": torch.ones(1), "module._orig_mod.module.bias": torch.ones(1)}
    torch.save(weights if wrapper is None else {wrapper: weights, "epoch": 3}, tmp_path / "a.pt")
    assert list(load_checkpoint(tmp_path / "a.pt")["model"]) == ["conv.weight", "module.bias"]


def test_a_part_of_the_network_called_module_keeps_its_name(tmp_path: Path) -> None:
    torch.save({"module.weight": torch.ones(1), "head.weight": torch.ones(1)}, tmp_path / "a.pt")
    assert list(load_checkpoint(tmp_path / "a.pt")["model"]) == ["module.weight", "head.weight"]


def test_the_configuration_of_a_published_file_is_guessed(tmp_path: Path) -> None:
    code, output = gait("checkpoint", "show", str(published_file(tmp_path / "a.pt", "Baseline")))
    assert code == 0
    assert "written by  OpenGait" in output
    assert "iteration   60000" in output
    assert "identities  10 (by the head's shape" in output
    assert re.search(r"gaitbase/\w+: 79 of 79 weights match, with 10 identities in place of \d+", output)
    info = checkpoint_info(tmp_path / "a.pt")
    assert (info.model, info.classes) == ("Baseline", 10)
    assert info.layers["FCs"].values == 16 * 512 * 256


def test_the_number_of_identities_tells_configurations_of_one_model_apart(tmp_path: Path) -> None:
    weights = published_weights("Baseline")
    weights["BNNecks.fc_bin"] = torch.zeros(16, 256, 100)
    torch.save(weights, tmp_path / "a.pt")
    best = checkpoint_info(tmp_path / "a.pt").guesses[0]
    assert (best.config, best.classes, best.exact) == ("gaitbase/ccpg", 100, True)


def test_a_model_in_sizes_that_no_configuration_has_is_known_by_its_names(tmp_path: Path) -> None:
    small = gait_plugins.build(
        "model", {**gait_plugins.get("model", "GaitPart").example_config(), "model": "GaitPart"}
    )
    torch.save({"model": small.state_dict()}, tmp_path / "a.pt")
    best = checkpoint_info(tmp_path / "a.pt").guesses[0]
    assert (best.model, best.config, best.share) == ("GaitPart", None, 1.0)


def test_weights_of_nothing_known_are_shown_without_a_guess(tmp_path: Path) -> None:
    torch.save({"thing.w": torch.ones(2, 3)}, tmp_path / "a.pt")
    code, output = gait("checkpoint", "show", str(tmp_path / "a.pt"))
    assert code == 0
    assert "model       unknown" in output
    assert "configurations that fit" not in output


@pytest.fixture
def trained(tiny: object, tiny_yaml: Path, tmp_path: Path) -> Path:
    """The last checkpoint of a run of the tiny model, four identities."""
    train(load_config(str(tiny_yaml), ["trainer_cfg.total_iter=2"]), RunOptions(device="cpu"))
    return checkpoint_path(tmp_path / "output" / "Tiny" / "TinyModel" / "tiny", "tiny", 2)


def test_a_file_of_ours_tells_its_origin_for_people_and_programs(trained: Path) -> None:
    code, output = gait("checkpoint", "show", str(trained))
    assert code == 0
    for line in ("model       TinyModel", "identities  4 (by its configuration)", "data set    Tiny"):
        assert line in output
    assert "frames      8x8" in output
    assert "trained on  device cpu, processes 1, threads 1, precision 32-true" in output
    assert re.search(r"model/TinyModel +tiny-gait 1\.0", output)
    code, output = gait("checkpoint", "show", str(trained), "--json")
    data = json.loads(output)
    assert (code, data["iteration"], data["classes"], data["guesses"]) == (0, 2, 4, [])
    assert data["parts"]["optimizer"]["tensors"] > 0
    assert len(data["sha256"]) == 64


def test_a_file_of_ours_whose_model_is_not_installed_is_shown_all_the_same(
    trained: Path, tmp_path: Path
) -> None:
    content = load_checkpoint(trained)
    content["config"]["model_cfg"]["model"] = "GoneModel"
    content["plugins"]["model/GoneModel"] = "nothing known"
    torch.save(content, trained)
    info = checkpoint_info(trained)
    assert (info.model, info.classes) == ("GoneModel", None)
    assert "GoneModel" in info.classes_by
    assert gait("checkpoint", "show", str(trained))[0] == 0


def test_the_report_says_what_does_not_fit_and_what_to_do(trained: Path, tiny_yaml: Path) -> None:
    words = ("checkpoint", "show", str(trained), "--config", str(tiny_yaml))
    assert gait(*words)[0] == 0
    code, output = gait(*words, "-o", "model_cfg.classes=7")
    assert code == 2
    assert "2 of another shape: head.weight (file [4, 4], model [7, 4])" in output
    assert "class_num to 4" in output
    assert "--drop-head" in output
    code, output = gait(*words, "-o", "model_cfg.channels=6", "--json")
    report = json.loads(output)["load_report"]
    assert (code, report["complete"], report["head"]) == (2, False, None)


def test_another_number_of_identities_starts_with_a_new_head(trained: Path, tiny_yaml: Path) -> None:
    words = ["train", str(tiny_yaml), "--init-from", str(trained), "--device", "cpu"]
    words += ["-o", "model_cfg.classes=7", "-o", "trainer_cfg.save_name=tuned"]
    code, output = gait(*words)
    assert code == 2
    assert "--drop-head" in output
    code, output = gait(*words, "--drop-head")
    assert code == 0
    assert (
        "the head for 4 identities is dropped, the head for 7 identities starts anew: head.weight, head.bias"
        in output
    )


def test_dropping_the_head_keeps_all_other_weights() -> None:
    source, target = TinyModel(4, channels=7), TinyModel(9, channels=7)
    head = target.head.weight.clone()
    restore_model(target, source.state_dict(), strict=True, where="a.pt", drop_head=True)
    assert torch.equal(target.conv.weight, source.conv.weight)
    assert torch.equal(target.head.weight, head)


def test_dropping_the_head_drops_nothing_else(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(gait_plugins.CheckpointError, match=r"of another shape: conv\.weight"):
        restore_model(
            TinyModel(9), TinyModel(5, channels=6).state_dict(), strict=True, where="a.pt", drop_head=True
        )
    same = TinyModel(4).state_dict()
    restore_model(TinyModel(4), same, strict=True, where="a.pt", drop_head=True)
    assert "no head dropped: the file has none for another number of identities" in caplog.text


def test_a_width_that_happens_to_equal_the_identities_is_no_head() -> None:
    # Both sizes differ, along axes as long as the model has classes: nobody can tell which is which.
    source, target = TinyModel(5, channels=3), TinyModel(4, channels=4)
    with pytest.raises(gait_plugins.CheckpointError, match="of another shape"):
        restore_model(target, source.state_dict(), strict=True, where="a.pt", drop_head=True)


def test_a_weight_that_differs_in_another_size_too_is_no_head() -> None:
    report = compare_weights(TinyModel(4, channels=6), TinyModel(5, channels=3).state_dict())
    assert "head.weight" in {mismatch.key for mismatch in report.mismatched}
    assert report.head is None or "head.weight" not in report.head.keys


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["checkpoint", "show", "nowhere.pt"], "no such checkpoint"),
        (["checkpoint", "show", __file__], "truncated or not a checkpoint"),
        (["checkpoint", "show", "notes.pt"], "the file is text"),
        (["checkpoint", "show", "a.pt", "-o", "x=1"], "-o needs a configuration"),
        # Its data are missing, too: flags come first.
        (["train", "gaitbase/gait3d", "--drop-head"], "--drop-head needs --init-from"),
    ],
)
def test_bad_input_ends_with_words_and_code_two(
    words: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.pt").write_text("iteration 100\n")
    code, output = gait(*words, *(["-o", f"output_dir={tmp_path}"] if words[0] == "train" else []))
    assert code == 2
    assert said in output


@pytest.mark.usefixtures("tiny")
def test_each_command_says_what_it_can_do_without_the_file(tmp_path: Path, tiny_yaml: Path) -> None:
    file = tmp_path / "alone" / "notes.pt"
    file.parent.mkdir()
    file.write_text("iteration 100\n")
    tiny = ("--cfgs", str(tiny_yaml))
    advice = {
        ("checkpoint", "show", str(file)): "a training writes its checkpoints",
        ("train", *tiny, "--init-from", str(file)): "leave out --init-from",
        ("train", *tiny, "-o", f"trainer_cfg.restore_hint={file}"): "set trainer_cfg.restore_hint to 0",
        ("test", *tiny, "--checkpoint", str(file)): "train first",
    }
    for words, said in advice.items():
        code, output = gait(*words)
        assert code == 2
        assert said in output.partition("-> ")[2], output
        assert not any(other in output for other in advice.values() if other != said)
        assert "KeyError" not in output
