"""Weights are found where other tools put them, and what was taken is said."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from helpers.components.tiny import TinyModel
from helpers.components.tiny_training import run
from helpers.files.foreign_weights import LAYOUTS, Loads, other, prefixed, write
from helpers.golden_rules import golden_json
from torch import nn
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.core.checkpoints.files import load_checkpoint, read_checkpoint, restore_model
from gait_plugins.core.checkpoints.inspect import checkpoint_info
from gait_plugins.errors import CheckpointError
from gait_plugins.io.weights.part_of_file import part_sha256, split_part


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return dict(TinyModel().state_dict())


def is_filled(path: Path, weights: dict[str, torch.Tensor]) -> bool:
    """Whether a network takes exactly these weights from a file."""
    model = TinyModel()
    restore_model(
        model, load_checkpoint(path, like=model.state_dict())["model"], strict=True, where=str(path)
    )
    return all(torch.equal(value, weights[key]) for key, value in model.state_dict().items())


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_network_is_filled_from_any_layout(layout: str, legacy: bool, tmp_path: Path, weights: dict):
    path = write(tmp_path / "a.pt", LAYOUTS[layout](weights), legacy=legacy)
    assert is_filled(path, weights)
    assert Loads.made == 0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_shown(layout: str, tmp_path: Path, weights: dict):
    path = write(tmp_path / "a.pt", LAYOUTS[layout](weights))
    checkpoint, found = read_checkpoint(path)
    assert len(checkpoint["model"]) >= len(weights)
    assert found.title


@pytest.mark.parametrize(
    ("layout", "part"),
    [
        ("timm", "state_dict_ema"),
        ("mmengine", "ema_state_dict"),
        ("averaged", "swa_model"),
        ("student and teacher", "teacher"),
        ("student and teacher in one", "state_dict.teacher"),
    ],
)
def test_what_fits_as_well_is_named_and_can_be_chosen(
    layout: str, part: str, tmp_path: Path, weights: dict, caplog: pytest.LogCaptureFixture
):
    path = write(tmp_path / "a.pt", LAYOUTS[layout](weights))
    with caplog.at_level(logging.INFO, "gait_plugins"):
        assert is_filled(path, weights)
    assert f"other weights in it fit as well; to take them: {path}#{part}" in caplog.text
    assert is_filled(Path(f"{path}#{part}"), other(weights))


def test_the_weights_that_fit_are_taken_wherever_they_lie(tmp_path: Path, weights: dict):
    small = {key: value[:1] for key, value in weights.items() if value.dim()}
    path = write(tmp_path / "a.pt", {"model": small, "ema": prefixed(weights, "module.")})
    assert is_filled(path, weights)
    assert read_checkpoint(path)[1].part == "model"


def test_what_was_taken_and_left_is_said(tmp_path: Path, weights: dict, caplog: pytest.LogCaptureFixture):
    path = write(tmp_path / "a.pt", LAYOUTS["lightning"](weights))
    with caplog.at_level(logging.INFO, "gait_plugins"):
        load_checkpoint(path, like=weights)
    assert "the weights are taken from 'state_dict', their names without 'model.'" in caplog.text
    assert "1 other weights are left out: criterion.weight" in caplog.text
    assert "nothing of them was imported or run: argparse.Namespace, helpers.files" in caplog.text


def test_a_prefix_that_few_weights_have_is_none(tmp_path: Path, weights: dict):
    path = write(
        tmp_path / "a.pt", {**prefixed({"head.bias": weights["head.bias"]}, "net."), "x": torch.ones(1)}
    )
    assert set(load_checkpoint(path, like=weights)["model"]) == {"net.head.bias", "x"}


def test_names_that_begin_as_a_wrappers_are_kept_where_the_network_has_them(tmp_path: Path):
    model = nn.ModuleDict({"module": nn.Linear(2, 3), "model": nn.Linear(3, 2)})
    inner = nn.ModuleDict({"module": nn.Linear(2, 3)})
    for network in (model, inner):
        path = write(tmp_path / "a.pt", network.state_dict())
        assert set(load_checkpoint(path, like=network.state_dict())["model"]) == set(network.state_dict())


def test_an_unknown_part_is_an_error_that_lists_the_parts(tmp_path: Path, weights: dict):
    path = write(tmp_path / "a.pt", LAYOUTS["timm"](weights))
    with pytest.raises(
        CheckpointError, match=r"a\.pt#state_dict_emma: the file holds no weights under"
    ) as caught:
        load_checkpoint(Path(f"{path}#state_dict_emma"))
    assert caught.value.hint == (
        "did you mean 'state_dict_ema'? it holds weights under: state_dict, state_dict_ema"
    )


def test_a_file_whose_name_has_the_mark_is_a_file(tmp_path: Path, weights: dict):
    path = write(tmp_path / "a#1.pt", {"model": weights})
    assert split_part(path) == (path, None)
    assert is_filled(path, weights)
    assert split_part(tmp_path / "a#1.pt#model") == (path, "model")
    assert split_part(tmp_path / "gone.pt#ema") == (tmp_path / "gone.pt#ema", None)
    assert part_sha256(path) != part_sha256(tmp_path / "a#1.pt#model")
    with pytest.raises(CheckpointError, match="there is no such checkpoint"):
        load_checkpoint(tmp_path / "gone.pt#ema")


@pytest.mark.parametrize("address", ["https://host/weights.pt", "memory://weights.pt"])
def test_weights_are_not_read_from_an_address(address: str):
    with pytest.raises(CheckpointError, match=f"{address} is an address: weights are read from"):
        load_checkpoint(Path(address))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"epoch": 3, "args": {"lr": 1}}, "'epoch' is 3; 'args' is a mapping of 1 int$"),
        ({"model": "resnet50", "x": None}, "'model' is 'resnet50', expected a mapping; 'x' is None$"),
        ({"state_dict": {}, "t": [1]}, "'state_dict' is an empty mapping; 't' is a list of 1$"),
        ({"state": {0: {"exp_avg": torch.ones(1)}}, "param_groups": []}, "'state' is a mapping of 1 dict"),
        ({"model": Loads()}, r"'model' is helpers\.files\.foreign_weights\.Loads, expected a mapping$"),
        ({str(n): n for n in range(20)}, r"'7' is 7; \.\.\.$"),
        ({}, "key: nothing$"),
    ],
)
def test_a_file_without_tensors_says_what_it_holds(tmp_path: Path, content: dict[str, Any], said: str):
    path = write(tmp_path / "a.pt", content)
    with pytest.raises(CheckpointError, match="holds no tensors") as caught:
        load_checkpoint(path)
    assert caught.match(f"(?m){said}")
    assert gait("checkpoint", "show", path)[0] == 2


def test_other_precisions_are_taken_with_a_remark(
    tmp_path: Path, weights: dict, caplog: pytest.LogCaptureFixture
):
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        model = TinyModel()
        held = {k: v.to(dtype) if v.is_floating_point() else v for k, v in weights.items()}
        with caplog.at_level(logging.INFO, "gait_plugins"):
            restore_model(model, held, strict=True, where="a.pt")
        name = str(dtype).removeprefix("torch.")
        assert f"a.pt: 8 weights are {name} in the file and are taken as float32" in caplog.text
        assert model.conv.weight.dtype == torch.float32
        torch.testing.assert_close(model.conv.weight.data, held["conv.weight"].float())


@pytest.mark.parametrize(
    ("held", "said"),
    [(torch.ones(1, dtype=torch.int8), "holds int8"), (torch.ones(1, device="meta"), "holds no values")],
)
def test_weights_that_are_no_floats_are_refused(held: torch.Tensor, said: str):
    model = nn.Linear(1, 1, bias=False)
    with pytest.raises(
        CheckpointError, match=rf"a\.pt: the weight weight {said} in the file, expected float32"
    ):
        restore_model(model, {"weight": held.reshape(1, 1)}, strict=True, where="a.pt")


@pytest.mark.heavy
@pytest.mark.usefixtures("tiny")
def test_commands_take_weights_of_other_tools(tiny_yaml: Path, tmp_path: Path, weights: dict):
    path = write(tmp_path / "a.ckpt", LAYOUTS["lightning"](weights))
    ema = Path(f"{write(tmp_path / 'b.pth', LAYOUTS['timm'](weights))}#state_dict_ema")
    for file in (path, ema):
        for words in (
            ["test", tiny_yaml, "--checkpoint", file],
            ["embed", tiny_yaml, "-O", tmp_path / "e.npz", "--checkpoint", file],
        ):
            code, text = gait(*words, "--device", "cpu")
            assert code == 0, (words, text)
        assert gait("checkpoint", "show", file, "--config", tiny_yaml)[0] == 0
    shown = json.loads(gait("checkpoint", "show", tmp_path / "b.pth", "--json")[1].partition("\n")[2])
    assert (shown["weights"], shown["other_weights"]) == ("'state_dict'", ["state_dict_ema"])
    assert shown["writer"] == "another tool"


def test_a_training_starts_from_them(tiny_yaml: Path, tiny: Any, tmp_path: Path, weights: dict):
    folder = tmp_path / "output" / "Tiny" / "TinyModel"
    path = write(tmp_path / "a.ckpt", LAYOUTS["lightning"](weights))
    run(tiny_yaml, "optimizer_cfg.lr=0", init_from=path)
    taken = load_checkpoint(folder / "tiny" / "checkpoints" / "tiny-00006.pt")["model"]
    assert torch.equal(taken["conv.weight"], weights["conv.weight"])
    for save, source in (
        ("b", "{conv: FILE}"),
        ("c", "{conv: {from: FILE, prefix: model.conv}}"),
        ("d", "FILE"),
    ):
        init = source.replace("FILE", str(path))
        run(tiny_yaml, "optimizer_cfg.lr=0", f"trainer_cfg.init={init}", f"trainer_cfg.save_name={save}")
        taken = load_checkpoint(folder / save / "checkpoints" / f"{save}-00006.pt")["model"]
        assert torch.equal(taken["conv.weight"], weights["conv.weight"])


def test_another_part_of_a_file_is_another_start(tiny_yaml: Path, tiny: Any, tmp_path: Path, weights: dict):
    path = write(tmp_path / "b.pth", LAYOUTS["timm"](weights))
    run(tiny_yaml, f"trainer_cfg.init={{conv: '{path}#state_dict_ema'}}")
    folder = tmp_path / "output" / "Tiny" / "TinyModel" / "tiny"
    record = json.loads((folder / "init.json").read_text())[0]
    assert (record["file"], record["below"]) == (f"{path}#state_dict_ema", "state_dict_ema")
    assert record["sha256"] == part_sha256(path)
    with pytest.raises(Exception, match=r"init\.conv was weights .* under 'state_dict_ema' and is"):
        run(tiny_yaml, f"trainer_cfg.init={{conv: {path}}}", resume=True)


def test_a_network_in_a_trainers_module_is_guessed(tmp_path: Path):
    listed = golden_json("model_Baseline")["state_dict"]
    inner = {f"net.{key}": torch.zeros(shape) for key, shape, _ in listed}
    path = write(tmp_path / "a.ckpt", {"state_dict": {**inner, "criterion.weight": torch.ones(1)}})
    info = checkpoint_info(path)
    assert (info.model, info.classes, info.weights) == ("Baseline", 10, "'state_dict'")
