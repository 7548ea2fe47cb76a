"""Files of safetensors are read wherever weights are named, are verified where ours, and can be written."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import safetensors
import torch
from helpers.components.tiny import TinyModel
from helpers.components.tiny_training import equal, run
from helpers.damage import flipped, outcomes, spread, truncated
from helpers.files.foreign_weights import LAYOUTS, other, write
from safetensors.torch import load_file, save_file
from typer.testing import CliRunner

from gait_plugins.cli import app
from gait_plugins.core.checkpoints.convert import convert
from gait_plugins.core.checkpoints.files import load_checkpoint, restore_model, save_checkpoint
from gait_plugins.errors import CheckpointError
from gait_plugins.io.weights.tensor_file import (
    DamagedTensorFile,
    UnknownType,
    read_tensor_file,
    write_tensor_file,
)


def gait(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, [*map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.output


@pytest.fixture
def weights() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return dict(TinyModel().state_dict())


def test_a_file_of_another_tool_is_a_checkpoint(tmp_path: Path, weights: dict):
    path = tmp_path / "model.safetensors"
    save_file({f"model.{key}": value for key, value in weights.items()}, path)
    model = TinyModel()
    restore_model(model, load_checkpoint(path, like=weights)["model"], strict=True, where="a")
    assert equal(dict(model.state_dict()), weights)
    path.rename(tmp_path / "model.bin")  # its content decides, not its name
    assert equal(load_checkpoint(tmp_path / "model.bin")["model"], weights)


@pytest.mark.heavy
@pytest.mark.usefixtures("tiny")
def test_every_command_takes_one(tiny_yaml: Path, tmp_path: Path, weights: dict):
    path = tmp_path / "model.safetensors"
    save_file(weights, path)
    for words in (
        ["checkpoint", "show", path, "--config", tiny_yaml],
        ["test", tiny_yaml, "--checkpoint", path, "--device", "cpu"],
        ["embed", tiny_yaml, "-O", tmp_path / "e.npz", "--checkpoint", path, "--device", "cpu"],
        ["train", tiny_yaml, "--init-from", path, "--device", "cpu"],
        ["train", tiny_yaml, "-o", f"trainer_cfg.init={{conv: {path}}}", "--overwrite", "--device", "cpu"],
        ["train", tiny_yaml, "-o", f"trainer_cfg.restore_hint={path}", "--overwrite", "--device", "cpu"],
    ):
        code, text = gait(*words)
        assert code == 0, (words, text)


def test_no_training_goes_on_from_one(tiny_yaml: Path, tiny: Any, tmp_path: Path):
    run(tiny_yaml)
    path = tmp_path / "output" / "Tiny" / "TinyModel" / "tiny" / "checkpoints" / "tiny-00006.pt"
    convert(path, tmp_path / "w.safetensors")
    os.replace(tmp_path / "w.safetensors", path)
    with pytest.raises(CheckpointError, match="weights alone, no state of optimiser") as caught:
        run(tiny_yaml, resume=True)
    assert caught.value.hint == f"start another run from its weights: --init-from {path}"


def test_a_converted_checkpoint_tells_what_the_first_one_tells(tiny_yaml: Path, tiny: Any, tmp_path: Path):
    run(tiny_yaml)
    first = tmp_path / "output" / "Tiny" / "TinyModel" / "tiny" / "checkpoints" / "tiny-00006.pt"
    to, back = tmp_path / "w.safetensors", tmp_path / "back.pt"
    done = convert(first, to)
    assert {"optimizer", "scheduler", "losses"} <= set(done.left)
    convert(to, back)
    held = load_checkpoint(first)
    for path in (to, back):
        found = load_checkpoint(path)
        assert equal(dict(found["model"]), dict(held["model"]))
        for name in ("iteration", "plugins", "format"):
            assert found[name] == held[name]
        assert json.loads(json.dumps(found["config"])) == json.loads(json.dumps(held["config"]))
        assert list(found["input_size"]) == list(held["input_size"])
        code, text = gait("checkpoint", "show", path)
        assert (code, "written by  gait-plugins" in text) == (0, True)
        assert "unknown" not in text.partition("identities")[2].splitlines()[0]
    with safetensors.safe_open(to, "pt") as file:
        texts = file.metadata()
    assert texts["format"] == "pt"
    assert texts["gait_plugins.source_file"] == "tiny-00006.pt"
    assert texts["gait_plugins.source_sha256"] == hashlib.sha256(first.read_bytes()).hexdigest()
    assert (
        texts["gait_plugins.config_sha256"]
        == hashlib.sha256(texts["gait_plugins.config"].encode()).hexdigest()
    )
    assert equal(load_file(to), dict(held["model"]))


def test_what_other_tools_wrote_is_converted_by_name(
    tiny_yaml: Path, tiny: Any, tmp_path: Path, weights: dict
):
    path = write(tmp_path / "a.ckpt", LAYOUTS["lightning"](weights))
    to = tmp_path / "w.safetensors"
    code, text = gait("checkpoint", "convert", path, to, "--config", tiny_yaml)
    assert (code, "9 weights, from 'state_dict', their names without 'model.'" in text) == (0, True), text
    assert equal(load_file(to), weights)
    assert oct(to.stat().st_mode & 0o777) == oct(path.stat().st_mode & 0o777)
    for name in ("by_name.safetensors", "by_name.pt"):  # the names are as they were, and are fitted later
        assert gait("checkpoint", "convert", path, tmp_path / name)[0] == 0
        assert equal(dict(load_checkpoint(tmp_path / name, like=weights)["model"]), weights)
    code, text = gait("checkpoint", "convert", path, to)
    assert (code, "the file exists\n  -> --overwrite replaces it" in text) == (2, True)
    timm = write(tmp_path / "b.pth", LAYOUTS["timm"](weights))
    assert gait("checkpoint", "convert", f"{timm}#state_dict_ema", to, "--overwrite", "--json")[0] == 0
    assert equal(load_file(to), other(weights))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("w.onnx", "the name ends in '.onnx', expected .safetensors or .pt"),
        ("w", "the name ends in ''"),
        ("folder.pt", "this is a folder"),
        ("a.pt", "source and target are one file"),
    ],
)
def test_targets_that_cannot_be(name: str, said: str, tmp_path: Path, weights: dict):
    path = write(tmp_path / "a.pt", weights)
    (tmp_path / "folder.pt").mkdir()
    code, text = gait("checkpoint", "convert", path, tmp_path / name, "--overwrite")
    assert (code, said in text) == (2, True), text


def test_shared_and_turned_tensors_and_what_is_none(tmp_path: Path):
    base = torch.arange(6.0).reshape(2, 3)
    held = {"a": base, "b": base, "part": base[1], "turned": base.t(), "x._extra_state": {"n": 1}}
    save_checkpoint(tmp_path / "a.pt", {"model": held})
    code, text = gait("checkpoint", "convert", tmp_path / "a.pt", tmp_path / "w.safetensors")
    assert code == 0
    assert "one tensor of several names, written for each: a, b" in text
    assert "left out: x._extra_state" in text
    found = load_checkpoint(tmp_path / "w.safetensors")["model"]
    assert equal(dict(sorted(found.items())), {k: held[k] for k in ("a", "b", "part", "turned")})
    torch.save({"w": torch.ones(3).to_sparse()}, tmp_path / "s.pt")
    code, text = gait("checkpoint", "convert", tmp_path / "s.pt", tmp_path / "w.pt")
    assert (code, "the weight w is quantised, sparse" in text) == (2, True)


DTYPES = (
    *(torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex64, torch.float8_e5m2),
    *(torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool, torch.float8_e4m3fn),
)


def test_the_library_and_we_read_each_others_files(tmp_path: Path):
    torch.manual_seed(0)
    held = {str(dtype): (torch.randn(3, 2) * 5).to(dtype) for dtype in DTYPES}
    held |= {"scalar": torch.tensor(2.0), "empty": torch.empty(0, 4), 'naïve "name"': torch.ones(1)}
    write_tensor_file(tmp_path / "ours.safetensors", held, {"a": "ü"})
    save_file(held, tmp_path / "theirs.safetensors", metadata={"format": "pt"})
    for found in (
        load_file(tmp_path / "ours.safetensors"),
        read_tensor_file(tmp_path / "ours.safetensors").weights,
        read_tensor_file(tmp_path / "theirs.safetensors").weights,
    ):
        assert found.keys() == held.keys()
        for key, value in held.items():
            assert (found[key].dtype, found[key].shape) == (value.dtype, value.shape)
            same_bytes = torch.equal(found[key].view(-1).view(torch.uint8), value.view(-1).view(torch.uint8))
            assert same_bytes
    assert read_tensor_file(tmp_path / "theirs.safetensors").texts == {}


def test_no_flipped_bit_of_ours_is_taken(tmp_path: Path, weights: dict):
    path = tmp_path / "w.safetensors"
    write_tensor_file(path, weights, {"iteration": "7", "version": "1"})
    content = path.read_bytes()
    before = read_tensor_file(path)
    assert (before.verified, before.texts) == (True, {"iteration": "7", "version": "1"})
    bits = spread(content, 600)
    silent = []
    for damage, changed in flipped(content, bits):
        path.write_bytes(changed)
        try:
            read_tensor_file(path)
        except (DamagedTensorFile, UnknownType):
            continue
        silent.append(damage)
    assert silent == []
    path.write_bytes(changed := content.replace(b"conv.weight", b"conv.weighu"))
    with pytest.raises(
        CheckpointError, match=r"truncated or damaged \(\d+ bytes\): its weights do not match"
    ):
        load_checkpoint(path)
    assert changed != content


def header(path: Path, change: Any) -> None:
    """Write another header into a file."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text = change(content[8 : 8 + length])
    path.write_bytes(len(text).to_bytes(8, "little") + text + content[8 + length :])


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"F32"', b'"F31"', r"the weight a is of type F31$"),
        (b"[2,3]", b"[3,3]", "a does not lie where its shape and type say"),
        (b"[2,3]", b"[-2,-3]", r"a has the shape \[-2, -3\]"),
        (b"[0,24]", b"[4,28]", "a does not lie"),
        (b"[0,24]", b"[0]", "its header is damaged"),
        (b'"b":', b'"a":', "a name twice"),
        (b"{", b"[{", "its header is damaged"),
        (b'"data_offsets":[24,32]', b'"data_offsets":[0,8]', "does not lie"),
        (b'"format":"pt"', b'"format":1', "no mapping of names"),
    ],
)
def test_headers_that_contradict_themselves(old: bytes, new: bytes, said: str, tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(2, 3), "b": torch.ones(2)}, path, metadata={"format": "pt"})
    header(path, lambda text: text.replace(old, new, 1) if old != b"{" else b'{"x":[1}' + text)
    with pytest.raises(CheckpointError, match=f"(?m){said}"):
        load_checkpoint(path)


def test_bytes_after_the_last_tensor_are_damage(tmp_path: Path):
    path = tmp_path / "w.safetensors"
    save_file({"a": torch.ones(2)}, path)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(CheckpointError, match="1 bytes follow the last tensor"):
        load_checkpoint(path)


def test_a_cut_file_is_an_error_in_words(tmp_path: Path, weights: dict):
    path = tmp_path / "w.safetensors"
    save_file(weights, path)
    assert set(outcomes(path, truncated(path.read_bytes()), load_checkpoint, CheckpointError)) == {"told"}
    path.write_bytes(b"hello")
    with pytest.raises(CheckpointError, match="the file is text"):
        load_checkpoint(path)


def test_the_order_of_names_does_not_matter(tmp_path: Path, weights: dict):
    turned = dict(reversed(weights.items()))
    write_tensor_file(tmp_path / "a.safetensors", weights, {})
    write_tensor_file(tmp_path / "b.safetensors", turned, {})
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    model = TinyModel()
    found = load_checkpoint(tmp_path / "b.safetensors", like=weights)["model"]
    assert restore_model(model, found, strict=True, where="b").complete


def test_a_full_disk_leaves_the_earlier_file(tmp_path: Path, weights: dict, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "w.safetensors"
    write_tensor_file(path, weights, {})
    before = path.read_bytes()

    def no_space(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("gait_plugins.io.atomic.os.fsync", no_space)
    with pytest.raises(CheckpointError, match="No space left"):
        convert(write(tmp_path / "a.pt", other(weights)), path)
    assert path.read_bytes() == before
